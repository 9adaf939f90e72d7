"""Tests of `map_layers`: a loop over layers, with fewer calls."""

import jax.numpy as jnp
import numpy as np

from jaxtex.statistics import map_layers

VALUES = {
    name: np.full(shape, value, np.float32)
    for name, shape, value in (("a", (3, 4, 2), 1), ("b", (5, 4, 2), 0), ("c", (3, 4, 2), 2))
}


def test_equals_a_loop_and_keeps_the_order():
    results = map_layers.map_layers(
        lambda x, y: {"sum": x.sum() + y},
        VALUES,
        {"a": jnp.array(1), "b": jnp.array(2), "c": jnp.array(3)},
    )
    assert list(results) == ["a", "b", "c"]
    np.testing.assert_allclose([results[name]["sum"] for name in "abc"], [25, 2, 51])


def test_layers_of_equal_shape_share_one_call():
    calls = []
    map_layers.map_layers(lambda x: calls.append(x.shape) or x, VALUES)
    assert calls == [(3, 4, 2), (5, 4, 2)]


def test_large_layers_are_not_stacked():
    calls = []
    large = {name: jnp.ones((map_layers.MAX_STACKED + 1,)) for name in "ab"}
    map_layers.map_layers(lambda x: calls.append(x.shape) or x, large)
    assert len(calls) == 2
