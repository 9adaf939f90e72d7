"""Files of every kind, depth, byte order, orientation and profile are read as they are shown."""

import logging
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from PIL import PngImagePlugin

from jaxtex import errors, images
from jaxtex.images import decoding, file_checks, icc
from support import colorimetry, damaged_pictures, paths, pictures, right_pictures

RIGHT = right_pictures.all_pictures()


def load(tmp_path, data):
    (tmp_path / "picture").write_bytes(data)
    return images.load(tmp_path / "picture")


@pytest.mark.slow
@pytest.mark.parametrize("picture", RIGHT, ids=[picture.name for picture in RIGHT])
def test_files_are_read_as_they_are_shown(tmp_path, picture):
    loaded = load(tmp_path, picture.data)
    assert loaded.dtype == np.float32 and loaded.shape == picture.shown.shape
    np.testing.assert_allclose(loaded, picture.shown, rtol=0, atol=picture.tolerance)


def test_tifffile_reads_the_same_sixteen_bits(tmp_path):
    deep = [
        picture
        for picture in RIGHT
        if picture.name.startswith("tiff") and picture.name.endswith("raw-rgb-16")
    ]
    assert len(deep) == 2  # both byte orders
    for picture in deep:
        (tmp_path / "picture").write_bytes(picture.data)
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "picture") / 65535, picture.shown)


@pytest.mark.skipif("AVIF" not in decoding.FORMATS, reason="this Pillow has no AVIF")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_is_turned_once(tmp_path, orientation):
    levels = np.round(pictures.smooth() * 255)
    options = {"quality": 100, "subsampling": "4:4:4", "exif": pictures.exif(orientation)}
    loaded = load(tmp_path, pictures.pillow(levels, "AVIF", **options))
    expected = pictures.turn(levels / 255, orientation)
    np.testing.assert_allclose(loaded, expected, rtol=0, atol=4 / 255)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "lzma", "tiff_adobe_deflate"])
def test_compressed_tiffs_are_read(tmp_path, compression):
    levels = np.round(pictures.smooth() * 255)
    loaded = load(tmp_path, pictures.pillow(levels, "TIFF", compression=compression))
    np.testing.assert_allclose(loaded, levels / 255, atol=1e-6)


@pytest.mark.parametrize("picture", right_pictures.several(), ids=lambda picture: picture.name)
def test_the_first_of_several_images_is_read_with_one_warning(tmp_path, caplog, picture):
    path = tmp_path / picture.name
    path.write_bytes(picture.data)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_allclose(images.load(path), picture.shown, atol=1e-6)
        images.load(path)
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [f"image '{path}': contains several images; reading the first"]


def test_the_second_image_may_be_damaged(tmp_path):
    gif = next(picture for picture in right_pictures.several() if picture.name == "several.gif")
    assert load(tmp_path, gif.data[:-40]).shape == gif.shown.shape


def test_the_preview_of_a_camera_raises_no_warning(tmp_path, caplog):
    levels = np.round(pictures.smooth() * 255).astype(np.uint8)
    preview = pictures.Image.fromarray(levels)
    data = pictures.pillow(levels, "MPO", save_all=True, append_images=[preview])
    np.testing.assert_allclose(load(tmp_path, data), levels / 255, atol=12 / 255)
    assert not caplog.records


def test_only_profiles_near_srgb_are_ignored():
    image = pictures.Image.fromarray(np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3))
    power_law = colorimetry.matrix_profile(colorimetry.SRGB, 2.2)  # differs from sRGB's curve
    assert icc.to_srgb(image, icc.srgb()) is None
    assert icc.to_srgb(image, power_law) is not None


def test_the_written_profile_has_no_time_stamp():
    assert icc.srgb() == icc.srgb.__wrapped__()
    assert icc.srgb()[icc.CREATED] == icc.FIXED_TIME


def test_libtiff_prints_nothing(tmp_path, capfd):
    lzw = damaged_pictures.all_files()["cut-lzw-0.50"]
    packed = pictures.pillow(np.round(pictures.smooth() * 255), "TIFF", compression="tiff_lzw")
    for data in (lzw, packed[:1000] + b"\xff\xaa\x55" * 30 + packed[1090:]):
        with pytest.raises(errors.UserError):
            load(tmp_path, data)
    captured = capfd.readouterr()
    assert captured.err == captured.out == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "opened", ["", "open(os.devnull), "], ids=["2-is-the-image", "2-is-another-file"]
)
def test_standard_error_may_be_closed(tmp_path, opened):
    levels = np.round(pictures.smooth() * 255)
    (tmp_path / "a.tif").write_bytes(pictures.pillow(levels, "TIFF", compression="tiff_lzw"))
    program = (
        "import os, sys; os.close(2); from jaxtex import images; "
        f"print({opened}images.load(sys.argv[1]).mean())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "a.tif"],
        env=os.environ | {"PYTHONPATH": str(paths.ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert float(done.stdout.split()[-1]) == pytest.approx(levels.mean() / 255, abs=1e-6)


def test_silencing_does_nothing_if_standard_error_cannot_be_duplicated(tmp_path, monkeypatch):
    def fail(_):
        raise OSError

    monkeypatch.setattr(file_checks.os, "dup", fail)
    with (
        open(tmp_path / "a", "wb+") as file,
        pytest.raises(KeyError),
        file_checks.silence_libtiff(file),
    ):
        raise KeyError


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "tif", "bmp", "ppm", "avif"])
def test_what_follows_an_image_is_not_read(tmp_path, suffix):
    if suffix == "avif" and "AVIF" not in decoding.FORMATS:
        pytest.skip("this Pillow has no AVIF")
    path = tmp_path / f"a.{suffix}"
    pictures.Image.fromarray(np.uint8(pictures.smooth() * 255)).save(path)
    alone = images.load(path)
    with open(path, "ab") as file:
        file.truncate(900 << 20)  # a sparse file: zeros follow
    start = time.process_time()
    np.testing.assert_array_equal(images.load(path), alone)
    assert time.process_time() - start < 1


def test_orientation_is_that_of_exif_alone(tmp_path):
    levels = np.round(pictures.smooth() * 255).astype(np.uint8)
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    text = PngImagePlugin.PngInfo()
    raw = pictures.exif(6)
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    text.add_text("Raw profile type exif", f"\nexif\n{len(raw)}\n{raw.hex()}")
    for data in (
        pictures.pillow(levels, "WEBP", lossless=True, xmp=xmp),
        pictures.pillow(levels, "PNG", pnginfo=text),
    ):
        np.testing.assert_allclose(load(tmp_path, data), levels / 255, atol=1e-6)


def test_pnms_of_any_white_keep_all_bits(tmp_path):
    rng = np.random.default_rng(0)
    for white in (1, 7, 100, 255, 256, 1000, 4095, 65535):
        for kind, channels in ((2, 1), (3, 3), (5, 1), (6, 3)):
            values = rng.integers(0, white + 1, (37, 44, channels))
            head = f"P{kind} # a remark\n44 #\n37 {white}\n".encode()
            body = " ".join(map(str, values.ravel())).encode() + b"\n# the end\n"
            if kind > 3:
                body = values.astype(">u2" if white > 255 else "u1").tobytes()
            shown = np.broadcast_to(values / white, (37, 44, 3))
            np.testing.assert_allclose(load(tmp_path, head + body), shown, atol=1e-6)
            with pytest.raises(errors.UserError):
                load(tmp_path, (head + body)[: len(head + body) // 2])


@pytest.mark.parametrize("sample", ["101", str(2**32 + 7), str(10**25), chr(101)])
def test_samples_of_a_pnm_beyond_its_white_are_refused(tmp_path, sample):
    kind, space = ("P2", " ") if sample.isdigit() else ("P5", "")
    data = (sample + space) * 40 * 40
    with pytest.raises(errors.UserError, match="samples beyond white"):
        load(tmp_path, f"{kind} 40 40 100\n{data}".encode())


def test_a_transparent_image_raises_a_warning(tmp_path, caplog):
    values = pictures.samples(4, 255)
    values[..., 3] = 0
    with caplog.at_level(logging.WARNING):
        load(tmp_path, pictures.png(values, 6, 8))
    (record,) = caplog.records
    assert "transparent everywhere" in record.getMessage()
