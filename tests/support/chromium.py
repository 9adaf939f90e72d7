"""Headless Chromium for tests of pages; skips them if Playwright or Chromium is missing."""

import os
import shutil

import pytest

playwright = pytest.importorskip(
    "playwright.sync_api", reason="needs Playwright; make browser-test installs it"
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
PATH = next((path for path in map(shutil.which, NAMES) if path), None)
if not PATH:
    pytest.skip("needs Chromium; make browser-test installs it", allow_module_level=True)


@pytest.fixture(scope="module")
def browser():
    """One browser for all tests of a module."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=PATH, args=arguments)
        yield chromium
        chromium.close()
