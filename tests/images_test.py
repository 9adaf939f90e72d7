"""What is read is what a person sees; what cannot be read is one clear line."""

import numpy as np
import pytest
from PIL import Image

from jaxtex import errors, images

RGB = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


def write(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def test_round_trip(tmp_path):
    images.save(tmp_path / "a.png", RGB / 255)
    np.testing.assert_allclose(images.load(tmp_path / "a.png"), RGB / 255, atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_sixteen_bits_are_scaled(tmp_path):
    grey = np.linspace(0, 65535, 40 * 50).reshape(40, 50).astype(np.uint16)
    loaded = images.load(write(tmp_path / "a.png", grey))
    np.testing.assert_allclose(loaded[..., 1], grey / 65535, atol=1e-4)


def test_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    loaded = images.load(write(tmp_path / "a.png", RGB, exif=exif))
    np.testing.assert_allclose(loaded, np.rot90(RGB, -1) / 255, atol=1e-6)


def test_transparency_shows_white(tmp_path):
    rgba = np.dstack([RGB, np.zeros((40, 50), np.uint8)])
    assert images.load(write(tmp_path / "a.png", rgba)).min() == 1


def test_palette_grey_and_cmyk_become_rgb(tmp_path):
    Image.fromarray(RGB).convert("P").save(tmp_path / "p.png")
    Image.fromarray(RGB).convert("L").save(tmp_path / "l.png")
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "c.jpg")
    for path in tmp_path.iterdir():
        assert images.load(path).shape == (40, 50, 3)


def test_resizing_keeps_means_and_bounds():
    smooth = images.resize(RGB / 255, 160, 100)
    assert smooth.shape == (160, 100, 3) and smooth.min() >= 0 and smooth.max() <= 1
    np.testing.assert_allclose(images.shorter_side(RGB / 255, 20).mean((0, 1)), (RGB / 255).mean((0, 1)), atol=0.02)


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
def test_what_is_no_image_is_one_line(tmp_path, name, content, text):
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


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(errors.UserError, match="is a folder"):
        images.load(tmp_path)


@pytest.mark.parametrize(
    "array", [np.zeros((40, 40)), np.zeros((40, 40, 4)), np.full((40, 40, 3), 2.0), np.full((40, 40, 3), np.nan)]
)
def test_arrays_that_are_no_images_are_refused(array):
    with pytest.raises(errors.UserError, match="an image"):
        images.check(array)
