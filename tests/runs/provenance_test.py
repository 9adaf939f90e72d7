"""A result says how it was made, and is made again from that."""

import json

import numpy as np
import pytest
from PIL import Image

from jaxtex import images
from jaxtex.cli import main
from jaxtex.runs import provenance
from support import commands

QUICK = [
    "--size=48",
    "--scales=1",
    "--octaves=1",
    "--layers=relu1_1",
    "--num_steps=4",
    "--save_every=2",
]


def inside(*arguments):
    commands.call(main, "jaxtex", *arguments)


@pytest.fixture
def result(tmp_path, exemplar):
    images.save(tmp_path / "style.png", exemplar)
    inside(f"--style={tmp_path}/style.png", "--seed=5", f"--workdir={tmp_path}/run", *QUICK)
    return tmp_path / "run" / "result.png"


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        inside(*arguments)
    error = capsys.readouterr().err
    assert left.value.code == 2 and error.count("\n") == 1
    return error


def test_a_result_is_made_again_bit_for_bit(result, tmp_path):
    inside(f"--from={result}", f"--workdir={tmp_path}/again")
    assert (tmp_path / "again" / "result.png").read_bytes() == result.read_bytes()


def test_flags_that_are_given_take_the_place_of_its_own(result, tmp_path):
    inside(f"--from={result}", "--seed=6", f"--workdir={tmp_path}/again")
    flags = provenance.read(tmp_path / "again" / "result.png")["flags"]
    assert flags == provenance.read(result)["flags"] | {"seed": 6}


@pytest.mark.parametrize("name", ["out.png", "deep.png", "out.tif", "out.jpg", "out.webp"])
def test_every_kind_of_file_says_it(result, tmp_path, name):
    flags = [f"--output={tmp_path}/{name}", *(["--bits=16"] if name == "deep.png" else [])]
    inside(f"--from={result}", f"--workdir={tmp_path}/again", *flags)
    assert provenance.read(tmp_path / name) == provenance.read(result)


def test_it_can_be_left_out(result, tmp_path, capsys):
    inside(f"--from={result}", "--strip_metadata", f"--workdir={tmp_path}/bare")
    np.testing.assert_array_equal(
        images.load(tmp_path / "bare" / "result.png"), images.load(result)
    )
    assert b"seed" not in (tmp_path / "bare" / "result.png").read_bytes()
    assert "says nothing of how it was made" in refused(
        capsys, f"--from={tmp_path}/bare/result.png"
    )


def test_an_exemplar_that_is_gone_or_another_is_named(result, tmp_path, capsys, exemplar):
    images.save(tmp_path / "style.png", exemplar[::-1])
    assert "style.png', which it was made from, has changed since then" in refused(
        capsys, f"--from={result}"
    )
    (tmp_path / "style.png").unlink()
    assert "style.png', which it was made from, is not there" in refused(capsys, f"--from={result}")
    images.save(tmp_path / "other.png", exemplar[::-1])
    inside(f"--from={result}", f"--style={tmp_path}/other.png", f"--workdir={tmp_path}/again")


@pytest.mark.parametrize(
    "note, text",
    [
        ("", "says nothing"),
        ("{", "says nothing"),
        ("[]", "says nothing"),
        ('{"flags": 1, "inputs": 2}', "says nothing"),
        (
            '{"flags": {"stlye": "x"}, "inputs": {}}',
            "made with --stlye=x, which cannot be had here",
        ),
        ('{"flags": {"style": "nowhere.png"}, "inputs": {}}', "image 'nowhere.png': no such file"),
        ('{"flags": {"style": "a", "size": "b"}, "inputs": {}}', "--size=b"),
        ('{"flags": {"style": 3, "size": null}, "inputs": {}}', "--style=3"),
        ('{"flags": {}, "inputs": {}}', "--style is missing"),
    ],
)
def test_a_note_of_nonsense_is_one_line(tmp_path, capsys, exemplar, note, text):
    images.save(tmp_path / "odd.png", exemplar, note=note)
    assert text in refused(capsys, f"--from={tmp_path}/odd.png", f"--workdir={tmp_path}/run")


def test_a_result_of_batches_is_one_of_its_own(tmp_path, exemplar):
    images.save(tmp_path / "style.png", exemplar)
    inside(f"--style={tmp_path}/style.png", "--num_images=2", f"--workdir={tmp_path}/batch", *QUICK)
    inside(f"--from={tmp_path}/batch/style-1/result.png", f"--workdir={tmp_path}/one")
    one, of_batch = (
        images.load(tmp_path / name / "result.png") for name in ("one", "batch/style-1")
    )
    np.testing.assert_allclose(one, of_batch, atol=2 / 255)


def test_what_is_noted_is_plain_text(result):
    with Image.open(result) as image:
        assert json.loads(image.text["jaxtex"])["flags"]["seed"] == 5
