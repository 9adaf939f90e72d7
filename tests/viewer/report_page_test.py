"""`jaxtex-report` as its user meets it: the page, of good runs and of bad ones."""

import base64
import io
import json
import os
import pathlib
import re
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from jaxtex import images, metrics
from jaxtex.cli import report_main
from jaxtex.runs import execution, records
from jaxtex.runtime import files
from jaxtex.synthesis import config
from jaxtex.viewer import report_page, run_view
from support import commands, htmlpage, paths, shelves

QUICK = config.Config(size=48, scales=1, octaves=1, layers="relu1_1", num_steps=4, save_every=2)


def jaxtex_report(*arguments):
    """The page that it makes."""
    commands.call(report_main, "jaxtex-report", *map(str, arguments), positional=True)
    return htmlpage.Page(pathlib.Path("report.html").read_text())


def decoded(attributes):
    """The picture in an element, `[H, W, 3]`, uint8."""
    data = attributes["src"].partition(";base64,")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, exemplar):
    monkeypatch.chdir(tmp_path)
    images.save("style.png", exemplar)


def test_a_page_of_one_run_tells_all_that_is_known():
    run = shelves.shelve(pathlib.Path("run"), "style.png", statistic="gram", seed=3)
    page = jaxtex_report("run")
    assert {
        "run",
        "8 steps in 7.5 s",
        "gram",
        "a device",
        "0.10.2",
        "0.01",
        "1 MiB",
        *metrics.METRICS,
    } <= set(page.texts)
    flags = json.loads((run / "run.json").read_text())["flags"]
    assert set(flags) <= set(page.texts)
    chosen, usual = (
        page.texts.index("Flags that are not default"),
        page.texts.index("All other flags, as by default"),
    )
    assert [page.texts.index(name) < usual for name in ("statistic", "seed", "network")] == [
        True,
        True,
        False,
    ]
    assert chosen < page.texts.index("statistic")
    assert "jaxtex --style=style.png --statistic=gram --size=48 --seed=3" in " ".join(page.texts)


def test_the_pictures_are_those_of_the_run_and_in_the_page_once():
    run = shelves.shelve(pathlib.Path("run"), "style.png")
    page = jaxtex_report("run", "--metrics=none")
    held = {each["id"]: decoded(each) for each in page.all("img") if "src" in each}
    result = np.asarray(Image.open(run / "result.png"))
    assert sum(np.array_equal(each, result) for each in held.values()) == 1
    assert {each["data-as"] for _, each in page.elements if "data-as" in each} <= set(held)
    assert all(each["alt"] for each in page.all("img"))
    style = np.asarray(Image.open("style.png"))
    assert any(np.array_equal(each, style) for each in held.values())


def test_a_page_needs_nothing_else_and_runs_nothing_but_its_own():
    shelves.shelve(pathlib.Path("run"), "style.png")
    page = jaxtex_report("run", "--metrics=none")
    places = [
        each[name]
        for _, each in page.elements
        for name in ("src", "href", "data", "action")
        if name in each
    ]
    assert places and all(each.startswith(("data:image/", "#")) for each in places)
    assert not re.search(
        r"(https?:)?//\w", re.sub(r"data:[^\"]*", "", pathlib.Path("report.html").read_text())
    )
    assert not any(
        name.startswith("on") or name == "style" for _, each in page.elements for name in each
    )
    (policy,) = (each["content"] for each in page.all("meta") if "http-equiv" in each)
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    *styles, script = (
        (report_page.FOLDER / name).read_text() for name in (*report_page.STYLES, "report.js")
    )
    assert (
        policy == report_page.policy("".join(styles), script)
        and page.texts.count(script.strip()) == 1
    )


def test_many_runs_are_a_table_of_what_tells_them_apart():
    for seed, statistic in [(0, "gram"), (1, "gram"), (2, "sorted")]:
        shelves.shelve(
            pathlib.Path(f"sweep/{statistic}-{seed}"), "style.png", statistic=statistic, seed=seed
        )
    page = jaxtex_report("sweep", "--metrics=seam")
    heads = [each for each in page.all("th") if each.get("scope") == "col"]
    assert [each["aria-sort"] for each in heads if "aria-sort" in each] == ["none"] * 7
    names = page.texts[page.texts.index("run") : page.texts.index("gram-0")]
    assert names == ["run", "course", "statistic", "seed", "steps", "loss", "seconds", "seam"]
    seam = metrics.measure(
        images.load("style.png"), images.load("sweep/gram-0/result.png"), ["seam"]
    )["seam"]
    assert page.table()[0] == ["gram-0", "gram", "0", "8", str(0.5**7), "7.5", str(seam)]
    assert [row[0] for row in page.table()] == ["gram-0", "gram-1", "sorted-2"]
    ids = [each["id"] for each in page.all("article")]
    assert [each["href"] for each in page.all("a")] == [f"#{name}" for name in ids]


def test_snapshots_of_many_runs_are_reduced():
    large = images.load(paths.ROOT / "images" / "pebbles.png")[:192]  # [192, 256, 3]
    reduced = run_view.thumbnail("large", large, 160)
    shown, expected = decoded({"src": reduced.uri}), images.to_uint8(images.resize(large, 120, 160))
    assert (reduced.width, reduced.height) == (160, 120)
    assert (
        np.abs((shown - expected.astype(float)) @ [0.299, 0.587, 0.114]).mean() < 4
    )  # colours have half the resolution
    assert len(reduced.uri) < len(run_view.picture("large", large).uri) / 4
    small = run_view.thumbnail("small", images.load("style.png"), 160)
    assert (small.width, small.height) == (64, 48)


def test_a_run_is_shown_once_however_often_it_is_named():
    shelves.shelve(pathlib.Path("runs/a"), "style.png")
    shelves.shelve(pathlib.Path("runs/b"), "style.png", seed=1)
    assert [
        row[0]
        for row in jaxtex_report("runs", "runs/a", "./runs/../runs/b", "--metrics=none").table()
    ] == ["a", "b"]


def test_what_is_not_finished_is_shown_as_far_as_it_is():
    run = shelves.shelve(pathlib.Path("run"), "style.png", done=False, num_steps=30)
    images.save(
        run / "result.png", np.zeros((64, 80, 3))
    )  # of another run, which this one takes the place of
    page = jaxtex_report("run")
    assert "unfinished: step 8 of 30" in page.texts and "snapshot at step 8" in page.texts
    last = np.asarray(Image.open(run / "steps" / "000008.png"))
    assert np.array_equal(decoded(page.all("img")[0]), last)
    assert "Measures" not in page.texts


def test_what_has_just_begun_has_a_page_too():
    run = shelves.shelve(pathlib.Path("run"), "style.png", done=False)
    shutil.rmtree(run / "steps")
    (run / "metrics.jsonl").write_text("")
    page = jaxtex_report("run")
    assert "there is no picture yet" in page.texts and "unfinished: step 0 of 200" in page.texts


HOSTILE = "<script>alert(1)</script>\"'&{{ 7 * 7 }}<!--"


def test_names_and_values_cannot_break_out():
    name = HOSTILE.replace("/", "|")
    run = shelves.shelve(pathlib.Path(name), "style.png", layers=HOSTILE)
    record = json.loads((run / "run.json").read_text())
    record["flags"][HOSTILE], record["device"], record["versions"] = (
        HOSTILE,
        HOSTILE,
        {HOSTILE: HOSTILE},
    )
    (run / "run.json").write_text(json.dumps(record))
    page = jaxtex_report(name)
    assert len(page.all("script")) == 1 and page.texts.count(HOSTILE) >= 5 and name in page.texts
    shelves.shelve(pathlib.Path("other"), "style.png")
    page = jaxtex_report(name, "other")
    assert len(page.all("script")) == 1 and page.table()[0][0] == name


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name of a file is text")
def test_a_name_that_is_no_text():
    name = os.fsdecode(b"caf\xe9")
    shelves.shelve(pathlib.Path(name), "style.png")
    assert "caf?" in jaxtex_report(name).texts


def test_only_the_very_file_that_a_run_began_with_is_shown():
    run = shelves.shelve(pathlib.Path("run"), "style.png")
    images.save("style.png", np.ones((48, 64, 3)))
    page = jaxtex_report("run")
    assert (
        any(text.startswith("style.png is not shown") for text in page.texts)
        and "Measures" not in page.texts
    )
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"inputs": {}}))
    assert any(text.startswith("style.png is not shown") for text in jaxtex_report("run").texts)


def test_a_transfer_is_compared_with_its_content_alone(exemplar):
    images.save("content.png", exemplar[::-1])
    run = shelves.shelve(pathlib.Path("run"), "style.png", content="content.png")
    assert (
        "exemplar" not in jaxtex_report("run", "--metrics=none").texts
    )  # the content is not in the inputs: not shown
    record = json.loads((run / "run.json").read_text())
    record["inputs"]["content.png"] = files.hash_file("content.png", "sha256")["sha256"]
    (run / "run.json").write_text(json.dumps(record))
    page = jaxtex_report("run", "--metrics=none")
    assert "content" in page.texts and [each["width"] for each in page.all("image")] == ["80", "80"]


def test_the_exemplar_is_found_from_elsewhere(monkeypatch):
    shelves.shelve(pathlib.Path("runs/run"), "style.png")
    monkeypatch.chdir("runs")
    assert "patches" in jaxtex_report("run", "--metrics=patches").texts


def test_damaged_pictures_and_numbers_cost_no_page():
    run = shelves.shelve(pathlib.Path("run"), "style.png")
    (run / "result.png").write_bytes((run / "result.png").read_bytes()[:300])
    (run / "steps" / "000008.png").write_text("")
    (run / "steps" / "000010.png").mkdir()
    (run / "steps" / "9x.png").write_text("no snapshot")
    wrong = ['{"step": "x"}', "[1]", "7", '{"step": 1e400, "loss": 1}', '{"step": 9, "loss": NaN}']
    wrong += ['{"step": 9.5, "loss": 1e300}', '{"step": 10, "loss": 0}', '{"step"']
    (run / "metrics.jsonl").write_text((run / "metrics.jsonl").read_text() + "\n".join(wrong))
    page = jaxtex_report("run")
    assert "result.png is damaged or not there; the last snapshot is shown" in page.texts
    assert "snapshot at step 6" in page.texts and "10 steps, but no result" in page.texts


RECORDS = [
    "",
    "[1]",
    '{"flags": ',
    '{"flags": [1]}',
    '{"flags": {"size": "big"}}',
    '{"flags": {}, "inputs": 3}',
]


@pytest.mark.parametrize("text", RECORDS)
def test_a_damaged_record_is_one_line_and_costs_the_others_nothing(text, capsys):
    shelves.shelve(pathlib.Path("runs/good"), "style.png")
    (shelves.shelve(pathlib.Path("runs/bad"), "style.png") / "run.json").write_text(text)
    with pytest.raises(SystemExit) as left:
        jaxtex_report("runs")
    printed = capsys.readouterr()
    assert left.value.code == 1 and printed.out == "report.html\n"
    assert (
        "runs/bad" in printed.err
        and "run.json" in printed.err
        and len(printed.err.splitlines()) == 1
    )
    with pytest.raises(SystemExit) as left:
        jaxtex_report("runs/bad")
    assert left.value.code == 2 and len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments, text",
    [
        ([], "jaxtex-report RUN..."),
        (["none"], "run 'none': no such folder"),
        (["style.png"], "run 'style.png': a file"),
        (["."], "run '.': no run.json in it or below"),
        (["run", "--output=report.pdf"], "--output=report.pdf: its suffix is one of .html, .htm"),
        (["run", "--output=style.png/a.html"], "style.png is no folder"),
        (["run", "--output=folder.html"], "--output=folder.html: is there, and no file"),
        (["run", "--metrics=patch"], "unknown metric 'patch'; did you mean 'patches'?"),
    ],
)
def test_mistakes_are_one_line(arguments, text, capsys):
    pathlib.Path("folder.html").mkdir()
    if "run" in arguments:
        shelves.shelve(pathlib.Path("run"), "style.png")
    with pytest.raises(SystemExit) as left:
        jaxtex_report(*arguments)
    printed = capsys.readouterr().err
    assert left.value.code == 2 and text in printed and len(printed.splitlines()) == 1


def test_without_jinja_it_says_what_to_install(monkeypatch, capsys):
    shelves.shelve(pathlib.Path("run"), "style.png")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(SystemExit) as left:
        jaxtex_report("run", "--metrics=none")
    assert left.value.code == 2 and "pip install 'jaxtex[report]'" in capsys.readouterr().err
    assert not pathlib.Path("report.html").exists()


def test_a_run_leaves_what_a_report_reads():
    execution.make_run(execution.Run("style.png", QUICK, pathlib.Path("run")))
    record = records.read_run(pathlib.Path("run"))
    assert (
        record.step == 4
        and len(record.snapshots) == 2
        and records.term_names(record) == ["mean_and_covariance"]
    )
    assert record.flags["layers"] == "relu1_1" and set(record.inputs) == {"style.png", "weights"}
    page = jaxtex_report("run", "--metrics=none")
    assert (
        f"4 steps in {record.notes['seconds']:.1f} s" in page.texts
        and not page.all("p")[-1].get("class") == "remark"
    )
