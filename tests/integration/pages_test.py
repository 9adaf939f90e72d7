"""Every command and every Python block of the README and the pages is run, in order, as a reader would, but small.

A page begins in an empty folder with `images/`, `experiments/` and some files of a user's own. A block named by a file,
as in ```text runs.txt, is that file. What is neither a command nor Python has to say so; a kind of command that is not in
the table fails.
"""

import dataclasses
import os
import pathlib
import shutil

import markdown_it
import numpy as np
import pytest

from jaxtex import images, networks, weights
from jaxtex.cli import flag_parsing, main
from jaxtex.runs import experiments, workers
from jaxtex.synthesis import api, config
from jaxtex.viewer import server
from jaxtex.weights.convert import conversion, state_dicts, tensors
from support import page_reader, paths, reference

ROOT = paths.ROOT
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
DRAWN = {"": "command", "python": "python", "text": "text"}


def blocks(text):
    """The fenced blocks of a page: what they are, a file they are named by, what they say."""
    for token in markdown_it.MarkdownIt().parse(text):
        assert token.type != "code_block", (
            f"an indented block, which says not what it is: {token.content}"
        )
        if token.type == "fence" and not token.info.startswith(
            "{"
        ):  # a directive is Sphinx's, which docs_test.py runs
            kind, _, name = token.info.strip().partition(" ")
            assert kind in DRAWN, (
                f"a block of '{kind}', of which there is no saying how it is tried"
            )
            yield DRAWN[kind], name, token.content


@pytest.fixture
def place(tmp_path, monkeypatch, exemplar):
    """A reader's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("JAXTEX_WEIGHTS", str(tmp_path / "cache" / "weights"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "images").symlink_to(ROOT / "images")
    shutil.copytree(
        ROOT / "experiments", "experiments", ignore=shutil.ignore_patterns("__pycache__")
    )
    images.save("photo.jpg", exemplar)
    images.save("leaf.png", np.concatenate([exemplar, exemplar[..., :1]], -1))
    half = np.zeros((32, 32, 3), np.float32)
    half[:, 16:] = 1
    images.save("right.png", half)
    images.save("left.png", 1 - half)
    submits = tmp_path / "bin" / "sbatch"
    submits.parent.mkdir()
    submits.write_text("#!/bin/sh\necho 17\n")
    submits.chmod(0o755)
    monkeypatch.setenv("PATH", f"{submits.parent}:{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def small(monkeypatch):
    """What a command cannot be told by flags: experiments of a run or two, jobs in this process, no port that is taken."""
    load, build = experiments.load, api.build_plan

    def one_run(name):
        found = load(name)
        claims = lambda folder: [{"claim": "tests/theory_test.py holds them", "holds": True}]
        first = {
            choices.network: name for name, (_, choices) in reversed(found.runs.items())
        }  # of each network
        first = {
            name: (found.runs[name][0], shrunk(found.runs[name][1])) for name in first.values()
        }
        ends = (
            {}
            if found.more is experiments.Experiment._field_defaults["more"]
            else {"more": lambda rows: {}}
        )
        proves = {"demonstrate": claims} if found.demonstrate else {}
        return found._replace(runs=first, steps=(), curve=None, **ends, **proves)

    def perform(jobs, *_):
        for job in jobs:
            flag_parsing.run(main.COMMAND, job.command[3:])
        return []

    def shrunk(choices):
        given = {
            name: value
            for name, value in vars(choices).items()
            if value != getattr(config.Config(), name)
        }
        return dataclasses.replace(choices, **page_reader.smaller(given))

    def shown_once(port, folder):
        assert folder.is_dir()
        with server.serve_during(0, folder):
            pass

    monkeypatch.setattr(experiments, "load", one_run)
    monkeypatch.setattr(workers, "run_jobs", perform)
    quick = lambda style, choices, content=None: build(style, shrunk(choices), content)
    monkeypatch.setattr(api, "build_plan", quick)
    monkeypatch.setattr(server, "serve_forever", shown_once)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A published network's name -> a file of its shape with random numbers, of its first block."""
    made = {}

    def weights_of(network):
        if network not in made:
            state = reference.state_dict(reference.random_vgg(network, blocks=1))
            checkpoint = state_dicts.build_checkpoint(
                {n: tensors.Tensor(a.shape, a.copy) for n, a in state.items()}
            )
            variables = conversion.build_variables(checkpoint, networks.NETWORKS[network])
            made[network] = tmp_path_factory.mktemp("weights") / f"{network}.h5"
            weights.save(
                made[network],
                weights.Weights(variables, network, "max", {"source": "drawn"}),
                np.float16,
            )
        return made[network]

    return weights_of


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_says_can_be_done(page, place, small, drawn):
    reader, found = page_reader.Reader(drawn), list(blocks((ROOT / page).read_text()))
    for _, name, text in found:
        if name:
            pathlib.Path(name).parent.mkdir(exist_ok=True)
            pathlib.Path(name).write_text(text)
    for kind, name, text in found:
        if kind == "python":
            reader.python(text)
        elif kind == "command":
            for words in page_reader.lines(text):
                reader.type(words)
        else:
            begun = {words[0] for words in page_reader.lines(text)}
            assert name or not begun & set(page_reader.KINDS), (
                f"commands in a block of text: {text}"
            )


def test_a_command_that_nobody_knows_fails(drawn):
    with pytest.raises(pytest.fail.Exception, match="'curl' in 'curl x': a kind of command"):
        page_reader.Reader(drawn).type(["curl", "x"])


@pytest.mark.parametrize(
    "text",
    ["```console\njaxtex\n```\n", "    jaxtex --style=a.png\n"],
    ids=["another language", "indented"],
)
def test_a_block_of_unknown_kind_fails(text):
    with pytest.raises(AssertionError):
        list(blocks(text))
