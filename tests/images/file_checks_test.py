"""Damaged files, decompression bombs and paths that are not files: one line each, quickly."""

import json
import os
import re
import resource
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from jaxtex import errors, images
from support import damaged_pictures, paths, pictures

DAMAGED = damaged_pictures.all_files()
MAX_SECONDS = 10
MAX_KILOBYTES = 700_000  # growth of memory; 9000 x 9000 pixels take 243,000

# Messages other than the usual one, by the name of the file.
TOO_LARGE = ["png-width-2147483648", *(f"bomb-{name}" for name in ("jpeg", "gif", "bmp", "ppm"))]
for kind in ("png", "tiff"):
    TOO_LARGE += [f"bomb-{kind}-{side}" for side in (2**31 - 1, 100_000, 13_000, 10_001)]
TOO_SMALL = [f"small.{suffix}" for suffix in ("png", "jpg", "tif", "gif")]
REASONS = {
    **dict.fromkeys(TOO_LARGE, "at most 100,000,000"),
    **dict.fromkeys(TOO_SMALL, "at least 32 on each side"),
    "bomb-scans": "scans of 1500 x 1500 pixels; must be at most 4,000,000,000 pixels in all scans",
    "tiff-32": "samples of 32 bits have no defined white",
    "tiff-lab-of-floats": "floats that are neither gray nor RGB",
    "tiff-no-number": "NaN or infinite in 1 pixels, the first at x=4, y=3",
}


def error_of(path):
    with pytest.raises(errors.UserError) as caught:
        images.load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["gif", "bmp", "ppm", "tif"])
def test_settings_of_pillow_are_not_used(tmp_path, monkeypatch, exemplar, kind):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    path = tmp_path / f"a.{kind}"
    # Of PNM Pillow reads black and white, of TIFF those that are compressed as fax.
    picture = Image.fromarray(images.to_uint8(exemplar)).convert("1" if kind != "gif" else "P")
    picture.save(path, **({"compression": "group3"} if kind == "tif" else {}))
    images.load(path)
    path.write_bytes(path.read_bytes()[:-100])
    error_of(path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES and Image.MAX_IMAGE_PIXELS == 1000


@pytest.fixture
def intact():
    """A PNG and its contents."""
    values = pictures.samples(3, 255)
    return pictures.png(values, 2, 8), values / 255


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(DAMAGED[name])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()

    message = error_of(path)

    seconds = time.perf_counter() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    usual = "not an image, damaged, or of an unsupported kind"
    assert message.startswith(f"image '{path}': ")
    assert REASONS.get(re.sub(r"-(False|True)$", "", name), usual) in message
    assert seconds < MAX_SECONDS and grown < MAX_KILOBYTES


def test_an_unsupported_format_lists_the_supported_ones(tmp_path):
    (tmp_path / "a.heic").write_bytes(DAMAGED["heic"])
    assert "expected one of PNG, JPEG, WEBP, TIFF, BMP, GIF, PPM" in error_of(tmp_path / "a.heic")


@pytest.mark.slow
def test_data_beyond_the_last_row_of_a_png_is_ignored(tmp_path):
    values = pictures.samples(3, 255)
    lines = pictures.filtered(pictures.rows(values, 8), 3) + bytes(10**8)
    head = struct.pack(">IIBBBBB", pictures.WIDTH, pictures.HEIGHT, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")
    (tmp_path / "bomb").write_bytes(pictures.of_chunks(*chunks))
    np.testing.assert_allclose(images.load(tmp_path / "bomb"), values / 255, atol=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "a.jpg",
        "a",
        "A.PNG",
        "a.txt",
        "a.b.c",
        " a ",
        "ä ö%s{0}.png",
        "-",
        "--style=a",
        "a\nb",
        "ß\udcff",
        "'",
        '"',
    ],
)
def test_any_file_name_is_accepted_and_quoted(tmp_path, name, intact):
    data, values = intact
    path = tmp_path / name
    path.write_bytes(data)
    np.testing.assert_allclose(images.load(path), values, atol=1e-6)

    path.write_bytes(data[:500])
    assert error_of(path).startswith("image ") and error_of(os.fspath(path)) == error_of(path)


def test_paths_that_are_not_files_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to("missing")
    (tmp_path / "empty").write_bytes(b"")
    expected = {
        "pipe": "is a pipe or a device",
        "loop": "symbolic links",
        "nowhere": "no such file",
        "empty": "empty",
        "missing": "no such file",
        ".": "is a folder",
        "empty/a": "cannot be read",
        "a" * 300: "cannot be read",
        "a\0b": "not a valid file name",
        "/dev/zero": "is a pipe or a device",
    }
    if sys.platform == "linux":
        expected["/proc/self/environ"] = "empty"
    for name, text in expected.items():
        assert text in error_of(tmp_path / name)


def test_links_to_images_are_followed(tmp_path, intact):
    (tmp_path / "a.png").write_bytes(intact[0])
    (tmp_path / "b").symlink_to("a.png")
    assert images.load(tmp_path / "b").shape == (pictures.HEIGHT, pictures.WIDTH, 3)


def test_a_file_without_permission_is_one_line(tmp_path, monkeypatch, intact):
    def fail(*_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.png").write_bytes(intact[0])
    monkeypatch.setattr(images.file_checks, "BoundedFile", fail)
    assert error_of(tmp_path / "a.png").endswith("cannot be read (Permission denied)")


def test_running_out_of_memory_is_one_line(tmp_path, monkeypatch, intact):
    def fail(*_):
        raise MemoryError

    (tmp_path / "a.png").write_bytes(intact[0])
    monkeypatch.setattr(images.decoding, "read", fail)
    assert "does not fit in the available memory" in error_of(tmp_path / "a.png")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS and /proc are Linux's")
def test_two_thousand_mutated_files():
    """Only user errors, nothing that hangs or allocates 2 GB; what is read is a valid image."""
    program = paths.ROOT / "tests" / "support" / "mutations.py"
    search = os.pathsep.join([str(paths.ROOT), str(paths.ROOT / "tests")])
    environment = os.environ | {"PYTHONPATH": search}
    command = [sys.executable, program, "2000", "0"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]

    counts = json.loads(done.stdout)
    assert counts["loaded"] > 200 and counts["refused"] > 1000, counts
    assert counts["megabytes"] < 1000, counts


REFUSALS = {  # beginning of a file -> what the message says of the rest, which is zeros
    b"": "not an image",
    b"\xff\xd8\xff": "parts",
    b"GIF89a\x40\0\x40\0\0\0\0": "parts",
    b"RIFF\xff\xff\xff\xffWEBPVP8 ": "at most 512 MB",
    b"\0\0\0\x20ftypavif": "not an image",
    b"\x89PNG\r\n\x1a\n": "not an image",
    b"II*\0\x08\0\0\0": "directory",
    b"BM": "not an image",
    b"P5 ": "size",
    b"P2 64 64 255 ": "not an image",
}


@pytest.mark.slow
@pytest.mark.parametrize("head", REFUSALS, ids=repr)
def test_a_large_file_that_is_no_image_is_refused_soon(tmp_path, head):
    path = tmp_path / "a"
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(1000 << 20)
    start = time.process_time()
    assert REFUSALS[head] in error_of(path)
    assert time.process_time() - start < MAX_SECONDS


def test_a_file_beyond_the_largest_size_is_refused_without_being_opened(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(pictures.png(pictures.samples(3, 255), 2, 8))
    os.truncate(path, images.file_checks.MAX_BYTES + 1)
    monkeypatch.delattr(images.file_checks, "BoundedFile")
    assert "1.0 GB; must have at most 1 GB" in error_of(path)


def run_of_pixels(runs, width=40, height=33):
    """Builds a BMP of 8 bits with run-length codes."""
    palette = bytes(range(256)) * 4
    offset = 54 + len(palette)
    head = struct.pack("<2sIII", b"BM", offset + len(runs), 0, offset)
    fields = (40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return head + struct.pack("<IiiHHIIiiII", *fields) + palette + runs


@pytest.mark.parametrize(
    ("row", "end", "reason"),
    [
        (b"\x28\1\0\0", b"\0\1", ""),
        (b"\x2a\1\0\0", b"\0\1", ""),  # a run of one color may be cut
        (b"\0\x28" + bytes(40) + b"\0\0", b"\0\1", ""),
        (b"\0\x2a" + bytes(42) + b"\0\0", b"\0\1", "a run that is longer than its row"),
        (b"\x28\1\0\0", None, "cut off"),
    ],
)
def test_runs_of_a_bmp_must_fit_its_rows(tmp_path, row, end, reason):
    data = run_of_pixels(row * 33 + end if end else row * 20)
    (tmp_path / "a").write_bytes(data)
    if reason:
        assert reason in error_of(tmp_path / "a")
    else:
        assert images.load(tmp_path / "a").shape == (33, 40, 3)


def test_what_follows_the_runs_of_a_bmp_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(run_of_pixels(b"\x28\1\0\0" * 33 + b"\0\1"))
    os.truncate(tmp_path / "a", 500 << 20)  # a sparse file: zeros follow
    tracemalloc.start()
    try:
        assert images.load(tmp_path / "a").shape == (33, 40, 3)
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()


def test_damaged_fax_data_is_refused(tmp_path):
    levels = (pictures.smooth(200, 300)[..., 0] > 0.5).astype(np.uint8) * 255
    bits = pictures.Image.fromarray(levels).convert("1")
    data = bytearray(pictures.pillow(bits, "TIFF", compression="group4"))
    (tmp_path / "a").write_bytes(data)
    assert images.load(tmp_path / "a").shape == (200, 300, 3)
    place = len(data) // 3
    data[place : place + 12] = bytes(12)
    (tmp_path / "a").write_bytes(data)
    assert "group4" in error_of(tmp_path / "a") or "fax" in error_of(tmp_path / "a")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"P7\nWIDTH 40\nHEIGHT 40\nDEPTH 3\nMAXVAL 255\nENDHDR\n", "PAM is not read"),
        (b"PF 40 40 -1.0\n" + bytes(19200), "PFM of colors is not read"),
        (b"P6 40 40 65536\n" + bytes(9600), "white must be from 1 to 65535"),
        (b"BM" + bytes(8) + b"\x36\0\0\0\x42\0\0\0" + bytes(200), "BMP header type (66)"),
        (pictures.tiff(pictures.samples(3, 255), 2, tags={259: 50001}), "compression webp"),
        (pictures.tiff(pictures.samples(3, 255), 32803), "photometric interpretation 32803"),
    ],
)
def test_the_known_reason_of_a_refusal_is_given(tmp_path, data, reason):
    (tmp_path / "a").write_bytes(data)
    assert reason in error_of(tmp_path / "a")


def test_the_thumbnail_and_the_second_image_of_a_jpeg_do_not_count(tmp_path):
    levels = np.round(pictures.smooth(150, 200) * 255)
    small = pictures.pillow(levels[::2, ::2], "JPEG")
    whole = pictures.pillow(levels, "JPEG")
    with_thumbnail = whole[:2] + b"\xff\xe2" + struct.pack(">H", len(small) + 2) + small + whole[2:]
    (tmp_path / "a").write_bytes(with_thumbnail + small)
    images.load(tmp_path / "a")
    for cut in (len(whole) * 3 // 4, len(whole) - 2):
        (tmp_path / "a").write_bytes(whole[:cut] + small)
        assert "cut off" in error_of(tmp_path / "a")
        (tmp_path / "a").write_bytes(with_thumbnail[: cut + len(small) + 4])
        assert "cut off" in error_of(tmp_path / "a")
