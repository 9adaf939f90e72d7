"""The commands that serve the live page: where, for how long, and how they are stopped from it."""

import json
import logging
import re
import signal
import sys
import time
import urllib.request

import pytest

from jaxtex import errors
from jaxtex.viewer import server
from support import live_pages

begin = live_pages.begin
QUICK = live_pages.QUICK


def test_a_port_that_is_taken_is_one_line(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with server.serve_during(0, tmp_path):
        (port,) = re.findall(r"http://127\.0\.0\.1:(\d+) shows", caplog.text)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/runs", timeout=10) as reply:
            assert json.load(reply)["stops"] and reply.headers["Server"] is None
        with pytest.raises(
            errors.UserError, match=f"--serve={port}: Address already in use; another port, please"
        ):
            server.serve_forever(int(port), tmp_path)
    with pytest.raises(errors.UserError, match=f"--workdir={tmp_path}/none: no such folder"):
        server.serve_forever(0, tmp_path / "none")


def test_a_server_that_is_not_installed_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "waitress", None)
    with pytest.raises(
        errors.UserError,
        match=re.escape("--serve=80: waitress is missing; pip install 'jaxtex[serve]'"),
    ):
        server.serve_forever(80, tmp_path)


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
    process, address = begin(
        "jaxtex", "--style=style.png", "--workdir=run", "--num_steps=4000", *QUICK
    )
    (told,) = until(
        address, lambda runs: runs and runs[0]["state"] == "running" and runs[0]["step"] > 3
    )
    assert (
        told["name"] == "run"
        and told["num_steps"] == 4000
        and told["pace"] > 0
        and told["left"] > 0
    )
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
    process, address = begin("jaxtex.cli.sweep_main", *vary)
    runs = until(address, lambda runs: [each["state"] for each in runs] == ["running", "waiting"])
    assert [each["name"] for each in runs] == ["000-seed0", "001-seed1"]
    stop(address)
    assert (
        "stopped; the same command goes on" in process.communicate(timeout=60)[1]
        and process.returncode == 75
    )


def test_who_looks_sees_the_end(begin, tmp_path):
    process, address = begin(
        "jaxtex", "--style=style.png", "--num_images=2", "--workdir=run", "--num_steps=4", *QUICK
    )
    runs = until(address, lambda runs: [each["state"] for each in runs] == ["done", "done"])
    assert [each["picture"][0] for each in runs] == ["result.png"] * 2
    assert process.wait(60) == 0
