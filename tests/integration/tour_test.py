"""Tests that the notebook runs, with small settings, and that its stored version is complete."""

import re

import nbclient
import nbformat
import pytest

from support import paths

TOUR = paths.ROOT / "docs" / "tour.ipynb"
PICTURES = 4
MAX_BYTES = 400_000  # it is part of the repository


def read_code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def read_outputs(notebook):
    return [output for cell in read_code_cells(notebook) for output in cell.outputs]


def count_pictures(notebook):
    return sum("image/jpeg" in output.get("data", {}) for output in read_outputs(notebook))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Jupyter warns
def test_the_tour_runs_and_shows_its_pictures(monkeypatch):
    monkeypatch.setenv("JAXTEX_TOUR", "small")
    monkeypatch.setenv("PYTHONPATH", str(paths.ROOT))
    notebook = nbformat.read(TOUR, 4)
    resources = {"metadata": {"path": str(paths.ROOT)}}
    nbclient.NotebookClient(notebook, timeout=120, resources=resources).execute()

    assert count_pictures(notebook) == PICTURES
    text = "".join(output.get("text", "") for output in read_outputs(notebook))
    assert len(re.findall(r"patches (\d\.\d+)", text)) == 3


def test_the_stored_tour_is_complete_and_small():
    notebook = nbformat.read(TOUR, 4)
    nbformat.validate(notebook)
    cells = read_code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert count_pictures(notebook) == PICTURES
    assert not any(output.output_type == "error" for output in read_outputs(notebook))
    assert TOUR.stat().st_size < MAX_BYTES
