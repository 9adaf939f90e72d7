"""Tests of `jaxtex-compare`, from its arguments to its output."""

import csv
import pathlib

import numpy as np
import pytest

from jaxtex import images, metrics
from jaxtex.cli import compare_main, flag_parsing


def jaxtex_compare(*arguments):
    flag_parsing.run(compare_main.COMMAND, arguments)


@pytest.fixture(autouse=True)
def pictures(tmp_path, monkeypatch, exemplar):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    images.save("exemplar.png", exemplar)
    images.save("[brighter].png", exemplar**0.7)
    images.save("turned.png", np.rot90(exemplar))
    pathlib.Path("photo.csv").write_text("")


def table(text):
    header, *rows = (line.split() for line in text.splitlines())
    return {row[0]: dict(zip(header[1:], map(float, row[1:]), strict=True)) for row in rows}


def test_a_row_for_each_result_and_a_column_for_each_metric(capsys):
    jaxtex_compare("exemplar.png", "exemplar.png", "[brighter].png", "turned.png")
    rows = table(capsys.readouterr().out)
    assert list(rows) == ["exemplar.png", "[brighter].png", "turned.png"]
    assert list(rows["turned.png"]) == metrics.default_names(with_content=False)
    assert rows["exemplar.png"]["patches"] == 0 and rows["exemplar.png"]["copied"] == 1
    expected = metrics.measure(images.load("exemplar.png"), images.load("turned.png"))
    assert rows["turned.png"] == pytest.approx(expected, rel=1e-3)


def test_a_content_is_compared_with_each_result(capsys, exemplar):
    images.save("photo.png", np.repeat(np.repeat(exemplar, 2, 0), 2, 1))
    names = ["structure", "light", "layout", "gram"]
    results = ("exemplar.png", "[brighter].png")
    jaxtex_compare("--content=photo.png", "turned.png", *results, f"--metrics={','.join(names)}")
    rows = table(capsys.readouterr().out)
    assert list(rows) == [*results] and list(rows["exemplar.png"]) == names
    assert rows["exemplar.png"]["light"] < 0.01

    style, content = images.load("turned.png"), images.load("photo.png")
    expected = metrics.measure(style, images.load("[brighter].png"), names, content=content)
    assert rows["[brighter].png"] == pytest.approx(expected, rel=1e-3)


def test_with_a_content_all_metrics_are_computed(capsys, monkeypatch):
    measured = []
    monkeypatch.setattr(
        metrics, "measure", lambda *given: measured.append(given) or dict.fromkeys(given[2], 0.0)
    )
    jaxtex_compare("--content=turned.png", "exemplar.png", "[brighter].png", "--network=vgg_lite")
    assert list(table(capsys.readouterr().out)["[brighter].png"]) == list(metrics.METRICS)
    ((_, _, _, network, content),) = measured
    assert network == "vgg_lite" and content.shape == (64, 48, 3)


def test_columns_are_aligned_without_a_terminal(capsys):
    jaxtex_compare("exemplar.png", "exemplar.png", "[brighter].png", "--metrics=spectrum,seam")
    lines = capsys.readouterr().out.splitlines()
    assert len({len(line) for line in lines}) == 1 and lines[0].split() == [
        "result",
        "spectrum",
        "seam",
    ]


def test_a_terminal_has_the_same_numbers(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    jaxtex_compare("exemplar.png", "[brighter].png", "--metrics=patches")
    value = metrics.measure(
        images.load("exemplar.png"), images.load("[brighter].png"), ["patches"]
    )["patches"]
    printed = capsys.readouterr().out
    assert "[brighter].png" in printed and f"{value:.4g}" in printed


def test_csv_has_all_digits(capsys):
    jaxtex_compare("exemplar.png", "turned.png", "--metrics=features,patches", "--csv=table.csv")
    with open("table.csv", newline="") as file:
        header, row = csv.reader(file)
    expected = metrics.measure(
        images.load("exemplar.png"), images.load("turned.png"), ["features", "patches"]
    )
    assert header == ["result", "features", "patches"] and row == [
        "turned.png",
        *map(str, expected.values()),
    ]


def test_size_reduces_both_and_enlarges_nothing(capsys, exemplar):
    images.save("small.png", images.resize_shorter_side(exemplar, 40))
    jaxtex_compare("exemplar.png", "small.png", "--size=40", "--metrics=spectrum")
    assert table(capsys.readouterr().out)["small.png"]["spectrum"] < 0.5  # 8 bits
    jaxtex_compare("exemplar.png", "small.png", "--size=64", "--metrics=seam")
    expected = metrics.measure(images.load("exemplar.png"), images.load("small.png"), ["seam"])[
        "seam"
    ]
    assert table(capsys.readouterr().out)["small.png"]["seam"] == pytest.approx(expected, rel=1e-3)


def test_features_of_a_network(capsys):
    jaxtex_compare("exemplar.png", "[brighter].png", "--metrics=features", "--network=vgg_lite")
    expected = metrics.measure(
        images.load("exemplar.png"), images.load("[brighter].png"), ["features"], "vgg_lite"
    )
    assert table(capsys.readouterr().out)["[brighter].png"] == pytest.approx(expected, rel=1e-3)


def test_unreadable_results_are_named_and_the_others_are_compared(capsys):
    pathlib.Path("text.png").write_text("hello")
    with pytest.raises(SystemExit) as left:
        jaxtex_compare(
            "exemplar.png",
            "none.png",
            "text.png",
            "turned.png",
            "--metrics=seam",
            "--csv=table.csv",
        )
    printed = capsys.readouterr()
    assert left.value.code == 1 and list(table(printed.out)) == ["turned.png"]
    errors = printed.err.splitlines()
    assert (
        "'none.png': no such file" in errors[0]
        and "'text.png': not an image" in errors[1]
        and len(errors) == 2
    )
    assert len(pathlib.Path("table.csv").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "arguments, text",
    [
        ([], "jaxtex-compare EXEMPLAR RESULT..."),
        (["exemplar.png"], "expected an exemplar and its results"),
        (["none.png", "turned.png"], "'none.png': no such file"),
        (
            ["exemplar.png", "turned.png", "--metrics=patch"],
            "unknown metric 'patch'; did you mean 'patches'?",
        ),
        (["exemplar.png", "turned.png", "--network=vgg20"], "unknown network 'vgg20'"),
        (
            ["exemplar.png", "turned.png", "--metrics=gram,light"],
            "--metrics=gram,light: 'light' compares with the content of a style transfer; give it, "
            "as in --content=photo.png",
        ),
        (["exemplar.png", "turned.png", "--content=none.png"], "'none.png': no such file"),
        (
            ["exemplar.png", "turned.png", "--content=photo.csv", "--csv=photo.csv"],
            "--csv=photo.csv: is an input",
        ),
        (["exemplar.png", "turned.png", "--size=-1"], "size"),
        (["exemplar.png", "turned.png", "--size=20"], "--size=20: must be 0 or at least 32 pixels"),
        (["exemplar.png", "turned.png", "--metrics=seam", "--csv=none/table.csv"], "none/"),
        (
            ["exemplar.png", "turned.png", "--csv=new.png"],
            "--csv=new.png: suffix must be one of .csv, .txt",
        ),
        (["exemplar.png", "turned.png", "--color=red"], "color"),
    ],
)
def test_mistakes_are_one_line(arguments, text, capsys):
    with pytest.raises(SystemExit) as left:
        jaxtex_compare(*arguments)
    printed = capsys.readouterr().err
    assert left.value.code == 2 and text in printed and len(printed.splitlines()) == 1
