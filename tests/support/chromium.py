"""A headless Chromium for the tests of pages, which are skipped where there is none."""

import os
import shutil

import pytest

playwright = pytest.importorskip(
    "playwright.sync_api", reason="there is no playwright; make browser-test brings it"
)
PATH = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
if not PATH:
    pytest.skip("there is no Chromium; make browser-test installs it", allow_module_level=True)


@pytest.fixture(scope="module")
def browser():
    """One for all tests of a file."""
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(
            executable_path=PATH, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield made
        made.close()
