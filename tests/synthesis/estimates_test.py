"""What a dry run tells, and that it makes nothing."""

import jax
import pytest

from jaxtex import images
from jaxtex.cli import flag_parsing, main
from jaxtex.synthesis import api, compilation, config, estimates, stepping

QUICK = {"layers": "relu1_1,relu2_1", "octaves": 1, "num_steps": 10}


def test_a_row_for_each_scale_and_one_for_all(exemplar):
    rows = estimates.estimate_table(
        api.build_plan(exemplar, config.Config(**QUICK, height=96, width=128, scales=2))
    )
    assert [row["size"] for row in rows] == ["48 x 64", "96 x 128", "in all"]
    assert [row["steps"] for row in rows] == [5, 5, 10]
    assert rows[2]["seconds"] > rows[0]["seconds"] + rows[1]["seconds"]
    assert rows[2]["GB"] == max(rows[0]["GB"], rows[1]["GB"]) > 0


def test_a_larger_image_takes_more_and_strips_take_less(exemplar):
    most = {}
    for strips, height in (("none", 64), ("none", 640), ("16", 640)):
        plan = api.build_plan(
            exemplar, config.Config(**QUICK, height=height, scales=1, strips=strips)
        )
        told = estimates._bytes(compilation.lower(plan, plan.problems[0]).compile())
        most[strips, height] = told - estimates.device_memory.resident()
    assert most["none", 640] == pytest.approx(10 * most["none", 64], rel=0.3)
    assert most["16", 640] < 0.6 * most["none", 640]


def test_what_a_step_is_given_is_counted_and_what_it_needs_beside(exemplar, monkeypatch):
    monkeypatch.setattr(estimates.device_memory, "resident", lambda: 0)
    plan = api.build_plan(exemplar, config.Config(**QUICK, height=256, scales=1))
    (problem,), step = plan.problems, compilation.lower(plan, plan.problems[0]).compile()
    given = sum(
        leaf.nbytes
        for leaf in jax.tree.leaves((stepping.init_state(plan, problem), problem.data(0)))
    )
    beside = max(half.memory_analysis().temp_size_in_bytes for half in step)
    assert (
        given + beside <= estimates._bytes(step) < 1.2 * (given + beside) and given > 0.2 * beside
    )


def test_the_command_makes_nothing(exemplar, tmp_path, capsys):
    images.save(tmp_path / "a.png", exemplar)
    flags = [f"--{name}={value}" for name, value in QUICK.items()]
    flag_parsing.run(
        main.COMMAND,
        [f"--style={tmp_path / 'a.png'}", f"--workdir={tmp_path / 'out'}", "--dry_run", *flags],
    )
    assert "in all" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
