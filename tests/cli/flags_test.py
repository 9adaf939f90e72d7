"""Whatever stands behind a flag: it is taken, or it is one line and exit status 2. No picture is made here."""

import contextlib
import io
import pathlib

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from jaxtex import images, statistics
from jaxtex.cli import main
from jaxtex.synthesis import input_images, planning
from support import commands

QUICK = {"size": "48", "scales": "1", "octaves": "1", "layers": "relu1_1", "num_steps": "4"}
FIXED = hypothesis.settings(derandomize=True, deadline=None, database=None, max_examples=150)
FEW = hypothesis.settings(FIXED, max_examples=20)
HELD = {
    "help",
    "helpshort",
    "helpfull",
    "helpxml",
    "flagfile",
    "undefok",
    "distributed",
}  # absl's own; what joins others
PATHS = "style.png small.png text.png empty.png folder pipe none.png style.png,style.png /dev/zero out.jpg out.tif a/b.png"
PARTS = """random random:1 random:x relu1_1 relu1_1:2 relu3_1:17 relu1_1:nan pool5 conv1_1,pool1:0.5 pca_gram:k=3 gram@ + *
    gram+0.5*sorted@relu1_1 1* joint:window=5 rows:1 images:1 rows:99 x xy none auto list all reflect/wrap / spectrum style
    content luminance true nan inf -inf 1e400 -0 0 1 8 16 32 48 63 1_0 2147483648 99999999999999999999 -1 0x10 1.5 1e3 ٣"""
ODD = ["", " ", "\t", "\0", "\n", "\udcff", "out.gif", "ä.png"]


def words() -> list[str]:
    """What may stand behind some flag, whole or as a part."""
    named = [word for table in main.CHOICES.values() for word in table]
    return [*named, *statistics.STATISTICS, *PATHS.split(), *PARTS.split(), *ODD]


WORDS = strategies.sampled_from(words())
TEXT = strategies.text(strategies.characters(), max_size=8)
NUMBERS = strategies.one_of(
    strategies.integers(), strategies.floats(), strategies.integers(-2, 70)
).map(str)
JOINED = strategies.lists(strategies.one_of(WORDS, TEXT), min_size=2, max_size=3).flatmap(
    lambda parts: strategies.sampled_from(",:+*@=/;").map(lambda mark: mark.join(parts))
)
VALUES = strategies.one_of(WORDS, WORDS, JOINED, NUMBERS, TEXT)


def names() -> list[str]:
    """The flags of the command."""
    return sorted(name for name in main.FLAGS if name not in HELD)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a picture, files that are none, and room for outputs; nothing of it is a network's weights."""
    found = tmp_path_factory.mktemp("flags")
    picture = np.random.default_rng(0).random((48, 64, 3))
    images.save(found / "style.png", picture)
    images.save(found / "small.png", picture[:20])
    (found / "text.png").write_text("no picture")
    (found / "empty.png").write_bytes(b"")
    (found / "folder").mkdir()
    pathlib.os.mkfifo(found / "pipe")
    return found


def planned(styles, config):
    """In place of runs: all that is held against the choices before they are made."""
    planning.check([images.load(path) for path in input_images.split_paths(styles)], config)
    return np.zeros((32, 32, 3))


def planned_batch(styles, config, *_):
    """Likewise."""
    for style in styles:
        planned(style, config)
    return []


@contextlib.contextmanager
def nothing_made(folder):
    """The command in this folder, with nothing behind it that takes long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(main.execution, "make", lambda run, profile: planned(run.style, run.config))
        patch.setattr(main.execution, "make_batch", planned_batch)
        patch.setattr(main.execution, "plan", planned)
        patch.setattr(main.estimates, "table", lambda plan: [{"size": 1}])
        yield


def outcome(folder, arguments: list[str]) -> str:
    """What the command says of a mistake; empty: it takes the flags."""
    told = io.StringIO()
    with (
        nothing_made(folder),
        contextlib.redirect_stderr(told),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        try:
            commands.call(main, "jaxtex", *arguments)
        except SystemExit as left:
            lines = told.getvalue().splitlines()
            assert left.code == 2 or all(line.startswith("jaxtex: failed: ") for line in lines), (
                left.code,
                lines,
            )
            return told.getvalue() if left.code == 2 else ""
    return ""


def flagged(given: dict[str, str]) -> list[str]:
    """The arguments; pictures of thousands of pixels are allowed, but not here."""
    sides = [given.get(name, "0") for name in ("size", "height", "width")]
    hypothesis.assume(not any(side.isdecimal() and 200 < int(side) <= 16384 for side in sides))
    return [f"--{name}={value}" for name, value in {"style": "style.png", **QUICK, **given}.items()]


def assert_at_most_one_line(folder, arguments: list[str]) -> None:
    """Of a command that is left with status 2, or is done."""
    message = outcome(folder, arguments)
    assert not message or (message.startswith("jaxtex: ") and len(message.splitlines()) == 1), (
        message
    )


@FEW
@hypothesis.given(strategies.data())
@pytest.mark.parametrize("name", names())
def test_any_value_of_any_flag(folder, name, data):
    assert_at_most_one_line(folder, flagged({name: data.draw(VALUES)}))


@FIXED
@hypothesis.given(
    strategies.dictionaries(strategies.sampled_from(names()), VALUES, min_size=2, max_size=4)
)
def test_any_values_of_several_flags(folder, given):
    assert_at_most_one_line(folder, flagged(given))


LINE = strategies.builds("--{}={}".format, strategies.sampled_from(names()), VALUES)
ENCODED = LINE.map(lambda line: line.encode(errors="replace"))
LINES = strategies.lists(ENCODED | strategies.binary(max_size=20), max_size=3)


@FIXED
@hypothesis.given(LINES)
def test_any_flagfile(folder, lines):
    (folder / "flags").write_bytes(
        b"\n".join([b"--style=style.png", *lines, b"--size=48", b"--height=0", b"--width=0"])
    )
    hypothesis.assume(b"--flagfile" not in (folder / "flags").read_bytes())
    assert_at_most_one_line(folder, ["--flagfile=flags"])
