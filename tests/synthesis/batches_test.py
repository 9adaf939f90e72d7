"""Tests of batches: each image is as in a run of its own."""

import jax
import numpy as np
import pytest

from jaxtex import errors
from jaxtex.runtime import device_memory, xla_options
from jaxtex.synthesis import api, batches, loop
from jaxtex.synthesis import config as configs

QUICK = {
    "size": 40,
    "scales": 1,
    "octaves": 1,
    "layers": "relu1_1",
    "num_steps": 8,
    "save_every": 4,
}
STATISTICS = ["gram", "sorted:samples=40", "discriminator"]


@pytest.fixture(params=[True, False], ids=["threads", "vmap"])
def both_ways(request, monkeypatch):
    """Runs batches in threads, and as one program."""
    monkeypatch.setattr(batches, "runs_separately", lambda plan: request.param)


def ignore(progress):
    del progress


def run_all(plans, observers):
    """Returns the results in the order of the plans."""
    results = dict(batches.run(plans, observers))
    return [results[index] for index in range(len(plans))]


def run_and_observe(styles, config, num_images=1):
    plans = api.build_batch(styles, config, num_images)
    histories = [[] for _ in plans]
    results = run_all(plans, [history.append for history in histories])
    return plans, results, histories


def assert_close(a, b):
    np.testing.assert_allclose(a, b, rtol=2e-2, atol=1e-6)


@pytest.mark.slow
@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("statistic", STATISTICS)
def test_each_image_is_that_of_a_run_of_its_own(exemplar, statistic):
    optimizer = "adam" if statistic == "discriminator" else "lbfgs"
    config = configs.Config(**QUICK, statistic=statistic, optimizer=optimizer, renew_every=3)
    styles = [[exemplar], [exemplar[::-1] ** 2]]
    plans, results, histories = run_and_observe(styles, config, num_images=2)
    assert len(results) == 4
    for plan, result, history in zip(plans, results, histories, strict=True):
        alone = []
        np.testing.assert_allclose(result, loop.run(plan, alone.append), atol=2e-3)
        for one, other in zip(alone, history, strict=True):
            assert one.step == other.step and one.image.shape == other.image.shape
            jax.tree.map(assert_close, one.infos, other.infos)


def test_the_seeds_of_a_batch_follow_one_another(exemplar):
    plans = api.build_batch([[exemplar]], configs.Config(**QUICK, seed=5), 2)
    for plan, seed in zip(plans, (5, 6), strict=True):
        single = api.build_plan(exemplar, configs.Config(**QUICK, seed=seed))
        np.testing.assert_array_equal(plan.start, single.start)
    assert plans[0].problems is plans[1].problems


@pytest.mark.slow
@pytest.mark.usefixtures("both_ways")
def test_exemplars_of_different_shapes_run_in_groups(exemplar):
    wide = np.concatenate([exemplar, exemplar], 1)
    styles = [[exemplar], [wide], [exemplar]]
    _, results, _ = run_and_observe(styles, configs.Config(**QUICK))
    assert [image.shape for image in results] == [(40, 53, 3), (40, 107, 3), (40, 53, 3)]
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.slow
@pytest.mark.usefixtures("both_ways")
def test_an_image_that_makes_no_progress_does_not_affect_the_others(exemplar):
    plans = api.build_batch([[exemplar]], configs.Config(**QUICK), 2)
    invalid = plans[0]._replace(start=np.full_like(plans[0].start, np.nan))
    first, second = run_all([invalid, plans[1]], [ignore] * 2)
    assert np.isnan(first).all()
    np.testing.assert_allclose(second, loop.run(plans[1]), atol=2e-3)


@pytest.mark.parametrize("number", [0, -1, 5000])
def test_a_number_of_images_out_of_range_is_an_error(exemplar, number):
    with pytest.raises(errors.UserError, match=f"--num_images={number}"):
        api.build_batch([[exemplar]], configs.Config(**QUICK), number)


def test_styles_with_and_without_transparency_are_an_error(exemplar):
    transparent = np.concatenate([exemplar, exemplar[..., :1]], -1)
    with pytest.raises(errors.UserError, match="--alpha=keep: either all styles"):
        api.build_batch([[exemplar], [transparent]], configs.Config(**QUICK))


@pytest.mark.parametrize(
    "cores, free_images, expected",
    [(2, 1e6, 2), (64, 6.5, 3), (4, 0, 1), (1, np.inf, 1)],
)
def test_threads_are_limited_by_cores_and_memory(
    exemplar, monkeypatch, cores, free_images, expected
):
    (plan,) = api.build_batch([[exemplar]], configs.Config(**QUICK))
    image_bytes = device_memory.estimate_step_bytes(plan.problems[0].feature_bytes)
    monkeypatch.setattr(xla_options, "available_cores", lambda: cores)
    monkeypatch.setattr(device_memory, "available_bytes", lambda: free_images * image_bytes)
    assert batches.max_threads(plan) == expected


def test_images_whose_rows_are_divided_run_one_at_a_time(exemplar, monkeypatch):
    (plan,) = api.build_batch([[exemplar]], configs.Config(**QUICK))
    monkeypatch.setattr(xla_options, "available_cores", lambda: 64)
    monkeypatch.setattr(device_memory, "available_bytes", lambda: np.inf)
    divided = plan._replace(layout=plan.layout._replace(rows=2))
    assert batches.max_threads(plan) == 64
    assert batches.max_threads(divided) == 1


@pytest.mark.slow
@pytest.mark.parametrize("cores", [1, 3])
def test_threads_keep_the_order_and_change_no_bit(exemplar, monkeypatch, cores):
    monkeypatch.setattr(batches, "max_threads", lambda plan: cores)
    plans = api.build_batch([[exemplar]], configs.Config(**QUICK), 5)
    steps = []  # (index of the plan, step) in the order of the calls

    def observer(index):
        return lambda progress: steps.append((index, progress.step))

    observers = [observer(index) for index in range(5)]
    images = dict(batches.run_threads(plans, observers, [None] * 5))
    for index, plan in enumerate(plans):
        np.testing.assert_array_equal(plan.finish(images[index]), loop.run(plan))
        assert [step for i, step in steps if i == index] == [4, 8]

    # Image i + cores begins only after one image more has ended.
    started = [i for i, step in steps if step == 4]
    ended = [i for i, step in steps if step == 8]
    for i in range(5 - cores):
        assert steps.index((ended[i], 8)) < steps.index((started[i + cores], 4))


@pytest.mark.slow
@pytest.mark.usefixtures("both_ways")
def test_an_error_of_an_observer_ends_the_batch(exemplar):
    plans = api.build_batch([[exemplar]], configs.Config(**QUICK), 3)

    def fail(progress):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        list(batches.run(plans, [ignore, fail, ignore]))
