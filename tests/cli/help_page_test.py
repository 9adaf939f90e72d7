"""What the command tells of itself is all that there is, and presets are choices that can be made."""

import dataclasses

import pytest

from jaxtex import errors, networks, statistics
from jaxtex.cli import help_page, main, presets
from jaxtex.runs import experiments
from jaxtex.synthesis import config
from support import commands


def told(capsys, *arguments):
    commands.call(main, "jaxtex", *arguments)
    return capsys.readouterr().out


def test_every_flag_stands_in_one_group():
    grouped = [name for names in help_page.GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(
        {*main.FLAGS.flag_values_dict(), "flagfile", "help", "version"} - {"texture"}
    )


def test_the_page_has_every_default_and_fits_a_terminal():
    page = help_page.flags_help(main.FLAGS)
    assert all(len(line) <= help_page.WIDTH for line in page.splitlines())
    for field in dataclasses.fields(config.Config):
        assert f"--{field.name}={field.default}" in page or (
            field.default == "" and f"--{field.name} " in page
        )


@pytest.mark.parametrize(
    "kind, names",
    [
        ("networks", networks.NETWORKS),
        ("statistics", statistics.STATISTICS),
        ("presets", presets.PRESETS),
        ("layers", ["conv1_1", "relu3_3", "pool3"]),
        ("experiments", ["q1", "gallery"]),
    ],
)
def test_lists_name_what_there_is_and_say_what_it_is(capsys, monkeypatch, kind, names):
    monkeypatch.chdir(experiments.FOLDER.absolute().parent)
    lines = told(capsys, f"--list={kind}").splitlines()
    assert set(names) <= {line.split()[0] for line in lines}
    assert kind == "layers" or all(len(line.split()) > 1 for line in lines)


def test_the_layers_told_are_those_of_the_network_that_is_named(capsys):
    assert "parents" in told(capsys, "--list=layers", "--network=steerable")


@pytest.mark.parametrize("name", presets.PRESETS)
def test_presets_are_choices(name):
    choices = config.Config(**presets.preset_choices(name))
    config.validate(choices)
    network = errors.choose("network", choices.network, networks.NETWORKS)
    assert set(config.parse_layers(choices.layers)) <= set(network.names())


def test_flags_that_are_given_replace_those_of_a_preset(tmp_path, capsys, exemplar):
    main.images.save(tmp_path / "a.png", exemplar)
    small = [
        "--size=48",
        "--layers=relu1_1",
        "--octaves=1",
        "--num_steps=3",
        f"--workdir={tmp_path}/run",
    ]
    told(capsys, f"--style={tmp_path}/a.png", "--preset=best", *small)
    flags = main.provenance.read(tmp_path / "run" / "result.png")["flags"]
    assert (
        flags["history"] == presets.PRESETS["best"].choices["history"] and flags["num_steps"] == 3
    )
