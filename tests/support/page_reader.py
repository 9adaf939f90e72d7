"""A reader of pages: runs each command that a page shows, with small settings.

A command that cannot run in a test is validated instead: its flags, files or names must exist.
"""

import configparser
import contextlib
import os
import pathlib
import re
import shlex
import subprocess
import sys
import unittest.mock

import pytest
import safetensors.numpy

from jaxtex import networks
from jaxtex.cli import (
    animate_main,
    compare_main,
    flag_parsing,
    flags,
    main,
    report_main,
    sweep_main,
    weights_main,
)
from jaxtex.runs import sweeps
from jaxtex.synthesis import config, settings
from jaxtex.synthesis.shorthands import presets
from jaxtex.weights import locations
from jaxtex.weights.convert import catalog, download
from support import paths, reference

ROOT = paths.ROOT
OVERRIDDEN = {"size": 48, "num_steps": 2, "save_every": 1}  # replace the values of a page
DEFAULTS = {"scales": 1, "octaves": 1}  # unless a page gives them
LARGE_SIDE = 64  # pixels; replaces a height or a width
COMPLETE = ("list", "help", "flagfile")  # flags of commands that need no others


def split_commands(text):
    """Splits a block into commands, each a list of words, without comments."""
    joined = text.replace("\\\n", " ")
    commands = [shlex.split(line, comments=True) for line in joined.splitlines()]
    return [words for words in commands if words]


def flag_values(arguments):
    """Returns the flags among arguments and their values: `--size=96` -> `{"size": "96"}`."""
    return dict(word.lstrip("-").partition("=")[::2] for word in arguments if word.startswith("-"))


def as_flags(choices):
    """Returns choices as flags."""
    return [f"--{name}={value}" for name, value in choices.items()]


def small_choices(given):
    """Returns choices that make a run small; validates the layers that they replace.

    Args:
      given: name -> value of the choices of a page.
    """
    network = networks.NETWORKS[given.get("network") or "vgg_lite"]
    for name in {"layers", "content_layers"} & set(given):
        layers = {layer.partition("/")[0] for layer in settings.parse_layers(given[name])}
        assert layers <= set(network.names()), given[name]

    choices = dict(OVERRIDDEN)
    choices |= {name: LARGE_SIDE for name in ("height", "width") if given.get(name)}
    choices |= {name: value for name, value in DEFAULTS.items() if name not in given}
    choices["layers"] = network.names()[0] if not isinstance(network, networks.VGG) else "relu1_1"
    if "content_layers" in given:
        choices["content_layers"] = "relu1_1"
    return choices


class Reader:
    """Runs the blocks of one page.

    Args:
      random_weights: function from a network's name to a weight file for it.
    """

    def __init__(self, random_weights):
        self.random_weights = random_weights
        self.globals = {}  # of the Python blocks of the page, which share them

    def run(self, words):
        """Runs a command, given as words; fails if it is unknown."""
        variables = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
        command, *arguments = [word for word in words if word.split("=")[0] not in variables]
        if command not in COMMANDS:
            pytest.fail(f"unknown command '{command}' in '{shlex.join(words)}'")
        if variables:
            assert command == "jaxtex"
            line = [sys.executable, "-m", "jaxtex", *self.small_arguments(arguments)]
            subprocess.run(line, env=os.environ | variables, check=True)
        else:
            COMMANDS[command](self, arguments)

    def run_python(self, text):
        """Runs a block of Python."""
        exec(compile(text, "page", "exec"), self.globals)

    def small_arguments(self, arguments):
        """Adds flags to those of `jaxtex` that make its runs small."""
        given = flag_values(arguments)
        lists = set(given) & set(COMPLETE) or given.get("experiment") == "list"
        if lists or set(given) == {"serve", "workdir"}:
            return arguments

        if "experiment" in given:
            extra = dict(OVERRIDDEN)
        else:
            extra = small_choices(presets.preset_choices(given.get("preset", "")) | given)
        if "serve" in given:
            extra["serve"] = 0  # any free port
        return [*arguments, *as_flags(extra)]

    def install_weights(self, text):
        """Installs the weights that a command needs, as if they had been fetched."""
        needed = {
            published.network
            for published in catalog.PUBLISHED
            if re.search(rf"\b{published.network}\b", text)
        }
        if "preset=gatys" in text:
            needed.add("vgg19")
        if "experiment=" in text and "vgg_lite" not in text:
            needed.add("vgg16_bn")
        for network in needed:
            path = locations.weights_folder() / f"{network}.h5"
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                path.symlink_to(self.random_weights(network))

    def run_jaxtex(self, arguments):
        """Runs `jaxtex`."""
        self.install_weights(" ".join(arguments))
        if {"--help", "--helpfull"} & set(arguments):
            with pytest.raises(SystemExit) as exit_info:
                flag_parsing.run(main.COMMAND, arguments)
            assert exit_info.value.code == 0
        else:
            flag_parsing.run(main.COMMAND, self.small_arguments(arguments))

    def run_sweep(self, arguments):
        """Runs `jaxtex-sweep`; the flags that it varies keep their values."""
        given = flag_values(arguments)
        varied = [word.split("=")[1] for word in arguments if word.startswith("--vary=")]
        self.install_weights(" ".join(arguments))
        extra = []
        if varied or "list" in given:
            choices = OVERRIDDEN if "experiment" in given else small_choices(given)
            extra = as_flags({n: value for n, value in choices.items() if n not in varied})
        flag_parsing.run(sweep_main.COMMAND, [*arguments, *extra])

    def run_weights(self, arguments):
        """Runs `jaxtex-weights`; writes the files that it converts if they do not exist."""
        subcommand, *rest = arguments
        if subcommand == "fetch":
            self.run_fetch(rest)
            return
        if subcommand == "convert":
            for name in rest:
                if not name.startswith("-") and not pathlib.Path(name).exists():
                    self.write_checkpoint(name, rest)
        flag_parsing.run(weights_main.COMMAND, arguments)

    def run_fetch(self, arguments):
        """Runs `jaxtex-weights fetch` up to the download."""
        stopped = InterruptedError("before the download")
        with unittest.mock.patch.object(download, "fetch_any", side_effect=stopped) as fetch:
            with pytest.raises(SystemExit):
                flag_parsing.run(weights_main.COMMAND, ["fetch", *arguments])
        assert fetch.call_args.args[0][0].network == arguments[0]

    def write_checkpoint(self, name, arguments):
        """Writes a checkpoint of the network that `--network` names, with random numbers."""
        network = flag_values(arguments)["network"]
        state = reference.state_dict(reference.random_vgg(network, blocks=1))
        safetensors.numpy.save_file(state, name)

    def run_animate(self, arguments):
        """Runs `jaxtex-animate`."""
        flag_parsing.run(animate_main.COMMAND, arguments)

    def run_compare(self, arguments):
        """Runs `jaxtex-compare`."""
        flag_parsing.run(compare_main.COMMAND, arguments)

    def run_report(self, arguments):
        """Runs `jaxtex-report`."""
        flag_parsing.run(report_main.COMMAND, arguments)

    def check_make(self, arguments):
        """Validates that the Makefile has the targets."""
        makefile = (ROOT / "Makefile").read_text()
        for target in arguments:
            assert "=" in target or re.search(rf"^{target}:", makefile, re.M), target

    def check_pip(self, arguments):
        """Validates that setup.cfg has the extras that are installed."""
        parser = configparser.ConfigParser()
        parser.read(ROOT / "setup.cfg")
        known = set(parser["options.extras_require"])
        subcommand, *requirements = arguments
        assert subcommand == "install" and requirements
        for requirement in requirements:
            _, extras = re.fullmatch(r"(\.|jaxtex)(?:\[([\w,]+)\])?", requirement).groups()
            assert set(extras.split(",") if extras else ()) <= known

    def check_srun(self, arguments):
        """Validates the flags of `jaxtex` under Slurm, except those that need several devices."""
        command, *given = arguments
        assert command == "jaxtex" and "--distributed=auto" in given
        left_out = ("--distributed", "--mesh", "--workdir")
        kept = [word for word in given if not word.startswith(left_out)]
        ((_, run),) = sweeps.expand_runs(flags.parse_run, [kept])
        config.validate(run.config)

    def check_ssh(self, arguments):
        """Validates that a port is forwarded to the same port."""
        assert re.fullmatch(r"-L (\d+):localhost:\1 HOST", " ".join(arguments))

    def check_python(self, arguments):
        """Validates that a script of the project exists and defines the flags."""
        path, *rest = arguments
        text = (ROOT / path).read_text()
        assert all(name in text for name in flag_values(rest))


COMMANDS = {
    "jaxtex": Reader.run_jaxtex,
    "jaxtex-animate": Reader.run_animate,
    "jaxtex-compare": Reader.run_compare,
    "jaxtex-report": Reader.run_report,
    "jaxtex-sweep": Reader.run_sweep,
    "jaxtex-weights": Reader.run_weights,
    "make": Reader.check_make,
    "pip": Reader.check_pip,
    "python": Reader.check_python,
    "srun": Reader.check_srun,
    "ssh": Reader.check_ssh,
}
