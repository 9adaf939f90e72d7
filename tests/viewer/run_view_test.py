"""Tests of what is collected from one run."""

import pathlib

import pytest

from jaxtex import images
from jaxtex.runs import execution, records
from jaxtex.synthesis import config
from jaxtex.viewer import report_page, run_pictures, run_view
from support import shelves

QUICK = config.Config(size=48, scales=1, octaves=1, layers="relu1_1", num_steps=4, save_every=2)


@pytest.fixture
def view(tmp_path, monkeypatch, exemplar):
    """Builds the view of a run of an exemplar of 64 x 48 pixels."""
    monkeypatch.chdir(tmp_path)
    images.save("style.png", exemplar)

    def build(name, measured=(), reduced=False, **choices):
        folder = shelves.shelve(pathlib.Path(name), "style.png", **choices)
        return run_view.build_view(records.read_run(folder), measured, reduced)

    return build


def test_a_finished_run_is_complete(view):
    run = view("run", measured=["patches"], seed=7)
    assert run.finished
    assert run.remarks == []
    assert run.pictures.result.title == "result"
    assert run.pictures.size == (80, 64)
    assert run.pictures.reference.title == "exemplar"
    assert [picture.title for picture in run.pictures.sources] == ["style.png"]
    assert [picture.title for picture in run.pictures.snapshots] == [
        "step 2",
        "step 4",
        "step 6",
        "step 8",
    ]
    assert run.tables.outcome == {"steps": 8, "loss": 0.5**7, "seconds": 7.5}
    assert list(run.tables.measures) == ["patches"]
    assert run.tables.flags == {"style": "style.png", "size": "48", "seed": "7"}
    assert run.tables.default_flags["network"] == "vgg_lite"
    assert run.command == ["jaxtex", "--style=style.png", "--size=48", "--seed=7"]
    # One term alone equals the loss and is not drawn.
    assert [line.label for line in run.loss.chart.lines] == ["loss"]


def test_an_unfinished_run_has_the_size_of_its_flags_or_exemplar(view):
    assert view("a", done=False).pictures.size == (64, 48)
    assert view("b", done=False, width=128, height=90).pictures.size == (128, 90)
    assert view("d", done=False, width=128).pictures.size == (128, 96)
    assert view("c", done=False, tile="xy").pictures.tiles


def test_snapshots_are_few_and_reduced_on_request(view):
    steps = tuple(range(1, 21))
    full = view("a", steps=steps).pictures.snapshots
    titles = [picture.title for picture in full]
    assert len(titles) == run_pictures.SNAPSHOTS
    assert (titles[0], titles[-1]) == ("step 1", "step 20")

    reduced = view("b", steps=steps, reduced=True).pictures.snapshots
    assert [picture.title for picture in reduced] == titles
    assert all(len(small.uri) < len(large.uri) for small, large in zip(reduced, full, strict=True))


def test_columns_are_flags_that_differ_the_outcome_and_measures(view):
    runs = [view("a", measured=["seam"], seed=1), view("b", ["seam"], done=False, seed=2)]
    columns = {column.name: column for column in report_page.build_columns(runs)}
    assert list(columns) == ["seed", "steps", "loss", "seconds", "seam"]
    assert columns["seed"] == report_page.Column("seed", ["1", "2"], is_text=False)
    assert columns["seam"].values == [runs[0].tables.measures["seam"], None]
    assert not columns["seam"].is_text


def test_sparklines_share_the_range_of_values(view):
    short, long = view("a", steps=(1, 4)), view("b", steps=(1, 8))
    lines = [chart.lines[0].points.split() for chart in report_page.draw_sparklines([short, long])]
    assert lines[0][0] == lines[1][0] == "0.00,0.00"
    assert lines[1][-1] == "100.00,100.00"
    assert lines[0][-1] == f"100.00,{100 * 3 / 7:.2f}"  # 3 of 7 halvings of the loss


def test_a_view_reads_what_a_run_writes(tmp_path, monkeypatch, exemplar):
    monkeypatch.chdir(tmp_path)
    images.save("style.png", exemplar)
    execution.make_run(execution.Run("style.png", QUICK, pathlib.Path("run")))
    record = records.read_run(pathlib.Path("run"))
    assert record.step == 4
    assert len(record.snapshots) == 2
    assert set(records.term_names(record)) <= {"mean_and_covariance", "detail", "arrangement"}
    assert record.flags["layers"] == "relu1_1"
    assert set(record.inputs) == {"style.png", "weights"}

    run = run_view.build_view(record, [])
    assert run.state == f"4 steps in {record.outcome['seconds']:.1f} s"
    assert run.remarks == []
