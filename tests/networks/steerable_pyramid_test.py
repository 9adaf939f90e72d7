"""Steerable filters steer, are in quadrature and tile the frequencies; layers against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import networks
from jaxtex.networks import padding_pooling, steerable_pyramid

ANGLES = np.arange(steerable_pyramid.ORIENTATIONS) * np.pi / steerable_pyramid.ORIENTATIONS


def image(height=40, width=36):
    return jax.random.uniform(jax.random.key(0), (height, width, 3))


def features(picture, *layers, padding="reflect"):
    return jax.jit(steerable_pyramid.Steerable(padding=padding, layers=layers).apply)({}, picture)


def responses(frequency, direction):
    """Responses of the filters, `[2, orientations]`, to a complex wave."""
    radius = steerable_pyramid.RADIUS
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    wave = np.exp(1j * frequency * (x * np.cos(direction) + y * np.sin(direction)))
    return np.einsum("eijk,ij->ek", steerable_pyramid.filter_bank(tuple(ANGLES)), wave)


@pytest.mark.parametrize("angle", [0.3, 1.1, 2.9])
def test_a_filter_of_any_angle_is_a_combination_of_the_four(angle):
    """Even filters have the harmonics 0 and 2, odd ones 1 and 3; these weights interpolate them."""
    basis = steerable_pyramid.filter_bank(tuple(ANGLES))
    steered = steerable_pyramid.filter_bank((angle,))[..., 0]
    turns = angle - ANGLES
    even, odd = (1 + 2 * np.cos(2 * turns)) / 4, (np.cos(turns) + np.cos(3 * turns)) / 2
    np.testing.assert_allclose(basis[0] @ even, steered[0], atol=1e-7)
    np.testing.assert_allclose(basis[1] @ odd, steered[1], atol=1e-7)


def test_a_quarter_turn_of_a_filter_is_the_filter_of_a_quarter_turn():
    basis = steerable_pyramid.filter_bank((0.0, np.pi / 2))
    np.testing.assert_allclose(np.rot90(basis[..., 0], -1, (1, 2)), basis[..., 1], atol=1e-7)


def test_no_filter_responds_to_a_constant():
    np.testing.assert_allclose(
        steerable_pyramid.filter_bank(tuple(ANGLES)).sum((1, 2)), 0, atol=1e-6
    )


@pytest.mark.parametrize("direction", [0.0, 0.4, np.pi / 4, 2.0])
def test_the_modulus_of_a_wave_is_the_same_everywhere(direction):
    """Even and odd are in quadrature: the modulus of the nearest filter varies by at most 10 %."""
    y, x = np.mgrid[:48, :48]
    wave = 0.5 + 0.3 * np.cos(np.pi / 2 * (x * np.cos(direction) + y * np.sin(direction)))
    moduli = features(jnp.asarray(np.repeat(wave[..., None], 3, -1), jnp.float32), "moduli")[
        "moduli"
    ][10:-10, 10:-10, :4]
    strongest = np.asarray(
        moduli[..., np.abs(np.exp(2j * ANGLES) - np.exp(2j * direction)).argmin()]
    )
    assert strongest.std() < 0.03 * strongest.mean() and np.ptp(strongest) < 0.1 * strongest.mean()


@pytest.mark.parametrize("direction", [0.0, 0.3, 1.0])
def test_octaves_tile_the_frequencies(direction):
    """Energy of all filters of all octaves, each after the smoothing of `padding_pooling.halve`."""
    energies = []
    for frequency in np.pi / 2 * 2.0 ** np.arange(-3, 0.01, 0.25):
        in_octave, gain, energy = frequency, 1.0, 0.0
        while in_octave < np.pi:
            energy += gain**2 * (np.abs(responses(in_octave, direction)) ** 2).sum()
            gain *= abs(3 * np.cos(in_octave / 2) + np.cos(1.5 * in_octave)) / 4
            in_octave *= 2
        energies.append(energy)
    # Flat within a third, except for the two highest, which only the first octave responds to.
    assert max(energies[:-2]) < 1.4 * min(energies[:-2])
    assert max(energies) < 2 * min(energies)


@pytest.mark.slow
def test_bands_against_numpy():
    colours, found = (
        np.asarray(features(image(), "colours")["colours"]),
        features(image(), "bands")["bands"],
    )
    padded = np.pad(colours, ((8, 8), (8, 8), (0, 0)), "reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (17, 17), (0, 1))
    expected = np.einsum(
        "hwcij,eijk->hweck", windows, steerable_pyramid.filter_bank(tuple(ANGLES))
    ).reshape(*found.shape)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_colors_are_an_orthonormal_change_of_axes():
    np.testing.assert_allclose(
        steerable_pyramid.COLORS @ steerable_pyramid.COLORS.T, np.eye(3), atol=1e-12
    )
    gray = steerable_pyramid.decorrelate(jnp.full((1, 1, 3), 0.75))
    np.testing.assert_allclose(gray, [[[0.25 * 3**0.5, 0, 0]]], atol=1e-6)


def test_doubling_the_phase():
    """z^2 / |z| by hand: 2 e^(i pi / 6) gives 2 e^(i pi / 3); 0 gives 0, and a gradient of 0."""
    doubled = steerable_pyramid.double_phase(jnp.array(3**0.5), jnp.array(1.0))
    np.testing.assert_allclose(doubled, [1.0, 3**0.5], rtol=1e-5)
    assert jax.grad(lambda x: steerable_pyramid.double_phase(x, x)[0])(0.0) == 0


@pytest.mark.slow
def test_coarser_layers_are_the_next_octaves_doubled():
    network = steerable_pyramid.Steerable(
        padding="wrap", layers=("bands", "moduli", "phases", "parents")
    )
    both = jax.jit(networks.pyramid(network, 2).apply)({}, image())
    np.testing.assert_allclose(both["parents"][..., :12], both["moduli"], atol=1e-6)
    even, odd = (padding_pooling.double(part, "wrap") for part in jnp.split(both["bands/2"], 2, -1))
    np.testing.assert_allclose(
        both["parents"][..., 12:], steerable_pyramid.modulus(even, odd), atol=1e-5
    )
    expected = jnp.concatenate([both["bands"], *steerable_pyramid.double_phase(even, odd)], -1)
    np.testing.assert_allclose(both["phases"], expected, atol=1e-5)


def test_an_odd_side_is_made_even():
    found = jax.eval_shape(
        lambda picture: features(picture, *steerable_pyramid.LAYERS), image(33, 35)
    )
    assert {layer: value.shape for layer, value in found.items()} == {
        "colours": (33, 35, 3), "bands": (33, 35, 24), "moduli": (33, 35, 12),
        "phases": (32, 34, 48), "parents": (32, 34, 24),
    }  # fmt: skip


@pytest.mark.slow
def test_wrapped_features_move_with_the_image():
    found, moved = (
        features(picture, *steerable_pyramid.LAYERS, padding="wrap")
        for picture in (image(), jnp.roll(image(), (4, -6), (0, 1)))
    )
    for layer in steerable_pyramid.LAYERS:
        np.testing.assert_allclose(moved[layer], jnp.roll(found[layer], (4, -6), (0, 1)), atol=1e-5)
