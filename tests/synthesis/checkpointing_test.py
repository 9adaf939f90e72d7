"""Tests of checkpoints: an interrupted run resumes to the same image, bit for bit.

Damaged checkpoints are skipped, and those of another run are refused.
"""

import json

import numpy as np
import pytest

from jaxtex import errors, optimizers, statistics
from jaxtex.runtime import device_memory, distributed
from jaxtex.synthesis import api, batches, checkpointing, compilation, loop, stepping
from jaxtex.synthesis import config as configs

QUICK = {
    "size": 64,
    "scales": 2,
    "octaves": 1,
    "layers": "relu1_1,relu2_1",
    "num_steps": 10,
    "save_every": 4,
    "renew_every": 3,
}
ONE_SCALE = {"scales": 1, "size": 32, "layers": "relu1_1"}
WITH_CRITIC = [name for name, make in statistics.STATISTICS.items() if make().critic]


@pytest.fixture
def stop_after(monkeypatch):
    """Returns a function that sets after how many steps a signal arrives.

    Checkpoints are saved then only, not by the clock.
    """
    monkeypatch.setattr(checkpointing, "MIN_INTERVAL", 1e9)

    def stop_after(steps):
        remaining = iter(range(steps - 1, -1, -1))

        def requested():
            return next(remaining, 1) == 0

        monkeypatch.setattr(distributed, "preemption_requested", requested)

    return stop_after


def build_plan(exemplar, **choices):
    return api.build_plan(exemplar, configs.Config(**(QUICK | choices)))


def run_interrupted(run, stop_after, every):
    """Runs until the end, interrupted after each `every` steps.

    Returns:
      The result, and how often the run was started.
    """
    for starts in range(1, 100):
        stop_after(every)
        try:
            return run(), starts
        except errors.Preempted:
            pass
    raise AssertionError("the run does not end")


def compare_with_interrupted(plan, folder, stop_after, every=3):
    """Runs a plan without and with interruptions, and compares the results.

    Returns:
      What observers received without interruption, and with them.
    """
    whole, pieces = [], []
    with compilation.compile_chunks(plan) as chunks:
        expected = loop.descend(plan, chunks, whole.append)

        def run():
            checkpointer = checkpointing.FileCheckpointer(folder, {"run": 1})
            return loop.descend(plan, chunks, pieces.append, checkpointer)

        result, starts = run_interrupted(run, stop_after, every)
    assert starts > 2
    np.testing.assert_array_equal(result, expected)
    return whole, pieces


def stop(plan, folder, stop_after, steps, identity=1):
    """Runs a plan for some steps, until a signal arrives."""
    stop_after(steps)
    with pytest.raises(errors.Preempted, match="saved after step"):
        loop.run(plan, checkpointer=checkpointing.FileCheckpointer(folder, identity))


@pytest.mark.slow
@pytest.mark.parametrize("statistic", statistics.STATISTICS)
def test_any_statistic_resumes_to_the_same_image(exemplar, tmp_path, stop_after, statistic):
    plan = build_plan(
        exemplar,
        statistic=statistic,
        optimizer="adam" if statistic in WITH_CRITIC else "lbfgs",
        scales=1,
        size=40,
        layers="relu1_1",
        num_steps=5,
        renew_every=2,
    )
    whole, pieces = compare_with_interrupted(plan, tmp_path / "checkpoints", stop_after, every=2)
    np.testing.assert_array_equal(pieces[-1].image, whole[-1].image)


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS)
def test_observers_receive_the_same_as_without_interruption(
    exemplar, tmp_path, stop_after, optimizer, every
):
    plan = build_plan(exemplar, optimizer=optimizer, statistic="sliced_wasserstein")
    whole, pieces = compare_with_interrupted(plan, tmp_path / "checkpoints", stop_after, every)
    assert [progress.step for progress in pieces] == [progress.step for progress in whole]
    for one, other in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        assert one.infos.terms.keys() == other.infos.terms.keys()
        np.testing.assert_array_equal(one.infos.evaluated, other.infos.evaluated)


@pytest.mark.slow
@pytest.mark.parametrize("separately", [True, False], ids=["threads", "vmap"])
def test_a_batch_resumes_to_the_same_images(
    exemplar, tmp_path, stop_after, monkeypatch, separately
):
    monkeypatch.setattr(batches, "runs_separately", lambda plan: separately)
    config = configs.Config(**QUICK | {"layers": "relu1_1"})
    plans = api.build_batch([[exemplar], [exemplar[::-1] ** 2]], config)
    observers = [lambda progress: None] * 2
    expected = dict(batches.run(plans, observers))

    def run():
        checkpointers = [checkpointing.FileCheckpointer(tmp_path / str(i), i) for i in range(2)]
        return dict(batches.run(plans, observers, checkpointers))

    results, starts = run_interrupted(run, stop_after, 3)
    assert starts > 2
    for i in range(2):
        np.testing.assert_array_equal(results[i], expected[i])


@pytest.mark.slow
def test_a_damaged_checkpoint_is_skipped(exemplar, tmp_path, stop_after, caplog):
    plan = build_plan(exemplar)
    for _ in range(3):
        stop(plan, tmp_path, stop_after, 2)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["00000004.npz", "00000006.npz"]

    newest = tmp_path / "00000006.npz"
    for damaged in (b"", b"PK", newest.read_bytes()[:-1000]):
        newest.write_bytes(damaged)
        assert checkpointing.FileCheckpointer(tmp_path, 1).restore(plan).step == 4
        assert "00000006.npz is damaged" in caplog.text
        caplog.clear()
    (tmp_path / "00000004.npz").unlink()
    assert checkpointing.FileCheckpointer(tmp_path, 1).restore(plan) is None


def test_a_flipped_bit_never_changes_the_state(exemplar, tmp_path, stop_after):
    plan = build_plan(exemplar, **ONE_SCALE)
    stop(plan, tmp_path, stop_after, 2)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    expected = checkpointing.FileCheckpointer(tmp_path, 1).restore(plan)

    rng = np.random.default_rng(0)
    skipped = 0
    for position in rng.integers(0, len(content), 40):
        flipped = bytearray(content)
        flipped[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        restored = checkpointing.FileCheckpointer(tmp_path, 1).restore(plan)
        # Some bytes carry no value, such as a date: then the file is not damaged.
        skipped += restored is None
        if restored is not None:
            for one, other in zip(restored.state[:4], expected.state[:4], strict=True):
                np.testing.assert_array_equal(one, other)
    assert skipped > 30


def test_a_checkpoint_of_another_run_is_refused(exemplar, tmp_path, stop_after):
    plan = build_plan(exemplar, **ONE_SCALE)
    stop(plan, tmp_path, stop_after, 2)
    with pytest.raises(errors.UserError, match="belongs to another run; --overwrite"):
        checkpointing.FileCheckpointer(tmp_path, 2).restore(plan)


def test_a_checkpoint_of_other_shapes_counts_as_damaged(exemplar, tmp_path, stop_after, caplog):
    stop(build_plan(exemplar, **ONE_SCALE), tmp_path, stop_after, 2)
    other = build_plan(exemplar, **ONE_SCALE, history=3)
    assert checkpointing.FileCheckpointer(tmp_path, 1).restore(other) is None
    assert "00000002.npz is damaged (ValueError)" in caplog.text


def test_other_files_are_no_checkpoints(exemplar, tmp_path, stop_after):
    plan = build_plan(exemplar, **ONE_SCALE)
    stop(plan, tmp_path, stop_after, 2)
    others = [tmp_path / name for name in ("keep-a.npz", "keep-b.npz", "3.npz")]
    for path in others:
        path.write_bytes((tmp_path / "00000002.npz").read_bytes())
    stop(plan, tmp_path, stop_after, 3)
    names = ["00000005.npz", "00000002.npz"]
    assert [path.name for path in checkpointing.newest_first(tmp_path)] == names
    assert all(path.exists() for path in others)
    assert checkpointing.FileCheckpointer(tmp_path, 1).restore(plan).step == 5


def test_checkpoints_are_ordered_by_steps(tmp_path):
    names = ["100000000.npz", "99999999.npz", "00000002.npz"]
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in checkpointing.newest_first(tmp_path)] == names


def test_objects_in_a_checkpoint_are_not_unpickled(tmp_path, exemplar, caplog):
    about = np.array([{"identity": 1}], dtype=object)
    np.savez(tmp_path / "00000001.npz", about=about)
    assert checkpointing.FileCheckpointer(tmp_path, 1).restore(build_plan(exemplar)) is None
    assert "00000001.npz is damaged (ValueError)" in caplog.text


def test_observed_work_is_flushed_before_a_checkpoint_is_written(exemplar, tmp_path, stop_after):
    plan = build_plan(exemplar, **ONE_SCALE)
    files = []  # in the folder at each call of flush

    def flush():
        files.append(len(list(tmp_path.glob("*.npz"))))

    stop_after(2)
    with pytest.raises(errors.Preempted):
        loop.run(plan, checkpointer=checkpointing.FileCheckpointer(tmp_path, 1, flush))
    assert files == [0] and len(list(tmp_path.glob("*.npz"))) == 1


@pytest.mark.slow
def test_a_checkpoint_says_what_it_belongs_to(exemplar, tmp_path, stop_after):
    plan = build_plan(exemplar, strips="none,16", statistic="gram")
    stop(plan, tmp_path, stop_after, 7, identity={"style": "pebbles"})
    with np.load(tmp_path / "00000007.npz") as file:
        about = json.loads(str(file["about"]))
    assert about == {
        "identity": {"style": "pebbles"},
        "number": 2,
        "step": 7,
        "strips": "none,16",
    }


def test_saving_takes_a_small_share_of_the_time(exemplar, tmp_path, monkeypatch):
    """Here each look at the clock takes half a second, and so does saving."""
    clock = iter(np.arange(0.0, 1e6, 0.5))
    monkeypatch.setattr(checkpointing.time, "monotonic", lambda: next(clock))
    plan = build_plan(exemplar, **ONE_SCALE)
    checkpointer = checkpointing.FileCheckpointer(tmp_path, 1)
    state = stepping.init_state(plan, plan.problems[0])
    for step in range(1, 401):
        checkpointer.save(plan, loop.LoopState(1, step, state))

    steps = [int(path.stem) for path in sorted(tmp_path.iterdir())]
    assert len(steps) == checkpointing.NUM_KEPT
    # One look at the clock, half a second, for each step in between.
    assert np.diff(steps) * 0.5 >= 0.5 / checkpointing.MAX_TIME_SHARE - 1


@pytest.mark.slow
def test_strips_stay_the_same_when_the_free_memory_changes(
    exemplar, tmp_path, stop_after, monkeypatch
):
    config = configs.Config(**QUICK | {"statistic": "gram", "height": 96})
    with monkeypatch.context() as little_memory:
        little_memory.setattr(device_memory, "available_bytes", lambda: 1e6)
        little_memory.setattr(device_memory, "exceeds_memory", lambda feature_bytes: False)
        plan = api.build_plan(exemplar, config)
        strips = [problem.strip for problem in plan.problems]
        assert all(strips)
        stop(plan, tmp_path, stop_after, 2)

    restored = checkpointing.restore_strips(tmp_path, config)
    assert [problem.strip for problem in api.build_plan(exemplar, restored).problems] == strips
    assert checkpointing.restore_strips(tmp_path / "missing", config) == config
