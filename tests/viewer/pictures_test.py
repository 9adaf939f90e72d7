"""Tests of embedded pictures: pixels, sizes and keys."""

import base64
import io

import numpy as np
from PIL import Image

from jaxtex import images
from jaxtex.viewer import pictures
from support import paths


def decode(picture):
    """Returns the type and the pixels of a picture, `[H, W, 3]`, uint8."""
    kind, _, data = picture.uri.partition(";base64,")
    return kind, np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def test_pictures_are_lossless(exemplar):
    picture = pictures.encode("exemplar", exemplar)
    kind, pixels = decode(picture)
    assert (picture.title, picture.width, picture.height) == ("exemplar", 64, 48)
    assert kind == "data:image/webp"
    assert np.array_equal(pixels, images.to_uint8(exemplar))


def test_an_image_too_large_for_webp_is_a_png():
    image = np.linspace(0, 1, 3 * 16384, dtype=np.float32).reshape(1, 16384, 3)
    kind, pixels = decode(pictures.encode("wide", image))
    assert kind == "data:image/png"
    assert np.array_equal(pixels, images.to_uint8(image))


def test_thumbnails_are_small_and_similar(exemplar):
    large = images.load(paths.ROOT / "images" / "pebbles.png")[:192]  # [192, 256, 3]
    thumbnail = pictures.thumbnail("large", large, 160)
    assert (thumbnail.width, thumbnail.height) == (160, 120)
    assert len(thumbnail.uri) < len(pictures.encode("large", large).uri) / 4

    # Only brightness has full resolution.
    expected = images.to_uint8(images.resize(large, 120, 160)).astype(float)
    difference = (decode(thumbnail)[1] - expected) @ [0.299, 0.587, 0.114]
    assert np.abs(difference).mean() < 4

    not_enlarged = pictures.thumbnail("small", exemplar, 160)
    assert (not_enlarged.width, not_enlarged.height) == (64, 48)


def test_keys_are_equal_for_equal_pictures(exemplar):
    first = pictures.encode("first", exemplar)
    assert first.key == pictures.encode("second", exemplar.copy()).key
    assert first.key != pictures.encode("first", exemplar[::-1]).key
