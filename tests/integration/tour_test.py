"""The notebook runs from its first cell to its last, small and short."""

import re

import nbclient
import nbformat
import pytest

from support import paths

TOUR = paths.ROOT / "docs" / "tour.ipynb"


@pytest.mark.filterwarnings("default")  # Jupyter's own
def test_the_tour_runs_and_shows_its_pictures(monkeypatch):
    monkeypatch.setenv("JAXTEX_TOUR", "small")
    monkeypatch.setenv("PYTHONPATH", str(paths.ROOT))
    notebook = nbformat.read(TOUR, 4)
    nbclient.NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(paths.ROOT)}}
    ).execute()
    outputs = [
        output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    ]
    assert sum("image/jpeg" in output.get("data", {}) for output in outputs) == 4
    measures = re.findall(
        r"patches (\d\.\d+)", "".join(output.get("text", "") for output in outputs)
    )
    assert len(measures) == 3


def test_the_tour_is_kept_as_it_ran_and_small():
    notebook = nbformat.read(TOUR, 4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert (
        sum("image/jpeg" in output.get("data", {}) for cell in cells for output in cell.outputs)
        == 4
    )
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)
    assert TOUR.stat().st_size < 400_000
