"""Built-in images: names, files they resolve to, hints for names that do not exist, and runs."""

import os
import subprocess
import sys

import numpy as np
import pytest

from jaxtex import errors, images
from jaxtex.cli import flag_parsing, main
from jaxtex.images import builtin
from jaxtex.runs import provenance, records
from jaxtex.synthesis import config

SMALL = ["--size=48", "--scales=1", "--octaves=1", "--layers=relu1_1", "--num_steps=2"]
NAMES = f"Built-in images: {', '.join(builtin.names())}"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Runs each test in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def error_of(name):
    with pytest.raises(errors.UserError) as caught:
        images.load(name)
    return str(caught.value)


def test_each_image_can_be_read_and_has_a_description():
    descriptions = builtin.descriptions()
    assert {"pebbles", "bricks", "astronaut"} <= set(descriptions) and all(descriptions.values())
    assert all(images.load(name).shape[2] == 3 for name in descriptions)


def test_no_name_is_a_value_of_init():
    assert not set(builtin.names()) & {"noise", "spectrum", "style", "content", "random"}


def test_a_file_takes_precedence_and_a_folder_does_not(empty_folder, exemplar):
    (empty_folder / "pebbles").mkdir()
    assert images.load("pebbles").shape == (256, 256, 3)

    images.save("a.png", exemplar)
    os.rename("a.png", "bricks")
    assert images.load("bricks").shape == exemplar.shape


@pytest.mark.parametrize(
    "name",
    ["", "../images/pebbles", "README", "pebbles.png", "peb*", "pebbles\0", "pebbles\n", "x" * 300],
)
def test_other_names_resolve_to_themselves(name):
    assert builtin.resolve(name) == name


def test_an_unknown_name_gets_a_suggestion():
    assert error_of("pebles") == f"image 'pebles': no such file; did you mean 'pebbles'? {NAMES}"
    assert error_of("nothing") == f"image 'nothing': no such file. {NAMES}"


def test_an_unknown_path_gets_a_suggestion(empty_folder, monkeypatch, exemplar):
    path = "images/pebbles.png"
    assert error_of(path) == f"image '{path}': no such file; did you mean 'pebbles'?"
    assert error_of("none.png") == "image 'none.png': no such file"

    (empty_folder / "mine").mkdir()
    images.save("mine/picture.png", exemplar)
    assert error_of("mine/pictrue.png").endswith("did you mean 'mine/picture.png'?")

    monkeypatch.setenv("HOME", str(empty_folder / "mine"))
    assert error_of("~/picture.png").endswith(f"use '{empty_folder}/mine/picture.png'")


def test_a_url_is_not_downloaded():
    hint = "URLs are not supported, download the file first"
    assert error_of("https://example.org/a.png").endswith(f"no such file; {hint}")


@pytest.mark.slow
def test_a_run_by_name_records_the_file_and_can_be_repeated(empty_folder, capsys):
    flag_parsing.run(main.COMMAND, ["--style=pebbles", *SMALL])
    assert capsys.readouterr().out == "runs/pebbles/result.png\n"
    metadata = provenance.read("runs/pebbles/result.png")
    assert len(metadata["inputs"]["pebbles"]) == 64  # a SHA-256

    flag_parsing.run(main.COMMAND, ["--from=runs/pebbles/result.png", "--workdir=again"])
    assert np.array_equal(images.load("again/result.png"), images.load("runs/pebbles/result.png"))
    sources = records.source_images(records.read_run(empty_folder / "again", "again"))
    assert sources["pebbles"].shape == (48, 48, 3)


@pytest.mark.slow
def test_a_run_is_not_repeated_with_another_file_of_that_name(capsys):
    flag_parsing.run(main.COMMAND, ["--style=pebbles", *SMALL])
    images.save("a.png", np.zeros((40, 40, 3)))
    os.rename("a.png", "pebbles")
    with pytest.raises(SystemExit):
        flag_parsing.run(main.COMMAND, ["--from=runs/pebbles/result.png", "--workdir=third"])
    error = capsys.readouterr().err
    assert "'pebbles'" in error and "has changed" in error


def test_the_identity_of_a_run_hashes_every_input():
    choices = config.Config(content="cat", init="fur", masks="cat,cat")
    identity = provenance.identity("pebbles,bricks", choices)
    assert set(identity["inputs"]) == {"pebbles", "bricks", "cat", "fur", "weights"}


def test_importing_lists_no_folder_and_does_not_import_jax():
    code = (
        "import os, sys; os.listdir = os.scandir = None; "
        "import jaxtex.images.builtin; print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n"
