"""Tests of the commands that serve the live page: its address, its end and its Stop button."""

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


def get_runs(address):
    """Returns the reply of /runs and its headers."""
    with urllib.request.urlopen(f"{address}/runs", timeout=10) as reply:
        return json.load(reply), reply.headers


def wait_for_runs(address, condition):
    """Polls the page until a condition on its runs holds, and returns them."""
    for _ in range(600):
        runs = get_runs(address)[0]["runs"]
        if condition(runs):
            return runs
        time.sleep(0.1)
    raise AssertionError("the condition did not become true within a minute")


def post_stop(address):
    request = urllib.request.Request(f"{address}/stop", b"", {"Origin": address})
    with urllib.request.urlopen(request, timeout=10) as reply:
        assert json.load(reply) == {}


@pytest.mark.slow
def test_a_port_in_use_raises(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with server.serve_during(0, tmp_path):
        (address, port) = re.findall(r"(http://127\.0\.0\.1:(\d+)) shows", caplog.text)[0]
        status, headers = get_runs(address)
        assert status["can_stop"]
        assert headers["Server"] is None

        message = f"--serve={port}: Address already in use; choose another port"
        with pytest.raises(errors.UserError, match=message):
            server.serve_forever(int(port), tmp_path)


def test_a_missing_folder_raises(tmp_path):
    with pytest.raises(errors.UserError, match=f"--workdir={tmp_path}/none: no such folder"):
        server.serve_forever(0, tmp_path / "none")


def test_a_missing_server_raises(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "waitress", None)
    message = "--serve=80: waitress is not installed; run pip install 'jaxtex[serve]'"
    with pytest.raises(errors.UserError, match=re.escape(message)):
        server.serve_forever(80, tmp_path)


def test_without_a_port_nothing_is_served(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with server.serve_during(None, tmp_path):
        assert "http://" not in caplog.text


@pytest.mark.slow
def test_a_run_is_stopped_from_its_page_and_shown_again(begin):
    flags = ["--style=style.png", "--workdir=run", "--num_steps=4000", *QUICK]
    process, address = begin("jaxtex", *flags)

    def has_steps(runs):
        return bool(runs) and runs[0]["state"] == "running" and runs[0]["step"] > 3

    (summary,) = wait_for_runs(address, has_steps)
    assert summary["name"] == "run"
    assert summary["num_steps"] == 4000
    assert summary["steps_per_second"] > 0
    assert summary["seconds_left"] > 0

    post_stop(address)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 75
    assert re.search(r"saved after step \d+", error)

    process, address = begin("jaxtex", "--workdir=run")
    (summary,) = wait_for_runs(address, bool)
    assert summary["state"] == "stopped"
    assert summary["step"] >= 4
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == (None, "")
    assert process.returncode == 0


@pytest.mark.slow
def test_a_sweep_is_stopped_as_a_whole(begin):
    flags = ["--folder=out", "--style=style.png", "--vary=seed=0,1", "--num_steps=4000", *QUICK]
    process, address = begin("jaxtex.cli.sweep_main", *flags)

    def first_is_running(runs):
        return [summary["state"] for summary in runs] == ["running", "waiting"]

    runs = wait_for_runs(address, first_is_running)
    assert [summary["name"] for summary in runs] == ["000-seed0", "001-seed1"]
    post_stop(address)
    assert "the same command" in process.communicate(timeout=60)[1]
    assert process.returncode == 75


@pytest.mark.slow
def test_an_open_page_sees_the_end(begin):
    flags = ["--style=style.png", "--num_images=2", "--workdir=run", "--num_steps=4", *QUICK]
    process, address = begin("jaxtex", *flags)

    def all_done(runs):
        return [summary["state"] for summary in runs] == ["done", "done"]

    runs = wait_for_runs(address, all_done)
    assert [summary["picture"][0] for summary in runs] == ["result.png"] * 2
    assert process.wait(60) == 0
