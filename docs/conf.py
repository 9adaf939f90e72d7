"""Sphinx configuration of the site that `make docs` builds. Pages fetch nothing from elsewhere."""

import dataclasses

import latex2mathml.converter
from docutils import nodes

import jaxtex

# Files outside docs/ -> their page on the site.
INCLUDED = {
    "../images/README.md": "exemplars.md",
    "../CHANGELOG.md": "changes.md",
}

project = "jaxtex"
author = "the jaxtex authors"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["conf.py"]
html_theme = "furo"  # light and dark, by the system's setting or a button
html_title = "jaxtex"
html_show_sphinx = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["code.css"]
nb_execution_mode = "off"  # the tour is stored with its pictures; a test runs it
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
default_role = "code"  # docstrings write code in single backticks
autodoc_typehints = "none"  # docstrings have shapes and ranges
suppress_warnings = ["myst.header"]  # a page may begin with an included file


def describe_choices(app, what, name, thing, options, lines):
    """Adds the help of the flags to the documentation of `Config`."""
    del app, what, name, options
    if thing is not jaxtex.Config:
        return
    for field in dataclasses.fields(thing):
        lines += ["", f"`{field.name}` = `{field.default!r}`", f"    {field.metadata['help']}"]


def link_pages(app, name, source):
    """Redirects links that lead out of `docs/` to pages of the site, where it has the page."""
    del app, name
    for outside, page in INCLUDED.items():
        source[0] = source[0].replace(f"]({outside})", f"]({page})")


def write_math(self, node):
    """Writes a formula as MathML, which browsers render without a script."""
    formula = latex2mathml.converter.convert(node.astext())
    if isinstance(node, nodes.math_block):
        # The padding leaves room for hats.
        display = 'display="block" style="padding-top: .4em"'
        formula = formula.replace('display="inline"', display, 1)
    self.body.append(formula)
    raise nodes.SkipNode


def setup(app):
    """Connects the functions above to Sphinx."""
    app.connect("source-read", link_pages)
    app.connect("autodoc-process-docstring", describe_choices)
    app.add_node(nodes.math, override=True, html=(write_math, None))
    app.add_node(nodes.math_block, override=True, html=(write_math, None))
