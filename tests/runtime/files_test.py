"""Tests of atomic writes, locks and hashes."""

import hashlib

import pytest

from jaxtex import errors
from jaxtex.runtime import files


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_as_a_whole(tmp_path, durable):
    path = tmp_path / "result.txt"
    for text in ("first", "second"):
        with files.atomic(path, durable=durable) as part:
            part.write_text(text)
            assert not path.exists() or path.read_text() != text
        assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="stopped"), files.atomic(path) as part:
        part.write_text("half")
        raise RuntimeError("stopped")
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "old"


def test_files_of_a_killed_process_are_removed(tmp_path):
    (tmp_path / ".result.png.1234.part").touch()
    (tmp_path / "result.png").touch()
    files.remove_partial_files(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["result.png"]


def test_a_lock_is_held_until_the_file_is_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LOCK_TRIES", 2)
    path = tmp_path / "lock"
    with open(path, "w") as first, open(path, "w") as second:
        assert files.try_lock(first)
        assert not files.try_lock(second)
        first.close()
        assert files.try_lock(second)


def test_without_locks_a_warning_is_logged(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(files, "fcntl", None)
    with open(tmp_path / "lock", "w") as file:
        assert files.try_lock(file)
    assert "cannot lock files here" in caplog.text


def test_hashes(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "READ_BYTES", 2)
    path = tmp_path / "abc.txt"
    path.write_bytes(b"abc")
    assert files.hash_file(path, "sha256", "md5") == {
        "sha256": hashlib.sha256(b"abc").hexdigest(),
        "md5": "900150983cd24fb0d6963f7d28e17f72",
    }


@pytest.mark.parametrize("path", [3, None, "a\0b.png"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(errors.UserError, match="^output .*: not a valid file name$"):
        with files.atomic(path):
            pass
    assert files.refuse_irregular(path) in (
        f"must be a path, got {type(path).__name__}",
        "not a valid file name",
    )
