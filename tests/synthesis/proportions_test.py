"""Sizes of the result: of a side that is not given, in proportion; no image is stretched unsaid."""

import numpy as np
import pytest

from jaxtex import errors, images
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images, settings
from jaxtex.synthesis.canvas import sizes
from jaxtex.synthesis.starts import initialization


def noise(height, width, channels=3):
    return np.random.default_rng(height).random((height, width, channels), np.float32)


def build(style, content=None, **choices):
    styles = [] if style is None else [style]
    return input_images.build_inputs(
        styles, content, settings.parse_settings(configs.Config(**choices))
    )


@pytest.fixture(autouse=True)
def warn_again():
    """Each test receives the warnings that are logged once."""
    errors.warn_once.cache_clear()


@pytest.mark.parametrize("as_content", [True, False])
@pytest.mark.parametrize(
    "shape, choices, expected",
    [
        ((67, 101), {"size": 64, "width": 128}, (85, 128)),
        ((67, 101), {"size": 64, "height": 128}, (128, 193)),
        ((67, 101), {"size": 64}, (64, 96)),
        ((67, 101), {"size": 0}, (67, 101)),
        ((67, 101), {"size": 0, "width": 202}, (134, 202)),
        ((67, 101), {"size": 64, "height": 50, "width": 120}, (50, 120)),
        ((120, 40), {"size": 40, "width": 64}, (192, 64)),
        ((64, 64), {"size": 48, "height": 96}, (96, 96)),
    ],
)
def test_sizes(shape, choices, expected, as_content):
    image, other = noise(*shape), noise(40, 90)
    inputs = build(other, image, **choices) if as_content else build(image, **choices)
    assert (inputs.height, inputs.width) == expected
    if as_content:
        assert inputs.content.shape == (*expected, 3)


def test_one_side_keeps_the_proportions_of_random_images():
    rng = np.random.default_rng(0)
    for _ in range(30):
        rows, columns, side = rng.integers(60, 300, 3).tolist()
        flag = str(rng.choice(["height", "width"]))
        config = configs.Config(size=48, **{flag: side})
        image = np.broadcast_to(np.float32(0), (rows, columns, 3))
        try:
            height, width = sizes.result_size(config, image)
        except errors.UserError as error:
            assert f"--{flag}={side}: with the proportions of the image" in str(error)
            assert min(rows, columns) * side / (rows if flag == "height" else columns) < 32.5
            continue
        assert {"height": height, "width": width}[flag] == side
        assert abs(height * columns - width * rows) <= max(rows, columns) / 2 + 1


@pytest.mark.parametrize(
    "shape, choices, message",
    [
        ((40, 320), {"width": 64}, "--width=64: with the proportions of the image, 320 x 40"),
        ((33, 20000), {"height": 64}, "the result has 38788 x 64 pixels; each side must be"),
        ((40, 400), {"size": 16384}, "--size=16384: 400 x 40 become 163840 x 16384 pixels"),
    ],
)
def test_a_side_that_cannot_follow_is_one_line(shape, choices, message):
    image = np.broadcast_to(np.float32(0), (*shape, 3))
    with pytest.raises(errors.UserError) as error:
        sizes.result_size(configs.Config(**choices), image)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_stretched_content_is_a_warning_of_one_line(caplog):
    content = noise(67, 101)
    build(noise(48, 48), content, size=64, width=128)
    build(noise(48, 48), content, size=64, height=85, width=128)
    build(noise(48, 48), None, size=48, height=48, width=128)  # textures have no proportions
    assert not caplog.records
    for _ in range(3):  # of a batch
        build(noise(48, 48), content, size=64, height=64, width=128)
    (record,) = caplog.records
    assert record.getMessage() == (
        "--content: 101 x 67 pixels are stretched to 128 x 64; --width=128 --height=85 would keep "
        "the proportions"
    )


def test_a_stretched_initial_image_is_a_warning(caplog, tmp_path):
    images.save(tmp_path / "start.png", noise(48, 64))
    for width, count in ((64, 0), (65, 0), (96, 1)):
        inputs = build(noise(48, 48), size=48, height=48, width=width)
        config = configs.Config(init=f"{tmp_path}/start.png")
        start = initialization.initial_image(inputs, config, 48, width)
        assert start.shape == (48, width, 3) and len(caplog.records) == count
    assert "--init: 64 x 48 pixels are stretched to 96 x 48" in caplog.text


def test_alpha_and_masks_follow_the_proportions(tmp_path):
    mask = np.zeros((67, 101, 3), np.float32)
    mask[:40] = 1
    images.save(tmp_path / "mask.png", mask)
    content = noise(67, 101, 4)
    choices = {"alpha": "keep", "masks": f"{tmp_path}/mask.png", "width": 128}
    inputs = build(noise(48, 48), content, size=64, **choices)
    assert inputs.alpha.shape == (85, 128, 1)
    result = inputs.finish(np.zeros((85, 128, 3), np.float32))
    assert result.shape == (85, 128, 4)


def test_maps_follow_the_proportions():
    inputs = build(np.concatenate([noise(67, 101)] * 2, -1), size=64, width=128)
    assert (inputs.height, inputs.width) == (85, 128)


def test_each_style_of_a_batch_has_its_own_proportions():
    sizes = [build(noise(*shape), size=48, width=96) for shape in ((48, 64), (64, 48), (48, 48))]
    assert [inputs.height for inputs in sizes] == [72, 128, 96]
