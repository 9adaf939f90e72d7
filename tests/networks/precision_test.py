"""Convolutions of lower precision: what is rounded, and that results hardly differ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import errors, losses, weights
from jaxtex.losses import content
from jaxtex.networks import convolutions
from jaxtex.statistics import moments
from jaxtex.synthesis import api, config, loop

QUICK = {"size": 48, "scales": 1, "octaves": 2, "num_steps": 30, "save_every": 30}


@pytest.mark.slow
@pytest.mark.parametrize("precision", convolutions.PRECISIONS)
def test_features_have_its_dtype_and_are_close(precision, exemplar):
    names = ("relu1_1", "pool1", "relu2_2")
    exact, rough = (
        weights.load_network(weights.NetworkChoice(precision=p, octaves=1), names)
        for p in ("float32", precision)
    )
    expected, found = (
        jax.jit(network.apply)(variables, exemplar) for network, variables in (exact, rough)
    )
    for name in names:
        assert found[name].dtype == convolutions.PRECISIONS[precision].dtype
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(
            found[name].astype(np.float32) / scale, expected[name] / scale, atol=0.02
        )


@pytest.mark.slow
def test_bfloat16_rounds_features(exemplar):
    network, variables = weights.load_network(
        weights.NetworkChoice(precision="bfloat16", octaves=1), ("relu1_1",)
    )
    exact, _ = weights.load_network(weights.NetworkChoice(octaves=1), ("relu1_1",))
    difference = (
        network.apply(variables, exemplar)["relu1_1"] - exact.apply(variables, exemplar)["relu1_1"]
    )
    assert np.abs(difference).max() > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "statistic", [moments.mean(), moments.gram(), moments.mean_and_covariance()]
)
def test_moments_of_rounded_features_are_exact(statistic):
    features = jax.random.normal(jax.random.key(0), (40, 50, 8)).astype(jnp.bfloat16)
    found, expected = (statistic.summarize(x) for x in (features, features.astype(jnp.float32)))
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {jnp.dtype(jnp.float32)}
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, expected
    )
    compare = lambda x: statistic.distance(
        jax.tree.map(lambda leaf: leaf + 1.0, expected), statistic.summarize(x)
    )
    rough, exact = (jax.grad(compare)(x) for x in (features, features.astype(jnp.float32)))
    assert rough.dtype == jnp.bfloat16
    np.testing.assert_allclose(
        rough.astype(np.float32), exact, rtol=0.03, atol=0.03 * float(jnp.abs(exact).max())
    )


def test_a_statistic_that_is_not_a_mean_receives_float32():
    dtypes = []
    statistic = moments.gram()._replace(
        average=None, summarize=lambda x: dtypes.append(x.dtype) or x.mean((0, 1))
    )
    features = {"a": jnp.ones((4, 4, 2), jnp.bfloat16)}
    losses.summarize(statistic, [features], [1.0], {})
    assert dtypes == [jnp.dtype(jnp.float32)]


def test_content_is_compared_in_float32():
    one = jnp.full((4, 4, 1), 1.0, jnp.bfloat16)
    other = jnp.full((4, 4, 1), 1.0078125, jnp.bfloat16)
    relative = content.NORMS["relative"]
    value = relative.distance(relative.make_target(one, None), other)
    np.testing.assert_allclose(value, 0.0078125**2, rtol=1e-3)


@pytest.mark.slow
def test_kernels_are_rounded_once_where_bfloat16_is_fast(exemplar, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    load = lambda precision: weights.load_network(
        weights.NetworkChoice(precision=precision, octaves=1), ("conv1_2", "bn1_2")
    )
    (_, exact), (network, rounded) = load("float32"), load("bfloat16")
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(exact)} == {"float32"}
    dtypes = jax.tree.map(lambda leaf: str(leaf.dtype), rounded["params"])
    assert set(dtypes["conv1_1"].values()) == {"bfloat16"}
    assert set(dtypes["bn1_2"].values()) == {"float32"}
    features, expected = (
        network.apply(variables, exemplar)["bn1_2"] for variables in (rounded, exact)
    )
    np.testing.assert_array_equal(features.astype(np.float32), expected.astype(np.float32))


@pytest.mark.slow
def test_a_texture_is_as_close(exemplar):
    final = {}
    for precision in ("float32", "bfloat16"):
        plan = api.build_plan(exemplar, config.Config(**QUICK, precision=precision))
        progress = []
        loop.run(plan, progress.append)
        final[precision] = float(progress[-1].infos.loss[-1])
    assert final["bfloat16"] < 1.5 * final["float32"] + 1e-4


def test_errors_name_the_precision():
    with pytest.raises(errors.UserError, match="unknown precision 'float8'"):
        weights.load_network(weights.NetworkChoice(precision="float8"), ("relu1_1",))
    with pytest.raises(errors.UserError, match="--precision=bfloat16: fixed filters"):
        weights.load_network(
            weights.NetworkChoice(name="steerable", precision="bfloat16"), ("bands",)
        )
