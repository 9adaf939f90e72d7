"""Tests of the estimate of memory and time, `--dry_run`."""

import jax
import pytest

from jaxtex import images
from jaxtex.cli import flag_parsing, main
from jaxtex.runtime import device_memory
from jaxtex.synthesis import api, compilation, estimates, stepping
from jaxtex.synthesis import config as configs

QUICK = {"layers": "relu1_1,relu2_1", "octaves": 1, "num_steps": 10}


@pytest.fixture
def without_process(monkeypatch):
    """Estimates without the memory of this process."""
    monkeypatch.setattr(device_memory, "resident_bytes", lambda: 0)


def build_plan(exemplar, **choices):
    return api.build_plan(exemplar, configs.Config(**QUICK, **choices))


@pytest.mark.slow
def test_there_is_a_row_for_each_scale_and_a_total(exemplar):
    rows = estimates.estimate_table(build_plan(exemplar, height=96, width=128, scales=2))
    assert [row["size"] for row in rows] == ["48 x 64", "96 x 128", "total"]
    assert [row["steps"] for row in rows] == [5, 5, 10]
    assert rows[2]["seconds"] > rows[0]["seconds"] + rows[1]["seconds"]
    assert rows[2]["GB"] == max(rows[0]["GB"], rows[1]["GB"]) > 0


@pytest.mark.slow
def test_memory_grows_with_the_image_and_shrinks_with_strips(exemplar, without_process):
    # Terms that need the whole image are not in strips, and are large beside two layers.
    choices = {"width": 64, "scales": 1, "detail_weight": 0.0, "arrangement_weight": "0"}
    estimated = {}
    for strips, height in (("none", 64), ("none", 640), ("16", 640)):
        plan = build_plan(exemplar, height=height, strips=strips, **choices)
        compiled = compilation.lower(plan, plan.problems[0]).compile()
        estimated[strips, height] = estimates._program_bytes(compiled)
    assert estimated["none", 640] == pytest.approx(10 * estimated["none", 64], rel=0.3)
    assert estimated["16", 640] < 0.65 * estimated["none", 640]


@pytest.mark.slow
def test_arguments_and_temporary_memory_are_counted(exemplar, without_process):
    plan = build_plan(exemplar, height=256, scales=1)
    (problem,) = plan.problems
    compiled = compilation.lower(plan, problem).compile()
    arguments = (stepping.init_state(plan, problem), problem.data(0))
    argument_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(arguments))
    temporary_bytes = compiled.memory_analysis().temp_size_in_bytes
    total = argument_bytes + temporary_bytes
    assert argument_bytes > 0.2 * temporary_bytes
    # Arrays that the program does not use, such as some kernels, are not counted.
    assert 0.9 * total < estimates._program_bytes(compiled) < 1.2 * total


def test_the_memory_of_the_process_is_added(exemplar, monkeypatch):
    plan = build_plan(exemplar, scales=1)
    compiled = compilation.lower(plan, plan.problems[0]).compile()
    monkeypatch.setattr(device_memory, "resident_bytes", lambda: 0)
    program = estimates._program_bytes(compiled)
    monkeypatch.setattr(device_memory, "resident_bytes", lambda: 10**9)
    assert estimates._program_bytes(compiled) == program + 10**9


@pytest.mark.slow
def test_a_dry_run_prints_the_table_and_writes_nothing(exemplar, tmp_path, capsys):
    images.save(tmp_path / "a.png", exemplar)
    flags = [f"--{name}={value}" for name, value in QUICK.items()]
    paths = [f"--style={tmp_path / 'a.png'}", f"--workdir={tmp_path / 'out'}"]
    flag_parsing.run(main.COMMAND, [*paths, "--dry_run", *flags])
    assert "total" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
