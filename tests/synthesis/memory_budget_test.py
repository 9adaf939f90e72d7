"""Rematerialization, and the bytes of features."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex.runtime import device_memory
from jaxtex.synthesis import api, config, memory_budget

QUICK = {"size": 48, "scales": 1, "octaves": 2, "num_steps": 30, "save_every": 30}


def test_rematerialization_changes_no_number_and_keeps_only_pooled_features(exemplar):
    problem = api.build_plan(exemplar, config.Config(**QUICK)).problems[0]
    image, data = jnp.asarray(exemplar[:48, :64]), problem.data(0)
    results = {}
    for choice in ("none", "all"):
        loss_fn = memory_budget.rematerialize(problem.loss_fn, choice, 0)
        evaluate = jax.value_and_grad(lambda x, loss_fn=loss_fn: loss_fn(x, data, ())[0])
        results[choice] = jax.jit(evaluate)(image)
        program = str(jax.make_jaxpr(loss_fn)(image, data, ()))
        assert ("checkpoint" in program or "remat" in program) == (choice == "all")
    for one, other in zip(results["none"], results["all"], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


def test_auto_rematerializes_if_memory_is_short(monkeypatch):
    monkeypatch.setattr(device_memory, "free_bytes", lambda: 1e6)
    assert memory_budget.REMATS["auto"](1e6) and not memory_budget.REMATS["auto"](1e5)


def test_features_take_the_bytes_of_their_dtype(exemplar):
    problems = {
        precision: api.build_plan(exemplar, config.Config(**QUICK, precision=precision)).problems[0]
        for precision in ("float32", "bfloat16")
    }
    pixels = lambda octave: (48 // 2**octave) * (64 // 2**octave)
    values = sum(
        2 * (64 * pixels(octave) + 160 * pixels(octave + 1) + 480 * pixels(octave + 2))
        for octave in (0, 1)
    )
    assert problems["float32"].feature_bytes == 4 * values
    assert problems["bfloat16"].feature_bytes == 2 * values
