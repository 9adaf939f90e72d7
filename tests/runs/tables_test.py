"""Tests of tables in Markdown and CSV."""

import csv

from jaxtex.runs import tables

ROWS = [{"run": "a", "loss": 0.0123456}, {"run": "b|c", "loss": 12, "more": "x\ny"}]


def test_markdown_by_hand():
    expected = (
        "| run | loss | more |\n| --- | --- | --- |\n| a | 0.0123 |  |\n| b\\|c | 12 | x y |\n"
    )
    assert tables.markdown(ROWS) == expected


def test_names_may_be_any_bytes(tmp_path):
    tables.save(tmp_path, [{"style": "a\udcff.png"}])
    for name in ("table.md", "table.csv"):
        assert b"a\xff.png" in (tmp_path / name).read_bytes()


def test_csv_keeps_all_digits(tmp_path):
    tables.save(tmp_path, ROWS, "What?")
    with open(tmp_path / "table.csv", newline="") as file:
        back = list(csv.DictReader(file))
    assert (
        [row["loss"] for row in back] == ["0.0123456", "12"]
        and back[1]["more"] == "x\ny"
        and back[0]["more"] == ""
    )
    assert (tmp_path / "table.md").read_text().startswith("What?\n\n| run")
