"""The live page, without a browser: what it is told, and what it is not."""

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


@pytest.fixture
def run(tmp_path):
    return shelves.begin(tmp_path / "runs" / "a run", range(1, 26))


def answer(app, address, method="GET", **headers):
    """`(status, headers, body)` of a WSGI application."""
    path, _, query = address.partition("?")
    environ = {
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": method,
        "HTTP_HOST": "127.0.0.1:8080",
    } | headers
    util.setup_testing_defaults(environ)
    told = []
    body = app(environ, lambda status, headers, *_: told.extend((int(status[:3]), dict(headers))))
    whole = b"".join(body)
    getattr(body, "close", lambda: None)()
    return *told, whole


def asked(folder, address):
    return json.loads(answer(web_app.build(folder), address)[2])


def test_a_run_is_told_by_what_is_new(run):
    first = asked(run.parent, "/run?run=a%2520run")
    assert (first["name"], first["state"], first["step"], first["num_steps"]) == (
        "a run",
        "stopped",
        25,
        100,
    )
    assert (
        first["names"] == ["step", "loss", "gram"]
        and first["rows"][0] == [1, 1.0, 1.0]
        and len(first["rows"]) == 25
    )
    assert [step for step, _ in first["shots"]] == [10, 20]
    assert first["picture"] == ["steps/000020.png", first["shots"][1][1]]
    assert first["pace"] == 4.0 and first["exemplar"] is None
    shelves.begin(run, range(26, 31), mode="a")
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"step": 31, "lo')
    since = f"/run?run=a%2520run&at={first['at']}&step=25&shot=20"
    second = asked(run.parent, since)
    assert [row[0] for row in second["rows"]] == [26, 27, 28, 29, 30] and [
        step for step, _ in second["shots"]
    ] == [30]
    assert not second["anew"]
    third = asked(run.parent, f"/run?run=a%2520run&at={second['at']}&step=30&shot=30")
    assert third["rows"] == third["shots"] == [] and third["at"] == second["at"]


def test_what_is_no_number_is_none(tmp_path):
    run = shelves.begin(tmp_path, [1, 2], value=float("nan"))
    text = answer(web_app.build(run), "/run?run=.")[2].decode()
    assert "NaN" not in text and json.loads(text)["rows"] == [[1, None, None], [2, None, None]]


def test_a_name_may_be_any_bytes(tmp_path):
    folder = pathlib.Path(os.fsdecode(os.fsencode(tmp_path) + b"/a%20\xff&b#?"))
    shelves.begin(folder, [10])
    (told,) = asked(tmp_path, "/runs")["runs"]
    query = urllib.parse.urlencode({"run": told["run"], "file": "steps/000010.png"})
    assert told["name"] == "a%20\N{REPLACEMENT CHARACTER}&b#?" and told["run"].isascii()
    assert answer(web_app.build(tmp_path), f"/picture?{query}")[0] == 200


def test_a_picture_comes_as_it_is_and_is_kept(run):
    status, headers, body = answer(web_app.build(run), "/picture?run=.&file=steps/000010.png&v=1")
    assert (status, headers["Content-Type"]) == (200, "image/png") and "max-age" in headers[
        "Cache-Control"
    ]
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
    status, headers, body = answer(web_app.build(run), address)
    assert (
        status == 404
        and body == b"404 Not Found\n"
        and "default-src 'none'" in headers["Content-Security-Policy"]
    )


def test_a_folder_that_vanishes_is_no_harm(run, monkeypatch):
    app = web_app.build(run)
    monkeypatch.setattr(run_status, "find_runs", lambda folder: {".": folder / "gone"})
    assert json.loads(answer(app, "/run?run=.")[2])["rows"] == []
    assert answer(app, "/picture?run=.&file=result.png")[0] == 404
    monkeypatch.undo()
    assert asked(run / "nowhere", "/runs")["runs"] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "[::1]:8080", "LOCALHOST"])
def test_this_machine_has_several_names(run, host):
    assert answer(web_app.build(run), "/runs", HTTP_HOST=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.org:8080", "127.0.0.1.evil.org", "localhost@evil.org", "evil.org@", "[", ""]
)
@pytest.mark.parametrize(
    "address", ["/", "/runs", "/picture?run=.&file=steps/000010.png", "/nothing"]
)
def test_another_name_of_it_is_refused(run, host, address):
    status, headers, body = answer(web_app.build(run), address, HTTP_HOST=host)
    assert status == 403 and b"127.0.0.1" in body and "Content-Security-Policy" in headers


OWN = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "origin", ["http://localhost:8080", "http://127.0.0.1:80", "http://evil.org", "null", ""]
)
def test_only_the_page_itself_stops(run, origin):
    stopped = []
    app = web_app.build(run, lambda: stopped.append(1))
    assert (
        answer(app, "/stop", "POST", HTTP_ORIGIN=origin)[0]
        == answer(app, "/stop", "POST")[0]
        == 403
    )
    assert not stopped
    assert answer(app, "/stop", "POST", HTTP_ORIGIN=OWN)[0] == 200 and stopped == [1]


def test_what_is_only_shown_cannot_be_stopped(run):
    shown, made = web_app.build(run), web_app.build(run, list)
    assert (
        answer(shown, "/stop", "POST", HTTP_ORIGIN=OWN)[0] == 404
        and answer(made, "/stop")[0] == 405
    )
    assert [json.loads(answer(app, "/runs")[2])["stops"] for app in (shown, made)] == [False, True]


def test_the_page_needs_nothing_from_outside(run):
    kinds = {
        "/": "text/html",
        "/colours.css": "text/css",
        "/page.css": "text/css",
        "/page.js": "text/javascript",
    }
    for name, kind in kinds.items():
        status, headers, body = answer(web_app.build(run), name)
        assert status == 200 and headers["Content-Type"].startswith(kind)
        assert set(re.findall(r"(?:https?:)?//[\w.]+[\w/]*", body.decode())) <= {
            "http://www.w3.org/2000/svg"
        }
    assert "page/*" in (paths.ROOT / "setup.cfg").read_text()
