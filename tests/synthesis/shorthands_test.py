"""Tests of the choices that stand for others: presets, and the amount of content."""

import numpy as np
import pytest

import jaxtex
from jaxtex import errors, images
from jaxtex.cli import flag_parsing, flags, main
from jaxtex.images import color_transfer
from jaxtex.runs import provenance, records, run_folder
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import settings
from jaxtex.synthesis.shorthands import content_amount, presets, resolution
from support import paths

TINY = {"size": 48, "scales": 1, "layers": "relu1_1", "content_layers": "relu1_1", "num_steps": 2}
OF_CONTENT = [name for name, row in presets.PRESETS.items() if row.needs == "content"]


def test_amounts_grow_from_nothing_through_the_default_to_the_content():
    default = {name: getattr(configs.Config, name) for name in content_amount.WEIGHTS}
    weights = [content_amount.to_weights(amount, default) for amount in range(101)]
    assert weights[50] == default
    for name in content_amount.WEIGHTS:
        column = [row[name] for row in weights]
        assert column == sorted(set(column))
        assert (column[0], column[70]) == (0.0, 10 * default[name])


@pytest.mark.parametrize("amount", [-1, 100.5, float("nan"), True, "much", np.zeros(2)])
def test_an_amount_that_is_none_is_refused(amount):
    with pytest.raises(errors.UserError, match="--content_amount=.*must be a number from 0 "):
        settings.parse_choices({"content_amount": amount})


def test_what_is_given_overrides_a_preset():
    assert resolution.resolve({}) == {}
    sketch = presets.PRESETS["sketch"].choices
    assert resolution.resolve({"preset": "sketch"}) == sketch
    changed = resolution.resolve({"preset": "sketch", "content_amount": 75, "seed": 3})
    assert changed == {**sketch, "content_weight": 7.113, "structure_weight": 0.01778, "seed": 3}


@pytest.mark.parametrize(
    "given, error",
    [
        ({"preset": "sketchy"}, "unknown preset 'sketchy'; did you mean 'sketch'"),
        ({"preset": 3}, "unknown preset '3'"),
        ({"preset": "enhance"}, "--preset=enhance: needs --init=picture.png, the small picture"),
        ({"content_amout": 3}, "unknown choice 'content_amout'; did you mean 'content_amount'"),
        (
            {"content_amount": 25, "content_weight": 1.0},
            "--content_amount=25 and --content_weight=1.0 exclude each other",
        ),
        ({"content_amount": 25, "content_norm": "plain"}, "no meaning with --content_norm=plain"),
    ],
)
def test_mistakes_are_one_line(exemplar, given, error):
    with pytest.raises(errors.UserError, match=error):
        jaxtex.transfer(exemplar, exemplar, **given)


@pytest.mark.parametrize("given", [{"content_amount": 50}, *({"preset": n} for n in OF_CONTENT)])
def test_what_is_for_transfers_needs_a_content(exemplar, given):
    (name,) = given
    with pytest.raises(errors.UserError, match=f"--{name}=.* needs --content"):
        jaxtex.synthesize(exemplar, **given)
    with pytest.raises(errors.UserError, match=f"--{name}=.* needs --content"):
        flags.parse_run([f"--{name}={given[name]}", "--style=pebbles"])


def test_the_pages_say_what_presets_stand_for():
    page = (paths.ROOT / "docs" / "style_transfer.md").read_text()
    for name in OF_CONTENT:
        choices = presets.PRESETS[name].choices.items()
        flags_text = " ".join(f"--{flag}={value}" for flag, value in choices)
        assert f"({flags_text})" in presets.descriptions()[name] and f"`{flags_text}`" in page


def test_sweeps_take_them():
    run = flags.parse_run(["--style=pebbles", "--content=cat", "--content_amount=25"])
    weights = {"content_weight": 0.0004049, "structure_weight": 5.623e-05}
    assert run.choices == {"content": "cat", **weights}


@pytest.mark.slow
def test_a_preset_and_an_amount_are_recorded_as_what_they_stand_for(tmp_path, capsys, exemplar):
    images.save(tmp_path / "a.png", exemplar)
    words = [f"--{name}={value}" for name, value in TINY.items()]
    words += [f"--style={tmp_path}/a.png", f"--content={tmp_path}/a.png"]
    words += ["--preset=sketch", "--content_amount=75", f"--workdir={tmp_path}/run"]
    flag_parsing.run(main.COMMAND, words)
    capsys.readouterr()

    record = provenance.read(tmp_path / "run" / "result.png")
    chosen = {**presets.PRESETS["sketch"].choices, **TINY, "content_weight": 7.113}
    assert chosen.items() <= record["flags"].items()
    assert not {*resolution.NAMES} & {*record["flags"]}
    assert record[run_folder.PRESET] == "sketch"
    assert records.read_run(tmp_path / "run").origin["preset"] == "sketch"
    assert color_transfer.is_gray(images.load(tmp_path / "run" / "result.png"))

    given = {"preset": "sketch", "content_amount": 75, **TINY}
    result = jaxtex.transfer(tmp_path / "a.png", tmp_path / "a.png", **given)
    np.testing.assert_array_equal(
        images.to_uint8(result), images.to_uint8(images.load(tmp_path / "run" / "result.png"))
    )
