"""Tests of the readers of a run folder, which may be damaged or incomplete at any moment."""

import json

import pytest

from jaxtex.runs import run_folder


def test_damaged_rows_are_skipped(tmp_path):
    whole = [{"step": step, "loss": 1 / step} for step in (1, 2, 3)]
    wrong = [
        "",
        "7",
        "[1]",
        "{}",
        '{"step": "x"}',
        '{"step": 2.5}',
        '{"step": 9',
        "\udcff",
        "\x00" * 9,
    ]
    lines = [
        json.dumps(whole[0]),
        *wrong[:5],
        json.dumps(whole[1]),
        *wrong[5:],
        json.dumps(whole[2]),
        '{"step": 4, "lo',
    ]
    (tmp_path / run_folder.METRICS).write_bytes("\n".join(lines).encode(errors="surrogateescape"))
    assert run_folder.read_metrics(tmp_path) == whole
    assert next(run_folder.parse_metrics(reversed(lines))) == whole[2]


def test_snapshots_are_ordered_by_step(tmp_path):
    assert run_folder.snapshot_paths(tmp_path) == {}
    (tmp_path / run_folder.STEPS).mkdir()
    steps = [2, 10, 999_999, 1_000_000]
    stems = ["9", "0000003", "\N{ARABIC-INDIC DIGIT ONE}" * 6, "notes", "9" * 19]
    others = [*(f"{stem}.png" for stem in stems), "000004.jpg", ".000005.png.7.part"]
    for name in [
        *others,
        *(run_folder.snapshot_path(tmp_path, step).name for step in reversed(steps)),
    ]:
        (tmp_path / run_folder.STEPS / name).touch()
    assert list(run_folder.snapshot_paths(tmp_path).items()) == [
        (step, run_folder.snapshot_path(tmp_path, step)) for step in steps
    ]
    assert run_folder.snapshot_path(tmp_path, 10) == tmp_path / "steps" / "000010.png"


@pytest.mark.parametrize("text", [None, "", "[1]", '{"steps": 3', "\udcff"])
@pytest.mark.parametrize(
    "name, read",
    [(run_folder.DONE, run_folder.read_done), (run_folder.RECORD, run_folder.read_record)],
)
def test_damaged_files_are_read_as_empty(tmp_path, text, name, read):
    if text is not None:
        (tmp_path / name).write_bytes(text.encode(errors="surrogateescape"))
    assert read(tmp_path) == {} and run_folder.read_metrics(tmp_path) == []
    (tmp_path / name).write_text('{"steps": 3}')
    assert read(tmp_path) == {"steps": 3}
