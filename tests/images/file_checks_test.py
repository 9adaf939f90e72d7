"""Damaged files, bombs, and what is no file: one line each, at once, with little memory."""

import json
import os
import re
import resource
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest

from jaxtex import errors, images
from support import damaged_pictures, paths, pictures

DAMAGED = damaged_pictures.every()
LARGE = ["png-width-2147483648", *(f"bomb-{name}" for name in ("jpeg", "gif", "bmp", "ppm"))]
LARGE += [
    f"bomb-{kind}-{size}"
    for kind in ("png", "tiff")
    for size in (2**31 - 1, 100_000, 13_000, 10_001)
]
REASONS = dict.fromkeys(LARGE, "at most 100,000,000") | {
    **{f"small.{suffix}": "at least 32 on each side" for suffix in ("png", "jpg", "tif", "gif")},
    "bomb-scans": "scans of 1500 x 1500 pixels, which would take very long",
    "tiff-32": "have no white; 16 bits, please",
}


def refused(path):
    """The one line of it."""
    with pytest.raises(errors.UserError) as caught:
        images.load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused(tmp_path, name):
    path, before, began = (
        tmp_path / name,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        time.perf_counter(),
    )
    path.write_bytes(DAMAGED[name])
    message = refused(path)
    assert message.startswith(f"image '{path}': ")
    assert (
        REASONS.get(re.sub(r"-(False|True)$", "", name), "not an image, damaged, or of a rare kind")
        in message
    )
    assert time.perf_counter() - began < 10
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700_000
    )  # kB; 9000 x 9000 pixels are 243,000


def test_what_is_no_image_says_what_can_be_read(tmp_path):
    (tmp_path / "a.heic").write_bytes(DAMAGED["heic"])
    assert "PNG, JPEG, WEBP, TIFF, BMP, GIF, PPM" in refused(tmp_path / "a.heic")


def test_pixels_beyond_the_picture_are_left_alone(tmp_path):
    values = pictures.samples(3, 255)
    lines = pictures.filtered(pictures.rows(values, 8), 3) + bytes(10**8)
    head = struct.pack(">IIBBBBB", pictures.WIDTH, pictures.HEIGHT, 8, 2, 0, 0, 0)
    (tmp_path / "bomb").write_bytes(
        pictures.of_chunks((b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    )
    np.testing.assert_allclose(images.load(tmp_path / "bomb"), values / 255, atol=1e-6)


NAMES = [
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
]


@pytest.mark.parametrize("name", NAMES)
def test_names_may_be_odd(tmp_path, name):
    data = pictures.png(pictures.samples(3, 255), 2, 8)
    path = tmp_path / name
    path.write_bytes(data)
    np.testing.assert_allclose(images.load(path), pictures.samples(3, 255) / 255, atol=1e-6)
    path.write_bytes(data[:500])
    assert refused(path).startswith("image ") and refused(os.fspath(path)) == refused(path)


def test_what_is_no_file_is_refused_at_once(tmp_path):
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
        "a\0b": "no name of a file",
        "/dev/zero": "is a pipe or a device",
    }
    expected |= {"/proc/self/environ": "empty"} if sys.platform == "linux" else {}
    for name, text in expected.items():
        assert text in refused(tmp_path / name)


def test_a_link_to_a_picture_is_one(tmp_path):
    (tmp_path / "a.png").write_bytes(pictures.png(pictures.samples(3, 255), 2, 8))
    (tmp_path / "b").symlink_to("a.png")
    assert images.load(tmp_path / "b").shape == (pictures.HEIGHT, pictures.WIDTH, 3)


def test_a_file_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.png").write_bytes(pictures.png(pictures.samples(3, 255), 2, 8))
    monkeypatch.setattr("builtins.open", forbidden)
    assert refused(tmp_path / "a.png").endswith("cannot be read (Permission denied)")


def test_too_little_memory_is_one_line(tmp_path, monkeypatch):
    def full(*_):
        raise MemoryError

    (tmp_path / "a.png").write_bytes(pictures.png(pictures.samples(3, 255), 2, 8))
    monkeypatch.setattr(images.decoding, "read", full)
    assert "larger than the memory that is left" in refused(tmp_path / "a.png")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
def test_two_thousand_mutated_files():
    """Nothing but errors of the user, none that hangs, none that asks for more than 2 GB; what is read is an image."""
    program, root = paths.ROOT / "tests" / "support" / "mutations.py", str(paths.ROOT)
    command, environment = [sys.executable, program, "2000", "0"], os.environ | {"PYTHONPATH": root}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    counts = json.loads(done.stdout)
    assert counts["loaded"] > 200 and counts["refused"] > 1000 and counts["megabytes"] < 1000, (
        counts
    )
