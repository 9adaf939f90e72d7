"""Tests of `--diversity`: images of a batch that keep away from each other."""

import unittest.mock

import jax
import numpy as np
import pytest

from jaxtex import errors
from jaxtex.runtime import distributed
from jaxtex.synthesis import api, batches, checkpointing
from jaxtex.synthesis import config as configs

QUICK = {
    "size": 64,
    "scales": 2,
    "octaves": 1,
    "layers": "relu1_1,relu2_1",
    "num_steps": 12,
    "save_every": 6,
    "renew_every": 3,
}
STRONG = {"diversity": 1.0}


def build(exemplar, num_images=3, **choices):
    return api.build_batch([[exemplar]], configs.Config(**(QUICK | choices)), num_images)


def run(plans, observers=None, checkpointers=None):
    """Returns the results in the order of the plans, `[B, H, W, 3]`."""
    observers = observers or [lambda progress: None] * len(plans)
    results = dict(batches.run(plans, observers, checkpointers))
    return np.stack([results[index] for index in range(len(plans))])


def likeness(images):
    """The mean correlation of pixels of two images."""
    flat = images.reshape(len(images), -1)
    return (np.corrcoef(flat).sum() - len(images)) / (len(images) * (len(images) - 1))


@pytest.mark.slow
def test_without_it_a_batch_is_as_before(exemplar):
    plans = build(exemplar)
    assert all(plan.group == 0 for plan in plans)
    for problem in plans[0].problems:
        assert problem.critics == () and not problem.stochastic
        assert "diversity" not in problem.data(0)["targets"]


def test_images_of_one_exemplar_are_a_group(exemplar):
    config = configs.Config(**(QUICK | STRONG))
    plans = api.build_batch([[exemplar], [exemplar[::-1]]], config, 2)
    assert [plan.group for plan in plans] == [1, 1, 2, 2]
    assert plans[0].problems is plans[1].problems


@pytest.mark.parametrize(
    "choices, num_images, text",
    [
        ({"diversity": -1.0}, 2, "--diversity=-1.0: must be between 0.0 and"),
        ({"diversity": float("nan")}, 2, "--diversity=nan: must be between 0.0 and"),
        ({"diversity": 1.0, "strips": "32"}, 2, "--strips=32: --diversity compares whole images"),
        ({"diversity": "much"}, 2, "diversity"),
    ],
)
def test_what_cannot_be_is_an_error_of_one_line(exemplar, choices, num_images, text):
    with pytest.raises(errors.UserError, match=text) as raised:
        build(exemplar, num_images, **choices)
    assert "\n" not in str(raised.value)


def test_a_batch_that_devices_cannot_share_evenly_is_an_error(exemplar, monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 8)
    with pytest.raises(errors.UserError, match="divides 3 images unevenly; use a multiple of 2"):
        build(exemplar, mesh="images:2", **STRONG)


def test_several_processes_are_an_error(exemplar, monkeypatch):
    monkeypatch.setattr(distributed, "is_single_process", lambda: False)
    with pytest.raises(errors.UserError, match="--diversity=1.0 cannot be used with --distributed"):
        build(exemplar, **STRONG)


def test_one_image_is_said_to_be_alone(exemplar, caplog):
    errors.warn_once.cache_clear()
    (of_batch,) = build(exemplar, 1, **STRONG)
    assert caplog.text.count("--diversity=1.0 has no effect with one image") == 1
    single = api.build_plan(exemplar, configs.Config(**(QUICK | STRONG)))
    for plan in (of_batch, single):
        assert plan.group == 0 and plan.problems[0].critics == ()


@pytest.mark.slow
def test_images_are_less_alike_and_the_same_in_lockstep_and_in_one_program(exemplar):
    # The content makes all of them alike.
    config = configs.Config(**(QUICK | {"scales": 1, "num_steps": 24, "size": 48}))
    choices = api.parsing.parse_settings(config)
    inputs = api._build_inputs([exemplar], exemplar[:, ::-1], choices)

    def make(**more):
        changed = api.parsing.parse_settings(configs.Config(**(vars(config) | more)))
        return run(api.planning.build_batch([inputs], changed, 3))

    alike, apart = make(), make(diversity=3.0)
    assert likeness(apart) < likeness(alike) - 0.05
    with unittest.mock.patch.object(batches, "_choose_runner", lambda plan: batches.run_vmapped):
        in_one_program = make(diversity=3.0)
    # Rounding grows with the steps, by pixels in some places.
    difference = np.abs(np.subtract(in_one_program, apart)).mean()
    assert difference < 0.1 * np.abs(np.subtract(alike, apart)).mean()


@pytest.mark.slow
def test_an_interrupted_batch_resumes_bit_for_bit(exemplar, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpointing, "MIN_INTERVAL", 1e9)
    plans = build(exemplar, **STRONG)
    expected = run(plans)
    starts = 0
    while starts < 20:
        starts += 1
        left = iter(range(4, -1, -1))  # stopped after five steps
        monkeypatch.setattr(
            distributed, "preemption_requested", lambda left=left: not next(left, 1)
        )
        checkpointer = checkpointing.FileCheckpointer(tmp_path, {"run": 1})
        try:
            result = run(plans, None, [checkpointer, None, None])
            break
        except errors.Preempted:
            pass
    assert starts == 3
    np.testing.assert_array_equal(result, expected)
