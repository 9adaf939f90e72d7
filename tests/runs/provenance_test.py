"""Tests of provenance: a result records how it was made, and `--from` makes it again."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from jaxtex import errors, images
from jaxtex.cli import flag_parsing, main
from jaxtex.runs import provenance
from jaxtex.synthesis import config as configs
from support import commands


def call(*arguments):
    """Runs the command in this process."""
    flag_parsing.run(main.COMMAND, arguments)


@pytest.fixture
def result(tmp_path, exemplar):
    images.save(tmp_path / "style.png", exemplar)
    call(f"--style={tmp_path}/style.png", "--seed=5", f"--workdir={tmp_path}/run", *commands.QUICK)
    return tmp_path / "run" / "result.png"


def refuse(capsys, *arguments):
    """Runs a command that must fail; returns its error message."""
    with pytest.raises(SystemExit) as ended:
        call(*arguments)
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1
    return error


@pytest.mark.slow
def test_a_result_is_made_again_bit_for_bit(result, tmp_path):
    call(f"--from={result}", f"--workdir={tmp_path}/again")
    assert (tmp_path / "again" / "result.png").read_bytes() == result.read_bytes()


@pytest.mark.slow
def test_given_flags_replace_the_recorded_ones(result, tmp_path):
    call(f"--from={result}", "--seed=6", f"--workdir={tmp_path}/again")
    flags = provenance.read(tmp_path / "again" / "result.png")["flags"]
    assert flags == provenance.read(result)["flags"] | {"seed": 6}


@pytest.mark.slow
def test_the_picture_that_is_made_again_is_not_replaced(result, tmp_path, capsys):
    other = [f"--from={result}", "--seed=6", f"--workdir={tmp_path}/again"]
    assert "is an input of this run" in refuse(capsys, *other, f"--output={result}")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out.png", "deep.png", "out.tif", "out.jpg", "out.webp"])
def test_every_format_holds_the_metadata(result, tmp_path, name):
    flags = [f"--output={tmp_path}/{name}", *(["--bits=16"] if name == "deep.png" else [])]
    call(f"--from={result}", f"--workdir={tmp_path}/again", *flags)
    assert provenance.read(tmp_path / name) == provenance.read(result)


@pytest.mark.slow
def test_it_can_be_left_out(result, tmp_path, capsys):
    call(f"--from={result}", "--strip_metadata", f"--workdir={tmp_path}/bare")
    np.testing.assert_array_equal(
        images.load(tmp_path / "bare" / "result.png"), images.load(result)
    )
    assert b"seed" not in (tmp_path / "bare" / "result.png").read_bytes()
    assert "no metadata of jaxtex in this file" in refuse(
        capsys, f"--from={tmp_path}/bare/result.png"
    )


@pytest.mark.slow
def test_a_filled_picture_names_its_mask_and_is_made_again(tmp_path, capsys, exemplar):
    images.save(tmp_path / "picture.png", exemplar)
    mask = np.zeros_like(exemplar)
    mask[16:32, 20:40] = 1
    images.save(tmp_path / "mask.png", mask)
    flags = [f"--init={tmp_path}/picture.png", f"--fill={tmp_path}/mask.png", "--num_steps=3"]
    call(*flags, "--layers=relu1_1", f"--workdir={tmp_path}/run")
    result = tmp_path / "run" / "result.png"
    kept = mask == 0
    made, given = images.to_uint8(images.load(result)), images.to_uint8(exemplar)
    np.testing.assert_array_equal(made[kept], given[kept])

    record = provenance.read(result)
    assert f"{tmp_path}/mask.png" in record["inputs"] and record["flags"]["size"] == 0
    call(f"--from={result}", f"--workdir={tmp_path}/again")
    assert (tmp_path / "again" / "result.png").read_bytes() == result.read_bytes()
    images.save(tmp_path / "mask.png", mask[:, ::-1])
    assert "mask.png' has changed since the picture was made" in refuse(capsys, f"--from={result}")


@pytest.mark.slow
def test_a_missing_or_changed_exemplar_is_named(result, tmp_path, capsys, exemplar):
    images.save(tmp_path / "style.png", exemplar[::-1])
    assert "style.png' has changed since the picture was made" in refuse(capsys, f"--from={result}")
    (tmp_path / "style.png").unlink()
    assert "style.png' is missing" in refuse(capsys, f"--from={result}")
    images.save(tmp_path / "other.png", exemplar[::-1])
    call(f"--from={result}", f"--style={tmp_path}/other.png", f"--workdir={tmp_path}/again")


@pytest.mark.parametrize(
    "note, text",
    [
        ("", "no metadata of jaxtex"),
        ("{", "no metadata of jaxtex"),
        ("[]", "no metadata of jaxtex"),
        ('{"flags": 1, "inputs": 2}', "no metadata of jaxtex"),
        (
            '{"flags": {"stlye": "x"}, "inputs": {}}',
            "recorded --stlye=x is not valid",
        ),
        ('{"flags": {"style": "nowhere.png"}, "inputs": {}}', "image 'nowhere.png': no such file"),
        ('{"flags": {"style": "a", "size": "b"}, "inputs": {}}', "--size=b"),
        ('{"flags": {"style": 3, "size": null}, "inputs": {}}', "--style=3"),
        ('{"flags": {}, "inputs": {}}', "--style is missing"),
    ],
)
def test_invalid_metadata_is_one_line(tmp_path, capsys, exemplar, note, text):
    images.save(tmp_path / "odd.png", exemplar, note=note)
    assert text in refuse(capsys, f"--from={tmp_path}/odd.png", f"--workdir={tmp_path}/run")


@pytest.mark.slow
def test_a_result_of_a_batch_is_made_again_alone(tmp_path, exemplar):
    images.save(tmp_path / "style.png", exemplar)
    call(
        f"--style={tmp_path}/style.png",
        "--num_images=2",
        f"--workdir={tmp_path}/batch",
        *commands.QUICK,
    )
    call(f"--from={tmp_path}/batch/style-1/result.png", f"--workdir={tmp_path}/one")
    one, of_batch = (
        images.load(tmp_path / name / "result.png") for name in ("one", "batch/style-1")
    )
    np.testing.assert_allclose(one, of_batch, atol=2 / 255)


@pytest.mark.slow
def test_metadata_is_plain_text(result):
    with Image.open(result) as image:
        assert json.loads(image.text["jaxtex"])["flags"]["seed"] == 5


def test_choices_without_effect_are_not_compared():
    plain = configs.Config(size=32)
    given = dataclasses.replace(plain, content_weight=0.5, structure_layers="relu1_1")
    assert provenance.identity("leaves", given) == provenance.identity("leaves", plain)
    plain, given = (dataclasses.replace(each, content="astronaut") for each in (plain, given))
    assert provenance.identity("leaves", given) != provenance.identity("leaves", plain)


@pytest.fixture
def record(tmp_path, monkeypatch, exemplar):
    """A function that writes a result with the provenance of some choices."""
    monkeypatch.chdir(tmp_path)

    def write(style, **choices):
        identity = provenance.identity(style, configs.Config(**choices))
        images.save("result.png", exemplar, note=json.dumps(identity))
        return identity

    return write


@pytest.mark.parametrize("flag", ["content", "init", "masks", "style_masks", "maps"])
def test_a_changed_input_file_is_named(record, exemplar, flag):
    images.save("style.png", exemplar)
    images.save("other.png", exemplar)
    identity = record("style.png", **{flag: "other.png"})
    assert provenance.flags_of("result.png", {}) == identity["flags"]

    images.save("other.png", exemplar[::-1])
    with pytest.raises(errors.UserError, match="'other.png' has changed"):
        provenance.flags_of("result.png", {})
    replaced = provenance.flags_of("result.png", {flag: ""})  # then the file is not used
    assert replaced == {**identity["flags"], flag: ""}

    pathlib.Path("other.png").unlink()
    with pytest.raises(errors.UserError, match="'other.png' is missing"):
        provenance.flags_of("result.png", {})


@pytest.mark.parametrize("flag", ["style", "content", "init", "masks", "style_masks", "maps"])
def test_a_changed_file_with_a_comma_in_its_name_is_named(record, exemplar, flag):
    images.save("style.png", exemplar)
    images.save("one,two.png", exemplar)
    record(**{"style": "style.png", flag: "one,two.png"})
    provenance.flags_of("result.png", {})

    images.save("one,two.png", exemplar[::-1])
    with pytest.raises(errors.UserError, match="'one,two.png' has changed"):
        provenance.flags_of("result.png", {})
    pathlib.Path("one,two.png").unlink()
    with pytest.raises(errors.UserError, match="'one,two.png' is missing"):
        provenance.flags_of("result.png", {})


def test_each_file_of_a_list_is_compared(record, exemplar):
    images.save("a.png", exemplar)
    images.save("b.png", exemplar)
    record("a.png,b.png")
    provenance.flags_of("result.png", {})
    images.save("b.png", exemplar[::-1])
    with pytest.raises(errors.UserError, match="'b.png' has changed"):
        provenance.flags_of("result.png", {})


def test_changed_weights_are_named_unless_others_are_given(record, exemplar):
    images.save("style.png", exemplar)
    pathlib.Path("net.h5").write_bytes(b"weights")
    record("style.png", weights="net.h5")
    pathlib.Path("net.h5").write_bytes(b"other weights")
    with pytest.raises(errors.UserError, match="'net.h5' has changed"):
        provenance.flags_of("result.png", {})
    assert provenance.flags_of("result.png", {"weights": ""})["weights"] == ""


@pytest.mark.parametrize(
    "name, value, valid",
    [
        ("style", "a.png", True),
        ("size", 48, True),
        ("size", 48.0, False),
        ("noise", 0.5, True),
        ("noise", 1, True),  # JSON may write a float without its point
        ("noise", "1", False),
        ("layers", None, False),
        ("stlye", "a.png", False),
    ],
)
def test_flag_types(name, value, valid):
    assert provenance.has_flag_type(name, value) == valid


@pytest.mark.parametrize("name", ["weights", "flags", "inputs", "noise"])
@pytest.mark.parametrize("flag", ["style", "content", "masks", "style_masks", "maps"])
def test_a_changed_file_named_like_a_key_is_named(record, exemplar, name, flag):
    def save(image):
        images.save("picture.png", image)
        pathlib.Path("picture.png").rename(name)

    images.save("style.png", exemplar)
    save(exemplar)
    record(**{"style": "style.png", flag: name})
    provenance.flags_of("result.png", {})
    save(exemplar[::-1])
    with pytest.raises(errors.UserError, match=f"'.*{name}' has changed"):
        provenance.flags_of("result.png", {})
    pathlib.Path(name).unlink()
    with pytest.raises(errors.UserError, match=f"'.*{name}' is missing"):
        provenance.flags_of("result.png", {})


@pytest.mark.parametrize("choice", [{"init": "noise"}, {"weights": "random"}])
def test_a_file_named_like_a_choice_is_no_input(record, exemplar, choice):
    images.save("style.png", exemplar)
    before = record("style.png", **choice)
    for name in choice.values():
        pathlib.Path(name).write_text("something else")
    assert provenance.identity("style.png", configs.Config(**choice)) == before


def test_a_file_is_read_again_only_if_it_has_changed(record, exemplar, monkeypatch):
    hashed = []
    usual = provenance.files.hash_file
    monkeypatch.setattr(
        provenance.files,
        "hash_file",
        lambda path, *names: (hashed.append(pathlib.Path(path).name), usual(path, *names))[1],
    )
    images.save("style.png", exemplar)
    first = record("style.png")
    assert record("style.png") == first and hashed.count("style.png") == 1
    images.save("style.png", exemplar[::-1])
    assert record("style.png") != first and hashed.count("style.png") == 2


def test_a_file_of_gigabytes_is_not_read(record, exemplar, monkeypatch):
    images.save("style.png", exemplar)
    record("style.png", weights="net.h5")
    for name in ("style.png", "net.h5"):
        with open(name, "r+b" if name == "style.png" else "wb") as file:
            file.truncate(5 << 30)  # takes no space on the disk
    hashed = []
    monkeypatch.setattr(provenance.files, "hash_file", lambda path, *_: hashed.append(path))
    choices = configs.Config(weights="net.h5")
    assert provenance.hash_inputs("style.png", choices)["style.png"] == f"{5 << 30} bytes"
    with pytest.raises(errors.UserError, match=r"'(style.png|net.h5)' has changed"):
        provenance.flags_of("result.png", {"network": "vgg16", "weights": "net.h5"})
    assert not hashed


@pytest.mark.slow
def test_a_picture_that_keeps_away_from_others_is_made_again_with_them(tmp_path, exemplar, capsys):
    images.save(tmp_path / "style.png", exemplar)
    flags = ["--diversity=1", "--num_images=2", "--seed=3", *commands.QUICK, "--renew_every=2"]
    call(f"--style={tmp_path}/style.png", f"--workdir={tmp_path}/two", *flags)
    picture = tmp_path / "two" / "style-4" / "result.png"
    assert provenance.read(picture)["batch"] == {"seed": 3, "num_images": 2}
    capsys.readouterr()
    message = refuse(capsys, f"--from={picture}", f"--workdir={tmp_path}/alone")
    assert "--seed=3 --num_images=2 makes all of them again, --diversity=0 this one" in message

    again = ["--seed=3", "--num_images=2", f"--workdir={tmp_path}/again"]
    call(f"--from={picture}", *again)
    assert (tmp_path / "again/style-4/result.png").read_bytes() == picture.read_bytes()
    capsys.readouterr()
    message = refuse(capsys, f"--from={picture}", *again, "--num_images=3")
    assert "--num_images: 2 there, 3 here" in message
