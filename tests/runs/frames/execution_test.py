"""Tests of `--frames`: a folder for each frame, sizes, and sequences that were interrupted."""

import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image, ImageSequence

from jaxtex import images
from jaxtex.cli import animate_main, flag_parsing, main
from jaxtex.runs import provenance, run_folder

QUICK = [
    "--size=32",
    "--octaves=1",
    "--layers=relu1_1",
    "--content_layers=relu1_1",
    "--num_steps=3",
]
SEQUENCE = ["--style=style.png", "--content=clip", "--frames", "--workdir=run", *QUICK]


def call(*arguments):
    """Runs the command in this process."""
    flag_parsing.run(main.COMMAND, arguments)


def refused(capsys, *arguments):
    """Returns the one line that a command prints when it refuses its arguments."""
    with pytest.raises(SystemExit) as exit_info:
        call(*arguments)
    assert exit_info.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, exemplar):
    """A folder with a style and a clip of three frames, in which the command is called."""
    monkeypatch.chdir(tmp_path)
    images.save("style.png", exemplar[::-1] ** 2)
    pathlib.Path("clip").mkdir()
    for number in (2, 9, 10):  # in natural order
        frame = exemplar.copy()
        frame[8:24, 2 * number : 2 * number + 16] = 1 - frame[8:24, 2 * number : 2 * number + 16]
        images.save(f"clip/{number}.png", frame)
    return tmp_path


def result(number):
    return run_folder.frame_folder(pathlib.Path("run"), number) / run_folder.RESULT


@pytest.mark.slow
def test_a_sequence_resumes_bit_for_bit_and_grows(capsys):
    call(*SEQUENCE)
    assert capsys.readouterr().out.split() == [str(result(number)) for number in (1, 2, 3)]
    flags = [provenance.read(result(number))["flags"] for number in (1, 2, 3)]
    assert [each["content"] for each in flags] == ["clip/2.png", "clip/9.png", "clip/10.png"]
    assert "previous_content" not in flags[0] and flags[0]["num_steps"] == 3
    assert flags[2]["previous_content"] == "clip/9.png" and flags[2]["num_steps"] == 1
    assert flags[2]["init"] == "run/000002/result.png" and flags[2]["temporal_weight"] > 0
    assert pathlib.Path("run/sheet.png").exists()

    pictures = [result(number).read_bytes() for number in (1, 2, 3)]
    times = [result(number).stat().st_mtime_ns for number in (1, 2, 3)]
    for lost in (2, 3):  # as if interrupted after the first frame
        shutil.rmtree(result(lost).parent)
    call(*SEQUENCE, "--continue")
    assert [result(number).read_bytes() for number in (1, 2, 3)] == pictures
    assert result(1).stat().st_mtime_ns == times[0]
    capsys.readouterr()

    call("--from=run/000003/result.png", "--workdir=again")
    np.testing.assert_array_equal(images.load("again/result.png"), images.load(result(3)))

    line = refused(capsys, *SEQUENCE, "--num_steps=8", "--continue")
    assert "--num_steps: run/000001 has a frame of 3 steps, not 8" in line
    line = refused(capsys, *SEQUENCE, "--temporal_weight=3")
    assert "run/000002: holds another run (--temporal_weight: 10.0 there, 3.0 here)" in line

    flag_parsing.run(animate_main.COMMAND, ["run", "--output=a.webp", "--fps=20"])
    with Image.open("a.webp") as file:
        frames = [frame.copy() for frame in ImageSequence.Iterator(file)]
    assert [frame.info["duration"] for frame in frames] == [50] * 3


def test_frames_of_several_sizes_make_nothing(capsys, exemplar):
    images.save("clip/3.png", exemplar[:, :40])
    assert refused(capsys, *SEQUENCE) == (
        "jaxtex: --content=clip/3.png: 40 x 48 pixels, but the first frame (clip/2.png) has "
        "64 x 48; all frames must have one size"
    )
    assert not pathlib.Path("run").exists()


def test_frames_and_files_of_others_are_not_replaced(capsys, exemplar):
    pathlib.Path("run/000003").mkdir(parents=True)
    images.save("run/000003/result.png", exemplar)
    assert "'run/000003/result.png' is not of a sequence" in refused(capsys, *SEQUENCE)
    given = [word for word in SEQUENCE if "content" not in word or "layers" in word]
    content = "--content=run/000003/result.png,clip/2.png,clip/9.png"
    line = refused(capsys, *given, content, "--overwrite")
    assert "the sequence would replace its input 'run/000003/result.png'" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frames", "--each"], "--frames and --each exclude each other"),
        (["--frames", "--num_images=2"], "--frames and --num_images exclude each other"),
        (["--frame_steps=5"], "--frame_steps=5: needs --frames"),
        (["--frames", "--output=a.png"], "--output=a.png: needs a single result"),
        (["--frames", "--content="], "--frames: needs the frames as --content: a folder"),
        (["--frames", "--content=clip/*.jpg"], "--content=clip/*.jpg: no pictures match"),
    ],
)
def test_other_flags_are_refused(capsys, arguments, message):
    assert message in refused(capsys, "--style=style.png", "--content=clip", *QUICK, *arguments)
