"""Tests of experiments: their files, runs, tables and failures."""

import csv
import os
import pathlib
import re

import numpy as np
import pytest

from jaxtex import errors, images
from jaxtex.cli import flag_parsing, main
from jaxtex.runs import results
from jaxtex.runs.experiments import adaptation, declaration, execution
from jaxtex.synthesis import config as configs
from support import paths

QUICK = {
    "size": 48,
    "scales": 1,
    "octaves": 1,
    "layers": "relu1_1",
    "num_steps": 4,
    "save_every": 2,
}
HEAD = '''"""Does it run?"""
from jaxtex import Config
QUICK = {quick!r}
'''
OWN = sorted(path.stem for path in (paths.ROOT / "experiments").glob("*.py"))


@pytest.fixture
def place(tmp_path, monkeypatch, exemplar):
    """A function that writes an experiment into a folder with an exemplar."""
    monkeypatch.chdir(tmp_path)
    adaptation.available_layers.cache_clear()  # other tests have other weights
    (tmp_path / "experiments").mkdir()
    images.save(tmp_path / "style.png", exemplar)

    def write(name, text):
        (tmp_path / "experiments" / f"{name}.py").write_text(HEAD.format(quick=QUICK) + text)

    return write


def perform(name, overwrite=False, **given):
    return execution.run_experiment(name, given, pathlib.Path("runs"), overwrite)


def table(name):
    with open(f"runs/{name}/table.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_an_experiment_writes_images_a_sheet_and_a_table(place):
    runs = "{a: ('style.png', Config(seed=seed, **QUICK)) for seed, a in enumerate('ab')}"
    place("seeds", f"RUNS = {runs}\nSTEPS = (2,)")
    assert perform("seeds") == []
    assert [(row["run"], row["seed"], row["numbers"], row["steps"]) for row in table("seeds")] == [
        ("a", "0", str(32 + 32 * 33 // 2), "4"),
        ("b", "1", str(32 + 32 * 33 // 2), "4"),
    ]
    assert all(
        0 < float(row["loss / first"]) < 1 and float(row["patches"]) > 0 for row in table("seeds")
    )
    assert "| a | 0 |" in pathlib.Path("runs/seeds/table.md").read_text()
    sheet = images.load(
        "runs/seeds/sheet.png"
    )  # for each run a caption, exemplar, snapshot and result
    assert sheet.shape[1] == 2 * 64 + 8 and sheet.shape[0] > 3 * 48 + 2 * 8


@pytest.mark.slow
def test_finished_runs_are_not_made_again(place):
    place("one", "RUNS = {'a': ('style.png', Config(**QUICK))}")
    result = pathlib.Path("runs/one/a/result.png")
    perform("one")
    first = os.stat(result).st_mtime_ns
    perform("one")
    assert os.stat(result).st_mtime_ns == first
    assert "holds another run" in perform("one", seed=1)[0] and os.stat(result).st_mtime_ns == first
    perform("one", overwrite=True, seed=1)
    second = os.stat(result).st_mtime_ns
    assert second > first
    images.save("style.png", images.load("style.png")[::-1])  # another picture of the same name
    perform("one", overwrite=True, seed=1)
    assert os.stat(result).st_mtime_ns > second


@pytest.mark.slow
def test_unfinished_runs_are_made_again(place):
    place("one", "RUNS = {'a': ('style.png', Config(**QUICK))}")
    perform("one")
    pathlib.Path("runs/one/a/DONE").unlink()
    pathlib.Path("runs/one/a/result.png").unlink()
    assert perform("one") == [] and pathlib.Path("runs/one/a/result.png").is_file()


@pytest.mark.slow
def test_a_failing_run_is_named_and_the_others_are_kept(place):
    place(
        "mixed",
        "RUNS = {'bad': ('none.png', Config(**QUICK)), 'good': ('style.png', Config(**QUICK))}",
    )
    (failed,) = perform("mixed")
    assert failed.startswith("mixed/bad: image 'none.png': no such file")
    assert [row["run"] for row in table("mixed")] == ["good"] and pathlib.Path(
        "runs/mixed/sheet.png"
    ).is_file()


def test_a_row_of_the_sheet_without_a_finished_run_is_left_out(place):
    layers = "{'a': 'relu1_1', 'b': 'relu5_2', 'c': 'relu5_3'}"
    text = f"""
LACKING, COLUMNS = {{"relu5_*": ""}}, 1
RUNS = {{n: ("style.png", Config(**QUICK | {{"layers": k}})) for n, k in {layers}.items()}}
"""
    place("deep", text)
    assert perform("deep") == [] and [row["run"] for row in table("deep")] == ["a"]
    place("one", text.replace(", 'b': 'relu5_2', 'c': 'relu5_3'", ""))
    perform("one")
    deep, one = (images.load(f"runs/{name}/sheet.png") for name in ("deep", "one"))
    np.testing.assert_array_equal(deep, one)


@pytest.mark.parametrize(
    "flag", ["--list=experiments", "--experiment=list", "--experiment=all", "--experiment=q1"]
)
def test_without_experiments_the_message_names_their_folder(tmp_path, monkeypatch, capsys, flag):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        flag_parsing.run(main.COMMAND, [flag])
    assert ended.value.code == 2
    assert "in the folder experiments of its repository" in capsys.readouterr().err


def test_the_command_names_all_that_failed_at_the_end(place, capsys):
    place("good", "RUNS = {'a': ('style.png', Config(**QUICK))}")
    place("broken", "RUNS = {1/0}")
    place("mixed", "RUNS = {'bad': ('style.png', Config(**{**QUICK, 'layers': 'relu9_9'}))}")
    with pytest.raises(SystemExit) as ended:
        flag_parsing.run(main.COMMAND, ["--experiment=broken,mixed,,good,"])
    assert ended.value.code == 1 and pathlib.Path("runs/good/sheet.png").is_file()

    lines = [line for line in capsys.readouterr().err.splitlines() if "failed" in line]
    assert [line.split(": ")[2] for line in lines] == ["broken", "mixed/bad"]
    assert "ZeroDivisionError" in lines[0]
    assert "relu9_9" in lines[1]


@pytest.mark.parametrize("names, unknown", [("one,none", "none"), (",", ",")])
def test_an_unknown_experiment_is_found_before_the_first_one_runs(place, capsys, names, unknown):
    place("one", "RUNS = {'a': ('style.png', Config(**QUICK))}")
    with pytest.raises(SystemExit) as ended:
        flag_parsing.run(main.COMMAND, [f"--experiment={names}"])
    assert ended.value.code == 2 and not pathlib.Path("runs").exists()
    assert f"unknown experiment '{unknown}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text, message",
    [
        ("RUNS = {'one/gram': RUN}", "RUNS: the name 'one/gram' is not that of a folder"),
        ("RUNS = {'../outside': RUN}", "RUNS: the name '../outside' is not that of a folder"),
        ("RUNS = {'..': RUN}", "RUNS: the name '..' is not"),
        ("RUNS = {'': RUN}", "RUNS: the name '' is not"),
        ("RUNS = {1: RUN}", "RUNS: the name 1 is not"),
        ("RUNS = {'table.md': RUN}", "RUNS: the name 'table.md' is not"),
        ("RUNS = [RUN]", "RUNS: expected a dict of runs by name"),
        ("RUNS = {'a': 'style.png'}", "RUNS: 'a' must be a style and a Config"),
        ("RUNS = {'a': (1, RUN[1])}", "RUNS: 'a' must be a style and a Config"),
        ("RUNS = {'a': RUN}; COLUMNS = 0", "COLUMNS = 0: must be a whole number of at least 1"),
        ("RUNS = {'a': RUN}; STEPS = 3", "STEPS = 3: must be numbers of steps"),
        ("RUNS = {'a': RUN}; STEPS = ('3',)", "STEPS = .*: must be numbers of steps"),
        ("RUNS = {'a': RUN}; CURVE = ('step',)", "CURVE = .*: must be two columns"),
        ("RUNS = {'a': RUN}; LACKING = ['relu5_1']", "LACKING = .*: must be a dict of str"),
        ("RUNS = {'a': RUN}; ON = {'vgg_lite': 3}", "ON = .*: must be a dict of dict"),
    ],
)
def test_a_wrong_declaration_is_refused_before_anything_is_made(place, text, message):
    place("wrong", f"RUN = ('style.png', Config(**QUICK))\n{text}")
    with pytest.raises(errors.UserError, match=f"experiments/wrong.py is broken .*{message}"):
        perform("wrong")
    assert not pathlib.Path("runs").exists()


@pytest.mark.parametrize(
    "body, message",
    [
        ("return rows[0]['nosuch']", "more failed (KeyError: 'nosuch')"),
        ("return {'../b': RUNS['a']}", "more failed (ValueError: RUNS: the name '../b'"),
        ("pass", "more failed (ValueError: RUNS: expected a dict of runs by name, got None)"),
    ],
)
def test_an_error_of_more_is_one_failure_and_the_table_is_written(place, body, message):
    place("it", f"RUNS = {{'a': ('style.png', Config(**QUICK))}}\ndef more(rows): {body}")
    (failed,) = perform("it")
    assert message in failed and [row["run"] for row in table("it")] == ["a"]


def test_an_error_of_demonstrate_is_a_mistake(place):
    place("it", "def demonstrate(folder): return [{'claim': 'nothing'}]")
    with pytest.raises(errors.UserError, match="demonstrate failed .KeyError: 'holds'"):
        perform("it")
    assert [row["claim"] for row in table("it")] == ["nothing"]


def test_columns_and_snapshots_that_do_not_exist_cost_no_table(place, caplog):
    runs = "RUNS = {'a': ('style.png', Config(**QUICK))}"
    place("it", f"{runs}\nSTEPS, CURVE = (3,), ('nosuch', 'patches')")
    assert perform("it") == [] and [row["run"] for row in table("it")] == ["a"]
    assert "unknown column of the curve 'nosuch'" in caplog.text


def test_a_single_experiment_that_cannot_start_is_a_mistake(place):
    for name, text in (("none", "unknown experiment 'none'"), ("broken", "NameError")):
        place("broken", "RUNS = nothing")
        with pytest.raises(errors.UserError, match=text):
            perform(name)


def test_missing_weights_stop_an_experiment_before_it_starts(place, monkeypatch):
    monkeypatch.setenv("JAXTEX_WEIGHTS", "nowhere")
    place("deep", "RUNS = {'a': ('style.png', Config(network='vgg16_bn'))}")
    with pytest.raises(errors.UserError, match="jaxtex-weights fetch vgg16_bn"):
        perform("deep")
    assert not pathlib.Path("runs").exists()


def test_missing_weights_of_some_runs_do_not_affect_the_others(place, monkeypatch):
    monkeypatch.setenv("JAXTEX_WEIGHTS", "nowhere")
    networks = "for name in ('vgg16_bn', 'vgg_lite')"
    place("both", f"RUNS = {{name: ('style.png', Config(**QUICK, network=name)) {networks}}}")
    (failed,) = perform("both")
    assert failed.startswith("both/vgg16_bn: no weights for 'vgg16_bn'")
    assert [row["run"] for row in table("both")] == ["vgg_lite"]


def adapted(text, place, **given):
    """Returns the choices of each run, or why it is left out."""
    place("it", text)
    experiment = declaration.load("it")
    found = adaptation.adapt_runs(experiment, experiment.runs, given, pathlib.Path("runs"), {})
    return {
        name: run.reason if isinstance(run, adaptation.Skipped) else run.config
        for name, run in found
    }


def test_layers_that_a_network_lacks_are_left_out_or_replaced(place):
    text = """
LACKING = {"*5_2": "", "relu5_3": "pool3"}
LAYERS = {
    "some": "relu1_1:2,relu5_2",
    "none": "relu5_2",
    "mapped": "relu5_3:3",
    "twin": "relu1_1:2,conv5_2",
    "typo": "relu6_1",
}
CONFIGS = {name: Config(network="vgg16_bn", layers=layers) for name, layers in LAYERS.items()}
RUNS = {name: ("style.png", config) for name, config in CONFIGS.items()}
"""
    found = adapted(text, place, network="vgg_lite")
    assert found["some"].layers == "relu1_1:2" and found["mapped"].layers == "pool3:3"
    assert found["none"] == "'vgg_lite' has none of relu5_2" and found["twin"].endswith(
        "the same as some"
    )
    assert found["typo"].layers == "relu6_1"  # not mentioned, so it stays and will be refused


def test_flags_override_the_choices_of_a_network(place):
    runs = "RUNS = {'a': ('style.png', Config(network='vgg16_bn', octaves=1))}"
    text = f"ON = {{'vgg_lite': {{'octaves': 4, 'seed': 7}}}}\n{runs}"
    found = adapted(text, place, network="vgg_lite", seed=3)["a"]
    assert (found.network, found.octaves, found.seed) == ("vgg_lite", 4, 3)


def test_the_network_flag_replaces_only_the_default_network(place):
    text = """
RUNS = {name: ("style.png", Config(network=name)) for name in ("vgg16_bn", "vgg19")}
"""
    place("it", text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adaptation, "available_layers", lambda network, path: ())
        found = adapted(text, place, network="vgg_lite")
    assert [config.network for config in found.values()] == ["vgg_lite", "vgg19"]


@pytest.mark.slow
def test_a_search_ends_when_more_returns_nothing_new(place):
    text = """
RUNS = {"0": ("style.png", Config(**QUICK))}
def more(rows):
    seed = max(row["seed"] for row in rows) + 1
    return {str(seed): ("style.png", Config(**QUICK, seed=seed))} if seed < 3 else {}
"""
    place("search", text)
    assert perform("search") == []
    assert [row["run"] for row in table("search")] == ["0", "1", "2"]


def test_a_claim_that_does_not_hold_is_a_failure(place, caplog):
    text = """
def demonstrate(folder):
    return [{"claim": "one is one", "holds": True}, {"claim": "one is two", "holds": False}]
"""
    place("claims", text)
    assert perform("claims", seed=1) == ["claims: one is two"]
    assert "--seed=1 has no effect on experiment 'claims'" in caplog.text
    assert [row["holds"] for row in table("claims")] == ["True", "False"]


def test_a_missing_matplotlib_does_not_prevent_the_table(place, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    place("curved", "RUNS = {'a': ('style.png', Config(**QUICK))}\nCURVE = ('step', 'loss')")
    assert perform("curved") == [] and pathlib.Path("runs/curved/table.md").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("curve", [("step", "loss"), ("numbers", "patches")])
def test_a_curve_is_drawn(place, curve):
    pytest.importorskip("matplotlib")
    place("curved", f"RUNS = {{'a': ('style.png', Config(**QUICK))}}\nCURVE = {curve!r}")
    perform("curved")
    assert np.ptp(images.load("runs/curved/curve.png")) == 1


def test_a_curve_names_exemplars_of_any_bytes(tmp_path):
    pytest.importorskip("matplotlib")
    results.save_plot(tmp_path / "curve.png", {"a\udcff": ([1], [1])}, "x", "y", joined=False)
    assert np.ptp(images.load(tmp_path / "curve.png")) == 1


@pytest.mark.parametrize("name", OWN)
def test_our_experiments_declare_what_they_need(name, monkeypatch):
    monkeypatch.chdir(paths.ROOT)
    experiment = declaration.load(name)
    text = (paths.ROOT / "experiments" / f"{name}.py").read_text()
    assert experiment.question.endswith("?") and "\nResult: " in text
    assert re.search(rf"jaxtex --experiment={name}\b.*\(.*\)", text)
    assert experiment.runs or experiment.demonstrate
    for style, config in experiment.runs.values():
        configs.validate(config)
        named = [*configs.split_paths(style), *([config.content] if config.content else [])]
        assert named and all(pathlib.Path(path).is_file() for path in named)
