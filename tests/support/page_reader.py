"""A reader who types what a page says: each kind of command is run small, or held to what can be held without it."""

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
    presets,
    report_main,
    sweep_main,
    weights_main,
)
from jaxtex.runs import sweeps
from jaxtex.synthesis import config, settings
from jaxtex.weights import locations
from jaxtex.weights.convert import catalog, download
from support import paths, reference

ROOT = paths.ROOT
ALWAYS = {"size": 48, "num_steps": 2, "save_every": 1}  # in place of what a page says
UNLESS_SAID = {"scales": 1, "octaves": 1}
BIG = 64  # pixels, in place of a height and a width
FREE = ("list", "help", "flagfile")  # make nothing, or say all


def lines(text):
    """The commands of a block, without comments."""
    found = (shlex.split(line, comments=True) for line in text.replace("\\\n", " ").splitlines())
    return [words for words in found if words]


def names(arguments):
    """Of the flags that are given."""
    return [word.lstrip("-").partition("=")[0] for word in arguments if word.startswith("-")]


def smaller(given):
    """Choices that make a run small, in place of those that are given, by name; layers that are given must be there."""
    network = networks.NETWORKS[given.get("network") or "vgg_lite"]
    for name in {"layers", "content_layers"} & set(given):
        assert set(settings.parse_layers(given[name])) <= set(network.names()), given[name]
    chosen = ALWAYS | {name: BIG for name in ("height", "width") if given.get(name)}
    chosen |= {name: value for name, value in UNLESS_SAID.items() if name not in given}
    chosen["layers"] = "relu1_1" if isinstance(network, networks.VGG) else "colours"
    return chosen | ({"content_layers": "relu1_1"} if "content_layers" in given else {})


def flagged(choices):
    return [f"--{name}={value}" for name, value in choices.items()]


class Reader:
    """Types what a page says."""

    def __init__(self, drawn):
        self.drawn, self.said = drawn, {}

    def type(self, words):
        place = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
        command, *arguments = [word for word in words if word.split("=")[0] not in place]
        if command not in KINDS:
            pytest.fail(
                f"'{command}' in '{shlex.join(words)}': a kind of command that no test knows how to try"
            )
        if place:
            return self.apart(place, command, arguments)
        return KINDS[command](self, arguments)

    def python(self, text):
        exec(compile(text, "page", "exec"), self.said)

    def apart(self, place, command, arguments):
        """In a process of its own, with its environment."""
        assert command == "jaxtex"
        line = [sys.executable, "-m", "jaxtex", *self.shorter(arguments)]
        subprocess.run(line, env=os.environ | place, check=True)

    def shorter(self, arguments):
        """The flags of `jaxtex`, and those that make it small."""
        given = {
            name: word.partition("=")[2]
            for name, word in zip(names(arguments), arguments, strict=True)
        }
        if (
            set(given) & set(FREE)
            or given.get("experiment") == "list"
            or set(given) == {"serve", "workdir"}
        ):
            return arguments
        extra = (
            ALWAYS
            if "experiment" in given
            else smaller(presets.preset_choices(given.get("preset", "")) | given)
        )
        return [*arguments, *flagged(extra), *(["--serve=0"] if "serve" in given else [])]

    def bring(self, text):
        """Weights that a command names, as if they had been fetched."""
        wanted = {
            each.network for each in catalog.PUBLISHED if re.search(rf"\b{each.network}\b", text)
        }
        wanted |= {"vgg19"} if "preset=gatys" in text else set()
        wanted |= {"vgg16_bn"} if "experiment=" in text and "vgg_lite" not in text else set()
        for network in wanted:
            path = locations.weights_folder() / f"{network}.h5"
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                path.symlink_to(self.drawn(network))

    def jaxtex(self, arguments):
        self.bring(" ".join(arguments))
        if "--help" in arguments:
            with pytest.raises(SystemExit) as left:
                flag_parsing.run(main.COMMAND, arguments)
            return self.assert_good(left)
        return flag_parsing.run(main.COMMAND, [*self.shorter(arguments)])

    def assert_good(self, left):
        assert left.value.code == 0

    def sweep(self, arguments):
        """With its runs in this process; what varies stays."""
        given = dict(word[2:].partition("=")[::2] for word in arguments)
        varied = [word.split("=")[1] for word in arguments if word.startswith("--vary=")]
        self.bring(" ".join(arguments))
        extra = ALWAYS if "experiment" in given else smaller(given)
        extra = {name: value for name, value in extra.items() if name not in varied}
        flag_parsing.run(
            sweep_main.COMMAND, [*arguments, *(flagged(extra) if varied or "list" in given else [])]
        )

    def weights(self, arguments):
        what, *rest = arguments
        if what == "fetch":
            return self.fetch(rest)
        for name in rest:
            if what == "convert" and not name.startswith("-") and not pathlib.Path(name).exists():
                self.write(name, rest)
        return flag_parsing.run(weights_main.COMMAND, arguments)

    def fetch(self, rest):
        """As far as the download."""
        with unittest.mock.patch.object(
            download, "fetch_any", side_effect=InterruptedError("asked for")
        ) as asked:
            with pytest.raises(SystemExit):
                flag_parsing.run(weights_main.COMMAND, ["fetch", *rest])
        assert asked.call_args.args[0][0].network == rest[0]

    def write(self, name, rest):
        """A file that a user has."""
        network = next(word.split("=")[1] for word in rest if word.startswith("--network="))
        safetensors.numpy.save_file(
            reference.state_dict(reference.random_vgg(network, blocks=1)), name
        )

    def positional(self, module, arguments):
        flag_parsing.run(module.COMMAND, arguments)

    def make(self, arguments):
        for target in arguments:
            assert "=" in target or re.search(
                rf"^{target}:", (ROOT / "Makefile").read_text(), re.M
            ), target

    def pip(self, arguments):
        install, *wanted = arguments
        known_extras = configparser.ConfigParser()
        known_extras.read(ROOT / "setup.cfg")
        assert install == "install" and wanted
        for each in wanted:
            what, extras = re.fullmatch(r"(\.|jaxtex)(?:\[([\w,]+)\])?", each).groups()
            assert what and set((extras or "test").split(",")) <= set(
                known_extras["options.extras_require"]
            )

    def srun(self, arguments):
        """The command is read, and its choices held against what makes sense; there is no Slurm, and one device."""
        command, *flags_given = arguments
        assert command == "jaxtex" and "--distributed=auto" in flags_given
        alone = [word for word in flags_given if not word.startswith(("--distributed", "--mesh"))]
        ((_, run),) = sweeps.expand_runs(
            flags.parse_run, [[word for word in alone if not word.startswith("--workdir")]]
        )
        config.validate(run.config)

    def ssh(self, arguments):
        assert re.fullmatch(r"-L (\d+):localhost:\1 HOST", " ".join(arguments))

    def script(self, arguments):
        """A file of the project, and flags that it defines."""
        path, *rest = arguments
        text = (ROOT / path).read_text()
        assert all(name in text for name in names(rest))


KINDS = {
    "jaxtex": Reader.jaxtex,
    "jaxtex-sweep": Reader.sweep,
    "jaxtex-weights": Reader.weights,
    "jaxtex-compare": lambda reader, rest: reader.positional(compare_main, rest),
    "jaxtex-report": lambda reader, rest: reader.positional(report_main, rest),
    "jaxtex-animate": lambda reader, rest: reader.positional(animate_main, rest),
    "make": Reader.make,
    "pip": Reader.pip,
    "srun": Reader.srun,
    "ssh": Reader.ssh,
    "python": Reader.script,
}
