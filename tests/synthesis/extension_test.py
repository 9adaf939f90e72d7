"""Tests of canvases that are larger than the result: nothing moves from scale to scale."""

import numpy as np
import pytest

import jaxtex
from jaxtex import images
from jaxtex.losses import regions
from jaxtex.synthesis import api, input_images, loop, settings
from jaxtex.synthesis import config as configs
from jaxtex.synthesis.canvas import extension, kept_pixels
from jaxtex.synthesis.starts import initialization, references

# Heights and widths, most of which no pooling divides.
SIZES = [(256, 256), (300, 300), (263, 331), (200, 321), (341, 512), (225, 400)]
LAYERS = {"layers": "relu2_2,relu3_1", "scales": 2}


def smooth(height, width):
    """A picture whose values say where a pixel is."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    waves = [np.sin(rows / 9), np.sin(columns / 7), np.sin((rows + columns) / 11)]
    return np.stack(waves, -1).astype(np.float32) * 0.4 + 0.5


def rise(plan):
    """The start at the first scale, enlarged to the last."""
    image = plan.start
    for number in range(2, len(plan.problems) + 1):
        image = loop._refine(plan, number, image)
    return image[: plan.height, : plan.width]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scales", [2, 3])
def test_a_content_stays_where_it_is(size, scales):
    content = smooth(*size)
    config = configs.Config(size=0, scales=scales, content_color="own", noise=1e-6)
    plan = api.build_plan(jaxtex.load_image("pebbles"), config, content)
    difference = np.abs(rise(plan) - content)
    assert difference[:-8, :-8].max() < 0.05 * scales
    assert difference.mean() < 0.01 * scales


@pytest.mark.parametrize("size", SIZES)
def test_an_image_to_start_from_stays_where_it_is(size):
    height, width = size
    choices = {**LAYERS, "height": height, "width": width, "init": smooth(*size)}
    parsed = settings.parse_choices(choices)
    inputs = input_images.build_inputs([jaxtex.load_image("pebbles")], None, parsed)
    for canvas in [(height // 2 + 20, width // 2 + 9), (height + 4, width)]:
        factor = extension.factor_of(height, canvas[0])
        found = initialization.initial_image(inputs, parsed.config, *canvas)
        shown = np.repeat(np.repeat(found, factor, 0), factor, 1)[:height, :width]
        assert np.abs(shown - smooth(*size))[:-8, :-8].max() < 0.15


@pytest.mark.parametrize("size", SIZES)
def test_kept_pixels_and_masks_stay_where_they_are(size):
    picture, hole = smooth(*size), np.zeros(size, bool)
    hole[80:120, 60:100] = True
    kept = kept_pixels.Kept(picture, hole)
    canvas = (-(-size[0] // 32) * 16, -(-size[1] // 32) * 16)
    found = kept.extended(canvas).at(*canvas)
    np.testing.assert_array_equal(found["hole"][40:60, 30:50, 0], True)
    assert found["hole"].sum() == 20 * 20
    half = images.resize(picture[: size[0] // 2 * 2, : size[1] // 2 * 2], *(n // 2 for n in size))
    shown = found["picture"][: half.shape[0], : half.shape[1]]
    assert np.abs(shown - half)[:-4, :-4].max() < 0.02

    mask = extension.extend(hole.astype(np.float32), size, canvas, "")
    np.testing.assert_array_equal(regions.white_pixels(mask, *canvas), found["hole"][..., 0])


@pytest.mark.parametrize("size", SIZES)
def test_references_of_the_start_have_the_size_of_those_of_the_loss(size):
    height, width = size
    parsed = settings.parse_settings(configs.Config(**LAYERS, size=0, height=height, width=width))
    inputs = input_images.build_inputs([smooth(*size)], None, parsed)
    canvas = (-(-height // 32) * 16, -(-width // 32) * 16)
    (source,) = references._reduce(inputs, canvas)[0]
    assert source.shape[:2] == (round(height / 2), round(width / 2))


def test_factors_are_powers_of_two():
    found = [extension.factor_of(*each) for each in [(256, 256), (250, 256), (250, 128), (65, 48)]]
    assert found == [1, 1, 2, 2]


def test_a_periodic_axis_is_resized_as_a_whole():
    image = smooth(40, 24)
    fitted = extension.fit(image, (64, 64), "y")
    assert fitted.shape == (32, 32, 3)
    np.testing.assert_array_equal(fitted[:, 24:], np.repeat(fitted[:, 23:24], 8, 1))
    assert extension.double(fitted, (63, 64), "y").shape == (63, 64, 3)
    assert extension.extend(image, (40, 24), (48, 32), "x").shape == (48, 24, 3)
