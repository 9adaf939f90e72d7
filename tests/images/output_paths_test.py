"""--output is validated before the work begins, and written after it."""

import os

import numpy as np
import pytest

from jaxtex import errors, images
from jaxtex.images import builtin, output_paths


def test_validation_creates_nothing(tmp_path):
    output_paths.validate_image(str(tmp_path / "new" / "folder" / "a.png"), 16)
    output_paths.validate_image(str(tmp_path / "a.JPG"), 8)
    assert list(tmp_path.iterdir()) == []


def test_parent_folders_are_created(tmp_path):
    image = np.random.default_rng(0).random((40, 50, 3), np.float32)
    path = tmp_path / "new" / "folder" / "a.png"
    output_paths.save_image(str(path), image, 16, "")
    np.testing.assert_allclose(images.load(path), image, atol=1e-5)


def test_an_existing_file_is_replaced(tmp_path, exemplar):
    path = tmp_path / "a.webp"
    path.write_bytes(b"something else")
    output_paths.validate_image(str(path), 8)
    output_paths.save_image(str(path), exemplar, 8, "")
    np.testing.assert_allclose(images.load(path), exemplar, atol=0.51 / 255)


@pytest.mark.parametrize(
    "name, bits, text",
    [
        ("a.bmp", 8, "suffix must be one of .png"),
        ("a.jpg", 16, "16 bits; .jpg has 8"),
        ("a.png", 10, "10 bits"),
        ("folder.png", 8, "exists and is not a file"),
        ("pipe.png", 8, "exists and is not a file"),
        ("file/a.png", 8, "file is not a folder"),
        ("file/b/a.png", 8, "file is not a folder"),
        ("broken/a.png", 8, "broken is not a folder"),
        ("style.png", 8, "is an input of this run; choose another file"),
        ("link.png", 8, "is an input of this run"),
        ("folder.png/../style.png", 8, "is an input of this run"),
        ("run.png", 8, "will be a folder of this run"),
        (f"{'a' * 200}.png", 8, "name must have at most 200 bytes"),
        (f"{'a' * 300}/a.png", 8, "cannot be written"),
        ("a\0.png", 8, "name must have at most 200 bytes, and no zero byte"),
    ],
)
def test_an_unusable_path_is_one_line(tmp_path, name, bits, text):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "style.png").write_text("")
    (tmp_path / "link.png").symlink_to("style.png")
    (tmp_path / "broken").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    before = sorted(tmp_path.rglob("*"))

    inputs = ["", "none", str(tmp_path / "style.png")]
    folders = ["", f"{tmp_path}/run.png/a"]
    with pytest.raises(errors.UserError, match=text) as caught:
        output_paths.validate_image(f"{tmp_path}/{name}", bits, inputs, folders)

    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_a_folder_that_accepts_no_files_is_refused_even_for_root():
    with pytest.raises(errors.UserError, match="/proc/a.png: cannot be written"):
        output_paths.validate_image("/proc/a.png", 8)


def test_a_built_in_input_is_not_replaced(tmp_path, exemplar, monkeypatch):
    images.save(tmp_path / "cells.png", exemplar)
    monkeypatch.setattr(builtin, "FOLDER", tmp_path)
    with pytest.raises(errors.UserError, match="cells.png: is an input of this run"):
        output_paths.validate_image(str(tmp_path / "cells.png"), 8, ["cells"])


def test_other_files_are_validated_by_their_suffix(tmp_path):
    output_paths.validate_file(str(tmp_path / "a.HTML"), [".html", ".htm"])
    with pytest.raises(errors.UserError, match="suffix must be one of .html, .htm"):
        output_paths.validate_file(str(tmp_path / "a.pdf"), [".html", ".htm"])
