"""The help page and the lists show everything that exists, and presets are valid choices."""

import dataclasses
import re

import pytest

from jaxtex import errors, images, networks, statistics
from jaxtex.cli import (
    animate_main,
    compare_main,
    flag_parsing,
    flags,
    help_page,
    main,
    report_main,
    sweep_main,
    weights_main,
)
from jaxtex.runs import provenance
from jaxtex.runs.experiments import declaration
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import settings
from jaxtex.synthesis.shorthands import presets

COMMANDS = [
    module.COMMAND
    for module in (main, animate_main, compare_main, report_main, sweep_main, weights_main)
]


def output(capsys, *arguments):
    flag_parsing.run(main.COMMAND, arguments)
    return capsys.readouterr().out


def printed_help(capsys, command, flag):
    with pytest.raises(SystemExit) as left:
        flag_parsing.run(command, [flag])
    page = capsys.readouterr().out
    assert left.value.code == 0 and page.startswith(f"{command.name} ")
    assert all(len(line) <= help_page.WIDTH for line in page.splitlines())
    return page


def test_every_flag_is_in_one_group():
    grouped = [name for names in help_page.GROUPS.values() for name in names]
    defined = {*flags.define_flags().flag_values_dict(), *help_page.COMMON_HELP} - {"texture"}
    assert sorted(grouped) == sorted(defined)


def test_the_page_shows_every_default():
    page = help_page.grouped_flags(flags.define_flags())
    for field in dataclasses.fields(configs.Config):
        if field.default == "":
            assert f"--{field.name} " in page
        else:
            assert f"--{field.name}={field.default}" in page


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_full_help_shows_every_flag_and_fits_a_terminal(capsys, command):
    page = printed_help(capsys, command, "--helpfull")
    for name in {*command.define_flags(), "help", "version"} - {"texture"}:
        assert f"  --{name}" in page


def test_help_shows_the_frequent_flags_in_one_line_each_and_names_the_full_page(capsys):
    lines = printed_help(capsys, main.COMMAND, "--help").splitlines()
    entries = [line for line in lines if line.startswith("  --")]
    names = [entry.split()[0].removeprefix("--").partition("=")[0] for entry in entries]
    assert names == [*help_page.FREQUENT, "helpfull"]
    assert all(entry.endswith(".") for entry in entries)
    assert len(lines) <= 30 and sum("    jaxtex --" in line for line in lines) > 5


def test_short_help_of_a_sweep_leaves_out_the_flags_of_its_runs(capsys):
    page = printed_help(capsys, sweep_main.COMMAND, "--help")
    assert "  --vary" in page and "  --num_steps" not in page and "--helpfull" in page


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_examples_of_the_help_have_known_flags(capsys, command):
    page = printed_help(capsys, command, "--help")
    known = {*command.define_flags(), *help_page.COMMON_HELP}
    for line in page.splitlines():
        if line.startswith(f"    {command.name} "):
            command_line = re.sub("'.*'", "", line.partition("#")[0].partition("  (")[0])
            assert set(re.findall(r" --(\w+)", command_line)) <= known, line


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_version_names_the_command(capsys, command):
    with pytest.raises(SystemExit) as left:
        flag_parsing.run(command, ["--version"])
    assert left.value.code == 0 and capsys.readouterr().out.startswith(f"{command.name} ")


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
def test_lists_name_everything_with_a_description(capsys, monkeypatch, kind, names):
    monkeypatch.chdir(declaration.FOLDER.absolute().parent)
    lines = output(capsys, f"--list={kind}").splitlines()
    assert set(names) <= {line.split()[0] for line in lines}
    assert kind == "layers" or all(len(line.split()) > 1 for line in lines)


def test_the_listed_layers_are_those_of_the_chosen_network(capsys):
    assert "parents" in output(capsys, "--list=layers", "--network=steerable")


@pytest.mark.parametrize("name", presets.PRESETS)
def test_presets_are_valid_choices(name):
    config = configs.Config(**presets.preset_choices(name))
    configs.validate(config)
    network = errors.choose("network", config.network, networks.NETWORKS)
    assert set(settings.parse_layers(config.layers)) <= set(network.names())


@pytest.mark.slow
def test_flags_override_those_of_a_preset(tmp_path, capsys, exemplar):
    images.save(tmp_path / "a.png", exemplar)
    small = [
        "--size=48",
        "--layers=relu1_1",
        "--octaves=1",
        "--num_steps=3",
        f"--workdir={tmp_path}/run",
    ]
    output(capsys, f"--style={tmp_path}/a.png", "--preset=best", *small)
    recorded = provenance.read(tmp_path / "run" / "result.png")["flags"]
    assert recorded["history"] == presets.PRESETS["best"].choices["history"]
    assert recorded["num_steps"] == 3


@pytest.mark.slow
def test_an_output_must_not_replace_a_recorded_input(tmp_path, capsys, exemplar):
    images.save(tmp_path / "a.png", exemplar)
    small = ["--size=48", "--layers=relu1_1", "--octaves=1", "--num_steps=3"]
    output(capsys, f"--style={tmp_path}/a.png", f"--workdir={tmp_path}/run", *small)
    with pytest.raises(SystemExit):
        output(
            capsys,
            f"--from={tmp_path}/run/result.png",
            f"--workdir={tmp_path}/again",
            f"--output={tmp_path}/a.png",
        )
    assert "is an input of this run" in capsys.readouterr().err
