"""The live page, without a browser: what it is told, what it is not, and the command that serves it."""

import json
import logging
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from wsgiref import util

import conftest
import numpy as np
import pytest

from jaxtex import errors, files, follow, images, livepage, serve, workdirs

QUICK = ["--size=64", "--scales=1", "--octaves=1", "--layers=relu1_1", "--save_every=2"]


def write(folder, steps, value=1.0, mode="w", every=10):
    """A run's files, as far as the page looks at them."""
    (folder / "steps").mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps({"flags": {"num_steps": 100}}))
    rows = [{"step": step, "loss": value / step, "evaluated": 1.0, "gram": value, "seconds": step / 4} for step in steps]
    with open(folder / "metrics.jsonl", mode) as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    for step in steps:
        if step % every == 0:
            images.save(folder / "steps" / f"{step:06d}.png", np.full((32, 32, 3), 0.5, np.float32))
    return folder


@pytest.fixture
def run(tmp_path):
    return write(tmp_path / "runs" / "a run", range(1, 26))


def answer(app, address, method="GET", **headers):
    """`(status, headers, body)` of a WSGI application."""
    path, _, query = address.partition("?")
    environ = {"PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": method, "HTTP_HOST": "127.0.0.1:8080"} | headers
    util.setup_testing_defaults(environ)
    told = []
    body = app(environ, lambda status, headers, *_: told.extend((int(status[:3]), dict(headers))))
    whole = b"".join(body)
    getattr(body, "close", lambda: None)()
    return *told, whole


def asked(folder, address):
    return json.loads(answer(livepage.build(folder), address)[2])


def test_a_run_is_told_by_what_is_new(run):
    first = asked(run.parent, "/run?run=a%2520run")
    assert (first["name"], first["state"], first["step"], first["num_steps"]) == ("a run", "stopped", 25, 100)
    assert first["names"] == ["step", "loss", "gram"] and first["rows"][0] == [1, 1.0, 1.0] and len(first["rows"]) == 25
    assert [step for step, _ in first["shots"]] == [10, 20]
    assert first["picture"] == ["steps/000020.png", first["shots"][1][1]]
    assert first["pace"] == 4.0 and first["exemplar"] is None
    write(run, range(26, 31), mode="a")
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"step": 31, "lo')
    since = f"/run?run=a%2520run&at={first['at']}&step=25&shot=20"
    second = asked(run.parent, since)
    assert [row[0] for row in second["rows"]] == [26, 27, 28, 29, 30] and [step for step, _ in second["shots"]] == [30]
    assert not second["anew"]
    third = asked(run.parent, f"/run?run=a%2520run&at={second['at']}&step=30&shot=30")
    assert third["rows"] == third["shots"] == [] and third["at"] == second["at"]


@pytest.mark.parametrize("steps", [range(1, 4), range(1, 90)], ids=["shorter", "longer"])
def test_a_run_that_is_begun_anew_is_told_from_its_beginning(run, steps):
    told = follow.details(run, 0, 0, 0)
    write(run, steps, value=123.25)
    again = follow.details(run, told["at"], 25, 20)
    assert again["anew"] and [row[0] for row in again["rows"]] == list(steps) and again["rows"][0][1] == 123.25


def test_a_run_that_goes_on_is_told_no_step_twice(run):
    told = follow.details(run, 0, 0, 0)
    write(run, range(1, 31))  # the same rows again, and more
    again = follow.details(run, told["at"], 25, 20)
    assert not again["anew"] and [row[0] for row in again["rows"]] == [26, 27, 28, 29, 30]


def test_of_a_long_run_there_are_some_rows(tmp_path):
    run = write(tmp_path, range(1, 10_002), every=5000)
    rows = follow.details(run, 0, 0, 0)["rows"]
    assert len(rows) == follow.MOST and rows[0][0] == 1 and rows[-1][0] == 10_001


def test_what_is_no_number_is_none(tmp_path):
    run = write(tmp_path, [1, 2], value=float("nan"))
    text = answer(livepage.build(run), "/run?run=.")[2].decode()
    assert "NaN" not in text and json.loads(text)["rows"] == [[1, None, None], [2, None, None]]


RECORDS = ["", "no JSON", "[1]", '{"flags": 3}', '{"flags": {"num_steps": "many"}}', "\udcff\x00"]
ROWS = ["", "5\n[]\n{}\n", '{"step": "x"}\n', '{"step": 3, "loss": "x", "seconds": null}\n' * 2, "\udcff\n"]


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("metrics", ROWS)
def test_files_of_any_kind_are_no_harm(tmp_path, record, metrics):
    write(tmp_path, [10])
    (tmp_path / "run.json").write_bytes(record.encode(errors="surrogateescape"))
    (tmp_path / "metrics.jsonl").write_bytes(metrics.encode(errors="surrogateescape"))
    (tmp_path / "steps" / "notes.png").write_text("")
    assert asked(tmp_path, "/runs")["runs"][0]["num_steps"] == 0
    assert asked(tmp_path, "/run?run=.&at=7&step=2")["state"] == "stopped"


@pytest.mark.parametrize("above", ["", "sweep"])
def test_the_states_of_runs(tmp_path, above):
    root, tmp_path = tmp_path, tmp_path / above
    for name in ("done", "held", "cut", "begun", "003-failed"):
        write(tmp_path / name, [] if name == "begun" else [10])
    workdirs.finish(tmp_path / "done", {})
    (tmp_path / "manifest").mkdir()
    (tmp_path / "logs").mkdir()
    for name in ("003-failed", "004-to-come"):
        (tmp_path / "manifest" / f"{name}.flags").write_text("")
    (tmp_path / "logs" / "003-failed.log").write_text("jaxtex-sweep: failed: no memory (exit status 2)\n")
    with open(tmp_path / "held/metrics.jsonl", "a") as held, open(tmp_path / "begun/metrics.jsonl", "a") as begun:
        assert files.lock(held) and files.lock(begun)
        found = {each["name"]: each for each in asked(root, "/runs")["runs"]}
    states = {"003-failed": "failed", "004-to-come": "waiting", "cut": "stopped", "done": "done", "held": "running"}
    states, at = states | {"begun": "waiting"}, lambda name: str(pathlib.Path(above, name))
    assert {name: each["state"] for name, each in found.items()} == {at(name): states[name] for name in states}
    assert found[at("003-failed")]["why"] == "no memory (exit status 2)" and found[at("done")]["picture"] is None
    assert found[at("held")]["left"] == 90 / 4 and found[at("cut")]["left"] is None


def test_a_name_may_be_any_bytes(tmp_path):
    folder = pathlib.Path(os.fsdecode(os.fsencode(tmp_path) + b"/a%20\xff&b#?"))
    write(folder, [10])
    (told,) = asked(tmp_path, "/runs")["runs"]
    query = urllib.parse.urlencode({"run": told["run"], "file": "steps/000010.png"})
    assert told["name"] == "a%20\N{REPLACEMENT CHARACTER}&b#?" and told["run"].isascii()
    assert answer(livepage.build(tmp_path), f"/picture?{query}")[0] == 200


def test_a_picture_comes_as_it_is_and_is_kept(run):
    status, headers, body = answer(livepage.build(run), "/picture?run=.&file=steps/000010.png&v=1")
    assert (status, headers["Content-Type"]) == (200, "image/png") and "max-age" in headers["Cache-Control"]
    assert images.load(copy(run, body)).shape == (32, 32, 3)


def copy(folder, body):
    (folder / "copy.png").write_bytes(body)
    return folder / "copy.png"


OUTSIDE = [
    "/picture?run=.&file=run.json",
    "/picture?run=.&file=../secret.png",
    "/picture?run=.&file=steps/../../secret.png",
    "/picture?run=.&file=steps/%2e%2e/%2e%2e/secret.png",
    "/picture?run=.&file=/etc/passwd",
    "/picture?run=.&file=steps/000010.png%0a",
    "/picture?run=.&file=steps/000010.png%00",
    "/picture?run=.&file=steps/%d9%a0.png",
    "/picture?run=.&file=steps/000011.png",
    "/picture?run=..&file=secret.png",
    "/picture?run=../runs/a%20run&file=steps/000010.png",
    "/picture?run=%2e&file=",
    "/picture?file=result.png",
    "/picture",
    "/run?run=../secret",
    "/run?run=",
    "/run",
    "/page.html",
    "/../secret.png",
    "/steps/000010.png",
    "/stop",
]


@pytest.mark.parametrize("address", OUTSIDE)
def test_nothing_else_is_given_away(run, address):
    images.save(run.parent / "secret.png", np.zeros((32, 32, 3), np.float32))
    status, headers, body = answer(livepage.build(run), address)
    assert status == 404 and body == b"404 Not Found\n" and "default-src 'none'" in headers["Content-Security-Policy"]


def test_a_folder_that_vanishes_is_no_harm(run, monkeypatch):
    app = livepage.build(run)
    monkeypatch.setattr(follow, "find", lambda folder: {".": folder / "gone"})
    assert json.loads(answer(app, "/run?run=.")[2])["rows"] == []
    assert answer(app, "/picture?run=.&file=result.png")[0] == 404
    monkeypatch.undo()
    assert asked(run / "nowhere", "/runs")["runs"] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "[::1]:8080", "LOCALHOST"])
def test_this_machine_has_several_names(run, host):
    assert answer(livepage.build(run), "/runs", HTTP_HOST=host)[0] == 200


@pytest.mark.parametrize("host", ["evil.org:8080", "127.0.0.1.evil.org", "localhost@evil.org", "evil.org@", "[", ""])
@pytest.mark.parametrize("address", ["/", "/runs", "/picture?run=.&file=steps/000010.png", "/nothing"])
def test_another_name_of_it_is_refused(run, host, address):
    status, headers, body = answer(livepage.build(run), address, HTTP_HOST=host)
    assert status == 403 and b"127.0.0.1" in body and "Content-Security-Policy" in headers


OWN = "http://127.0.0.1:8080"


@pytest.mark.parametrize("origin", ["http://localhost:8080", "http://127.0.0.1:80", "http://evil.org", "null", ""])
def test_only_the_page_itself_stops(run, origin):
    stopped = []
    app = livepage.build(run, lambda: stopped.append(1))
    assert answer(app, "/stop", "POST", HTTP_ORIGIN=origin)[0] == answer(app, "/stop", "POST")[0] == 403
    assert not stopped
    assert answer(app, "/stop", "POST", HTTP_ORIGIN=OWN)[0] == 200 and stopped == [1]


def test_what_is_only_shown_cannot_be_stopped(run):
    shown, made = livepage.build(run), livepage.build(run, list)
    assert answer(shown, "/stop", "POST", HTTP_ORIGIN=OWN)[0] == 404 and answer(made, "/stop")[0] == 405
    assert [json.loads(answer(app, "/runs")[2])["stops"] for app in (shown, made)] == [False, True]


def test_the_page_needs_nothing_from_outside(run):
    kinds = {"/": "text/html", "/colours.css": "text/css", "/page.css": "text/css", "/page.js": "text/javascript"}
    for name, kind in kinds.items():
        status, headers, body = answer(livepage.build(run), name)
        assert status == 200 and headers["Content-Type"].startswith(kind)
        assert set(re.findall(r"(?:https?:)?//[\w.]+[\w/]*", body.decode())) <= {"http://www.w3.org/2000/svg"}
    assert "page/*" in (conftest.ROOT / "setup.cfg").read_text()


def test_a_port_that_is_taken_is_one_line(run, caplog):
    caplog.set_level(logging.INFO)
    with serve.serving(0, run):
        (port,) = re.findall(r"http://127\.0\.0\.1:(\d+) shows", caplog.text)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/runs", timeout=10) as reply:
            assert json.load(reply)["stops"] and reply.headers["Server"] is None
        with pytest.raises(errors.UserError, match=f"--serve={port}: Address already in use; another port, please"):
            serve.stay(int(port), run)
    with pytest.raises(errors.UserError, match=f"--workdir={run}/none: no such folder"):
        serve.stay(0, run / "none")


def test_a_server_that_is_not_installed_is_one_line(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "waitress", None)
    with pytest.raises(errors.UserError, match=re.escape("--serve=80: waitress is missing; pip install 'jaxtex[serve]'")):
        serve.stay(80, run)


@pytest.fixture
def begin(tmp_path, exemplar):
    """A command that serves, and its address."""
    images.save(tmp_path / "style.png", exemplar)
    begun = []

    def start(module, *flags):
        environment = os.environ | {"PYTHONPATH": str(conftest.ROOT)}
        pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True}
        line = [sys.executable, "-m", module, "--serve=0", *flags]
        begun.append(subprocess.Popen(line, cwd=tmp_path, env=environment, **pipes))
        for text in begun[-1].stderr:
            if found := re.search(r"http://127\.0\.0\.1:\d+", text):
                return begun[-1], found[0]
        raise AssertionError("it does not serve")

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def until(address, happens):
    for _ in range(600):
        with urllib.request.urlopen(f"{address}/runs", timeout=10) as reply:
            if happens(runs := json.load(reply)["runs"]):
                return runs
        time.sleep(0.1)
    raise AssertionError("it does not happen")


def stop(address):
    request = urllib.request.Request(f"{address}/stop", b"", {"Origin": address})
    with urllib.request.urlopen(request, timeout=10) as reply:
        assert json.load(reply) == {}


def test_a_run_is_stopped_from_its_page_and_looked_at_later(begin, tmp_path):
    process, address = begin("jaxtex", "--style=style.png", "--workdir=run", "--num_steps=4000", *QUICK)
    (told,) = until(address, lambda runs: runs and runs[0]["state"] == "running" and runs[0]["step"] > 3)
    assert told["name"] == "run" and told["num_steps"] == 4000 and told["pace"] > 0 and told["left"] > 0
    stop(address)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 75 and "told to leave, and saved after step" in error
    process, address = begin("jaxtex", "--workdir=run")
    (told,) = until(address, bool)
    assert told["state"] == "stopped" and told["step"] >= 4
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == (None, "") and process.returncode == 0


def test_a_sweep_is_a_grid_that_is_stopped_as_a_whole(begin, tmp_path):
    vary = ["--folder=out", "--style=style.png", "--vary=seed=0,1", "--num_steps=4000", *QUICK]
    process, address = begin("jaxtex.sweep_main", *vary)
    runs = until(address, lambda runs: [each["state"] for each in runs] == ["running", "waiting"])
    assert [each["name"] for each in runs] == ["000-seed0", "001-seed1"]
    stop(address)
    assert "stopped; the same command goes on" in process.communicate(timeout=60)[1] and process.returncode == 75


def test_who_looks_sees_the_end(begin, tmp_path):
    process, address = begin("jaxtex", "--style=style.png", "--num_images=2", "--workdir=run", "--num_steps=4", *QUICK)
    runs = until(address, lambda runs: [each["state"] for each in runs] == ["done", "done"])
    assert [each["picture"][0] for each in runs] == ["result.png"] * 2
    assert process.wait(60) == 0
