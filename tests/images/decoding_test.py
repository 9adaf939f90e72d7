"""What a file shows is what is read, sample by sample; every kind, depth, order, orientation and profile."""

import logging
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from jaxtex import images
from jaxtex.images import decoding, file_checks, icc
from support import colorimetry, damaged_pictures, paths, pictures, right_pictures

RIGHT = right_pictures.every()


def load(tmp_path, data):
    (tmp_path / "picture").write_bytes(data)
    return images.load(tmp_path / "picture")


@pytest.mark.parametrize("picture", RIGHT, ids=[picture.name for picture in RIGHT])
def test_what_is_shown_is_read(tmp_path, picture):
    found = load(tmp_path, picture.data)
    assert found.dtype == np.float32 and found.shape == picture.shown.shape
    np.testing.assert_allclose(found, picture.shown, rtol=0, atol=picture.tolerance)


def test_another_reader_sees_the_same_sixteen_bits(tmp_path):
    for picture in RIGHT:
        if picture.name.startswith("tiff") and picture.name.endswith("raw-rgb-16"):
            (tmp_path / "picture").write_bytes(picture.data)
            np.testing.assert_array_equal(
                tifffile.imread(tmp_path / "picture") / 65535, picture.shown
            )


@pytest.mark.skipif("AVIF" not in decoding.FORMATS, reason="this Pillow has no AVIF")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_is_turned_once(tmp_path, orientation):
    levels = np.round(pictures.smooth() * 255)
    options = {"quality": 100, "subsampling": "4:4:4", "exif": pictures.exif(orientation)}
    found = load(tmp_path, pictures.pillow(levels, "AVIF", **options))
    np.testing.assert_allclose(
        found, pictures.turn(levels / 255, orientation), rtol=0, atol=4 / 255
    )


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "lzma", "tiff_adobe_deflate"])
def test_tiffs_are_unpacked(tmp_path, compression):
    levels = np.round(pictures.smooth() * 255)
    found = load(tmp_path, pictures.pillow(levels, "TIFF", compression=compression))
    np.testing.assert_allclose(found, levels / 255, atol=1e-6)


@pytest.mark.parametrize("picture", right_pictures.several(), ids=lambda picture: picture.name)
def test_of_several_pictures_the_first_is_taken_and_that_is_said_once(tmp_path, caplog, picture):
    path = tmp_path / picture.name
    path.write_bytes(picture.data)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_allclose(images.load(path), picture.shown, atol=1e-6)
        images.load(path)
    assert [record.getMessage() for record in caplog.records] == [
        f"image '{path}': there are several pictures in it; the first is taken"
    ]


def test_the_second_picture_may_be_damaged(tmp_path):
    gif = next(picture for picture in right_pictures.several() if picture.name == "several.gif")
    assert load(tmp_path, gif.data[:-40]).shape == gif.shown.shape


def test_a_camera_s_second_picture_is_not_mentioned(tmp_path, caplog):
    levels = np.round(pictures.smooth() * 255).astype(np.uint8)
    twice = pictures.pillow(
        levels, "MPO", save_all=True, append_images=[pictures.Image.fromarray(levels)]
    )
    np.testing.assert_allclose(load(tmp_path, twice), levels / 255, atol=12 / 255)
    assert not caplog.records


def test_our_own_profile_changes_nothing():
    image = pictures.Image.fromarray(np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3))
    assert icc.to_srgb(image, icc.srgb()) is None
    assert (
        icc.to_srgb(image, colorimetry.matrix_profile(colorimetry.SRGB, 2.2)) is not None
    )  # a power is not sRGB's curve
    assert icc.srgb() == icc.srgb.__wrapped__()  # no time of the day in it


def test_libtiff_says_nothing(tmp_path, capfd):
    lzw = damaged_pictures.every()["cut-lzw-0.50"]
    packed = pictures.pillow(np.round(pictures.smooth() * 255), "TIFF", compression="tiff_lzw")
    for data in (lzw, packed[:1000] + b"\xff\xaa\x55" * 30 + packed[1090:]):
        with pytest.raises(images.io.errors.UserError):
            load(tmp_path, data)
    captured = capfd.readouterr()
    assert captured.err == captured.out == ""


@pytest.mark.parametrize(
    "opened", ["", "open(os.devnull), "], ids=["its-number-is-the-picture's", "another's"]
)
def test_standard_error_may_be_closed(tmp_path, opened):
    levels = np.round(pictures.smooth() * 255)
    (tmp_path / "a.tif").write_bytes(pictures.pillow(levels, "TIFF", compression="tiff_lzw"))
    text = f"import os, sys; os.close(2); from jaxtex import images; print({opened}images.load(sys.argv[1]).mean())"
    line, pipes = (
        [sys.executable, "-c", text, tmp_path / "a.tif"],
        {"stdout": subprocess.PIPE, "text": True},
    )
    told = subprocess.run(line, env=os.environ | {"PYTHONPATH": str(paths.ROOT)}, **pipes).stdout
    assert float(told.split()[-1]) == pytest.approx(levels.mean() / 255, abs=1e-6)


def test_without_standard_error_nothing_is_muted(tmp_path, monkeypatch):
    def closed(_):
        raise OSError

    monkeypatch.setattr(file_checks.os, "dup", closed)
    with (
        open(tmp_path / "a", "wb+") as file,
        pytest.raises(KeyError),
        file_checks.silence_libtiff(file),
    ):
        raise KeyError
