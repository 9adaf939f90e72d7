"""A run that was cut off goes on to the very same picture; what is damaged, or another run's, is not taken for it."""

import numpy as np
import pytest

from jaxtex import errors, optimizers, statistics
from jaxtex.runtime import distributed
from jaxtex.synthesis import api, batches, checkpointing, compilation, config, loop, stepping

QUICK = {
    "size": 64,
    "scales": 2,
    "octaves": 1,
    "layers": "relu1_1,relu2_1",
    "num_steps": 10,
    "save_every": 4,
    "renew_every": 3,
}


@pytest.fixture
def patience(monkeypatch):
    """Sets after how many steps the process is told to leave, each time that it is begun; it is saved then, only."""
    monkeypatch.setattr(checkpointing, "MIN_INTERVAL", 1e9)

    def leave_after(steps):
        left = iter(range(steps - 1, -1, -1))
        monkeypatch.setattr(distributed, "preemption_requested", lambda: next(left, 1) == 0)

    return leave_after


def insist(run, patience, every):
    """Begins again until it is done; how often it was begun."""
    for times in range(1, 100):
        patience(every)
        try:
            return run(), times
        except errors.Preempted:
            pass
    raise AssertionError("it does not come to an end")


def whole_and_in_pieces(plan, folder, patience, every=3):
    whole, pieces = [], []
    chunks = [compilation.build_chunk(plan, problem, looped=False)() for problem in plan.problems]
    uninterrupted = loop.descend(plan, chunks, whole.append)
    keeper = lambda: checkpointing.FileCheckpointer(folder, {"run": 1})
    found, times = insist(
        lambda: loop.descend(plan, chunks, pieces.append, keeper()), patience, every
    )
    assert times > 2
    np.testing.assert_array_equal(found, uninterrupted)
    return whole, pieces


def plan_of(exemplar, **choices):
    return api.build_plan(exemplar, config.Config(**(QUICK | choices)))


CRITICS = [name for name, make in statistics.STATISTICS.items() if make().critic]


@pytest.mark.parametrize("statistic", statistics.STATISTICS)
def test_any_statistic_goes_on_to_the_same_picture(exemplar, tmp_path, patience, statistic):
    choices = {"statistic": statistic, "optimizer": "adam" if statistic in CRITICS else "lbfgs"}
    plan = plan_of(
        exemplar, **choices, scales=1, size=40, layers="relu1_1", num_steps=5, renew_every=2
    )
    whole, pieces = whole_and_in_pieces(plan, tmp_path / "saves", patience, 2)
    np.testing.assert_array_equal(pieces[-1].image, whole[-1].image)


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS)
def test_observers_see_every_step_once_and_as_it_was(
    exemplar, tmp_path, patience, optimizer, every
):
    plan = plan_of(exemplar, optimizer=optimizer, statistic="sliced_wasserstein")
    whole, pieces = whole_and_in_pieces(plan, tmp_path / "saves", patience, every)
    assert [progress.step for progress in pieces] == [progress.step for progress in whole]
    for one, other in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        assert one.infos.terms.keys() == other.infos.terms.keys()
        np.testing.assert_array_equal(one.infos.evaluated, other.infos.evaluated)


@pytest.mark.parametrize("alone", [True, False], ids=["apart", "together"])
def test_a_batch_goes_on_to_the_same_pictures(exemplar, tmp_path, patience, monkeypatch, alone):
    monkeypatch.setattr(batches, "runs_separately", lambda plan: alone)
    plans = api.build_batch(
        [[exemplar], [exemplar[::-1] ** 2]], config.Config(**QUICK | {"layers": "relu1_1"})
    )
    unseen = [lambda progress: None] * 2
    keepers = lambda: [checkpointing.FileCheckpointer(tmp_path / str(i), i) for i in range(2)]
    whole = dict(batches.run(plans, unseen))
    found, times = insist(lambda: dict(batches.run(plans, unseen, keepers())), patience, 3)
    assert times > 2
    for i in range(2):
        np.testing.assert_array_equal(found[i], whole[i])


def stopped(plan, folder, patience, steps, identity=1):
    patience(steps)
    with pytest.raises(errors.Preempted, match="saved after step"):
        loop.run(plan, keeper=checkpointing.FileCheckpointer(folder, identity))


def test_a_damaged_checkpoint_is_passed_over(exemplar, tmp_path, patience, caplog):
    plan = plan_of(exemplar)
    for _ in range(3):
        stopped(plan, tmp_path, patience, 2)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["00000004.npz", "00000006.npz"]
    for harm in (b"", b"PK", (tmp_path / "00000006.npz").read_bytes()[:-1000]):
        (tmp_path / "00000006.npz").write_bytes(harm)
        assert checkpointing.FileCheckpointer(tmp_path, 1).restore(plan).step == 4
        assert "00000006.npz is damaged" in caplog.text
    (tmp_path / "00000004.npz").unlink()
    assert checkpointing.FileCheckpointer(tmp_path, 1).restore(plan) is None


def test_no_flipped_bit_goes_unseen(exemplar, tmp_path, patience):
    plan, rng = plan_of(exemplar, scales=1, size=32), np.random.default_rng(0)
    stopped(plan, tmp_path, patience, 2)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    before = checkpointing.FileCheckpointer(tmp_path, 1).restore(plan)
    for place in rng.integers(0, len(whole), 40):
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << int(rng.integers(8))]) + whole[place + 1 :]
        )
        found = checkpointing.FileCheckpointer(tmp_path, 1).find(
            plan
        )  # a byte that says nothing, such as a date, may be any
        assert found is None or all(map(np.array_equal, found.state[:4], before.state[:4]))


def test_a_state_of_another_run_is_refused(exemplar, tmp_path, patience):
    plan = plan_of(exemplar)
    stopped(plan, tmp_path, patience, 2)
    with pytest.raises(errors.UserError, match="of another run; --overwrite"):
        checkpointing.FileCheckpointer(tmp_path, 2).restore(plan)


def test_a_state_of_other_shapes_is_damaged(exemplar, tmp_path, patience):
    stopped(plan_of(exemplar), tmp_path, patience, 2)
    assert checkpointing.FileCheckpointer(tmp_path, 1).restore(plan_of(exemplar, history=3)) is None


def test_nothing_in_a_checkpoint_is_run(tmp_path, exemplar):
    np.savez(tmp_path / "00000001.npz", about=np.array([{"identity": 1}], dtype=object))
    assert checkpointing.FileCheckpointer(tmp_path, 1).restore(plan_of(exemplar)) is None


def test_saving_takes_a_small_share_of_the_time(exemplar, tmp_path, monkeypatch):
    """Here each look at the clock takes half a second, and so does saving."""
    clock = iter(np.arange(0.0, 1e6, 0.5))
    monkeypatch.setattr(checkpointing.time, "monotonic", lambda: next(clock))
    plan, keeper, kept = plan_of(exemplar), checkpointing.FileCheckpointer(tmp_path, 1), []
    monkeypatch.setattr(keeper, "_save", lambda plan, standing: kept.append(standing.step))
    state = stepping.init_state(plan, plan.problems[0])
    for step in range(200):
        keeper.save(plan, loop.LoopState(1, step, state))
    assert len(kept) >= 2 and np.diff(kept).min() * 0.5 >= 0.5 / checkpointing.MAX_TIME_SHARE - 1


def test_strips_stay_as_they_were_when_memory_changes(exemplar, tmp_path, patience, monkeypatch):
    choices = config.Config(**QUICK | {"statistic": "gram", "height": 96})
    monkeypatch.setattr("jaxtex.runtime.device_memory.available", lambda: 1e6)
    monkeypatch.setattr("jaxtex.runtime.device_memory.is_hopeless", lambda features: False)
    short = api.build_plan(exemplar, choices)
    assert all(problem.strip for problem in short.problems)
    stopped(short, tmp_path, patience, 2)
    monkeypatch.undo()
    settled = checkpointing.restore_strips(tmp_path, choices)
    assert [p.strip for p in api.build_plan(exemplar, settled).problems] == [
        p.strip for p in short.problems
    ]
    assert checkpointing.restore_strips(tmp_path / "nothing", choices) == choices
