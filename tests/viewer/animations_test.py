"""`jaxtex-animate` as its user meets it: frames counted by others than who wrote them."""

import pathlib
import sys

import numpy as np
import pytest
from PIL import Image, ImageSequence

from jaxtex import images
from jaxtex.cli import animate_main
from support import commands, shelves


@pytest.fixture(autouse=True)
def run(tmp_path, monkeypatch, exemplar):
    monkeypatch.chdir(tmp_path)
    images.save("style.png", exemplar)
    return shelves.shelve(pathlib.Path("run"), "style.png")


def jaxtex_animate(*arguments):
    commands.call(animate_main, "jaxtex-animate", *arguments, positional=True)


def frames(path):
    """The frames, each `[H, W, 3]`, and the milliseconds that they stay."""
    with Image.open(path) as file:
        shown = [
            (np.asarray(frame.convert("RGB")), frame.info["duration"])
            for frame in ImageSequence.Iterator(file)
        ]
    return tuple(zip(*shown, strict=True))


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "A.GIF", "new/folder/a.webp"])
def test_a_frame_for_each_snapshot_and_the_last_one_stays(name):
    jaxtex_animate("run", f"--output={name}", "--fps=5")
    shown, durations = frames(name)
    assert [each.shape for each in shown] == [
        (64, 80, 3)
    ] * 4  # the first snapshot has half the size
    assert list(durations) == [200, 200, 200, 2000]
    assert np.all(np.diff([each.mean() for each in shown]) > 0)


def test_webp_has_every_colour_and_ends_with_the_result(run):
    jaxtex_animate("run", "--output=a.webp")
    shown, _ = frames("a.webp")
    assert np.array_equal(shown[-1], np.asarray(Image.open(run / "result.png")))
    assert np.array_equal(shown[1], np.asarray(Image.open(run / "steps" / "000004.png")))


def test_mp4_holds_the_last_frame_and_has_even_sides(run):
    av = pytest.importorskip("av", reason="wants jaxtex[video]")
    images.save(run / "result.png", shelves.picture(8)[:63, :79])
    jaxtex_animate("run", "--output=a.mp4", "--fps=10")
    with av.open("a.mp4") as file:
        shown = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(shown) == 3 + 20 and shown[0].shape == (64, 80, 3)
    grey = lambda image: (
        image.astype(float) @ [0.299, 0.587, 0.114]
    )  # colours have half the resolution
    assert np.abs(grey(shown[-1][:63, :79]) - 255 * grey(shelves.picture(8)[:63, :79])).mean() < 3


def test_without_pyav_mp4_says_what_to_install_and_leaves_nothing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(SystemExit) as left:
        jaxtex_animate("run", "--output=a.mp4")
    assert left.value.code == 2 and "pip install 'jaxtex[video]'" in capsys.readouterr().err
    assert {path.name for path in pathlib.Path().iterdir()} == {"run", "style.png"}


def test_a_run_that_is_not_finished_ends_with_its_last_snapshot():
    last = (
        shelves.shelve(pathlib.Path("begun"), "style.png", done=False, steps=(2, 4))
        / "steps"
        / "000004.png"
    )
    jaxtex_animate("begun", "--output=a.webp")
    shown, _ = frames("a.webp")
    assert len(shown) == 2 and np.array_equal(shown[-1], np.asarray(Image.open(last)))


def test_a_damaged_snapshot_is_left_out(run):
    (run / "steps" / "000004.png").write_text("")
    jaxtex_animate("run", "--output=a.webp")
    assert len(frames("a.webp")[0]) == 3


@pytest.mark.parametrize(
    "arguments, text",
    [
        ([], "one run's folder, please, not 0"),
        (["run", "run"], "one run's folder, please, not 2"),
        (["none"], "run 'none': no such folder"),
        (["two"], "2 runs are below it; one, please, such as two/a"),
        (["short"], "run 'short': 1 snapshots that can be read"),
        (["run", "--output=a.avi"], "--output=a.avi: its suffix is one of .gif, .webp, .mp4"),
        (["run", "--fps=0"], "--fps=0.0: between 0.1 and 50"),
        (["run", "--fps=nan"], "--fps=nan: between 0.1 and 50"),
        (["run", "--output=style.png/a.gif"], "style.png is no folder"),
    ],
)
def test_mistakes_are_one_line(arguments, text, capsys):
    shelves.shelve(pathlib.Path("two/a"), "style.png")
    shelves.shelve(pathlib.Path("two/b"), "style.png")
    shelves.shelve(pathlib.Path("short"), "style.png", done=False, steps=(2,))
    with pytest.raises(SystemExit) as left:
        jaxtex_animate(*arguments)
    printed = capsys.readouterr().err
    assert left.value.code == 2 and text in printed and len(printed.splitlines()) == 1
