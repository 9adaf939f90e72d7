"""Tests that the files which name the version of a release agree."""

import configparser
import re

from support import paths

HEADING = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", re.M)
SECTIONS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def read(name):
    return (paths.ROOT / name).read_text()


def test_version_and_date_are_those_of_the_newest_section_of_the_changelog():
    version, date = HEADING.findall(read("CHANGELOG.md"))[0]
    setup = configparser.ConfigParser()
    setup.read(paths.ROOT / "setup.cfg")
    assert setup["metadata"]["version"] == version
    assert f"\nversion: {version}\ndate-released: {date}\n" in read("CITATION.cff")


def test_the_changelog_has_dated_sections_from_new_to_old():
    text = read("CHANGELOG.md")
    headings = re.findall(r"^## .*$", text, re.M)
    assert headings[0] == "## [Unreleased]"
    releases = HEADING.findall(text)
    assert len(releases) == len(headings) - 1
    assert [date for _, date in releases] == sorted((date for _, date in releases), reverse=True)
    assert set(re.findall(r"^### (.*)$", text, re.M)) <= SECTIONS


def test_the_classifiers_name_the_versions_of_python_that_are_tested():
    tested = re.findall(r'"(3\.\d+)"', read(".github/workflows/test.yml"))
    named = re.findall(r"Python :: (3\.\d+)$", read("setup.cfg"), re.M)
    assert tested == named
    assert f"python_requires = >={tested[0]}\n" in read("setup.cfg")
