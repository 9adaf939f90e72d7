"""Reading, validating and resizing: values worked by hand, and errors of one line."""

import io

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxtex import errors, images

RGB = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


def write(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def test_a_written_image_is_read_again(tmp_path):
    images.save(tmp_path / "a.png", RGB / 255)
    np.testing.assert_allclose(images.load(tmp_path / "a.png"), RGB / 255, atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_sixteen_bits_are_scaled(tmp_path):
    gray = np.linspace(0, 65535, 40 * 50).reshape(40, 50).astype(np.uint16)
    loaded = images.load(write(tmp_path / "a.png", gray))
    np.testing.assert_allclose(loaded[..., 1], gray / 65535, atol=1e-4)


def test_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter clockwise
    loaded = images.load(write(tmp_path / "a.png", RGB, exif=exif))
    np.testing.assert_allclose(loaded, np.rot90(RGB, -1) / 255, atol=1e-6)


def test_transparency_shows_white(tmp_path):
    rgba = np.dstack([RGB, np.zeros((40, 50), np.uint8)])
    assert images.load(write(tmp_path / "a.png", rgba)).min() == 1


def test_palette_gray_and_cmyk_become_rgb(tmp_path):
    Image.fromarray(RGB).convert("P").save(tmp_path / "p.png")
    Image.fromarray(RGB).convert("L").save(tmp_path / "l.png")
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "c.jpg")
    for path in tmp_path.iterdir():
        assert images.load(path).shape == (40, 50, 3)


def test_enlarging_has_a_limit():
    text = "--size=16384: 320 x 32 become 163840 x 16384 pixels; must be at most 100,000,000"
    with pytest.raises(errors.UserError, match=text):
        images.resize_shorter_side(np.zeros((32, 320, 3), np.float32), 16384)


def test_resizing_keeps_means_and_bounds():
    smooth = images.resize(RGB / 255, 160, 100)
    assert smooth.shape == (160, 100, 3) and smooth.min() >= 0 and smooth.max() <= 1
    np.testing.assert_allclose(
        images.resize_shorter_side(RGB / 255, 20).mean((0, 1)), (RGB / 255).mean((0, 1)), atol=0.02
    )


@pytest.mark.parametrize(
    "name, content, text",
    [
        ("missing.png", None, "no such file"),
        ("empty.png", b"", "empty"),
        ("text.png", b"hello", "not an image"),
        ("cut.png", "cut", "damaged"),
        ("small.png", "small", "at least 32"),
    ],
)
def test_an_unreadable_image_is_one_line(tmp_path, name, content, text):
    path = tmp_path / name
    if content == "small":
        write(path, RGB[:31])
    elif content == "cut":
        write(path, RGB)
        path.write_bytes(path.read_bytes()[:2000])
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.UserError, match=text) as caught:
        images.load(path)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_is_not_an_image(tmp_path):
    with pytest.raises(errors.UserError, match="is a folder"):
        images.load(tmp_path)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((40, 40)),
        np.zeros((40, 40, 5)),
        np.full((40, 40, 3), 2.0),
        np.full((40, 40, 3), np.nan),
    ],
)
def test_invalid_arrays_are_refused(array):
    with pytest.raises(errors.UserError, match="an image must have"):
        images.validate(array)


@pytest.mark.parametrize("path", [None, 5, RGB / 255, io.BytesIO(), ["a.png"]])
def test_what_is_not_a_path_is_one_line(path):
    with pytest.raises(errors.UserError, match="^output: must be a path, got "):
        images.save(path, "a.png")
    with pytest.raises(errors.UserError, match="^image: must be a path, or the name of a built-in"):
        images.load(path)


def test_the_contents_of_a_file_are_not_a_path():
    with pytest.raises(errors.UserError, match="got bytes that are the contents of a file"):
        images.load(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")


@pytest.mark.parametrize(
    "size",
    [(0, 40), (40, -1), (2.5, 40), ("40", 40), (None, 40), (True, 40), (40, 10**10), (10**5,) * 2],
)
def test_a_size_that_cannot_be_used_is_one_line(size):
    with pytest.raises(errors.UserError, match="must be (a whole number from 1|at most)"):
        images.resize(RGB / 255, *size)
    with pytest.raises(errors.UserError, match="^tile='z': must be empty, x, y or xy"):
        images.resize(RGB / 255, 40, 40, "z")


def test_numbers_of_other_libraries_are_sizes():
    for size in ((np.int8(40), np.float32(48)), (jnp.int32(40), 48.0)):
        assert images.resize(RGB / 255, *size).shape == (40, 48, 3)
    assert images.resize_shorter_side(RGB / 255, np.uint8(20)).shape == (20, 25, 3)
