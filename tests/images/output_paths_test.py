"""What --output could not be written to is said before the work; what is written then is the result."""

import os

import numpy as np
import pytest

from jaxtex import errors, images
from jaxtex.images import output_paths


def test_what_is_allowed_is_not_made_yet(tmp_path):
    output_paths.validate_image(str(tmp_path / "new" / "folder" / "a.png"), 16)
    output_paths.validate_image(str(tmp_path / "a.JPG"), 8)
    assert list(tmp_path.iterdir()) == []


def test_the_folders_above_are_made(tmp_path):
    image = np.random.default_rng(0).random((40, 50, 3), np.float32)
    output_paths.save_image(str(tmp_path / "new" / "folder" / "a.png"), image, 16, "")
    np.testing.assert_allclose(images.load(tmp_path / "new" / "folder" / "a.png"), image, atol=1e-5)


def test_what_is_there_is_replaced(tmp_path, exemplar):
    path = tmp_path / "a.webp"
    path.write_bytes(b"something else")
    output_paths.validate_image(str(path), 8)
    output_paths.save_image(str(path), exemplar, 8, "")
    np.testing.assert_allclose(images.load(path), exemplar, atol=0.51 / 255)


@pytest.mark.parametrize(
    "name, bits, text",
    [
        ("a.bmp", 8, "its suffix is one of .png"),
        ("a.jpg", 16, "16 bits; .jpg has 8"),
        ("a.png", 10, "10 bits"),
        ("folder.png", 8, "is there, and no file"),
        ("pipe.png", 8, "is there, and no file"),
        ("file/a.png", 8, "file is no folder"),
        ("file/b/a.png", 8, "file is no folder"),
        ("broken/a.png", 8, "broken is no folder"),
        ("style.png", 8, "is what the picture is made from"),
        ("link.png", 8, "is what the picture is made from"),
        ("folder.png/../style.png", 8, "is what the picture is made from"),
        ("run.png", 8, "will be a folder of this run"),
        (f"{'a' * 200}.png", 8, "a name of at most 200 bytes"),
        (f"{'a' * 300}/a.png", 8, "cannot be written"),
        ("a\0.png", 8, "a name of at most 200 bytes, and none of them 0"),
    ],
)
def test_what_is_not_allowed_is_one_line(tmp_path, name, bits, text):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "style.png").write_text("")
    (tmp_path / "link.png").symlink_to("style.png")
    (tmp_path / "broken").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(errors.UserError, match=text) as caught:
        output_paths.validate_image(
            f"{tmp_path}/{name}",
            bits,
            ["", "none", str(tmp_path / "style.png")],
            ["", f"{tmp_path}/run.png/a"],
        )
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc")
def test_a_folder_that_takes_no_files_is_found_even_by_root():
    with pytest.raises(errors.UserError, match="/proc/a.png: cannot be written"):
        output_paths.validate_image("/proc/a.png", 8)
