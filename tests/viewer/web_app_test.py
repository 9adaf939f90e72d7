"""Tests of the live page without a browser: what it serves, and what it refuses."""

import json
import os
import pathlib
import re
import urllib.parse
from wsgiref import util

import numpy as np
import pytest

from jaxtex import images
from jaxtex.viewer import run_status, web_app
from support import paths, shelves

PAGE_ORIGIN = "http://127.0.0.1:8080"
RUN_KEY = "a%2520run"  # the name "a run", quoted as a key and again for a URL
CONTENT_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


@pytest.fixture
def run(tmp_path):
    return shelves.begin(tmp_path / "runs" / "a run", range(1, 26))


def request(app, address, method="GET", **headers):
    """Returns `(status, headers, body)` of the reply of a WSGI application."""
    path, _, query = address.partition("?")
    environ = {
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": method,
        "HTTP_HOST": "127.0.0.1:8080",
        **headers,
    }
    util.setup_testing_defaults(environ)
    start = {}

    def start_response(status, headers, *_):
        start.update(status=int(status[:3]), headers=dict(headers))

    body = app(environ, start_response)
    text = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    return start["status"], start["headers"], text


def get_json(folder, address):
    return json.loads(request(web_app.build(folder), address)[2])


def test_a_reply_contains_what_is_new(run):
    first = get_json(run.parent, f"/run?run={RUN_KEY}")
    assert (first["name"], first["state"]) == ("a run", "stopped")
    assert (first["step"], first["num_steps"]) == (25, 100)
    assert first["columns"] == ["step", "loss", "gram"]
    assert first["rows"][0] == [1, 1.0, 1.0]
    assert len(first["rows"]) == 25
    assert [step for step, _ in first["snapshots"]] == [10, 20]
    assert first["picture"] == ["steps/000020.png", first["snapshots"][1][1]]
    assert first["steps_per_second"] == 4.0
    assert first["exemplar"] is None

    shelves.begin(run, range(26, 31), mode="a")
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"step": 31, "lo')  # a row that is not complete yet
    address = f"/run?run={RUN_KEY}&offset={first['offset']}&step=25&snapshot=20"
    second = get_json(run.parent, address)
    assert [row[0] for row in second["rows"]] == [26, 27, 28, 29, 30]
    assert [step for step, _ in second["snapshots"]] == [30]
    assert not second["restarted"]

    address = f"/run?run={RUN_KEY}&offset={second['offset']}&step=30&snapshot=30"
    third = get_json(run.parent, address)
    assert third["rows"] == third["snapshots"] == []
    assert third["offset"] == second["offset"]


def test_numbers_that_are_not_finite_are_null(tmp_path):
    run = shelves.begin(tmp_path, [1, 2], value=float("nan"))
    text = request(web_app.build(run), "/run?run=.")[2].decode()
    assert "NaN" not in text
    assert json.loads(text)["rows"] == [[1, None, None], [2, None, None]]


def test_a_name_may_be_any_bytes(tmp_path):
    folder = pathlib.Path(os.fsdecode(os.fsencode(tmp_path) + b"/a%20\xff&b#?"))
    shelves.begin(folder, [10])
    (summary,) = get_json(tmp_path, "/runs")["runs"]
    assert summary["name"] == "a%20\N{REPLACEMENT CHARACTER}&b#?"
    assert summary["key"].isascii()

    query = urllib.parse.urlencode({"run": summary["key"], "file": "steps/000010.png"})
    assert request(web_app.build(tmp_path), f"/picture?{query}")[0] == 200


def test_a_picture_is_served_unchanged_and_cached(run):
    address = "/picture?run=.&file=steps/000010.png&v=1"
    status, headers, body = request(web_app.build(run), address)
    assert status == 200
    assert headers["Content-Type"] == "image/png"
    assert "max-age" in headers["Cache-Control"]
    assert body == (run / "steps" / "000010.png").read_bytes()


@pytest.mark.parametrize(
    "address",
    [
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
    ],
)
def test_other_files_are_not_found(run, address):
    images.save(run.parent / "secret.png", np.zeros((32, 32, 3), np.float32))
    status, headers, body = request(web_app.build(run), address)
    assert status == 404
    assert body == b"404 Not Found\n"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_a_folder_may_vanish(run, monkeypatch):
    app = web_app.build(run)
    monkeypatch.setattr(run_status, "find_runs", lambda folder: {".": folder / "gone"})
    assert json.loads(request(app, "/run?run=.")[2])["rows"] == []
    assert request(app, "/picture?run=.&file=result.png")[0] == 404
    monkeypatch.undo()
    assert get_json(run / "nowhere", "/runs")["runs"] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "[::1]:8080", "LOCALHOST"])
def test_all_names_of_this_machine_are_accepted(run, host):
    assert request(web_app.build(run), "/runs", HTTP_HOST=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.org:8080", "127.0.0.1.evil.org", "localhost@evil.org", "evil.org@", "[", ""]
)
@pytest.mark.parametrize(
    "address", ["/", "/runs", "/picture?run=.&file=steps/000010.png", "/nothing"]
)
def test_other_hosts_are_refused(run, host, address):
    status, headers, body = request(web_app.build(run), address, HTTP_HOST=host)
    assert status == 403
    assert b"Host must be one of 127.0.0.1" in body
    assert "Content-Security-Policy" in headers


@pytest.mark.parametrize(
    "origin", ["http://localhost:8080", "http://127.0.0.1:80", "http://evil.org", "null", ""]
)
def test_only_the_page_itself_can_stop(run, origin):
    calls = []
    app = web_app.build(run, lambda: calls.append("stop"))
    assert request(app, "/stop", "POST", HTTP_ORIGIN=origin)[0] == 403
    assert request(app, "/stop", "POST")[0] == 403
    assert not calls
    assert request(app, "/stop", "POST", HTTP_ORIGIN=PAGE_ORIGIN)[0] == 200
    assert calls == ["stop"]


def test_runs_of_other_processes_cannot_be_stopped(run):
    other = web_app.build(run)
    own = web_app.build(run, lambda: None)
    assert request(other, "/stop", "POST", HTTP_ORIGIN=PAGE_ORIGIN)[0] == 404
    assert request(own, "/stop")[0] == 405
    assert json.loads(request(other, "/runs")[2])["can_stop"] is False
    assert json.loads(request(own, "/runs")[2])["can_stop"] is True


@pytest.mark.parametrize("file", web_app.PAGE_FILES)
def test_the_page_loads_nothing_from_outside(run, file):
    path = "/" if file == "index.html" else f"/{file}"
    status, headers, body = request(web_app.build(run), path)
    assert status == 200
    assert headers["Content-Type"].startswith(CONTENT_TYPES[pathlib.Path(file).suffix])
    urls = re.findall(r"(?:https?:)?//[\w.]+[\w/]*", body.decode())
    assert set(urls) <= {"http://www.w3.org/2000/svg"}


def test_all_files_of_the_page_are_served_and_packaged():
    assert {path.name for path in web_app.PAGE.iterdir()} == set(web_app.PAGE_FILES)
    assert "page/*" in (paths.ROOT / "setup.cfg").read_text()
