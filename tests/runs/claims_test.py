"""Tests of claims: files that no run made are kept, and a run with more steps continues exactly."""

import dataclasses
import json
import os
import pathlib

import numpy as np
import pytest

from jaxtex import errors, images
from jaxtex.runs import batch_execution, claims, execution, provenance, run_folder
from jaxtex.runtime import distributed
from jaxtex.synthesis import checkpointing, config

SMALL = {"size": 48, "scales": 1, "octaves": 1, "layers": "relu1_1", "num_steps": 4}
CONTINUE = execution.RunOptions(continues=True, keep_state=True)
KEEP = execution.RunOptions(keep_state=True)
OWN_FILES = [
    *run_folder.FILES,
    "result-normal.png",
    "steps/000010.png",
    "checkpoints/00000004.npz",
]
OTHER_FILES = ["photo.png", "steps/first.png", "checkpoints/keep-a.npz", ".draft.part"]


@pytest.fixture
def run(tmp_path, exemplar):
    images.save(tmp_path / "style.png", exemplar)
    return execution.Run(str(tmp_path / "style.png"), config.Config(**SMALL), tmp_path / "run")


@pytest.fixture(autouse=True)
def no_timed_checkpoints(monkeypatch):
    """Disables checkpoints by time."""
    monkeypatch.setattr(checkpointing, "MIN_INTERVAL", 1e9)


def place(folder, name):
    """Writes a file of a user into a folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("of the user")
    return path


@pytest.mark.parametrize("name", OWN_FILES)
def test_a_file_that_no_run_made_is_kept(tmp_path, name):
    folder = tmp_path / "run"
    path = place(folder, name)
    before = sorted(tmp_path.rglob("*"))
    identity = {"flags": {"maps": "normal.png"}, "inputs": {}}
    with (
        pytest.raises(errors.UserError, match=f"'{path}' is not of a run and would be replaced"),
        claims.claim(folder, identity, {}),
    ):
        pass
    assert path.read_text() == "of the user" and sorted(tmp_path.rglob("*")) == before
    with claims.claim(folder, identity, {}, overwrite=True):
        pass


@pytest.mark.parametrize("name", [*OWN_FILES, *OTHER_FILES])
def test_own_files(tmp_path, name):
    path = place(tmp_path / "run", name)
    (tmp_path / "link").symlink_to(path)
    for spelling in (path, tmp_path / "link", tmp_path / "run" / ".." / "run" / name):
        is_own = claims.is_own_file(tmp_path / "run", spelling, ["a/normal.jpg"])
        assert is_own == (name in OWN_FILES)


@pytest.mark.slow
def test_other_files_in_the_folder_stay(run):
    kept = [place(run.folder, name) for name in OTHER_FILES]
    execution.make_run(run)
    execution.make_run(run, execution.RunOptions(overwrite=True))
    assert all(path.read_text() == "of the user" for path in kept)


def test_metrics_of_another_program_are_kept(tmp_path):
    (tmp_path / run_folder.METRICS).write_text('{"step": 1, "loss": 0.5}\n')
    (tmp_path / run_folder.RECORD).write_text('{"id": 7}')
    assert not run_folder.is_run(tmp_path)
    assert claims.foreign_file(tmp_path) == tmp_path / run_folder.RECORD


def test_what_a_killed_process_left_is_used(tmp_path):
    (tmp_path / run_folder.STEPS).mkdir()
    (tmp_path / run_folder.METRICS).write_text("")
    with claims.claim(tmp_path, {"flags": {}, "inputs": {}}, {}):
        assert run_folder.is_run(tmp_path)


@pytest.mark.parametrize("name", claims.SUMMARIES)
def test_a_summary_replaces_only_summaries(tmp_path, name):
    assert claims.foreign_summary(tmp_path) is None
    path = place(tmp_path, name)
    with pytest.raises(errors.UserError, match=f"--folder={tmp_path}: '{path}' is not of several"):
        claims.refuse_foreign_summary("folder", tmp_path)

    place(tmp_path / "a-run", run_folder.RECORD).write_text('{"flags": {}}')
    assert claims.foreign_summary(tmp_path) is None
    place(tmp_path, run_folder.RECORD).write_text('{"flags": {}}')  # a run of its own
    assert claims.foreign_summary(tmp_path) == tmp_path / run_folder.SHEET


@pytest.mark.parametrize("name", ["result.png", "exemplar.png", "steps/000002.png"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_does_not_replace_its_input(run, exemplar, name, overwrite):
    (run.folder / "steps").mkdir(parents=True)
    images.save(run.folder / name, exemplar)
    with pytest.raises(errors.UserError, match=f"would replace its input '.*{name}'"):
        execution.make_run(
            run._replace(style=str(run.folder / name)), execution.RunOptions(overwrite=overwrite)
        )
    np.testing.assert_allclose(images.load(run.folder / name), exemplar, atol=0.51 / 255)


def with_steps(run, num_steps, **choices):
    """Returns a run with another number of steps."""
    return run._replace(config=dataclasses.replace(run.config, num_steps=num_steps, **choices))


def recorded(run):
    """Returns the run as run.json describes it, in a folder of its own."""
    flags = json.loads((run.folder / run_folder.RECORD).read_text())["flags"]
    style = flags.pop("style")
    return execution.Run(style, config.Config(**flags), run.folder.with_name("whole"))


def assert_as_from_the_beginning(run):
    """Asserts that a continued run has the files of a run with the flags that it records."""
    whole = recorded(run)
    execution.make_run(whole)
    for name in (run_folder.RESULT, run_folder.SHEET):
        assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    rows, expected = (run_folder.read_metrics(folder) for folder in (run.folder, whole.folder))
    assert [{**row, "seconds": 0} for row in rows] == [{**row, "seconds": 0} for row in expected]


@pytest.mark.parametrize(
    "choices, kept",
    [
        ({}, True),
        pytest.param({}, False, marks=pytest.mark.slow),
        pytest.param({"scales": 2, "size": 64}, True, marks=pytest.mark.slow),
        pytest.param({"scales": 2, "size": 64, "shares": "1,3"}, True, marks=pytest.mark.slow),
        pytest.param({"scales": 2, "size": 64}, False, marks=pytest.mark.slow),
        pytest.param(
            {"statistic": "sliced_wasserstein", "renew_every": 2}, True, marks=pytest.mark.slow
        ),
        pytest.param({"optimizer": "adam"}, True, marks=pytest.mark.slow),
        pytest.param(
            {"optimizer": "adam", "statistic": "discriminator"}, True, marks=pytest.mark.slow
        ),
    ],
)
def test_a_finished_run_continues_bit_for_bit(run, caplog, choices, kept):
    caplog.set_level("INFO", "jaxtex")
    run = run._replace(config=dataclasses.replace(run.config, save_every=2, **choices))
    execution.make_run(run, KEEP if kept else execution.DEFAULT_OPTIONS)
    longer = with_steps(run, 10)
    with pytest.raises(errors.UserError, match="4 there, 10 here.*--continue makes the further"):
        execution.make_run(longer)
    assert execution.is_done(run)

    execution.make_run(longer, CONTINUE)
    assert ("resumes after step 4 of 10" in caplog.text) == kept
    assert_as_from_the_beginning(longer)
    assert execution.make_run(longer, CONTINUE) is None  # finished


@pytest.mark.slow
@pytest.mark.parametrize("stops", [(2, 3), (4, 7)])  # steps after which it is interrupted
def test_an_interrupted_run_continues_bit_for_bit(run, monkeypatch, stops):
    run = run._replace(config=dataclasses.replace(run.config, save_every=2))
    number = 0
    for each, stop in zip((run, with_steps(run, 10)), stops, strict=True):
        left = iter(range(stop - number - 1, -1, -1))
        monkeypatch.setattr(
            distributed, "preemption_requested", lambda left=left: not next(left, 1)
        )
        with pytest.raises(errors.Preempted):
            execution.make_run(each, CONTINUE)
        number = stop
    monkeypatch.setattr(distributed, "preemption_requested", lambda: False)
    longer = with_steps(run, 10)
    execution.make_run(longer, CONTINUE)
    assert_as_from_the_beginning(longer)


@pytest.mark.slow
def test_a_batch_continues(run):
    def make(num_steps, folder, options=execution.DEFAULT_OPTIONS):
        choices = with_steps(run, num_steps, scales=2, size=64).config
        return batch_execution.make_batch([run.style], choices, 2, folder, options)

    first, second = make(4, run.folder)
    with pytest.raises(errors.UserError, match="--continue makes the further steps"):
        make(10, run.folder)
    assert execution.is_done(first) and execution.is_done(second)
    for each in make(10, run.folder, execution.RunOptions(continues=True)):
        assert execution.is_done(each) and each.config.shares == "1,3"
        whole = each._replace(folder=run.folder.with_name(each.folder.name))
        execution.make_run(whole)
        results = [images.load(one.folder / run_folder.RESULT) for one in (each, whole)]
        np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"num_steps": 3}, r"--num_steps: 4 there, 3 here\); --overwrite"),
        ({"num_steps": 9, "seed": 1}, r"--seed: 0 there, 1 here\); --overwrite"),
        (
            {"num_steps": 9, "statistic": "gram"},
            r"--statistic: mean_and_covariance there, gram here",
        ),
    ],
)
def test_what_cannot_continue_is_refused_and_kept(run, changes, text):
    execution.make_run(run)
    before = (run.folder / run_folder.DONE).read_text()
    other = run._replace(config=dataclasses.replace(run.config, **changes))
    with pytest.raises(errors.UserError, match=text):
        execution.make_run(other, CONTINUE)
    assert (run.folder / run_folder.DONE).read_text() == before


@pytest.mark.slow
def test_a_state_is_kept_on_request_up_to_a_size(run, monkeypatch):
    checkpoints = run.folder / run_folder.CHECKPOINTS
    execution.make_run(run)
    assert not checkpoints.exists()
    execution.make_run(run, KEEP._replace(overwrite=True))
    assert os.listdir(checkpoints) == ["00000004.npz"]
    monkeypatch.setattr(execution, "MAX_KEPT_BYTES", 1000)
    execution.make_run(run, KEEP._replace(overwrite=True))
    assert not checkpoints.exists() and execution.is_done(run)


def test_a_style_named_like_a_key_is_compared(run, exemplar, monkeypatch):
    monkeypatch.chdir(run.folder.parent)
    for name in (provenance.WEIGHTS, "flags", "inputs", "style"):
        images.save("style.png", exemplar)
        pathlib.Path("style.png").rename(name)
        before = provenance.identity(name, run.config)
        images.save("style.png", exemplar[::-1])
        pathlib.Path("style.png").rename(name)
        after = provenance.identity(name, run.config)
        assert before != after and before["inputs"]["weights"] == after["inputs"]["weights"]
