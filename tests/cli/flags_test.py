"""Any value of any flag is accepted, or ends in one line and exit status 2. No picture is made."""

import contextlib
import io
import pathlib

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from jaxtex import errors, images, statistics
from jaxtex.cli import flag_parsing, flags, main, output_file
from jaxtex.runs import batch_execution, execution
from jaxtex.synthesis import estimates
from jaxtex.viewer import server

QUICK = {"size": "48", "scales": "1", "octaves": "1", "layers": "relu1_1", "num_steps": "4"}
FIXED = hypothesis.settings(derandomize=True, deadline=None, database=None, max_examples=150)
FEW = hypothesis.settings(FIXED, max_examples=20)
SKIPPED = {"distributed"}  # would wait for other processes
PATHS = """style.png small.png text.png empty.png folder pipe none.png style.png,style.png /dev/zero
    out.jpg out.tif a/b.png"""
PARTS = """random random:1 random:x relu1_1 relu1_1:2 relu3_1:17 relu1_1:nan pool5 conv1_1,pool1:0.5
    pca_gram:k=3 gram@ + * gram+0.5*sorted@relu1_1 1* joint:window=5 rows:1 images:1 rows:99 x xy
    none auto list all reflect/wrap / spectrum style content luminance true nan inf -inf 1e400 -0 0
    1 8 16 32 48 63 1_0 2147483648 99999999999999999999 -1 0x10 1.5 1e3 ٣"""
ODD = ["", " ", "\t", "\0", "\n", "\udcff", "out.gif", "ä.png"]


def words() -> list[str]:
    """Lists values, and parts of values, that some flag accepts."""
    named = [word for table in flags.CHOICES.values() for word in table]
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
    """Lists the flags of the command."""
    return sorted(name for name in flags.define_flags() if name not in SKIPPED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Creates a folder with a picture and with files that are not pictures."""
    path = tmp_path_factory.mktemp("flags")
    picture = np.random.default_rng(0).random((48, 64, 3))
    images.save(path / "style.png", picture)
    images.save(path / "small.png", picture[:20])
    (path / "text.png").write_text("no picture")
    (path / "empty.png").write_bytes(b"")
    (path / "folder").mkdir()
    pathlib.os.mkfifo(path / "pipe")
    return path


def plan_only(style, config):
    """Stands in for a run: validates everything that is validated before the run begins."""
    execution.plan_run(style, config)
    return np.zeros((32, 32, 3), np.float32)


def plan_batch_only(styles, config, *_):
    """Stands in for a batch, as `plan_only`."""
    for style in styles:
        plan_only(style, config)
    return []


@contextlib.contextmanager
def nothing_made(folder):
    """Enters the folder and replaces everything that takes long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(execution, "make_run", lambda run, _: plan_only(run.style, run.config))
        patch.setattr(batch_execution, "make_batch", plan_batch_only)
        patch.setattr(estimates, "estimate_table", lambda plan: [{"size": 1}])
        patch.setattr(output_file, "save", lambda *_: None)
        patch.setattr(server, "serve_forever", lambda port, folder: None)
        yield


def outcome(folder, arguments: list[str]) -> str:
    """Runs the command and returns its error message; empty if it accepts the flags."""
    stderr = io.StringIO()
    with (
        nothing_made(folder),
        contextlib.redirect_stderr(stderr),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        try:
            flag_parsing.run(main.COMMAND, arguments)
        except SystemExit as left:
            lines = stderr.getvalue().splitlines()
            failures = [line for line in lines if line.startswith("jaxtex: failed: ")]
            assert left.code in (0, 2) or (lines and failures == lines), (left.code, lines)
            return stderr.getvalue() if left.code == 2 else ""
    return ""


def flagged(given: dict[str, str]) -> list[str]:
    """Builds the arguments; skips pictures of thousands of pixels, which are valid but slow."""
    sides = [given.get(name, "0") for name in ("size", "height", "width")]
    hypothesis.assume(not any(side.isdecimal() and 200 < int(side) <= 16384 for side in sides))
    return [f"--{name}={value}" for name, value in {"style": "style.png", **QUICK, **given}.items()]


def assert_at_most_one_line(folder, arguments: list[str]) -> None:
    """Asserts that the command ends with one line and status 2, or succeeds."""
    message = outcome(folder, arguments)
    assert not message or (message.startswith("jaxtex: ") and len(message.splitlines()) == 1), (
        message
    )


@pytest.mark.slow
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


@pytest.mark.slow
@FIXED
@hypothesis.given(LINES)
def test_any_flagfile(folder, lines):
    (folder / "flags").write_bytes(
        b"\n".join([b"--style=style.png", *lines, b"--size=48", b"--height=0", b"--width=0"])
    )
    hypothesis.assume(b"--flagfile" not in (folder / "flags").read_bytes())
    assert_at_most_one_line(folder, ["--flagfile=flags"])


def test_a_value_of_a_negated_flag_is_refused_in_a_run_of_a_sweep():
    with pytest.raises(errors.UserError, match="--nomake_tileable=0 does not take an argument"):
        flags.parse_run(["--style=pebbles", "--nomake_tileable=0"])
