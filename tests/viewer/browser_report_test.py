"""The page of `jaxtex-report` in a real browser, from the disk: what is clicked, pulled and typed does what it should."""

import pathlib

import numpy as np
import pytest

from jaxtex import images
from jaxtex.cli import flag_parsing, report_main
from support import chromium, shelves

SIZES = {"desktop": (1280, 800), "phone": (390, 844), "small phone": (360, 640)}
browser = chromium.browser


@pytest.fixture
def show(browser, tmp_path, monkeypatch, exemplar):
    """Runs -> their report in a window; that the browser found nothing to complain of is seen in the end."""
    monkeypatch.chdir(tmp_path)
    images.save("style.png", exemplar)
    complaints, windows = [], []

    def shown(*names, size=(1280, 800), scheme="light"):
        flag_parsing.run(report_main.COMMAND, [*names, "--metrics=seam"])
        page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        windows.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda each: each.url.startswith(("file:", "data:")) or complaints.append(each.url),
        )
        page.goto(pathlib.Path("report.html").absolute().as_uri())
        return page

    yield shown
    for page in windows:
        page.close()
    assert complaints == []


def several():
    """Four runs whose order differs by name and by value; the last is not finished."""
    for name, last in {"b": 4, "a": 12, "c": 8, "d": 6}.items():
        done, statistic = name != "d", f"gram+{last}*mean"
        shelves.shelve(
            pathlib.Path("runs", name), "style.png", done, (2, last), statistic=statistic
        )
    return "runs"


def rows(page):
    return [each.get_attribute("data-value") for each in page.locator("tbody th").all()]


def test_a_column_s_name_sorts_by_it_and_back(show):
    page = show(several())
    steps = page.get_by_role("columnheader", name="steps")
    assert rows(page) == ["a", "b", "c", "d"] and steps.get_attribute("aria-sort") == "none"
    steps.get_by_role("button").click()
    assert rows(page) == ["b", "d", "c", "a"] and steps.get_attribute("aria-sort") == "ascending"
    steps.get_by_role("button").press("Enter")
    assert rows(page) == ["a", "c", "d", "b"] and steps.get_attribute("aria-sort") == "descending"
    page.get_by_role("columnheader", name="run").get_by_role("button").click()
    assert rows(page) == ["a", "b", "c", "d"] and steps.get_attribute("aria-sort") == "none"


def test_what_has_no_value_comes_last_both_ways(show):
    page = show(several())
    seam = page.get_by_role("columnheader", name="seam").get_by_role("button")
    for _ in range(2):
        seam.click()
        assert rows(page)[-1] == "d"


def test_a_run_s_name_leads_to_it(show):
    page = show(several())
    result = page.locator("#run-2").get_by_role("button", name="Enlarge: result of c", exact=True)
    assert not result.is_visible()
    page.get_by_role("link", name="c").click()
    page.wait_for_function("document.querySelector('#run-2').getBoundingClientRect().top < 200")
    assert result.is_visible()


def test_the_slider_moves_what_it_shows(show):
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
    assert left.get_attribute("width") == "25%" and slider.input_value() == "25"


def test_pictures_are_there_and_the_tiles_are_the_result(show):
    shelves.shelve(pathlib.Path("run"), "style.png")
    page = show("run")
    page.locator("canvas").scroll_into_view_if_needed()
    assert page.evaluate(
        "[...document.images].every(image => image.naturalWidth > 0 || image === zoomed)"
    )
    read = (
        "await tile(canvas); return [...canvas.getContext('2d').getImageData(0, 0, 160, 128).data]"
    )
    drawn = np.array(
        page.evaluate(
            f"(async () => {{ const canvas = document.querySelector('canvas'); {read} }})()"
        )
    )
    expected = np.tile(images.to_uint8(shelves.picture(8)), (2, 2, 1))
    assert np.array_equal(drawn.reshape(128, 160, 4)[..., :3], expected)


@pytest.mark.parametrize("which", [0, 1, -1])
def test_a_picture_is_enlarged_by_click_keys_and_wheel(show, which):
    shelves.shelve(pathlib.Path("run"), "style.png")
    page = show("run")
    page.locator(".zoom").nth(which).scroll_into_view_if_needed()
    page.wait_for_timeout(200)
    page.locator(".zoom").nth(which).press("Enter")
    percent = lambda: float(page.locator("output").inner_text().rstrip(" %"))
    page.locator("dialog[open]").wait_for()
    fitting = percent()
    assert fitting >= 100 and fitting % 100 == 0
    page.keyboard.press("-")
    assert percent() == fitting / 2
    page.get_by_role("button", name="larger").click()
    page.keyboard.press("+")
    assert percent() == 2 * fitting
    page.mouse.move(600, 400)
    page.mouse.wheel(0, -100)
    page.wait_for_function(
        f"parseFloat(document.querySelector('output').textContent) > {2 * fitting}"
    )
    assert page.evaluate("getComputedStyle(zoomed).imageRendering") == "pixelated"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_nothing_is_wider_than_the_window_and_the_ground_follows_the_scheme(show, size, scheme):
    shelves.shelve(pathlib.Path("run" + 40 * "-long"), "style.png")
    for runs in ("run" + 40 * "-long", several()):
        page = show(runs, size=size, scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        ground = (
            page.evaluate("getComputedStyle(document.body).backgroundColor")
            .removeprefix("rgb(")
            .split(",")
        )
        assert (int(ground[0]) > 128) == (scheme == "light")
