"""The site that `make docs` builds from these pages: Sphinx, MyST, and nothing that a browser fetches from elsewhere."""

import dataclasses

import latex2mathml.converter
from docutils import nodes

import jaxtex

INCLUDED = {
    "../images/README.md": "exemplars.md",
    "../CHANGELOG.md": "changes.md",
}  # files with a page of their own here

project = "jaxtex"
author = "the jaxtex authors"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["conf.py"]
html_theme = "furo"  # light and dark, as the reader's system has it, and a button
html_title = "jaxtex"
html_show_sphinx = False
html_copy_source = False
nb_execution_mode = "off"  # the tour is kept with its pictures; a test runs it
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
default_role = "code"  # docstrings are Markdown as far as `this` goes
autodoc_typehints = "none"  # docstrings have shapes and ranges
suppress_warnings = ["myst.header"]  # a page may begin with what another file says


def describe_choices(app, what, name, thing, options, lines):
    """`Config` tells its fields by the help of the flags."""
    if thing is jaxtex.Config:
        for field in dataclasses.fields(thing):
            lines += ["", f"`{field.name}` = `{field.default!r}`", f"    {field.metadata['help']}"]


def link_pages(app, name, source):
    """Links that lead out of `docs/`, for readers of the repository, stay within the site where it has the page."""
    for outside, page in INCLUDED.items():
        source[0] = source[0].replace(f"]({outside})", f"]({page})")


def write_math(self, node):
    """MathML, which browsers show without a script."""
    formula = latex2mathml.converter.convert(node.astext())
    if isinstance(node, nodes.math_block):
        formula = formula.replace(
            'display="inline"', 'display="block" style="padding-top: .4em"', 1
        )  # room for hats
    self.body.append(formula)
    raise nodes.SkipNode


def setup(app):
    app.connect("source-read", link_pages)
    app.connect("autodoc-process-docstring", describe_choices)
    app.add_node(nodes.math, override=True, html=(write_math, None))
    app.add_node(nodes.math_block, override=True, html=(write_math, None))
