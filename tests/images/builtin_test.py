"""Pictures by name: which file it is, what is said of a name that is none, and runs that are made with it."""

import os
import subprocess
import sys

import numpy as np
import pytest

from jaxtex import errors, images
from jaxtex.cli import main
from jaxtex.images import builtin
from jaxtex.runs import execution, provenance, records
from jaxtex.synthesis import config
from support import commands

SMALL = ["--size=48", "--scales=1", "--octaves=1", "--layers=relu1_1", "--num_steps=2"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(name):
    with pytest.raises(errors.UserError) as caught:
        images.load(name)
    return str(caught.value)


def test_each_picture_has_a_name_and_says_what_it_is():
    told = builtin.descriptions()
    assert {"pebbles", "bricks", "astronaut"} <= set(told) and all(told.values())
    assert all(images.load(name).shape[2] == 3 for name in told)


def test_no_name_is_a_start_of_its_own():
    assert not set(builtin.names()) & {"noise", "spectrum", "style", "content", "random"}


def test_a_file_of_that_name_comes_first_and_a_folder_does_not(elsewhere, exemplar):
    (elsewhere / "pebbles").mkdir()
    assert images.load("pebbles").shape == (256, 256, 3)
    images.save("a.png", exemplar)
    os.rename("a.png", "bricks")
    assert images.load("bricks").shape == exemplar.shape


@pytest.mark.parametrize(
    "name", ["", "../images/pebbles", "README", "pebbles.png", "peb*", "pebbles\0", "pebbles\n"]
)
def test_what_is_no_name_stays_a_path(name):
    assert builtin.resolve(name) == name


def test_a_slip_is_told_what_is_near(elsewhere, monkeypatch, exemplar):
    assert refused("pebles") == f"image 'pebles': no such file; did you mean 'pebbles'? {NAMES}"
    assert refused("nothing") == f"image 'nothing': no such file. {NAMES}"
    assert (
        refused("images/pebbles.png")
        == "image 'images/pebbles.png': no such file; did you mean 'pebbles'?"
    )
    (elsewhere / "mine").mkdir()
    images.save("mine/picture.png", exemplar)
    assert refused("mine/pictrue.png").endswith("did you mean 'mine/picture.png'?")
    assert refused("https://example.org/a.png").endswith(
        "no such file; a file, please, so download it first"
    )
    monkeypatch.setenv("HOME", str(elsewhere / "mine"))
    assert refused("~/picture.png").endswith(f"'{elsewhere}/mine/picture.png', please")
    assert refused("none.png") == "image 'none.png': no such file"


NAMES = f"By name there are: {', '.join(builtin.names())}"


def test_a_run_by_name_knows_its_file_and_is_made_again(elsewhere, monkeypatch, capsys):
    commands.call(main, "jaxtex", "--style=pebbles", *SMALL)
    assert capsys.readouterr().out == "runs/pebbles/result.png\n"
    noted = provenance.read("runs/pebbles/result.png")
    assert len(noted["inputs"]["pebbles"]) == 64
    commands.call(main, "jaxtex", "--from=runs/pebbles/result.png", "--workdir=again")
    assert np.array_equal(images.load("again/result.png"), images.load("runs/pebbles/result.png"))
    shown = records.source_images(records.read_run(elsewhere / "again", "again"))["pebbles"]
    assert shown.shape == (48, 48, 3)
    images.save("a.png", np.zeros((40, 40, 3)))
    os.rename("a.png", "pebbles")
    with pytest.raises(SystemExit):
        commands.call(main, "jaxtex", "--from=runs/pebbles/result.png", "--workdir=third")
    assert "'pebbles', which it was made from, has changed since then" in capsys.readouterr().err


def test_the_hash_is_that_of_the_file(elsewhere):
    run = execution.Run(
        "pebbles,bricks", config.Config(content="cat", init="fur", masks="cat,cat"), elsewhere
    )
    assert set(execution.identity(run)["inputs"]) == {"pebbles", "bricks", "cat", "fur", "weights"}


def test_they_cost_nothing_at_the_start():
    code = "import os, sys; os.listdir = os.scandir = None; import jaxtex.images.builtin; print('jax' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
        == "False\n"
    )
