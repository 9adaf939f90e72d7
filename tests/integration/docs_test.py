"""Tests of the site: it builds without warnings, its links work, and it fetches nothing."""

import re
import runpy
import subprocess
import sys
import urllib.parse

import pytest

import jaxtex
from jaxtex.cli import flags
from support import paths

DOCS = paths.ROOT / "docs"
FETCHED = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=["']([^"']*)""")
LINK = re.compile(r"""<a\b[^>]*?\bhref=["']([^"']*)""")
MARKDOWN_LINK = re.compile(r"\]\(([^)\s]+)\)")
EXTERNAL = ("http:", "https:", "//")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Builds the site and returns its folder."""
    folder = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--fail-on-warning", "--keep-going", f"--doctree-dir={folder}/.doctrees"]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.slow
def test_every_page_is_built_and_in_the_contents(site):
    contents = (site / "index.html").read_text()
    for path in [*DOCS.glob("*.md"), *DOCS.glob("*.ipynb")]:
        assert (site / f"{path.stem}.html").is_file()
        link = f'class="reference internal" href="{path.stem}.html"'
        assert path.stem == "index" or link in contents


@pytest.mark.slow
def test_no_page_fetches_anything_from_elsewhere(site):
    for path in site.rglob("*.html"):
        fetched = FETCHED.findall(path.read_text())
        assert fetched
        assert not [address for address in fetched if address.startswith(EXTERNAL)]
    for path in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()[\s\"']*(?:https?:)?//", path.read_text())


@pytest.mark.slow
def test_every_link_within_the_site_works(site):
    pages = {path.name: path.read_text() for path in site.glob("*.html")}
    anchors = {name: set(re.findall(r'\bid="([^"]*)"', text)) for name, text in pages.items()}
    for name, text in pages.items():
        for link in LINK.findall(text):
            url = urllib.parse.urlsplit(link)
            if url.scheme or not (url.path or url.fragment):
                continue
            target = urllib.parse.unquote(url.path) or name
            assert (site / target).is_file(), f"{name}: {link}"
            if url.fragment and target in anchors:
                assert url.fragment in anchors[target], f"{name}: {link}"


def test_links_between_the_source_files_work():
    for path in [paths.ROOT / "README.md", *DOCS.rglob("*.md")]:
        for link in MARKDOWN_LINK.findall(path.read_text()):
            if not urllib.parse.urlsplit(link).scheme:
                target = path.parent / link.partition("#")[0]
                assert target.exists(), f"{path.name}: {link}"


def test_the_page_of_flags_is_current():
    made = runpy.run_path(str(DOCS / "flags.py"))["page"](flags.define_flags())
    assert made == (DOCS / "flags.md").read_text(), "run make pages"


@pytest.mark.slow
def test_every_public_name_and_choice_is_documented(site):
    page = (site / "api.html").read_text()
    for name in jaxtex.__all__:
        assert f'id="jaxtex.{name}"' in page, name
    for name in vars(jaxtex.Config()):
        assert f"<code>{name}</code>" in page or f">{name}</span>" in page, name


@pytest.mark.slow
def test_formulas_need_no_script(site):
    assert (site / "theory.html").read_text().count("<math") > 50


@pytest.mark.slow
def test_pages_have_a_light_and_a_dark_theme(site):
    page = (site / "index.html").read_text()
    assert "theme-toggle" in page and "prefers-color-scheme: dark" in page
