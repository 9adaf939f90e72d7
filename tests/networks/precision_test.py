"""Convolutions of lower precision: what is rounded, what is not, and that pictures hardly differ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import errors, losses, weights
from jaxtex.losses import terms
from jaxtex.networks import convolutions
from jaxtex.runtime import device_memory
from jaxtex.statistics import moments
from jaxtex.synthesis import api, config, loop

QUICK = {"size": 48, "scales": 1, "octaves": 2, "num_steps": 30, "save_every": 30}


@pytest.mark.parametrize("precision", convolutions.PRECISIONS)
def test_features_are_of_its_type_and_near(precision, exemplar):
    names = ("relu1_1", "pool1", "relu2_2")
    exact, rough = (
        weights.load_network(weights.NetworkChoice(precision=p, octaves=1), names)
        for p in ("float32", precision)
    )
    expected, found = (
        jax.jit(network.apply)(variables, exemplar) for network, variables in (exact, rough)
    )
    for name in names:
        assert found[name].dtype == convolutions.PRECISIONS[precision].kind
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(
            found[name].astype(np.float32) / scale, expected[name] / scale, atol=0.02
        )


def test_bfloat16_is_rounded(exemplar):
    network, variables = weights.load_network(
        weights.NetworkChoice(precision="bfloat16", octaves=1), ("relu1_1",)
    )
    exact, _ = weights.load_network(weights.NetworkChoice(octaves=1), ("relu1_1",))
    difference = (
        network.apply(variables, exemplar)["relu1_1"] - exact.apply(variables, exemplar)["relu1_1"]
    )
    assert np.abs(difference).max() > 0


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


def test_a_statistic_that_is_no_sum_is_given_float32():
    seen = []
    statistic = moments.gram()._replace(
        average=None, summarize=lambda x: seen.append(x.dtype) or x.mean((0, 1))
    )
    features = {"a": jnp.ones((4, 4, 2), jnp.bfloat16)}
    losses.summarize(statistic, [features], [1.0], {})
    assert seen == [jnp.dtype(jnp.float32)]


def test_content_is_compared_in_float32():
    one, other = (
        jnp.full((4, 4, 1), 1.0, jnp.bfloat16),
        jnp.full((4, 4, 1), 1.0078125, jnp.bfloat16),
    )
    value = terms.content({"a": 1.0}, 1.0).evaluate(None, {"a": other}, {"a": one})
    np.testing.assert_allclose(value, 0.5 * 0.0078125**2, rtol=1e-3)


def test_elsewhere_weights_are_rounded_once(exemplar, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    load = lambda precision: weights.load_network(
        weights.NetworkChoice(precision=precision, octaves=1), ("conv1_2", "bn1_2")
    )
    (_, exact), (rough, rounded) = load("float32"), load("bfloat16")
    kinds = {
        layer: {str(leaf.dtype) for leaf in leaves.values()}
        for layer, leaves in rounded["params"].items()
    }
    assert kinds["conv1_1"] == {"bfloat16"} and {
        str(x.dtype) for x in jax.tree.leaves(exact)
    } == {"float32"}
    assert kinds["bn1_2"] == {"float32"}
    found, expected = (
        rough.apply(variables, exemplar)["bn1_2"] for variables in (rounded, exact)
    )
    np.testing.assert_array_equal(found.astype(np.float32), expected.astype(np.float32))


def test_a_texture_is_as_near(exemplar):
    final = {}
    for precision in ("float32", "bfloat16"):
        seen = []
        loop.run(
            api.build_plan(exemplar, config.Config(**QUICK, precision=precision)), seen.append
        )
        final[precision] = float(seen[-1].infos.loss[-1])
    assert final["bfloat16"] < 1.5 * final["float32"] + 1e-4


def test_what_cannot_be_is_said():
    with pytest.raises(errors.UserError, match="unknown precision 'float8'"):
        weights.load_network(weights.NetworkChoice(precision="float8"), ("relu1_1",))
    with pytest.raises(errors.UserError, match="--precision=bfloat16: fixed filters"):
        weights.load_network(
            weights.NetworkChoice(name="steerable", precision="bfloat16"), ("bands",)
        )


def test_remat_changes_no_number_and_keeps_only_what_is_pooled(exemplar):
    problem = api.build_plan(exemplar, config.Config(**QUICK)).problems[0]
    image, kept = jnp.asarray(exemplar[:48, :64]), {}
    for choice in ("none", "all"):
        loss = device_memory.rematerialize(problem.loss, choice, 0)
        kept[choice] = jax.jit(jax.value_and_grad(lambda x, f=loss: f(x, problem.data(0), ())[0]))(
            image
        )
        program = str(jax.make_jaxpr(loss)(image, problem.data(0), ()))
        assert ("checkpoint" in program or "remat" in program) == (choice == "all")
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6),
        kept["none"],
        kept["all"],
    )


def test_auto_follows_what_is_free(monkeypatch):
    monkeypatch.setattr(device_memory, "free_bytes", lambda: 1e6)
    assert device_memory.REMATS["auto"](1e6) and not device_memory.REMATS["auto"](1e5)


@pytest.mark.parametrize(
    ("backend", "copies"), [("cpu", 1.5), ("gpu", 1.5), ("tpu", 2), ("another", 4)]
)
def test_what_fits_depends_on_the_backend(backend, copies, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(device_memory, "available_bytes", lambda: 1e6)
    assert device_memory.fits(0.99e6 / copies) and not device_memory.fits(1.01e6 / copies)


def test_the_weight_of_features(exemplar):
    loss = {
        p: api.build_plan(exemplar, config.Config(**QUICK, precision=p)).problems[0]
        for p in ("float32", "bfloat16")
    }
    side = lambda octave: (48 // 2**octave) * (64 // 2**octave)
    floats = sum(2 * (64 * side(o) + 160 * side(o + 1) + 480 * side(o + 2)) for o in (0, 1))
    assert loss["float32"].features == 4 * floats and loss["bfloat16"].features == 2 * floats
