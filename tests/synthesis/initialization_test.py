"""What a synthesis begins with: its colours, spectrum and contrast; that it is drawn by the seed, and holds no form."""

import numpy as np
import pytest

from jaxtex import errors, images
from jaxtex.metrics import artifacts, power_spectrum
from jaxtex.synthesis import api, config, initialization, input_images

ROOT_MEAN_SQUARE = lambda image: np.sqrt(np.mean((image - image.mean((0, 1))) ** 2))


@pytest.fixture
def texture():
    """Waves of two colours and some noise, `[96, 80, 3]`."""
    rows, columns = np.mgrid[:96, :80]
    waves = np.sin(rows / 3)[..., None] * [0.1, 0.05, 0.0] + np.cos(columns / 2)[..., None] * [
        0.0,
        0.02,
        0.08,
    ]
    grain = np.random.default_rng(0).standard_normal((96, 80, 1)) * [0.02, 0.01, 0.02]
    return (0.5 + waves + grain).astype(np.float32)


def scene(style, content=None, **choices):
    return input_images.build_inputs(
        [] if style is None else [style], content, config.Config(size=0, **choices)
    )


@pytest.mark.parametrize("size", [(96, 80), (160, 200), (64, 64)])
def test_the_noise_has_mean_spectrum_and_contrast(texture, size):
    noise = initialization.random_phase([texture], [1.0], size, 1.0, np.random.default_rng(1))
    assert noise.shape == (*size, 3) and noise.dtype == np.float32
    np.testing.assert_allclose(noise.mean((0, 1)), texture.mean((0, 1)), atol=0.02)
    assert ROOT_MEAN_SQUARE(noise) == pytest.approx(
        ROOT_MEAN_SQUARE(texture), rel=0.4
    )  # few waves, each of random size
    white = np.clip(0.5 + 0.1 * np.random.default_rng(2).standard_normal(noise.shape), 0, 1).astype(
        np.float32
    )
    assert power_spectrum.spectrum(texture, noise) < 0.5 * power_spectrum.spectrum(texture, white)
    assert artifacts.copied(texture, noise) == 0
    own, other = (np.corrcoef(x.reshape(-1, 3).T) for x in (texture, noise))
    np.testing.assert_allclose(own, other, atol=0.35)


def test_half_the_contrast_is_half(texture):
    full, half = (
        initialization.random_phase([texture], [1.0], (96, 80), c, np.random.default_rng(1))
        for c in (1.0, 0.5)
    )
    np.testing.assert_allclose(
        half - texture.mean((0, 1)), 0.5 * (full - texture.mean((0, 1))), atol=1e-5
    )


def test_several_exemplars_mix(texture):
    dark = 0.2 * texture
    noise = initialization.random_phase(
        [texture, dark], [3.0, 1.0], (96, 80), 0.5, np.random.default_rng(0)
    )
    np.testing.assert_allclose(
        noise.mean((0, 1)), 0.75 * texture.mean((0, 1)) + 0.25 * dark.mean((0, 1)), atol=0.02
    )


def test_details_are_what_the_smaller_size_cannot_hold(texture):
    given = scene(texture)
    coarse, fine = initialization.scale_details(
        given, config.Config(seed=3), [(24, 20), (48, 40), (96, 80)]
    )
    assert coarse.shape == (48, 40, 3) and fine.shape == (96, 80, 3)
    whole = ROOT_MEAN_SQUARE(fine)
    reduced = images.resize(0.5 + fine, 48, 40)
    assert 0 < ROOT_MEAN_SQUARE(reduced) < 0.5 * whole


@pytest.mark.parametrize("init", ["noise", "style"])
def test_other_starts_have_no_details(texture, init):
    (only,) = initialization.scale_details(
        scene(texture, init=init), config.Config(init=init), [(48, 40), (96, 80)]
    )
    assert only.shape == (96, 80, 3) and not only.any()


def test_the_seed_decides(texture):
    given = scene(texture)
    one, again, other = (
        initialization.initial_image(given, config.Config(seed=s), 48, 40) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.01


def test_beside_a_content_it_is_white(texture):
    given = scene(texture, content=texture[::-1])
    found, white = (
        initialization.initial_image(given, config.Config(init=init), 96, 80)
        for init in ("", "noise")
    )
    np.testing.assert_array_equal(found, white)
    assert (
        np.abs(
            white - initialization.initial_image(given, config.Config(init="spectrum"), 96, 80)
        ).max()
        > 0.01
    )


def test_a_content_alone_may_lend_its_spectrum(texture):
    given = scene(None, content=texture)
    start = initialization.initial_image(given, config.Config(init="spectrum"), 96, 80)
    np.testing.assert_allclose(start.mean((0, 1)), texture.mean((0, 1)), atol=0.02)


def test_what_is_not_there_is_said(texture):
    with pytest.raises(errors.UserError, match="--init=content: there is no --content"):
        initialization.initial_image(scene(texture), config.Config(init="content"), 96, 80)
    with pytest.raises(errors.UserError, match=r"nowhere\.png"):
        initialization.initial_image(scene(texture), config.Config(init="nowhere.png"), 96, 80)


def test_a_plan_adds_its_details(texture):
    choices = config.Config(size=0, scales=2, octaves=1, layers="relu1_1", num_steps=2, seed=4)
    plan = api.build_plan(texture, choices)
    sizes = [(problem.height, problem.width) for problem in plan.problems]
    assert [detail.shape[:2] for detail in plan.details] == sizes[1:]
    np.testing.assert_array_equal(
        plan.details[0], initialization.scale_details(scene(texture), choices, sizes)[0]
    )
