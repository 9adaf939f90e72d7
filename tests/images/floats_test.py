"""Files of floats: which values are black and white, and results in the same values."""

import logging

import numpy as np
import pytest
import tifffile

from jaxtex import errors, images
from jaxtex.images import output_paths
from support.commands import QUICK, jaxtex

SIZE = (48, 64)
RNG = np.random.default_rng(0)


def save(path, values):
    photometric = "rgb" if values.ndim == 3 else "minisblack"
    tifffile.imwrite(path, values, photometric=photometric, metadata=None)
    return str(path)


def directions():
    """Returns vectors of length 1 that point towards the viewer, as normal maps have them."""
    vectors = RNG.normal((0, 0, 3), size=(*SIZE, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (RNG.uniform(0.2, 0.7, SIZE), (0, 1)),
        (RNG.uniform(0.2, 0.7, (*SIZE, 3)), (0, 1)),
        (np.linspace(-0.001, 1.001, SIZE[0] * SIZE[1]).reshape(SIZE), (0, 1)),
        (np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) / 4 - 64, (-64, 703.75)),
        (np.arange(3 * SIZE[0] * SIZE[1]).reshape(*SIZE, 3) % 257, (0, 256)),
        (np.full(SIZE, 7), (7, 7)),
        (directions(), (-1, 1)),
    ],
    ids=["gray", "colors", "rounded", "heights", "bright", "flat", "normals"],
)
def test_black_and_white_follow_from_the_values(tmp_path, values, expected):
    path = save(tmp_path / "a.tif", values.astype(np.float32))
    assert images.value_range(path) == expected
    black, white = expected
    shown = np.clip((values - black) / ((white - black) or 1), 0, 1)
    loaded = images.load(path)
    np.testing.assert_allclose(
        loaded, np.broadcast_to(np.atleast_3d(shown), loaded.shape), atol=1e-6
    )


@pytest.mark.parametrize("values", [None, (-16.0, 48.0), (1000.0, 1008.0)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_is_written_is_read_again_exactly(tmp_path, channels, values):
    # Multiples of 1/1024 of the range, so that no step rounds.
    image = RNG.integers(0, 1025, (*SIZE, channels)).astype(np.float32) / 1024
    image = np.broadcast_to(image, (*SIZE, max(3, channels)))
    images.save(tmp_path / "a.tif", image, 32, values=values)

    low, high = values or (0, 1)
    stored = np.array(image[..., 0] if channels == 1 else image)
    stored[..., :3] = low + stored[..., :3] * (high - low)
    if channels == 1:
        stored = low + image[..., 0] * (high - low)
    written = tifffile.imread(tmp_path / "a.tif")
    assert written.dtype == np.float32
    np.testing.assert_array_equal(written, stored)

    np.testing.assert_array_equal(images.load(tmp_path / "a.tif", alpha=True), image)
    assert images.value_range(tmp_path / "a.tif") == (low, high)


@pytest.mark.parametrize("opaque", [1, 255])
def test_a_given_white_is_that_of_alpha_only_if_alpha_exceeds_1(tmp_path, opaque):
    image = RNG.random((*SIZE, 4), np.float32)
    stored = image * np.float32([255, 255, 255, opaque])
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["unassalpha"])
    loaded = images.load(tmp_path / "a.tif", alpha=True, white=255)
    np.testing.assert_allclose(loaded, image, atol=1e-6)


def test_floats_keep_their_note(tmp_path):
    for image in (np.zeros((40, 40, 3)), RNG.random((*SIZE, 3))):
        images.save(tmp_path / "a.tif", image, 32, note='{"seed": 1}', values=(-1, 5))
        assert images.read_metadata(tmp_path / "a.tif") == '{"seed": 1}'


def test_any_float_in_the_unit_range_keeps_all_bits(tmp_path):
    image = RNG.random((*SIZE, 3), np.float32)
    images.save(tmp_path / "a.tif", image, 32)
    np.testing.assert_array_equal(images.load(tmp_path / "a.tif"), image)


def test_heights_are_restored_within_a_rounding_of_their_range(tmp_path):
    heights = RNG.uniform(-12.5, 830, SIZE).astype(np.float32)
    path = save(tmp_path / "a.tif", heights)
    values = images.value_range(path)
    images.save(tmp_path / "b.tif", images.load(path), 32, values=values)
    np.testing.assert_allclose(
        tifffile.imread(tmp_path / "b.tif"), heights, rtol=0, atol=2.0**-24 * 842.5
    )
    assert images.value_range(tmp_path / "b.tif") == values


@pytest.mark.parametrize("high", [np.inf, 1.7e308, float(np.finfo(np.float32).max)])
@pytest.mark.parametrize("sign", [-1, 0])
def test_a_declared_range_of_all_floats_is_not_used(tmp_path, sign, high):
    heights = RNG.uniform(0, 100, SIZE).astype(np.float32)
    tags = ((340, sign and -high), (341, high))
    extra = [(tag, 12, 1, value, True) for tag, value in tags]
    tifffile.imwrite(tmp_path / "a.tif", heights, metadata=None, extratags=extra)
    assert images.value_range(tmp_path / "a.tif") == (heights.min(), heights.max())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_one_line(tmp_path, value):
    heights = RNG.uniform(0, 9, SIZE).astype(np.float32)
    heights[5, 7:9] = value
    with pytest.raises(
        errors.UserError, match="^image '.*a.tif': NaN or infinite in 2 pixels, "
    ) as e:
        images.load(save(tmp_path / "a.tif", heights))
    assert "the first at x=7, y=5; must be finite numbers" in str(e.value)


def test_marks_of_missing_data_are_warned_of(tmp_path, caplog):
    heights = RNG.uniform(0, 9, SIZE).astype(np.float32)
    with caplog.at_level(logging.WARNING):
        images.load(save(tmp_path / "a.tif", heights))
        heights[5, 7] = -9999
        images.load(save(tmp_path / "b.tif", heights))
    plain, marked = (record.getMessage() for record in caplog.records)
    assert "--bits=32" in plain and "missing data" not in plain
    assert "from -9999 to 8.99" in marked and "marks of missing data" in marked


@pytest.mark.parametrize(
    ("name", "bits", "values", "text"),
    [
        ("a.png", 32, None, "32 bits; only .tif, .tiff have floats of 32 bits"),
        ("a.tif", 16, (0, 9), "values=.*needs bits=32, got 16"),
        ("a.tif", 32, (0, np.inf), "must be two finite numbers"),
        ("a.tif", 32, 9, "must be two finite numbers"),
        ("a.tif", 32, "12", "must be two finite numbers"),
        ("a.tif", 32, (255, 0), "black and white, in this order"),
    ],
)
def test_values_that_cannot_be_written_are_one_line(tmp_path, name, bits, values, text):
    with pytest.raises(errors.UserError, match=text):
        images.save(tmp_path / name, np.zeros((40, 40, 3)), bits, values=values)
    assert not list(tmp_path.iterdir())


def test_a_result_has_the_values_of_its_floats(tmp_path):
    images.save(tmp_path / "colors.png", np.zeros((40, 40, 3)))
    heights = RNG.uniform(0, 9, SIZE).astype(np.float32)
    paths = [
        str(tmp_path / "colors.png"),
        save(tmp_path / "a.tif", heights),
        save(tmp_path / "b.tif", heights - 1),
    ]
    assert output_paths.result_values(paths[:1]) is None
    assert output_paths.result_values(paths[:2]) == (heights.min(), heights.max())
    with pytest.raises(errors.UserError, match="one range of values.*a.tif.*b.tif"):
        output_paths.result_values(paths)


@pytest.mark.slow
def test_the_command_makes_heights_from_heights(tmp_path, exemplar):
    heights = 900 * exemplar[..., 0] - 100
    output = tmp_path / "new.tif"
    jaxtex(
        f"--style={save(tmp_path / 'heights.tif', heights)}",
        f"--workdir={tmp_path}/run",
        f"--output={output}",
        "--bits=32",
        *QUICK,
    )
    made = tifffile.imread(output)
    assert made.shape == SIZE and made.dtype == np.float32
    assert images.value_range(output) == (heights.min(), heights.max())
    assert abs(made.mean() - heights.mean()) < 0.1 * np.ptp(heights)
    result = images.load(tmp_path / "run" / "result.png")
    np.testing.assert_allclose(images.load(output), result, atol=0.51 / 255)
