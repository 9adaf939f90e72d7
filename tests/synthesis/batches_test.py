"""A batch does for each image what a run of its own would do."""

import jax
import numpy as np
import pytest

from jaxtex import errors
from jaxtex.runtime import xla_options
from jaxtex.synthesis import api, batches, config, loop

QUICK = {
    "size": 40,
    "scales": 1,
    "octaves": 1,
    "layers": "relu1_1",
    "num_steps": 8,
    "save_every": 4,
}
STATISTICS = ["gram", "sorted:samples=40", "discriminator"]


@pytest.fixture(autouse=True, params=[True, False], ids=["apart", "together"])
def apart(request, monkeypatch):
    monkeypatch.setattr(batches, "runs_separately", lambda plan: request.param)


def made(plans, observers):
    return [image for _, image in sorted(batches.run(plans, observers), key=lambda pair: pair[0])]


def alone_and_together(styles, choices, num_images=1):
    plans = api.build_batch(styles, choices, num_images)
    histories = [[] for _ in plans]
    together = made(plans, [history.append for history in histories])
    return plans, together, histories


@pytest.mark.parametrize("statistic", STATISTICS)
def test_each_image_is_as_it_would_be_alone(exemplar, statistic):
    optimizer = "adam" if statistic == "discriminator" else "lbfgs"
    choices = config.Config(**QUICK, statistic=statistic, optimizer=optimizer, renew_every=3)
    plans, together, histories = alone_and_together([[exemplar], [exemplar[::-1] ** 2]], choices, 2)
    assert len(together) == 4
    for plan, image, history in zip(plans, together, histories, strict=True):
        seen = []
        np.testing.assert_allclose(image, loop.run(plan, seen.append), atol=2e-3)
        for own, other in zip(seen, history, strict=True):
            assert own.step == other.step and own.image.shape == other.image.shape
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-2, atol=1e-6),
                own.infos,
                other.infos,
            )


def test_seeds_differ_and_are_those_of_single_runs(exemplar):
    plans = api.build_batch([[exemplar]], config.Config(**QUICK, seed=5), 2)
    for plan, seed in zip(plans, (5, 6), strict=True):
        np.testing.assert_array_equal(
            plan.start, api.build_plan(exemplar, config.Config(**QUICK, seed=seed)).start
        )
    assert plans[0].problems is plans[1].problems


def test_exemplars_of_different_shapes_go_in_groups(exemplar):
    wide = np.concatenate([exemplar, exemplar], 1)
    _, together, _ = alone_and_together([[exemplar], [wide], [exemplar]], config.Config(**QUICK))
    assert [image.shape for image in together] == [(40, 53, 3), (40, 107, 3), (40, 53, 3)]
    np.testing.assert_array_equal(together[0], together[2])


def test_one_image_that_stands_still_does_not_hold_the_others(exemplar):
    plans = api.build_batch([[exemplar]], config.Config(**QUICK), 2)
    done = plans[0]._replace(start=np.full_like(plans[0].start, np.nan))
    spoilt, image = made([done, plans[1]], [lambda progress: None] * 2)
    np.testing.assert_allclose(image, loop.run(plans[1]), atol=2e-3)
    assert np.isnan(spoilt).all()


@pytest.mark.parametrize("number", [0, -1, 5000])
def test_absurd_numbers_are_refused(exemplar, number):
    with pytest.raises(errors.UserError, match=f"--num_images={number}"):
        api.build_batch([[exemplar]], config.Config(**QUICK), number)


def test_a_cpu_makes_as_many_at_a_time_as_fit(exemplar, monkeypatch):
    (plan,) = api.build_batch([[exemplar]], config.Config(**QUICK))
    held = batches.device_memory.estimate(plan.problems[0].features)
    for cores, free, expected in [(2, 1e12, 2), (64, 6.5 * held, 3), (4, 0, 1), (1, np.inf, 1)]:
        monkeypatch.setattr(xla_options, "available_cores", lambda cores=cores: cores)
        monkeypatch.setattr(batches.device_memory, "available", lambda free=free: free)
        assert batches.max_threads(plan) == expected
    spread = plan._replace(layout=plan.layout._replace(rows=2))
    monkeypatch.setattr(xla_options, "available_cores", lambda: 64)
    assert batches.max_threads(spread) == 1


@pytest.mark.parametrize("cores", [1, 3])
def test_side_by_side_all_equal_what_they_are_alone_and_keep_their_order(
    exemplar, monkeypatch, cores
):
    monkeypatch.setattr(batches, "max_threads", lambda plan: cores)
    plans, seen = api.build_batch([[exemplar]], config.Config(**QUICK), 5), []
    found = dict(
        batches.run_threads(
            plans, [lambda p, i=i: seen.append((i, p.step)) for i in range(5)], [loop.FORGETFUL] * 5
        )
    )
    for i, plan in enumerate(plans):
        np.testing.assert_array_equal(plan.finish(found[i]), loop.run(plan))
        assert [step for index, step in seen if index == i] == [4, 8]
    begun = [i for i, step in seen if step == 4]
    ended = [i for i, step in seen if step == 8]
    assert all(
        seen.index((ended[i], 8)) < seen.index((begun[i + cores], 4)) for i in range(5 - cores)
    )


def test_an_observer_that_fails_ends_the_batch(exemplar):
    plans = api.build_batch([[exemplar]], config.Config(**QUICK), 3)

    def full(progress):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        list(batches.run(plans, [lambda progress: None, full, lambda progress: None]))
