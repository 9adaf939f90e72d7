"""Files that are written: every format, equal files, one line where none can be written."""

import time

import numpy as np
import pytest
import tifffile
from PIL import Image

from jaxtex import errors, images
from jaxtex.images import encoding, icc

RGB = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
WRITTEN = [(suffix, bits) for suffix, row in encoding.FORMATS.items() for bits in row.writers]


@pytest.mark.parametrize("suffix, bits", WRITTEN)
def test_every_format_is_read_again(tmp_path, suffix, bits):
    image = np.random.default_rng(0).random((40, 50, 3), np.float32)
    tolerance = 0.51 / (2**bits - 1)
    if suffix in (".jpg", ".jpeg"):
        image = images.resize(image[:6, :8], 40, 50)  # JPEG preserves smooth images
        tolerance = 12 / 255

    path = tmp_path / f"A{suffix.upper()}"
    images.save(path, image, bits)
    np.testing.assert_allclose(images.load(path), image, rtol=0, atol=tolerance)
    assert list(tmp_path.iterdir()) == [path]
    if bits == encoding.FLOAT_BITS:  # Pillow cannot open colors of floats
        with tifffile.TiffFile(path) as file:
            assert file.pages[0].iccprofile == icc.srgb()
        return
    with Image.open(path) as file:
        assert file.info["icc_profile"] == icc.srgb()


@pytest.mark.parametrize("suffix, bits", WRITTEN)
def test_every_format_stores_metadata(tmp_path, suffix, bits):
    path = tmp_path / f"a{suffix}"
    images.save(path, RGB / 255, bits, note='{"seed": 1}')
    assert images.read_metadata(path) == '{"seed": 1}'
    images.save(path, RGB / 255, bits)
    assert images.read_metadata(path) == ""


@pytest.mark.parametrize("suffix, bits", WRITTEN)
def test_a_note_that_is_too_long_is_left_out(tmp_path, caplog, suffix, bits):
    errors.warn_once.cache_clear()
    path = tmp_path / f"a{suffix}"
    fits = encoding.FORMATS[suffix] is not encoding.JPEG
    for note, kept in (("x" * 65000, True), ("x" * 70000, fits)):
        images.save(path, RGB / 255, bits, note=note)
        assert images.read_metadata(path) == (note if kept else "")
    assert ("a note of 70,000 letters is left out" in caplog.text) != fits


@pytest.mark.parametrize("note", [3, None, b"a", "\u00e9", "a\0b"])
def test_a_note_must_be_a_text(tmp_path, note):
    with pytest.raises(errors.UserError, match="^note=.*: must be a text in ASCII$"):
        images.save(tmp_path / "a.png", RGB / 255, note=note)


@pytest.mark.parametrize("note", ["", '{"seed": 1}'])
@pytest.mark.parametrize("suffix, bits", WRITTEN)
def test_equal_images_give_equal_files(tmp_path, monkeypatch, suffix, bits, note):
    files = []
    for clock in (time.gmtime(0), time.gmtime(10**9)):
        # A stored time would make the files differ, though they are written within one second.
        monkeypatch.setattr(time, "gmtime", lambda *_, clock=clock: clock)
        path = tmp_path / f"{len(files)}{suffix}"
        images.save(path, RGB / 255, bits, note=note)
        files.append(path.read_bytes())
    assert files[0] == files[1]


def test_other_libraries_read_sixteen_bits(tmp_path):
    image = np.random.default_rng(0).random((40, 50, 3), np.float32)
    images.save(tmp_path / "a.tif", image, 16)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), images.to_uint(image, 16))
    images.save(tmp_path / "a.png", image, 16)
    with Image.open(tmp_path / "a.png") as file:
        file.verify()
    with Image.open(tmp_path / "a.png") as file:
        np.testing.assert_array_equal(np.asarray(file), images.to_uint(image, 16) >> 8)


@pytest.mark.parametrize(
    "name, bits, text",
    [
        ("a.gif", 8, "'.*a.gif': suffix must be one of .png, .tif, .tiff, .jpg, .jpeg, .webp"),
        ("a", 8, "suffix must be one of"),
        ("png", 8, "suffix must be one of"),
        ("a.jpg", 16, "16 bits; .jpg has 8, and .png, .tif, .tiff have 8 or 16"),
        ("a.webp", 16, "16 bits; .webp has 8"),
        ("a.png", 12, "12 bits; .png has 8, and"),
        ("a.png", "8", "8 bits"),
    ],
)
def test_an_unsupported_output_is_one_line(tmp_path, name, bits, text):
    with pytest.raises(errors.UserError, match=text):
        images.save(tmp_path / name, RGB / 255, bits)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such folder: 'no/where'"):
        images.save("no/where/b.png", RGB / 255)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    for path in ("folder.png", "file/b.png", f"{300 * 'a'}.png"):
        with pytest.raises(OSError) as caught:
            images.save(path, RGB / 255)
        assert ".part" not in str(caught.value) and path.partition("/")[0][:50] in str(caught.value)


def test_a_long_name_that_fits_is_written(tmp_path):
    images.save(tmp_path / f"{250 * 'a'}.png", RGB / 255)
    assert [path.name for path in tmp_path.iterdir()] == [f"{250 * 'a'}.png"]


def test_a_size_beyond_the_format_is_one_line(tmp_path):
    text = "32 x 16384 pixels; .webp has at most 16383 on a side"
    with pytest.raises(errors.UserError, match=text):
        images.save(tmp_path / "a.webp", np.zeros((16384, 32, 3)))


def test_a_failing_write_keeps_the_existing_file(tmp_path, monkeypatch):
    images.save(tmp_path / "a.png", RGB / 255)

    def fail(path, *_):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(encoding.FORMATS, ".png", encoding.Format({8: fail}))
    with pytest.raises(OSError, match="No space"):
        images.save(tmp_path / "a.png", 1 - RGB / 255)
    np.testing.assert_allclose(images.load(tmp_path / "a.png"), RGB / 255, atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
