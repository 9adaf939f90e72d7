"""Tests that all commands and Python blocks of README and pages run, in order, with small settings.

A page begins in an empty folder with `images/`, `experiments/` and some files of a user. A block
with a file name, such as ```text runs.txt, is that file. Each block must be marked as a command, as
Python or as text. Every kind of command must be known to `page_reader`.
"""

import dataclasses
import os
import pathlib
import shutil
from unittest import mock

import markdown_it
import numpy as np
import pytest
import tifffile

from jaxtex import images, networks, statistics, weights
from jaxtex.cli import flag_parsing, main
from jaxtex.runs import workers
from jaxtex.runs.experiments import declaration
from jaxtex.synthesis import api, config
from jaxtex.viewer import server
from jaxtex.weights.convert import conversion, state_dicts, tensors
from support import page_reader, paths, reference

ROOT = paths.ROOT
DOCS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
PAGES = ["README.md", *DOCS]
KINDS = {"": "command", "python": "python", "text": "text"}  # by the language of a block


def read_blocks(text):
    """Yields kind, file name and content of each fenced block of a page."""
    for token in markdown_it.MarkdownIt().parse(text):
        assert token.type != "code_block", f"indented block without a language: {token.content}"
        # Sphinx runs directives, see docs_test.py.
        if token.type == "fence" and not token.info.startswith("{"):
            language, _, name = token.info.strip().partition(" ")
            assert language in KINDS, f"block of unknown language '{language}'"
            yield KINDS[language], name, token.content


@pytest.fixture
def tables():
    """Restores the tables that pages add to."""
    with (
        mock.patch.dict(networks.NETWORKS),
        mock.patch.dict(statistics.STATISTICS),
    ):
        yield


@pytest.fixture
def place(tables, tmp_path, monkeypatch, exemplar):
    """A reader's folder, which becomes the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("JAXTEX_WEIGHTS", str(tmp_path / "cache" / "weights"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "images").symlink_to(ROOT / "images")
    shutil.copytree(
        ROOT / "experiments", "experiments", ignore=shutil.ignore_patterns("__pycache__")
    )

    # Files of a user that pages name.
    images.save("photo.jpg", exemplar)
    images.save("sharp.png", exemplar)
    images.save("small.png", exemplar[:32, :40])
    (tmp_path / "clip").mkdir()
    for number in (1, 2):
        images.save(f"clip/{number}.png", np.roll(exemplar, number, 1))
    images.save("leaf.png", np.concatenate([exemplar, exemplar[..., :1]], -1))
    tifffile.imwrite("dunes.tif", 900 * exemplar[..., 0] - 100, metadata=None)
    mask = np.zeros((32, 32, 3), np.float32)
    mask[:, 16:] = 1
    images.save("right.png", mask)
    images.save("left.png", 1 - mask)

    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text("#!/bin/sh\necho 17\n")
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{sbatch.parent}:{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def small(monkeypatch):
    """Reduces what no flag can: experiments, jobs, calls from Python, and servers."""
    load_all = declaration.load
    build_full_plan = api.build_plan

    def load(name):
        return reduce_experiment(load_all(name))

    def run_jobs(jobs, *_):
        """Runs jobs in this process."""
        for job in jobs:
            flag_parsing.run(main.COMMAND, job.command[3:])
        return []

    def build_plan(style, choices, content=None):
        return build_full_plan(style, reduce_config(choices), content)

    def serve_forever(port, folder):
        """Serves on a free port, and returns."""
        del port
        assert folder.is_dir()
        with server.serve_during(0, folder):
            pass

    monkeypatch.setattr(declaration, "load", load)
    monkeypatch.setattr(workers, "run_jobs", run_jobs)
    monkeypatch.setattr(api, "build_plan", build_plan)
    monkeypatch.setattr(server, "serve_forever", serve_forever)


def reduce_experiment(experiment):
    """Returns an experiment with one small run for each network."""
    first_runs = {}
    for name, (style, choices) in experiment.runs.items():
        if choices.network not in {run[1].network for run in first_runs.values()}:
            first_runs[name] = (style, choices)
    runs = {name: (style, reduce_config(choices)) for name, (style, choices) in first_runs.items()}
    replaced = {"runs": runs, "steps": (), "curve": None}

    # Results of small runs mean nothing; tests/statistics/theory_test.py tests the claims.
    if experiment.more is not declaration.Experiment._field_defaults["more"]:
        replaced["more"] = lambda rows: {}
    if experiment.demonstrate:
        replaced["demonstrate"] = lambda folder: [{"claim": "not tested here", "holds": True}]
    return experiment._replace(**replaced)


def reduce_config(choices):
    """Returns a config that makes a run small, with most fields that differ from the defaults."""
    defaults = vars(config.Config())
    given = {name: value for name, value in vars(choices).items() if value != defaults[name]}
    return dataclasses.replace(choices, **page_reader.small_choices(given))


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory):
    """A function from a published network's name to a weight file of its first block."""
    written = {}

    def weight_file(network):
        if network not in written:
            state = reference.state_dict(reference.random_vgg(network, blocks=1))
            checkpoint = state_dicts.build_checkpoint(
                {name: tensors.Tensor(array.shape, array.copy) for name, array in state.items()}
            )
            variables = conversion.build_variables(checkpoint, networks.NETWORKS[network])
            path = tmp_path_factory.mktemp("weights") / f"{network}.h5"
            about = {"source": "random"}
            contents = weights.Weights(variables, network, "max", about)
            weights.save(path, contents, np.float16)
            written[network] = path
        return written[network]

    return weight_file


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs(page, place, small, random_weights):
    reader = page_reader.Reader(random_weights)
    blocks = list(read_blocks((ROOT / page).read_text()))
    for _, name, text in blocks:
        if name:
            pathlib.Path(name).parent.mkdir(exist_ok=True)
            pathlib.Path(name).write_text(text)

    for kind, name, text in blocks:
        commands = page_reader.split_commands(text) if kind != "python" else []
        if kind == "python":
            reader.run_python(text)
        elif kind == "command":
            for words in commands:
                reader.run(words)
        elif not name:
            unmarked = {words[0] for words in commands} & set(page_reader.COMMANDS)
            assert not unmarked, f"commands in a block of text: {text}"


def test_no_two_runs_of_the_pages_have_one_folder():
    """A reader may run the commands of all pages in one folder."""
    runs = {}
    for page in PAGES:
        for kind, _, text in read_blocks((ROOT / page).read_text()):
            for words in page_reader.split_commands(text) if kind == "command" else []:
                given = page_reader.flag_values(words)
                if not {"style", "content", "init", "list"} & set(given) or "dry_run" in given:
                    continue
                if words[0] == "jaxtex-sweep":
                    given = {"folder": "runs/sweep"} | given
                stems = [pathlib.Path(given.get(name, "")).stem for name in ("content", "style")]
                folder = (
                    given.get("workdir") or given.get("folder") or "-".join(filter(None, stems))
                )
                used = (page, words[0]) if "workdir" in given or "folder" in given else tuple(words)
                runs.setdefault(folder, set()).add(used)
    assert len(runs) > 20
    assert not {folder: found for folder, found in runs.items() if len(found) > 1}


def test_an_unknown_command_fails(random_weights):
    with pytest.raises(pytest.fail.Exception, match="unknown command 'curl' in 'curl x'"):
        page_reader.Reader(random_weights).run(["curl", "x"])


@pytest.mark.parametrize(
    "text",
    ["```console\njaxtex\n```\n", "    jaxtex --style=a.png\n"],
    ids=["another language", "indented"],
)
def test_a_block_of_unknown_kind_fails(text):
    with pytest.raises(AssertionError):
        list(read_blocks(text))
