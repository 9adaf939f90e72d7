"""Tests of default folders, which are new and below runs/, and of folders of pictures."""

import pathlib

import numpy as np
import pytest

from jaxtex import errors, images
from jaxtex.cli import flag_parsing, input_paths, main
from jaxtex.runs import provenance, run_folder
from jaxtex.synthesis import config as configs
from support.nasty_names import NASTY, is_usable, random_names

QUICK = ["--size=32", "--octaves=1", "--layers=relu1_1", "--num_steps=2"]
RESERVED = ["steps.png", "checkpoints.png", "manifest.png", "logs.png"]


def call(*arguments):
    """Runs the command in this process."""
    flag_parsing.run(main.COMMAND, arguments)


@pytest.fixture
def place(tmp_path, monkeypatch, exemplar):
    """A folder below the temporary one, with a picture, in which the command is called."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    images.save("pic.png", exemplar)
    return tmp_path


def tree(folder):
    """Maps the files below a folder to their contents."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("several", [False, True])
def test_a_default_folder_is_directly_below_runs(place, several):
    for style in [*NASTY, *RESERVED, *random_names(100)]:
        for content in ("", style, "x" * 200):
            config = configs.Config(content=content)
            if not style and not content:
                continue  # nothing to make
            folder = input_paths.default_folder(style, config, several)
            assert folder.parent == input_paths.RUNS and is_usable(folder.name), ascii(style)
            assert folder.name not in [pathlib.Path(name).stem for name in RESERVED]


@pytest.mark.parametrize(
    "name",
    [
        "...png",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("..png", "checkpoints.png", "x" * 250 + ".png")
        ),
    ],
)
def test_a_run_writes_below_one_new_folder_of_runs(place, exemplar, name):
    images.save(pathlib.Path("pic.png"), exemplar)
    pathlib.Path("pic.png").rename(name)
    for kept in ("result.png", "exemplar.png", "run.json", "sheet.png"):
        pathlib.Path(kept).write_text("of the user")
    before = tree(place)
    call(f"--style={name}", *QUICK)

    new = set(tree(place)) - set(before)
    below = {path.relative_to(place / "here" / "runs").parts[0] for path in new}
    assert len(below) == 1
    assert {path: tree(place)[path] for path in before} == before


def make_run(folder):
    """Makes what identifies the folder of a run."""
    folder.mkdir(parents=True)
    (folder / run_folder.RECORD).write_text('{"flags": {}, "inputs": {}}')
    (folder / run_folder.SHEET).write_text("sheet")


def test_a_run_and_a_batch_of_one_name_have_different_folders(place):
    runs, config = input_paths.RUNS, configs.Config()
    make_run(runs / "one")
    assert input_paths.default_folder("one.png", config, several=False) == runs / "one"
    assert input_paths.default_folder("one.png", config, several=True) == runs / "one-2"

    make_run(runs / "both" / "both-0")
    (runs / "both" / run_folder.SHEET).write_text("sheet")
    assert input_paths.default_folder("both.png", config, several=True) == runs / "both"
    assert input_paths.default_folder("both.png", config, several=False) == runs / "both-2"


def test_a_folder_stands_for_its_pictures(place, exemplar):
    folder = pathlib.Path("pictures")
    folder.mkdir()
    for name in ("b.PNG", "a.jpg", ".hidden.png", "notes.txt"):
        (folder / name).write_bytes(b"")
    paths = input_paths.expand("style", "pic.png,pictures,pebbles")
    assert paths == ["pic.png", "pictures/a.jpg", "pictures/b.PNG", "pebbles"]
    pathlib.Path("empty").mkdir()
    with pytest.raises(errors.UserError, match="--content=empty: no pictures in this folder"):
        input_paths.expand("content", "empty")


def test_folders_and_sheets_of_runs_are_no_pictures_of_a_folder(place):
    folder = pathlib.Path("pictures")
    (folder / "sub.png").mkdir(parents=True)
    for name in ("a.png", "sheet.png"):
        (folder / name).write_bytes(b"some")
    assert len(input_paths.expand("style", "pictures")) == 2  # both of the user
    make_run(folder / "a-0")
    for text in ("pictures", "pictures/*.png"):
        assert input_paths.expand("style", text) == ["pictures/a.png"]
    assert input_paths.expand("style", "pictures/sheet.png") == ["pictures/sheet.png"]


def test_a_batch_into_the_folder_of_its_pictures_is_repeated(place, exemplar, capsys):
    pathlib.Path("pictures").mkdir()
    images.save("pictures/a.png", exemplar)
    for _ in range(2):
        call("--style=pictures", "--each", "--workdir=pictures", *QUICK)
        assert capsys.readouterr().out.split() == ["pictures/a-0/result.png"]


def test_a_pattern_stands_for_its_pictures_in_natural_order(place, exemplar):
    folder = pathlib.Path("clip")
    folder.mkdir()
    for name in ("f10.png", "f9.png", "f1.png", "f2.jpg", "notes.txt", "[x]*.png"):
        (folder / name).write_bytes(b"")
    assert input_paths.expand("content", "clip/f*.png,pic.png") == [
        "clip/f1.png",
        "clip/f9.png",
        "clip/f10.png",
        "pic.png",
    ]
    assert input_paths.expand("content", "clip/f*") == [
        f"clip/f{name}" for name in ("1.png", "2.jpg", "9.png", "10.png")
    ]
    assert input_paths.expand("content", "clip")[1:3] == ["clip/f1.png", "clip/f2.jpg"]
    assert input_paths.expand("content", "clip/[x]*.png") == ["clip/[x]*.png"]  # a file
    with pytest.raises(errors.UserError, match=r"--content=clip/\*.tif: no pictures match"):
        input_paths.expand("content", "clip/*.tif")
    with pytest.raises(errors.UserError, match=r"clip/f\*: is a pattern; --each makes one"):
        input_paths.validate_single("pic.png", configs.Config(content="clip/f*"))
    for pattern, name in (("clip/f*.png", "clip-pic"), ("*/f1.png", "frames-pic")):
        config = configs.Config(content=pattern)
        assert input_paths.default_folder("pic.png", config, several=True).name == name


@pytest.mark.slow
def test_each_style_meets_each_content(place, exemplar, capsys):
    images.save("other.png", exemplar[::-1] ** 2)
    pathlib.Path("contents").mkdir()
    images.save("contents/one.png", exemplar[:, ::-1])
    images.save("contents/two.png", exemplar[:, :40])
    call("--style=pic.png,other.png", "--content=contents", "--each", "--workdir=run", *QUICK)
    names = ["one-pic-0", "two-pic-0", "one-other-0", "two-other-0"]
    assert capsys.readouterr().out.split() == [f"run/{name}/result.png" for name in names]
    for name in names:
        flags = provenance.read(f"run/{name}/result.png")["flags"]
        assert flags["content"] == f"contents/{name[:3]}.png"
        size = (38, 32) if "two" in name else (32, 43)
        assert images.load(f"run/{name}/result.png").shape[:2] == size

    call("--from=run/two-pic-0/result.png", "--workdir=alone")
    alone, of_batch = (images.load(f"{name}/result.png") for name in ("alone", "run/two-pic-0"))
    np.testing.assert_allclose(alone, of_batch, atol=2 / 255)


def test_styles_of_one_stem_have_different_folders(place, exemplar, capsys):
    for folder, suffix in (("a", "png"), ("b", "webp")):
        pathlib.Path(folder).mkdir()
        images.save(f"{folder}/x.{suffix}", exemplar[:: 1 if folder == "a" else -1])
    call("--style=a/x.png,b/x.webp,a/x.png", "--each", "--workdir=run", *QUICK)
    assert capsys.readouterr().out.split() == ["run/x-0/result.png", "run/x-2-0/result.png"]
    flags = [provenance.read(f"run/{name}/result.png")["flags"] for name in ("x-0", "x-2-0")]
    assert [each["style"] for each in flags] == ["a/x.png", "b/x.webp"]


def test_a_batch_that_cannot_have_a_folder_makes_none(place, exemplar, capsys):
    images.save("other.png", exemplar[::-1])
    pathlib.Path("run/other-0").mkdir(parents=True)
    pathlib.Path("run/other-0/result.png").write_text("of the user")
    before = tree(place)
    with pytest.raises(SystemExit):
        call("--style=pic.png,other.png", "--each", "--workdir=run", *QUICK)
    assert "'run/other-0/result.png' is not of a run" in capsys.readouterr().err
    assert tree(place) == before and not pathlib.Path("run/pic-0").exists()


@pytest.mark.parametrize("path", ["run/sheet.png", "run/pic-0/result.png"])
@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]], ids=["", "overwrite"])
def test_a_batch_does_not_replace_an_input(place, exemplar, capsys, path, overwrite):
    pathlib.Path(path).parent.mkdir(parents=True)
    images.save(path, exemplar)
    pathlib.Path("run/old-0").mkdir()
    pathlib.Path("run/old-0/run.json").write_text('{"flags": {}}')  # a batch was here
    before = tree(place)
    with pytest.raises(SystemExit):
        call(f"--style={path},pic.png", "--each", "--workdir=run", *QUICK, *overwrite)
    assert f"the batch would replace its input '{path}'" in capsys.readouterr().err
    assert tree(place) == before
