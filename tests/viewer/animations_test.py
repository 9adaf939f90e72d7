"""Tests of `jaxtex-animate`, with frames counted by other decoders than the encoder."""

import pathlib
import sys

import numpy as np
import pytest
from PIL import Image, ImageSequence

from jaxtex import images
from jaxtex.cli import animate_main, flag_parsing
from support import shelves


@pytest.fixture(autouse=True)
def run(tmp_path, monkeypatch, exemplar):
    """A finished run of four snapshots in the current folder."""
    monkeypatch.chdir(tmp_path)
    images.save("style.png", exemplar)
    return shelves.shelve(pathlib.Path("run"), "style.png")


def jaxtex_animate(*arguments):
    flag_parsing.run(animate_main.COMMAND, arguments)


def read_frames(path):
    """Returns the frames, each `[H, W, 3]`, and their durations in milliseconds."""
    with Image.open(path) as file:
        frames = [
            (np.asarray(frame.convert("RGB")), frame.info["duration"])
            for frame in ImageSequence.Iterator(file)
        ]
    return tuple(zip(*frames, strict=True))


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "A.GIF", "new/folder/a.webp"])
def test_each_snapshot_is_a_frame_and_the_last_one_is_shown_longer(name):
    jaxtex_animate("run", f"--output={name}", "--fps=5")
    frames, durations = read_frames(name)
    # The first snapshot has half the size.
    assert [frame.shape for frame in frames] == [(64, 80, 3)] * 4
    assert list(durations) == [200, 200, 200, 2000]
    assert np.all(np.diff([frame.mean() for frame in frames]) > 0)


def test_webp_is_lossless_and_ends_with_the_result(run):
    jaxtex_animate("run", "--output=a.webp")
    frames, _ = read_frames("a.webp")
    assert np.array_equal(frames[-1], np.asarray(Image.open(run / "result.png")))
    assert np.array_equal(frames[1], np.asarray(Image.open(run / "steps" / "000004.png")))


def test_mp4_repeats_the_last_frame_and_has_even_sides(run):
    av = pytest.importorskip("av", reason="needs jaxtex[video]")
    last = shelves.picture(8)[:63, :79]
    images.save(run / "result.png", last)
    jaxtex_animate("run", "--output=a.mp4", "--fps=10")

    with av.open("a.mp4") as file:
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(frames) == 3 + 20
    assert frames[0].shape == (64, 80, 3)

    # Only brightness has full resolution.
    weights = [0.299, 0.587, 0.114]
    difference = (frames[-1][:63, :79].astype(float) - 255 * last) @ weights
    assert np.abs(difference).mean() < 3


def test_without_pyav_mp4_names_the_extra_and_writes_nothing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(SystemExit) as exit_info:
        jaxtex_animate("run", "--output=a.mp4")
    assert exit_info.value.code == 2
    assert "pip install 'jaxtex[video]'" in capsys.readouterr().err
    assert {path.name for path in pathlib.Path().iterdir()} == {"run", "style.png"}


def test_a_default_file_of_the_user_is_kept_unless_it_is_named(capsys):
    pathlib.Path("animation.gif").write_bytes(b"GIF of the user")
    with pytest.raises(SystemExit) as exit_info:
        jaxtex_animate("run")
    assert exit_info.value.code == 2 and "not of this command" in capsys.readouterr().err
    assert pathlib.Path("animation.gif").read_bytes() == b"GIF of the user"
    jaxtex_animate("run", "--output=animation.gif")
    jaxtex_animate("run")  # replaces its own


def test_an_unfinished_run_ends_with_its_last_snapshot():
    folder = shelves.shelve(pathlib.Path("begun"), "style.png", done=False, steps=(2, 4))
    jaxtex_animate("begun", "--output=a.webp")
    frames, _ = read_frames("a.webp")
    assert len(frames) == 2
    assert np.array_equal(frames[-1], np.asarray(Image.open(folder / "steps" / "000004.png")))


def test_a_damaged_snapshot_is_left_out(run):
    (run / "steps" / "000004.png").write_text("")
    jaxtex_animate("run", "--output=a.webp")
    assert len(read_frames("a.webp")[0]) == 3


@pytest.mark.parametrize(
    "arguments, text",
    [
        ([], "expected the folder of one run, got 0"),
        (["run", "run"], "expected the folder of one run, got 2"),
        (["none"], "run 'none': no such folder"),
        (["two"], "run 'two': expected one run, got 2 below this folder"),
        (["short"], "run 'short': an animation needs at least 2 readable snapshots, got 1"),
        (["run", "--output=a.avi"], "--output=a.avi: suffix must be one of .gif, .webp, .mp4"),
        (["run", "--fps=0"], "--fps=0.0: must be between 0.1 and 50"),
        (["run", "--fps=nan"], "--fps=nan: must be between 0.1 and 50"),
        (["run", "--output=style.png/a.gif"], "style.png is not a folder"),
    ],
)
def test_mistakes_are_one_line(arguments, text, capsys):
    shelves.shelve(pathlib.Path("two/a"), "style.png")
    shelves.shelve(pathlib.Path("two/b"), "style.png")
    shelves.shelve(pathlib.Path("short"), "style.png", done=False, steps=(2,))
    with pytest.raises(SystemExit) as exit_info:
        jaxtex_animate(*arguments)
    printed = capsys.readouterr().err
    assert exit_info.value.code == 2
    assert text in printed
    assert len(printed.splitlines()) == 1
