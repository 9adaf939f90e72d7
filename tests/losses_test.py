"""Terms and their sum."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import losses, statistics

FEATURES = {
    "a": jax.random.normal(jax.random.key(0), (6, 5, 4)),
    "b": jax.random.normal(jax.random.key(1), (6, 5, 4)),
    "c": jax.random.normal(jax.random.key(2), (3, 3, 2)),
}
OTHER = jax.tree.map(lambda leaf: leaf**2, FEATURES)
GRAM = statistics.STATISTICS["gram"]


def test_texture_is_zero_at_the_exemplar():
    term = losses.texture(GRAM, dict.fromkeys(FEATURES, 1.0))
    assert term.evaluate(FEATURES, term.prepare(FEATURES)) == 0


def test_texture_is_the_weighted_mean_over_layers():
    weights = {"a": 2.0, "b": 1.0, "c": 0.5}
    term = losses.texture(GRAM, weights)
    expected = 0.0
    for layer, weight in weights.items():
        target, own = (np.einsum("hwc,hwd->cd", f[layer], f[layer]) / f[layer][..., 0].size for f in (FEATURES, OTHER))
        expected += weight / 3.5 * ((target - own) ** 2).sum() / (target**2).sum()
    np.testing.assert_allclose(term.evaluate(OTHER, term.prepare(FEATURES)), expected, rtol=1e-5)


def test_only_ratios_of_weights_matter():
    once, thrice = (losses.texture(GRAM, {"a": w, "b": 2 * w, "c": w}) for w in (1.0, 3.0))
    values = [term.evaluate(OTHER, term.prepare(FEATURES)) for term in (once, thrice)]
    np.testing.assert_allclose(*values, rtol=1e-6)


def test_the_total_is_the_sum_and_names_its_terms():
    one = losses.Term(lambda features: None, lambda features, target: jnp.array(2.0))
    two = losses.Term(lambda features: None, lambda features, target: jnp.array(0.5))
    value, terms = losses.total({"one": one, "two": two}, FEATURES, {"one": None, "two": None})
    assert (value, terms) == (2.5, {"one": 2.0, "two": 0.5})
