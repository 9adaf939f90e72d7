"""The live page as a person sees it, in a headless Chromium: it loads, keeps up with the run, scrubs, stops."""

import re
import shutil

import numpy as np
import pytest

from jaxtex import images
from support import chromium, live_pages, shelves

SIZES = [(1280, 800), (390, 844), (360, 640)]
browser, begin = chromium.browser, live_pages.begin


@pytest.fixture
def page(browser):
    """A page in which no script may fail."""
    made, wrong = browser.new_page(), []
    made.set_default_timeout(60_000)
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on(
        "console", lambda message: wrong.append(message.text) if message.type == "error" else None
    )
    yield made
    made.close()
    assert [text for text in wrong if not text.startswith("Failed to load resource")] == []


def seen(page, text, where="body"):
    """Waits until it is to be read."""
    chromium.playwright.expect(page.locator(where)).to_contain_text(
        re.compile(text), timeout=60_000
    )


def pixels(page, where):
    """The pixels of a picture as it is shown, `[H, W]` red values: it was decoded."""
    draw = """image => {
        const canvas = document.createElement("canvas"), { naturalWidth: w, naturalHeight: h } = image;
        Object.assign(canvas, { width: w, height: h }).getContext("2d").drawImage(image, 0, 0);
        return [w, h, [...canvas.getContext("2d").getImageData(0, 0, w, h).data].filter((_, i) => i % 4 === 0)];
    }"""
    width, height, red = page.locator(where).evaluate(draw)
    return np.array(red).reshape(height, width)


def overflows(page):
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


def overlapping(page):
    """Pairs of texts and controls that lie over each other."""
    return page.evaluate("""() => {
        const kinds = "button, a.button, input, h1, h2, dt, dd, output, #legend li, .name, #state, #all, img";
        const leaves = [...document.querySelectorAll(kinds)].filter((each) => each.checkVisibility());
        const boxes = leaves.map((each) => [each.id || each.textContent, each.getBoundingClientRect()]);
        const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
        return boxes.flatMap(([m, a], i) => boxes.slice(i + 1).filter(([, b]) => over(a, b)).map(([n]) => `${m} / ${n}`));
    }""")


def test_a_run_is_seen_scrubbed_and_stopped(begin, page, tmp_path):
    process, address = begin(
        "jaxtex", "--style=style.png", "--workdir=run", "--num_steps=4000", *live_pages.QUICK
    )
    page.goto(address)
    seen(page, "running", "#state")
    first = page.locator("#step").inner_text()
    page.wait_for_function(
        "first => document.getElementById('step').innerText !== first", arg=first
    )
    assert re.fullmatch(r"\d+ / 4\u2009000", first)
    assert re.fullmatch(r"[\d.]+ (/s|s/step)", page.locator("#pace").inner_text())
    assert re.fullmatch(r"\d+:\d\d(:\d\d)?", page.locator("#left").inner_text())
    assert page.locator("#chart path").count() == page.locator("#legend li").count() == 2
    assert pixels(page, "#exemplar").shape == (64, 85) and pixels(page, "#shown").shape == (64, 85)

    page.locator("#scrub").focus()
    page.keyboard.press("Home")
    seen(page, r"^step 2$", "#label")
    page.wait_for_function("() => document.getElementById('shown').src.includes('000002.png')")
    early = pixels(page, "#shown")
    np.testing.assert_array_equal(
        early, np.round(images.load(tmp_path / "run/steps/000002.png")[..., 0] * 255)
    )
    page.wait_for_timeout(2500)  # it goes on, and what was chosen stays
    seen(page, r"^step 2$", "#label")
    page.locator("#newest").click()
    page.wait_for_function("() => !document.getElementById('shown').src.includes('000002.png')")
    with page.expect_download() as download:
        page.locator("#save").click()
    assert re.fullmatch(
        r"run-step[\d\u2009]+\.png", download.value.suggested_filename.replace("_", "")
    )

    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator("#stop").click()
    assert process.poll() is None
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#stop").click()
    seen(
        page, "Stopped: what was made is saved, and the same command goes on from there", "#notice"
    )
    assert process.wait(60) == 75 and page.locator("#stop").is_hidden()
    seen(page, "stopped", "#state")


def test_the_end_of_a_batch_is_seen(begin, page):
    several = ["--style=style.png", "--num_images=2", "--workdir=run", "--num_steps=40"]
    process, address = begin("jaxtex", *several, *live_pages.QUICK)
    page.goto(address)
    seen(page, "2 runs: 2 done", "#counts")
    page.locator("#cards a").nth(1).click()
    seen(page, "style-1", "h1")
    seen(page, "^result$", "#label")
    assert process.wait(60) == 0
    seen(page, "The command has ended", "#notice")
    seen(page, "done", "#state")


def test_a_run_that_goes_on_and_one_that_is_made_anew(begin, page, tmp_path):
    run = shelves.begin(tmp_path / "run", range(1, 26))
    _, address = begin("jaxtex", "--workdir=run")
    page.goto(address)
    seen(page, "25 / 100", "#step")
    seen(page, "stopped", "#state")
    assert page.locator("#stop").is_hidden() and page.locator("#source").is_hidden()
    shelves.begin(run, range(1, 41))
    seen(page, "40 / 100", "#step")
    seen(page, "step 40", "#label")
    for path in run.glob("steps/*.png"):
        path.unlink()
    shelves.begin(run, range(1, 13))
    seen(page, "12 / 100", "#step")
    seen(page, "step 10", "#label")
    assert (
        page.locator("#scrub").get_attribute("max") == "0"
        and len(page.locator("#chart path").all()) == 2
    )
    shelves.begin(tmp_path / "run" / "other", [10])
    page.locator("#all").click()
    seen(page, "2 runs: 2 stopped", "#counts")
    page.locator("#cards a").nth(1).click()
    seen(page, "other", "h1")
    shutil.rmtree(run)
    seen(page, "This run is not there any more", "#notice")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width, height", SIZES, ids=str)
def test_nothing_overlaps(begin, browser, tmp_path, scheme, width, height):
    names = ["000-pebbles-mean_and_covariance-seed0", "001-" + "x" * 56, "002-a"]
    for name in names:
        shelves.begin(tmp_path / "runs" / name, range(1, 26))
        images.save(
            tmp_path / "runs" / name / "exemplar.png", np.full((40, 200, 3), 0.5, np.float32)
        )
    _, address = begin("jaxtex")
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(address)
    seen(page, "3 runs: 3 stopped", "#counts")
    assert overlapping(page) == [] and not overflows(page)
    page.goto(f"{address}/#{names[1]}")
    seen(page, "25 / 100", "#step")
    assert overlapping(page) == [] and not overflows(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "all"
    page.close()
