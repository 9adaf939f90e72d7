"""Tests of the initial image: its colors, spectrum and contrast, and that the seed decides it."""

import dataclasses

import numpy as np
import pytest

from jaxtex import errors, images
from jaxtex.metrics import artifacts, power_spectrum
from jaxtex.synthesis import api, input_images, settings
from jaxtex.synthesis import config as configs
from jaxtex.synthesis.starts import initialization, spot_noise


def root_mean_square(image):
    """Returns the standard deviation from the mean color."""
    return np.sqrt(np.mean((image - image.mean((0, 1))) ** 2))


@pytest.fixture
def texture():
    """Waves of two colors and some noise, `[96, 80, 3]`."""
    rows, columns = np.mgrid[:96, :80]
    across = np.sin(rows / 3)[..., None] * [0.1, 0.05, 0.0]
    along = np.cos(columns / 2)[..., None] * [0.0, 0.02, 0.08]
    grain = np.random.default_rng(0).standard_normal((96, 80, 1)) * [0.02, 0.01, 0.02]
    return (0.5 + across + along + grain).astype(np.float32)


def build_inputs(style, content=None, **choices):
    parsed = settings.parse_settings(configs.Config(size=0, **choices))
    return input_images.build_inputs([] if style is None else [style], content, parsed)


@pytest.mark.parametrize("size", [(96, 80), (160, 200), (64, 64)])
def test_noise_has_the_mean_spectrum_and_contrast_of_the_exemplar(texture, size):
    noise = spot_noise.random_phase(
        [spot_noise.source_of(texture)], [1.0], size, 1.0, np.random.default_rng(1)
    )
    assert noise.shape == (*size, 3) and noise.dtype == np.float32
    np.testing.assert_allclose(noise.mean((0, 1)), texture.mean((0, 1)), atol=0.02)
    # The texture has few waves, each with a random amplitude.
    assert root_mean_square(noise) == pytest.approx(root_mean_square(texture), rel=0.4)

    white = 0.5 + 0.1 * np.random.default_rng(2).standard_normal(noise.shape)
    white = np.clip(white, 0, 1).astype(np.float32)
    assert power_spectrum.spectrum(texture, noise) < 0.5 * power_spectrum.spectrum(texture, white)
    assert artifacts.copied(texture, noise) == 0
    of_texture = np.corrcoef(texture.reshape(-1, 3).T)
    of_noise = np.corrcoef(noise.reshape(-1, 3).T)
    np.testing.assert_allclose(of_texture, of_noise, atol=0.35)


def test_contrast_scales_the_noise(texture):
    full, half = (
        spot_noise.random_phase(
            [spot_noise.source_of(texture)], [1.0], (96, 80), contrast, np.random.default_rng(1)
        )
        for contrast in (1.0, 0.5)
    )
    mean = texture.mean((0, 1))
    np.testing.assert_allclose(half - mean, 0.5 * (full - mean), atol=1e-5)


def test_exemplars_are_blended_by_weight(texture):
    dark = 0.2 * texture
    noise = spot_noise.random_phase(
        [spot_noise.source_of(texture), spot_noise.source_of(dark)],
        [3.0, 1.0],
        (96, 80),
        0.5,
        np.random.default_rng(0),
    )
    expected = 0.75 * texture.mean((0, 1)) + 0.25 * dark.mean((0, 1))
    np.testing.assert_allclose(noise.mean((0, 1)), expected, atol=0.02)


def test_each_scale_but_the_first_gets_details_of_the_exemplar(texture):
    sizes = [(24, 20), (48, 40), (96, 80)]
    coarse, fine = initialization.scale_details(build_inputs(texture), configs.Config(), sizes)
    assert coarse(images.resize(texture, 24, 20)).shape == (48, 40, 3)
    reduced = images.resize(texture, 48, 40)
    lacking = texture - images.resize(reduced, 96, 80)
    assert np.std(lacking - fine(reduced)) < 0.5 * np.std(lacking)


@pytest.mark.parametrize("init", ["noise", "style"])
def test_other_initial_images_have_no_details(texture, init):
    inputs = build_inputs(texture, init=init)
    sizes = [(48, 40), (96, 80)]
    assert initialization.scale_details(inputs, configs.Config(init=init), sizes) == []


@pytest.mark.parametrize("init", ["spectrum", "noise"])
def test_the_seed_decides(texture, init):
    inputs = build_inputs(texture)
    first, same, other = (
        initialization.initial_image(inputs, configs.Config(seed=seed, init=init), 48, 40)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0.01


def test_white_noise_has_the_mean_of_the_style_and_the_requested_deviation(texture):
    config = configs.Config(init="noise", noise=0.1)
    image = initialization.initial_image(build_inputs(texture), config, 96, 80)
    np.testing.assert_allclose(image.mean((0, 1)), texture.mean((0, 1)), atol=0.01)
    assert image.std((0, 1)) == pytest.approx(0.1, rel=0.05)


def test_a_transfer_starts_from_its_content_with_the_noise_of_its_seed(texture):
    inputs = build_inputs(texture, content=texture[::-1])

    def initial_image(**choices):
        return initialization.initial_image(inputs, configs.Config(**choices), 96, 80)

    np.testing.assert_array_equal(initial_image(), initial_image(init="content"))
    difference = initial_image(seed=1) - inputs.content
    assert difference.std() == pytest.approx(initialization.CONTENT_NOISE, rel=0.1)
    assert np.abs(initial_image(seed=1) - initial_image(seed=2)).max() > 0.01
    assert (initial_image(noise=0.1) - inputs.content).std() > 0.05


def test_a_content_without_a_style_starts_from_white_noise(texture):
    inputs = build_inputs(None, content=texture)
    images_of = [
        initialization.initial_image(inputs, configs.Config(init=init), 96, 80)
        for init in ("", "noise")
    ]
    np.testing.assert_array_equal(*images_of)


def test_without_a_style_the_spectrum_is_that_of_the_content(texture):
    inputs = build_inputs(None, content=texture)
    start = initialization.initial_image(inputs, configs.Config(init="spectrum"), 96, 80)
    np.testing.assert_allclose(start.mean((0, 1)), texture.mean((0, 1)), atol=0.02)


def test_style_and_content_are_resized(texture):
    inputs = build_inputs(texture, content=texture[::-1])
    start = initialization.initial_image(inputs, configs.Config(init="style"), 48, 40)
    np.testing.assert_array_equal(start, images.resize(inputs.styles[0], 48, 40))
    config = configs.Config(init="content", noise=1e-6)
    start = initialization.initial_image(inputs, config, 48, 40)
    np.testing.assert_allclose(start, images.resize(inputs.content, 48, 40), atol=1e-4)


@pytest.mark.parametrize(
    "init, message",
    [
        ("content", "--init=content: --content is missing"),
        ("nowhere.png", r"nowhere\.png"),
        ("nois", "unknown --init 'nois'; did you mean 'noise'"),
    ],
)
def test_a_missing_image_is_named(texture, init, message):
    with pytest.raises(errors.UserError, match=message):
        initialization.initial_image(build_inputs(texture), configs.Config(init=init), 96, 80)


@pytest.mark.parametrize("init", ["style", "copies"])
def test_a_missing_style_is_named(texture, init):
    inputs = build_inputs(None, content=texture)
    with pytest.raises(errors.UserError, match=f"--init={init}: --style is missing"):
        initialization.initial_image(inputs, configs.Config(init=init), 96, 80)


def test_a_plan_has_the_details_of_its_scales(texture):
    config = configs.Config(size=0, scales=2, octaves=1, layers="relu1_1", num_steps=2, seed=4)
    plan = api.build_plan(texture, config)
    sizes = [(problem.height, problem.width) for problem in plan.problems]
    (details,) = plan.details
    (expected,) = initialization.scale_details(build_inputs(texture), config, sizes)
    image = images.resize(texture[::-1], *sizes[0])
    assert details(image).shape[:2] == sizes[1]
    np.testing.assert_array_equal(details(image), expected(image))


@pytest.mark.parametrize("init", ["spectrum", "noise"])
def test_the_noise_has_the_colors_of_the_masked_part(init):
    style = np.full((64, 64, 3), 0.2, np.float32)
    style[:, 40:] = 0.8
    mask = np.zeros((64, 64), np.float32)
    mask[:, 40:] = 1
    config = configs.Config(size=0, init=init, noise=0.1)
    masked = dataclasses.replace(settings.parse_settings(config), style_masks=[mask])
    inputs = input_images.build_inputs([style], None, masked)
    image = initialization.initial_image(inputs, config, 64, 64)
    assert abs(image.mean() - 0.8) < 0.05


def test_an_image_that_is_smaller_gets_the_details_it_lacks(texture):
    small = images.resize(texture, 24, 20)
    inputs = build_inputs(texture)._replace(init=small)
    start = initialization.initial_image(inputs, configs.Config(init="own"), 96, 80)
    enlarged = images.resize(small, 96, 80)
    details = start - enlarged
    assert details.std() > 0.008
    assert np.abs(images.resize(start, 24, 20) - small).max() < 0.5 * np.abs(details).max()
    same = inputs._replace(init=enlarged)
    kept = initialization.initial_image(same, configs.Config(init="own"), 96, 80)
    np.testing.assert_array_equal(kept, enlarged)
    noisy = initialization.initial_image(inputs, configs.Config(init="own", noise=0.9), 96, 80)
    np.testing.assert_array_equal(noisy, start)


@pytest.mark.slow
def test_a_small_picture_is_made_larger_with_the_detail_of_the_style():
    leaves = images.load("leaves")
    style, true = leaves[:, :128], leaves[:, 128:]
    small = images.resize(true, 64, 32)
    choices = {"init": small, "preset": "enhance", "height": 256, "width": 128}
    made = api.synthesize(style, **choices)

    def sharpness(image):
        return np.abs(np.diff(image, axis=1)).mean()

    assert sharpness(images.resize(small, 256, 128)) < 0.6 * sharpness(true)
    assert 0.85 < sharpness(made) / sharpness(true) < 1.3
    assert np.abs(images.resize(made, 64, 32) - small).mean() < 0.3 * small.std()


def test_images_that_shall_differ_start_with_more_noise(texture):
    inputs = build_inputs(texture)
    deviations = [
        initialization.initial_image(inputs, configs.Config(init="noise", **more), 96, 80).std()
        for more in ({}, {"diversity": 0.02}, {"diversity": 0.02, "noise": 0.02})
    ]
    assert deviations[1] > 1.2 * deviations[0] and deviations[2] == deviations[0]
