"""Tests of the benchmark that compares textures with published methods."""

import json
import sys

import numpy as np
import pytest

from jaxtex import images
from support.structure_benchmark import benchmark

TOOLS = ("jaxtex", "gpdm")


@pytest.fixture
def folder(tmp_path, monkeypatch, exemplar):
    """A folder with two exemplars, and results of them in the folder of the benchmark."""
    monkeypatch.setattr(benchmark, "FOLDER", tmp_path / "results")
    for i, name in enumerate("ab"):
        (tmp_path / "exemplars").mkdir(exist_ok=True)
        images.save(tmp_path / "exemplars" / f"{name}.png", np.roll(exemplar, i, 0))
        keep(tmp_path / "results/jaxtex", name, exemplar, 0.25 + 0.5 * i)
    return tmp_path


def keep(folder, name, image, value):
    """Writes a result with its record."""
    folder.mkdir(parents=True, exist_ok=True)
    images.save(folder / f"{name}.png", image)
    record = {**dict.fromkeys(benchmark.MEASURES, value), "processor seconds": 100 * value}
    (folder / f"{name}.json").write_text(json.dumps(record))


def call(folder, *arguments):
    """Runs the benchmark."""
    benchmark.main([f"--exemplars={folder}/exemplars", *arguments])


def read_table(folder):
    """Returns the cells of the table, less the header."""
    lines = (folder / "results/table.md").read_text().splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_kept_results_are_reported_and_nothing_is_run(folder, monkeypatch):
    monkeypatch.setattr(benchmark.subprocess, "run", None)
    call(folder, "--tools=jaxtex")
    assert read_table(folder) == [
        ["a", "jaxtex", *["0.25"] * len(benchmark.MEASURES), "25"],
        ["b", "jaxtex", *["0.75"] * len(benchmark.MEASURES), "75"],
        ["median of 2", "jaxtex", *["0.5"] * len(benchmark.MEASURES), "50"],
    ]
    assert images.load(folder / "results/sheet.jpg").shape[1] == 2 * 256 + 8


def test_medians_are_over_the_exemplars_that_all_tools_have(folder, exemplar):
    keep(folder / "results/gpdm", "a", exemplar, 0.5)
    call(folder, "--tools=")
    assert [row[:3] for row in read_table(folder)[-3:]] == [
        ["median of 1", "jaxtex", "0.25"],
        ["median of 1", "gpdm", "0.5"],
        ["median of 2", "jaxtex", "0.5"],
    ]


def test_absent_peers_are_left_out(folder, capsys):
    arguments = ["--tools=gpdm", f"--source=gpdm={folder}/nowhere"]
    call(folder, *arguments, "--torch_python=false")
    assert "Left out: gpdm: false has no torch" in capsys.readouterr().out
    call(folder, *arguments, "--torch_python=true")
    assert f"there is no folder {folder}/nowhere" in capsys.readouterr().out
    assert len(read_table(folder)) == 3


def test_a_result_is_measured(folder, exemplar):
    path = folder / "exemplars/a.png"
    result = folder / "results/gpdm/a.png"
    result.parent.mkdir()
    images.save(result, exemplar)
    benchmark.write_record(path, result, 7)
    record = json.loads(result.with_suffix(".json").read_text())
    assert record["processor seconds"] == 7
    zeros = [record[name] for name in ("arrangement", "features", "patches")]
    assert zeros == pytest.approx([0, 0, 0], abs=1e-4)  # network features are rounded
    assert record["copied"] > 0.9


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--names=a,c"], "lacks c"),
        (["--tools=gdpm"], "unknown gdpm"),
        (["--source=gdpm=."], "unknown gdpm"),
    ],
)
def test_unknown_names_are_refused(folder, capsys, arguments, message):
    with pytest.raises(SystemExit):
        call(folder, *arguments)
    assert message in capsys.readouterr().err


def test_importing_the_benchmark_hides_no_module_of_python():
    assert str(benchmark.PEERS.parent) not in sys.path
