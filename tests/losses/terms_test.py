"""Terms that are no statistics, against plain loops."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import losses
from jaxtex.losses import terms

FEATURES = {
    "a": jax.random.normal(jax.random.key(0), (6, 5, 4)),
}
OTHER = jax.tree.map(lambda leaf: leaf**2, FEATURES)
IMAGE = jax.random.uniform(jax.random.key(3), (8, 6, 3))


def test_the_published_gradient_of_the_content_loss():
    """1/2 sum (F - P)^2 has the gradient F - P."""
    term = terms.content({"a": 1.0}, 1.0, "plain")
    found = jax.grad(lambda f: term.evaluate(IMAGE, {"a": f}, OTHER))(FEATURES["a"])
    np.testing.assert_allclose(found, FEATURES["a"] - OTHER["a"], rtol=1e-5, atol=1e-6)


def test_total_variation_against_a_loop():
    image, rows, columns = np.asarray(IMAGE), [], []
    for i in range(8):
        for j in range(6):
            rows += [(image[i + 1, j] - image[i, j]) ** 2] if i < 7 else []
            columns += [(image[i, j + 1] - image[i, j]) ** 2] if j < 5 else []
    found = terms.total_variation(1.0).evaluate(IMAGE, {}, None)
    np.testing.assert_allclose(found, np.mean(rows) + np.mean(columns), rtol=1e-5)


def test_the_spectrum_forgets_where_but_not_what():
    term, moduli = terms.spectrum(1.0), terms.moduli(IMAGE)
    assert term.evaluate(jnp.roll(IMAGE, (3, 2), (0, 1)), {}, moduli) < 1e-9
    assert term.evaluate(IMAGE**2, {}, moduli) > 1e-2
    assert jnp.isfinite(
        jax.grad(lambda x: term.evaluate(x, {}, moduli))(jnp.full((8, 6, 3), 0.5))
    ).all()


def test_moduli_at_the_same_size_are_themselves_and_keep_their_power_at_others():
    np.testing.assert_allclose(
        terms.moduli_at(IMAGE, 8, 6), terms.moduli(IMAGE), rtol=1e-4, atol=1e-5
    )
    large = terms.moduli_at(IMAGE, 16, 12)
    assert 0.5 < float(jnp.mean(large**2) / jnp.mean(terms.moduli(IMAGE) ** 2)) < 1.5


def test_the_spectra_of_several_styles_are_averaged():
    pictures = losses.TargetImages([IMAGE, 0.5 * IMAGE], [1.0, 3.0], None, 8, 6, None)
    expected = (0.25 + 0.75 * 0.5) * terms.moduli(IMAGE)
    np.testing.assert_allclose(
        terms.spectrum(1.0).make_target(pictures), expected, rtol=1e-3, atol=1e-5
    )


def test_excitement_is_counted_in_units_of_the_largest_value_seen():
    maps = {"a": jnp.arange(24.0).reshape(2, 3, 4)}
    term = terms.activation("a", 1, 1.0)
    target = term.make_target(losses.TargetImages([None], [1.0], None, 8, 6, lambda picture: maps))
    np.testing.assert_allclose(target, 21.0)
    np.testing.assert_allclose(term.evaluate(None, maps, target), -11.0 / 21.0)


def test_a_map_that_nothing_excites_is_no_division_by_zero():
    target = terms.activation("a", 0, 1.0).make_target(
        losses.TargetImages([None], [1.0], None, 8, 6, lambda picture: {"a": jnp.zeros((2, 2, 1))})
    )
    assert target == 1.0
