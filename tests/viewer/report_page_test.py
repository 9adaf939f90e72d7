"""Tests of `jaxtex-report`: the page of complete, unfinished and damaged runs."""

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
from jaxtex.cli import flag_parsing, report_main
from jaxtex.runtime import files
from jaxtex.viewer import report_page
from support import htmlpage, shelves

HOSTILE = "<script>alert(1)</script>\"'&{{ 7 * 7 }}<!--"
RUN = pathlib.Path("run")


def jaxtex_report(*arguments):
    """Runs the command and returns its page."""
    flag_parsing.run(report_main.COMMAND, [*map(str, arguments)])
    return htmlpage.Page(pathlib.Path("report.html").read_text())


def decoded(attributes):
    """Returns the picture of an img element, `[H, W, 3]`, uint8."""
    data = attributes["src"].partition(";base64,")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def edit_record(run, **changes):
    """Replaces entries of run.json."""
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | changes))


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, exemplar):
    """An empty current folder with an exemplar."""
    monkeypatch.chdir(tmp_path)
    images.save("style.png", exemplar)


def test_the_page_of_one_run_shows_all_values():
    run = shelves.shelve(RUN, "style.png", statistic="gram", seed=3)
    page = jaxtex_report("run")
    values = {"run", "8 steps in 7.5 s", "gram", "a device", "0.10.2", "0.01", "1 MiB"}
    assert values | set(metrics.default_names(with_content=False)) <= set(page.texts)
    assert "structure" not in page.texts

    flags = json.loads((run / "run.json").read_text())["flags"]
    assert set(flags) <= set(page.texts)
    changed = page.texts.index("Flags that differ from their defaults")
    others = page.texts.index("All other flags, at their defaults")
    assert changed < page.texts.index("statistic") < others
    assert changed < page.texts.index("seed") < others
    assert page.texts.index("network") > others

    command = "jaxtex --style=style.png --statistic=gram --size=48 --seed=3"
    assert command in " ".join(page.texts)


def test_the_pictures_are_those_of_the_run_and_embedded_once():
    run = shelves.shelve(RUN, "style.png")
    page = jaxtex_report("run", "--metrics=none")
    embedded = {img["id"]: decoded(img) for img in page.all("img") if "src" in img}
    result = np.asarray(Image.open(run / "result.png"))
    style = np.asarray(Image.open("style.png"))
    assert sum(np.array_equal(pixels, result) for pixels in embedded.values()) == 1
    assert sum(np.array_equal(pixels, style) for pixels in embedded.values()) == 1

    named = {attrs["data-picture"] for _, attrs in page.elements if "data-picture" in attrs}
    assert named
    assert named <= set(embedded)
    assert all(img["alt"] for img in page.all("img"))


def test_a_page_loads_nothing_and_runs_only_its_own_script():
    shelves.shelve(RUN, "style.png")
    page = jaxtex_report("run", "--metrics=none")
    loading = ("src", "href", "data", "action")
    urls = [attrs[name] for _, attrs in page.elements for name in loading if name in attrs]
    assert urls
    assert all(url.startswith(("data:image/", "#")) for url in urls)

    text = re.sub(r"data:[^\"]*", "", pathlib.Path("report.html").read_text())
    assert not re.search(r"(https?:)?//\w", text)
    names = {name for _, attrs in page.elements for name in attrs}
    assert not any(name.startswith("on") or name == "style" for name in names)

    (policy,) = (meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    style = "".join((report_page.FOLDER / name).read_text() for name in report_page.STYLES)
    script = (report_page.FOLDER / "report.js").read_text()
    assert policy == report_page.security_policy(style, script)
    assert page.texts.count(script.strip()) == 1


def test_several_runs_are_a_table_of_what_differs():
    for seed, statistic in [(0, "gram"), (1, "gram"), (2, "sorted")]:
        folder = pathlib.Path(f"sweep/{statistic}-{seed}")
        shelves.shelve(folder, "style.png", statistic=statistic, seed=seed)
    page = jaxtex_report("sweep", "--metrics=seam")

    heads = [th for th in page.all("th") if th.get("scope") == "col"]
    assert [th["aria-sort"] for th in heads if "aria-sort" in th] == ["none"] * 7
    names = page.texts[page.texts.index("run") : page.texts.index("gram-0")]
    columns = ["statistic", "seed", "steps", "loss", "seconds", "seam"]
    assert names == ["run", "loss curve", *columns]

    result = images.load("sweep/gram-0/result.png")
    seam = metrics.seam(images.load("style.png"), result)
    assert page.table()[0] == ["gram-0", "gram", "0", "8", str(0.5**7), "7.5", str(seam)]
    assert [row[0] for row in page.table()] == ["gram-0", "gram-1", "sorted-2"]
    ids = [article["id"] for article in page.all("article")]
    assert [link["href"] for link in page.all("a")] == [f"#{name}" for name in ids]


def test_a_run_named_several_times_is_shown_once():
    shelves.shelve(pathlib.Path("runs/a"), "style.png")
    shelves.shelve(pathlib.Path("runs/b"), "style.png", seed=1)
    page = jaxtex_report("runs", "runs/a", "./runs/../runs/b", "--metrics=none")
    assert [row[0] for row in page.table()] == ["a", "b"]


def test_an_unfinished_run_shows_its_last_snapshot():
    run = shelves.shelve(RUN, "style.png", done=False, num_steps=30)
    # The result of an earlier run in the same folder.
    images.save(run / "result.png", np.zeros((64, 80, 3)))
    page = jaxtex_report("run")
    assert "unfinished: step 8 of 30" in page.texts
    assert "snapshot at step 8" in page.texts
    assert "Measures" not in page.texts
    last = np.asarray(Image.open(run / "steps" / "000008.png"))
    assert np.array_equal(decoded(page.all("img")[0]), last)


def test_a_run_without_steps_has_a_page():
    run = shelves.shelve(RUN, "style.png", done=False)
    shutil.rmtree(run / "steps")
    (run / "metrics.jsonl").write_text("")
    page = jaxtex_report("run")
    assert "no picture yet" in page.texts
    assert "unfinished: step 0 of 80" in page.texts


def test_names_and_values_are_escaped():
    name = HOSTILE.replace("/", "|")
    run = shelves.shelve(pathlib.Path(name), "style.png", layers=HOSTILE)
    flags = json.loads((run / "run.json").read_text())["flags"] | {HOSTILE: HOSTILE}
    edit_record(run, flags=flags, device=HOSTILE, versions={HOSTILE: HOSTILE})
    page = jaxtex_report(name)
    assert len(page.all("script")) == 1
    assert page.texts.count(HOSTILE) >= 5
    assert name in page.texts

    shelves.shelve(pathlib.Path("other"), "style.png")
    page = jaxtex_report(name, "other")
    assert len(page.all("script")) == 1
    assert page.table()[0][0] == name


@pytest.mark.skipif(sys.platform != "linux", reason="file names are any bytes only on Linux")
def test_a_name_that_is_not_text():
    name = os.fsdecode(b"caf\xe9")
    shelves.shelve(pathlib.Path(name), "style.png")
    assert "caf?" in jaxtex_report(name).texts


def test_a_changed_exemplar_is_not_shown():
    run = shelves.shelve(RUN, "style.png")
    images.save("style.png", np.ones((48, 64, 3)))
    page = jaxtex_report("run")
    assert any(text.startswith("style.png cannot be shown") for text in page.texts)
    assert "Measures" not in page.texts

    edit_record(run, inputs={})
    page = jaxtex_report("run")
    assert any(text.startswith("style.png cannot be shown") for text in page.texts)


def test_a_transfer_is_compared_with_its_content(exemplar):
    images.save("content.png", exemplar[::-1])
    run = shelves.shelve(RUN, "style.png", content="content.png")
    # Without its hash in the record, the content is not shown, nor replaced by the style.
    assert "exemplar" not in jaxtex_report("run", "--metrics=none").texts

    inputs = json.loads((run / "run.json").read_text())["inputs"]
    digest = files.hash_file("content.png", "sha256")["sha256"]
    edit_record(run, inputs=inputs | {"content.png": digest})
    page = jaxtex_report("run", "--metrics=none")
    assert "content" in page.texts
    assert [image["width"] for image in page.all("image")] == ["80", "80"]


def test_metrics_of_a_content_are_shown_of_transfers_alone(exemplar):
    images.save("content.png", exemplar[::-1])
    shelves.shelve(pathlib.Path("runs/texture"), "style.png")
    run = shelves.shelve(pathlib.Path("runs/transfer"), "style.png", content="content.png")
    inputs = json.loads((run / "run.json").read_text())["inputs"]
    digest = files.hash_file("content.png", "sha256")["sha256"]
    edit_record(run, inputs=inputs | {"content.png": digest})

    texture, transfer = jaxtex_report("runs", "--metrics=seam,light").table()
    result, content = images.load(run / "result.png"), images.load("content.png")
    assert transfer[-1] == str(metrics.light(content, result))
    assert texture[-2] == transfer[-2] and texture[-1] == ""


def test_the_exemplar_is_found_from_another_folder(monkeypatch):
    shelves.shelve(pathlib.Path("runs/run"), "style.png")
    monkeypatch.chdir("runs")
    assert "patches" in jaxtex_report("run", "--metrics=patches").texts


def test_damaged_pictures_and_rows_are_left_out():
    run = shelves.shelve(RUN, "style.png")
    (run / "result.png").write_bytes((run / "result.png").read_bytes()[:300])
    (run / "steps" / "000008.png").write_text("")
    (run / "steps" / "000010.png").mkdir()
    (run / "steps" / "9x.png").write_text("not a snapshot")
    rows = ['{"step": "x"}', "[1]", "7", '{"step": 1e400, "loss": 1}', '{"step": 9, "loss": NaN}']
    rows += ['{"step": 9.5, "loss": 1e300}', '{"step": 10, "loss": 0}', '{"step"']
    with open(run / "metrics.jsonl", "a") as file:
        file.write("\n".join(rows))

    page = jaxtex_report("run")
    assert "result.png is missing or damaged; the page shows the last snapshot" in page.texts
    assert "snapshot at step 6" in page.texts
    assert "10 steps, but no result" in page.texts


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        '{"flags": ',
        '{"flags": [1]}',
        '{"flags": {"size": "big"}}',
        '{"flags": {}, "inputs": 3}',
    ],
)
def test_a_damaged_record_is_one_line_and_the_others_are_shown(text, capsys):
    shelves.shelve(pathlib.Path("runs/good"), "style.png")
    bad = shelves.shelve(pathlib.Path("runs/bad"), "style.png")
    (bad / "run.json").write_text(text)

    with pytest.raises(SystemExit) as exit_info:
        jaxtex_report("runs")
    printed = capsys.readouterr()
    assert exit_info.value.code == 1
    assert printed.out == "report.html\n"
    assert "runs/bad" in printed.err
    assert "run.json" in printed.err
    assert len(printed.err.splitlines()) == 1

    with pytest.raises(SystemExit) as exit_info:
        jaxtex_report("runs/bad")
    assert exit_info.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments, text",
    [
        ([], "jaxtex-report RUN..."),
        (["none"], "run 'none': no such folder"),
        (["style.png"], "run 'style.png': a file"),
        (["."], "run '.': no run.json in this folder or below"),
        (["run", "--output=report.pdf"], "--output=report.pdf: suffix must be one of .html, .htm"),
        (["run", "--output=style.png/a.html"], "style.png is not a folder"),
        (["run", "--output=folder.html"], "--output=folder.html: exists and is not a file"),
        (["run", "--metrics=patch"], "unknown metric 'patch'; did you mean 'patches'?"),
    ],
)
def test_mistakes_are_one_line(arguments, text, capsys):
    pathlib.Path("folder.html").mkdir()
    if "run" in arguments:
        shelves.shelve(RUN, "style.png")
    with pytest.raises(SystemExit) as exit_info:
        jaxtex_report(*arguments)
    printed = capsys.readouterr().err
    assert exit_info.value.code == 2
    assert text in printed
    assert len(printed.splitlines()) == 1


def test_a_default_file_of_the_user_is_kept_unless_it_is_named(capsys):
    shelves.shelve(RUN, "style.png")
    pathlib.Path("report.html").write_text("<p>About jaxtex</p>")
    with pytest.raises(SystemExit) as exit_info:
        jaxtex_report("run", "--metrics=none")
    assert exit_info.value.code == 2 and "not of this command" in capsys.readouterr().err
    assert pathlib.Path("report.html").read_text() == "<p>About jaxtex</p>"
    jaxtex_report("run", "--metrics=none", "--output=report.html")
    jaxtex_report("run", "--metrics=none")  # replaces its own


def test_without_jinja_the_message_names_the_extra(monkeypatch, capsys):
    shelves.shelve(RUN, "style.png")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(SystemExit) as exit_info:
        jaxtex_report("run", "--metrics=none")
    assert exit_info.value.code == 2
    assert "pip install 'jaxtex[report]'" in capsys.readouterr().err
    assert not pathlib.Path("report.html").exists()
