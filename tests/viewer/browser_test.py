"""Tests of the live page in a headless Chromium: updates, snapshots, the Stop button, layout."""

import re
import shutil
import time

import numpy as np
import pytest

from jaxtex import images
from support import chromium, live_pages, shelves

SIZES = [(1280, 800), (390, 844), (360, 640)]  # pixels
TIMEOUT = 60_000  # milliseconds
browser, begin = chromium.browser, live_pages.begin

READ_RED = """image => {
    const canvas = document.createElement("canvas");
    const { naturalWidth: width, naturalHeight: height } = image;
    const context = Object.assign(canvas, { width, height }).getContext("2d");
    context.drawImage(image, 0, 0);
    const values = [...context.getImageData(0, 0, width, height).data];
    return [width, height, values.filter((_, i) => i % 4 === 0)];
}"""

FIND_OVERLAPS = """() => {
    const kinds = "button, a.button, input, h1, h2, dt, dd, output, "
        + "#legend li, .name, #state, #all, img";
    const leaves = [...document.querySelectorAll(kinds)].filter((leaf) => leaf.checkVisibility());
    const boxes = leaves.map((leaf) => [leaf.id || leaf.textContent, leaf.getBoundingClientRect()]);
    const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
    return boxes.flatMap(([first, a], i) => boxes.slice(i + 1)
        .filter(([, b]) => overlap(a, b)).map(([second]) => `${first} / ${second}`));
}"""


@pytest.fixture
def page(browser):
    """A page in which no script may fail."""
    page, errors = browser.new_page(), []
    page.set_default_timeout(TIMEOUT)
    page.on("pageerror", lambda error: errors.append(str(error)))

    def record(message):
        # Requests fail when the command ends.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            errors.append(message.text)

    page.on("console", record)
    yield page
    page.close()
    assert errors == []


def wait_for_text(page, text, where="body"):
    """Waits until an element contains a text, a regular expression."""
    locator = page.locator(where)
    chromium.playwright.expect(locator).to_contain_text(re.compile(text), timeout=TIMEOUT)


def read_red(page, where):
    """Returns the red values of a decoded picture, `[H, W]`."""
    width, height, values = page.locator(where).evaluate(READ_RED)
    return np.array(values).reshape(height, width)


def overflows(page):
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


def find_overlaps(page):
    """Returns pairs of texts and controls that overlap."""
    return page.evaluate(FIND_OVERLAPS)


def test_a_run_is_shown_scrubbed_and_stopped(begin, page, tmp_path):
    flags = ["--style=style.png", "--workdir=run", "--num_steps=4000", *live_pages.QUICK]
    process, address = begin("jaxtex", *flags)
    page.goto(address)
    wait_for_text(page, "running", "#state")
    first = page.locator("#step").inner_text()
    page.wait_for_function(
        "first => document.getElementById('step').innerText !== first", arg=first
    )
    assert re.fullmatch(r"\d+ / 4\u2009000", first)
    assert re.fullmatch(r"[\d.]+ (/s|s/step)", page.locator("#speed").inner_text())
    assert re.fullmatch(r"\d+:\d\d(:\d\d)?", page.locator("#left").inner_text())
    assert page.locator("#chart path").count() == page.locator("#legend li").count() == 2
    assert read_red(page, "#exemplar").shape == (64, 85)
    assert read_red(page, "#shown").shape == (64, 85)

    page.locator("#scrub").focus()
    page.keyboard.press("Home")
    wait_for_text(page, r"^step 2$", "#label")
    page.wait_for_function("() => document.getElementById('shown').src.includes('000002.png')")
    snapshot = images.load(tmp_path / "run/steps/000002.png")[..., 0]
    np.testing.assert_array_equal(read_red(page, "#shown"), np.round(snapshot * 255))
    page.wait_for_timeout(2500)  # the run continues, and the chosen snapshot stays
    wait_for_text(page, r"^step 2$", "#label")
    page.locator("#newest").click()
    page.wait_for_function("() => !document.getElementById('shown').src.includes('000002.png')")

    with page.expect_download() as download:
        page.locator("#save").click()
    name = download.value.suggested_filename.replace("_", "")
    assert re.fullmatch(r"run-step[\d\u2009]+\.png", name)

    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator("#stop").click()
    assert process.poll() is None
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#stop").click()
    stopped = (
        "Stopped. The results are saved; the same command without --overwrite resumes the run."
    )
    wait_for_text(page, re.escape(stopped), "#notice")
    assert process.wait(60) == 75
    assert page.locator("#stop").is_hidden()
    wait_for_text(page, "stopped", "#state")
    with page.expect_event("requestfailed"):  # the notice stays when later polls fail
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(200)
    wait_for_text(page, re.escape(stopped), "#notice")
    assert page.locator("#notice code").all_inner_texts()[0] == "jaxtex"


def test_the_end_of_a_batch_is_shown(begin, page, tmp_path):
    flags = ["--style=style.png", "--num_images=2", "--workdir=run", "--num_steps=200"]
    process, address = begin("jaxtex", *flags, *live_pages.QUICK)
    # A page that finds only one run opens it.
    while not (tmp_path / "run/style-1/run.json").exists():
        assert process.poll() is None
        time.sleep(0.01)
    page.goto(address)
    wait_for_text(page, "2 runs: 2 done", "#counts")
    page.locator("#cards a").nth(1).click()
    wait_for_text(page, "style-1", "h1")
    wait_for_text(page, "^result$", "#label")
    assert process.wait(60) == 0
    wait_for_text(page, "The command has ended", "#notice")
    wait_for_text(page, "done", "#state")


def test_resumed_restarted_and_removed_runs(begin, page, tmp_path):
    run = shelves.begin(tmp_path / "run", range(1, 26))
    _, address = begin("jaxtex", "--workdir=run")
    page.goto(address)
    wait_for_text(page, "25 / 100", "#step")
    wait_for_text(page, "stopped", "#state")
    assert page.locator("#stop").is_hidden()
    assert page.locator("#source").is_hidden()

    shelves.begin(run, range(1, 41))  # resumed
    wait_for_text(page, "40 / 100", "#step")
    wait_for_text(page, "step 40", "#label")

    for path in run.glob("steps/*.png"):
        path.unlink()
    shelves.begin(run, range(1, 13))  # restarted
    wait_for_text(page, "12 / 100", "#step")
    wait_for_text(page, "step 10", "#label")
    assert page.locator("#scrub").get_attribute("max") == "0"
    assert len(page.locator("#chart path").all()) == 2

    shelves.begin(tmp_path / "run" / "other", [10])
    page.locator("#all").click()
    wait_for_text(page, "2 runs: 2 stopped", "#counts")
    page.locator("#cards a").nth(1).click()
    wait_for_text(page, "other", "h1")
    shutil.rmtree(run)
    wait_for_text(page, "This run does not exist any more", "#notice")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width, height", SIZES, ids=str)
def test_nothing_overlaps(begin, browser, tmp_path, scheme, width, height):
    names = ["000-pebbles-mean_and_covariance-seed0", "001-" + "x" * 56, "002-a"]
    for name in names:
        folder = shelves.begin(tmp_path / "runs" / name, range(1, 26))
        images.save(folder / "exemplar.png", np.full((40, 200, 3), 0.5, np.float32))
    _, address = begin("jaxtex")
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(address)
    wait_for_text(page, "3 runs: 3 stopped", "#counts")
    assert find_overlaps(page) == []
    assert not overflows(page)

    page.goto(f"{address}/#{names[1]}")
    wait_for_text(page, "25 / 100", "#step")
    assert find_overlaps(page) == []
    assert not overflows(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "all"
    page.close()
