"""The site is built from the pages, strictly, and needs nothing from elsewhere."""

import re
import subprocess
import sys
import urllib.parse

import pytest

import jaxtex
from support import paths

DOCS = paths.ROOT / "docs"
FETCHED = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=["']([^"']*)""")
LINK = re.compile(r"""<a\b[^>]*?\bhref=["']([^"']*)""")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    line = [
        sys.executable,
        "-m",
        "sphinx",
        "--quiet",
        "--fail-on-warning",
        "--keep-going",
        str(DOCS),
        str(folder),
    ]
    done = subprocess.run(
        [*line, f"--doctree-dir={folder}/.doctrees"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_there_and_in_the_contents(site):
    contents = (site / "index.html").read_text()
    for path in [*DOCS.glob("*.md"), *DOCS.glob("*.ipynb")]:
        assert (site / f"{path.stem}.html").is_file()
        assert (
            path.stem == "index"
            or f'class="reference internal" href="{path.stem}.html"' in contents
        )


def test_no_page_fetches_anything_from_elsewhere(site):
    for path in site.rglob("*.html"):
        fetched = FETCHED.findall(path.read_text())
        assert fetched and not [
            each for each in fetched if each.startswith(("http:", "https:", "//"))
        ]
    for path in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()[\s\"']*(?:https?:)?//", path.read_text())


def test_every_link_within_the_site_leads_somewhere(site):
    anchors = {
        path.name: set(re.findall(r'\bid="([^"]*)"', path.read_text()))
        for path in site.glob("*.html")
    }
    for name in anchors:
        for link in LINK.findall((site / name).read_text()):
            url = urllib.parse.urlsplit(link)
            if url.scheme or not (url.path or url.fragment):
                continue
            target = urllib.parse.unquote(url.path) or name
            assert (site / target).is_file(), f"{name}: {link}"
            assert not url.fragment or target not in anchors or url.fragment in anchors[target], (
                f"{name}: {link}"
            )


def test_the_pages_of_the_files_lead_somewhere_on_their_own():
    """As a reader of the repository follows them, without the site."""
    for path in [paths.ROOT / "README.md", *DOCS.glob("*.md")]:
        for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
            if not urllib.parse.urlsplit(link).scheme:
                assert (path.parent / link.partition("#")[0]).exists(), f"{path.name}: {link}"


def test_the_functions_are_told_with_every_choice(site):
    page = (site / "api.html").read_text()
    assert all(
        f'id="jaxtex.{name}"' in page or f"jaxtex.{name.replace('_image', '')}" in page
        for name in jaxtex.__all__
    )
    assert all(
        f"<code>{name}</code>" in page or f">{name}</span>" in page
        for name in vars(jaxtex.Config())
    )


def test_formulas_need_no_script(site):
    assert (site / "theory.html").read_text().count("<math") > 50


def test_there_is_light_and_dark(site):
    page = (site / "index.html").read_text()
    assert "theme-toggle" in page and "prefers-color-scheme: dark" in page
