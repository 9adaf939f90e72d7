"""Tests of sweeps: grids and lists, and the flagfiles of the manifest."""

import dataclasses
import itertools
import pathlib

import pytest

from jaxtex import errors, images
from jaxtex.cli import flags
from jaxtex.runs import execution, sweeps
from jaxtex.runtime import files
from jaxtex.synthesis import config as configs

FOLDER = pathlib.Path("runs/sweep")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, exemplar):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        images.save(f"{name}.png", exemplar)


def expand(*arguments, vary=(), listed=""):
    points = sweeps.flag_points(["--size=48", *arguments], vary, listed)
    return sweeps.expand_runs(flags.parse_run, points)


def write(requested):
    sweeps.write_manifest(FOLDER, requested, flags.parse_run)


def read():
    return sweeps.read_manifest(FOLDER, flags.parse_run)


@pytest.mark.parametrize(
    "text, flags",
    [
        ("seed=0,1", ["--seed=0", "--seed=1"]),
        ("layers=relu1_1, relu2_1;relu3_1", ["--layers=relu1_1, relu2_1", "--layers=relu3_1"]),
        ("style=a.png,b.png;", ["--style=a.png,b.png", "--style="]),
        ("statistic=pca_gram:k=3,gram", ["--statistic=pca_gram:k=3", "--statistic=gram"]),
    ],
)
def test_varied_flags_by_hand(text, flags):
    assert sweeps.parse_vary(text) == flags


def test_a_grid_has_every_combination_in_order():
    found = expand(vary=["style=a.png,b.png", "seed=0,1,2", "statistic=gram,sorted"])
    expected = [
        (
            "",
            execution.Run(
                style, configs.Config(size=48, seed=seed, statistic=statistic), pathlib.Path()
            ),
        )
        for style, seed, statistic in itertools.product(
            ("a.png", "b.png"), range(3), ("gram", "sorted")
        )
    ]
    assert found == expected
    assert sweeps.run_names(found)[:3] == ["a-gram-seed0", "a-sorted-seed0", "a-gram-seed1"]


def test_a_list_has_a_run_for_each_line_and_goes_with_a_grid():
    pathlib.Path("list").write_text(
        "# two\n--seed=3 --layers=relu1_1,relu2_1\n\n--texture='b.png'  # the other\n"
    )
    found = [run for _, run in expand("--style=a.png", vary=["octaves=1,2"], listed="list")]
    assert [
        (run.style, run.config.seed, run.config.layers, run.config.octaves) for run in found
    ] == [
        ("a.png", 3, "relu1_1,relu2_1", 1),
        ("a.png", 3, "relu1_1,relu2_1", 2),
        ("b.png", 0, "", 1),
        ("b.png", 0, "", 2),
    ]


def test_an_experiment_expands_to_its_runs():
    pathlib.Path("experiments").mkdir()
    runs_of = "{p: (f'{p}.png', Config(statistic='gram')) for p in 'ab'}"
    pathlib.Path("experiments/q.py").write_text(f"from jaxtex import Config\nRUNS = {runs_of}\n")
    found = expand(vary=["experiment=q", "seed=0,1"])
    assert [(run.style, run.config.seed, run.config.statistic) for _, run in found] == [
        (f"{p}.png", seed, "gram") for seed in (0, 1) for p in "ab"
    ]
    assert sweeps.run_names(found) == ["q-a-seed0", "q-b-seed0", "q-a-seed1", "q-b-seed1"]
    pathlib.Path("experiments/q.py").write_text("RUNS = {}\ndef more(rows): return {}\n")
    with pytest.raises(errors.UserError, match="chooses its runs as it goes"):
        expand(vary=["experiment=q"])


def test_duplicates_are_left_out():
    assert len(expand("--style=a.png", vary=["seed=0,00,1"])) == 2


def test_a_manifest_is_read_back():
    found = expand(
        "--style=a.png", "--noise=.1", vary=["layers=relu1_1,relu2_1:0.5;relu1_1", "seed=0,1"]
    )
    write(found)
    there = read()
    assert next(iter(there)) == "000-relu1_1_relu2_1_0.5-seed0" and len(there) == 4
    assert [run[:2] for run in there.values()] == [run[:2] for _, run in found]
    assert [run.folder for run in there.values()] == [FOLDER / name for name in there]
    assert [sweeps.number_of(name) for name in there] == [0, 1, 2, 3]


def test_the_runs_of_a_renamed_sweep_are_below_it():
    write(expand("--style=a.png"))
    FOLDER.rename("renamed")
    runs = sweeps.read_manifest(pathlib.Path("renamed"), flags.parse_run)
    assert [run.folder for run in runs.values()] == [pathlib.Path("renamed/000-run")]


def test_a_flagfile_holds_all_flags_so_that_other_defaults_do_not_matter():
    requested = expand("--style=a.png", "--seed=7")
    write(requested)
    lines = sweeps.flagfile(FOLDER, "000-run").read_text().splitlines()
    names = [line.partition("=")[0] for line in lines]
    fields = [field.name for field in dataclasses.fields(configs.Config)]
    assert names == [f"--{name}" for name in ["style", *fields, "workdir"]]
    assert read()["000-run"].config == requested[0].run.config


def test_a_grid_may_grow_but_not_change():
    write(expand("--style=a.png", vary=["seed=0,1"]))
    before = {path: (path.read_text(), path.stat().st_mtime_ns) for path in FOLDER.rglob("*.flags")}
    write(expand("--style=a.png", vary=["seed=0,1"]))
    write(expand("--style=a.png", vary=["seed=2,1,0"]))
    assert all(before[path] == (path.read_text(), path.stat().st_mtime_ns) for path in before)
    assert list(read()) == ["000-seed0", "001-seed1", "002-seed2"]
    with pytest.raises(
        errors.UserError, match="1 of its 3 runs, such as 001-seed1, are not in this grid"
    ):
        write(expand("--style=a.png", vary=["seed=0,2,3"]))
    assert len(read()) == 3


MISTAKES = [
    (["seed"], [], "--vary=seed: expected a flag and its values"),
    (["sed=0,1"], [], "unknown flag to vary 'sed'; did you mean 'seed'?"),
    (["workdir=a,b"], [], "unknown flag to vary 'workdir'"),
    (["seed=0,x"], [], "--seed=x: expected a whole number"),
    (["seed=0,,1"], [], "--seed=: expected a whole number"),
    (["seed=0", "seed=1"], [], "--seed is given twice"),
    (["size=64"], [], "--vary=size=64: --size is given twice"),
    (["statistic=gram,gramm"], [], "unknown statistic 'gramm'; did you mean 'gram'?"),
    (["octaves=1,9"], [], "--octaves=9: must be between 0 and 6"),
    (["seed=0,-1"], [], "--seed=-1: must be between"),
    (["layers=relu1_1;relu9_1"], [], "unknown layer 'relu9_1'"),
    (["style=none.png"], [], "image 'none.png': no such file"),
    (["init=noise,nowhere.png"], [], "image 'nowhere.png'"),
    (["network=vgg_lite,vgg_light"], [], "unknown network 'vgg_light'"),
    (["optimizer=adams"], [], "unknown optimizer 'adams'"),
    (["scales=1,7"], [], "--scales=7: 48 pixels allow at most 1"),
    (["experiment=none"], [], "no experiments here"),
    ([], ["--num_images=2"], "num_images"),
    ([], ["--workdir=here"], "a sweep gives each run a folder of its own"),
    ([], ["here"], "'here' is not a flag"),
    ([], ["--seed='0"], "--list=list: No closing quotation"),
    ([], ["# nothing"], "--list=list: no line of flags"),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "vary, lines, text", MISTAKES, ids=[" ".join(vary + lines) for vary, lines, _ in MISTAKES]
)
def test_mistakes_are_found_before_anything_is_written(vary, lines, text):
    pathlib.Path("list").write_text("\n".join(lines))
    style = [] if any(each.startswith("style") for each in vary) else ["--style=a.png"]
    with pytest.raises(errors.UserError) as error:
        expand(*style, vary=vary, listed="list" if lines else "")
    assert text in str(error.value)


def test_mistakes_of_files():
    with pytest.raises(errors.UserError, match="--style is missing"):
        expand(vary=["seed=0,1"])
    with pytest.raises(errors.UserError, match="--list=none: No such file"):
        expand("--style=a.png", listed="none")
    found = expand("--style=a.png")
    pathlib.Path("x\n.png").write_bytes(pathlib.Path("a.png").read_bytes())
    with pytest.raises(errors.UserError, match="cannot hold"):
        write([sweeps.LabelledRun("", found[0].run._replace(style="x\n.png"))])


def test_names_may_be_any_bytes():
    name = "a\udcff.png"
    pathlib.Path("a.png").rename(name)
    write(expand(f"--style={name}"))
    pathlib.Path("list").write_bytes(b"--style=a\xff.png")
    write(expand(listed="list"))
    assert [run.style for run in read().values()] == [name]


def test_a_damaged_flagfile_is_named():
    write(expand("--style=a.png", vary=["seed=0,1"]))
    sweeps.flagfile(FOLDER, "001-seed1").write_text("--seed=one")
    with pytest.raises(errors.UserError, match=r"001-seed1.flags: --seed=one"):
        read()


def test_two_flagfiles_of_one_number_are_refused():
    write(expand("--style=a.png", vary=["seed=0,1"]))
    sweeps.flagfile(FOLDER, "001-seed1").rename(sweeps.flagfile(FOLDER, "000-seed1"))
    with pytest.raises(errors.UserError, match="000-seed1.flags: has the number of 000-seed0"):
        read()


def test_one_process_at_a_time_adds_runs():
    (FOLDER / sweeps.MANIFEST).mkdir(parents=True)
    requested = expand("--style=a.png")
    with open(FOLDER / sweeps.MANIFEST / ".lock", "a") as lock:
        assert files.try_lock(lock)
        with pytest.raises(errors.UserError, match="another process is adding runs"):
            write(requested)
    write(requested)


def test_flagfiles_are_ordered_by_number():
    write(expand("--style=a.png", vary=["seed=0,1"]))
    text = sweeps.flagfile(FOLDER, "001-seed1").read_text()
    sweeps.flagfile(FOLDER, "1000-mine").write_text(text.replace("seed=1", "seed=5"))
    sweeps.flagfile(FOLDER, "101-mine").write_text(text.replace("seed=1", "seed=4"))
    assert [run.config.seed for run in read().values()] == [0, 1, 4, 5]
    sweeps.flagfile(FOLDER, "mine").write_text(text)
    with pytest.raises(
        errors.UserError, match="manifest/mine.flags: the name must begin with a number"
    ):
        read()
