"""Tests of the report in a headless Chromium, from disk: sorting, links, sliders, zoom, layout."""

import pathlib

import numpy as np
import pytest

from jaxtex import images
from jaxtex.cli import flag_parsing, report_main
from support import chromium, shelves

SIZES = {"desktop": (1280, 800), "phone": (390, 844), "small phone": (360, 640)}  # pixels
browser = chromium.browser

READ_TILES = """(async () => {
    const canvas = document.querySelector("canvas");
    await tile(canvas);
    return [...canvas.getContext("2d").getImageData(0, 0, 160, 128).data];
})()"""


@pytest.fixture
def show(browser, tmp_path, monkeypatch, exemplar):
    """Opens the report of some runs; at the end, the browser must not have reported a problem."""
    monkeypatch.chdir(tmp_path)
    images.save("style.png", exemplar)
    problems, pages = [], []

    def check_request(request):
        if not request.url.startswith(("file:", "data:")):
            problems.append(request.url)

    def open_report(*names, size=(1280, 800), scheme="light"):
        flag_parsing.run(report_main.COMMAND, [*names, "--metrics=seam"])
        page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        pages.append(page)
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", check_request)
        page.goto(pathlib.Path("report.html").absolute().as_uri())
        return page

    yield open_report
    for page in pages:
        page.close()
    assert problems == []


def shelve_several():
    """Makes four runs whose order differs by name and by value; the last is not finished."""
    for name, last in {"b": 4, "a": 12, "c": 8, "d": 6}.items():
        shelves.shelve(
            pathlib.Path("runs", name),
            "style.png",
            done=name != "d",
            steps=(2, last),
            statistic=f"gram+{last}*mean",
        )
    return "runs"


def row_names(page):
    return [head.get_attribute("data-value") for head in page.locator("tbody th").all()]


def test_clicking_a_column_name_sorts_in_both_directions(show):
    page = show(shelve_several())
    steps = page.get_by_role("columnheader", name="steps")
    assert row_names(page) == ["a", "b", "c", "d"]
    assert steps.get_attribute("aria-sort") == "none"
    steps.get_by_role("button").click()
    assert row_names(page) == ["b", "d", "c", "a"]
    assert steps.get_attribute("aria-sort") == "ascending"
    steps.get_by_role("button").press("Enter")
    assert row_names(page) == ["a", "c", "d", "b"]
    assert steps.get_attribute("aria-sort") == "descending"
    page.get_by_role("columnheader", name="run").get_by_role("button").click()
    assert row_names(page) == ["a", "b", "c", "d"]
    assert steps.get_attribute("aria-sort") == "none"


def test_runs_without_a_value_come_last_in_both_directions(show):
    page = show(shelve_several())
    seam = page.get_by_role("columnheader", name="seam").get_by_role("button")
    for _ in range(2):
        seam.click()
        assert row_names(page)[-1] == "d"


def test_clicking_a_run_name_opens_the_run(show):
    page = show(shelve_several())
    result = page.locator("#run-2").get_by_role("button", name="Enlarge: result of c", exact=True)
    assert not result.is_visible()
    page.get_by_role("link", name="c").click()
    page.wait_for_function("document.querySelector('#run-2').getBoundingClientRect().top < 200")
    assert result.is_visible()


def test_the_slider_moves_the_edge(show):
    shelves.shelve(pathlib.Path("run"), "style.png")
    page = show("run")
    slider, left = page.get_by_role("slider"), page.locator(".compare .left")
    widths = [left.get_attribute("width")]
    for key in ("Home", "ArrowRight", "End"):
        slider.press(key)
        widths.append(left.get_attribute("width"))
    assert widths == ["50%", "0%", "0.5%", "100%"]

    box = page.locator(".compare > svg").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    assert left.get_attribute("width") == "25%"
    assert slider.input_value() == "25"


def test_pictures_load_and_the_tiles_are_the_result(show):
    shelves.shelve(pathlib.Path("run"), "style.png")
    page = show("run")
    page.locator("canvas").scroll_into_view_if_needed()
    assert page.evaluate(
        "[...document.images].every(image => image.naturalWidth > 0 || image === zoomed)"
    )
    pixels = np.array(page.evaluate(READ_TILES)).reshape(128, 160, 4)[..., :3]
    assert np.array_equal(pixels, np.tile(images.to_uint8(shelves.picture(8)), (2, 2, 1)))


@pytest.mark.parametrize("which", [0, 1, -1])
def test_a_picture_is_enlarged_by_click_keys_and_wheel(show, which):
    shelves.shelve(pathlib.Path("run"), "style.png")
    page = show("run")
    page.locator(".zoom").nth(which).scroll_into_view_if_needed()
    page.wait_for_timeout(200)
    page.locator(".zoom").nth(which).press("Enter")
    page.locator("dialog[open]").wait_for()

    def percent():
        return float(page.locator("output").inner_text().rstrip(" %"))

    fitted = percent()
    assert fitted >= 100
    assert fitted % 100 == 0
    page.keyboard.press("-")
    assert percent() == fitted / 2
    page.get_by_role("button", name="larger").click()
    page.keyboard.press("+")
    assert percent() == 2 * fitted

    page.mouse.move(600, 400)
    page.mouse.wheel(0, -100)
    output = "document.querySelector('output').textContent"
    page.wait_for_function(f"parseFloat({output}) > {2 * fitted}")
    assert page.evaluate("getComputedStyle(zoomed).imageRendering") == "pixelated"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_the_page_fits_the_window_and_follows_the_color_scheme(show, size, scheme):
    long_name = "run" + 40 * "-long"
    shelves.shelve(pathlib.Path(long_name), "style.png")
    for runs in (long_name, shelve_several()):
        page = show(runs, size=size, scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        color = page.evaluate("getComputedStyle(document.body).backgroundColor")
        red = int(color.removeprefix("rgb(").split(",")[0])
        assert (red > 128) == (scheme == "light")
