"""An image over several devices is what it is on one."""

import json
import subprocess
import sys

import pytest

from jaxtex import errors, statistics
from jaxtex.runtime import sharding
from support import paths

HERE = paths.ROOT / "tests" / "support"


@pytest.fixture(scope="module")
def on_eight():
    """What the script finds, by name."""
    done = subprocess.run([sys.executable, HERE / "on_eight.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return {line["what"]: line for line in map(json.loads, done.stdout.splitlines())}


ALONE = (
    "vgg16_bn",
    "vgg19",
    "shallow",
    "steerable",
    "octaves",
    "deep",
    "tiles",
)  # with Gram matrices


@pytest.mark.parametrize("name", [*statistics.STATISTICS, *ALONE])
def test_loss_and_gradient_are_those_of_one_device(on_eight, name):
    assert on_eight[name]["loss"] < 1e-5
    assert on_eight[name]["gradient"] < 1e-5


@pytest.mark.parametrize("name", ["gram", "octaves", "deep"])
def test_rows_are_exchanged_and_never_gathered(on_eight, name):
    collectives = on_eight[name]["collectives"]
    assert collectives["collective-permute"] > 0 and collectives["all-reduce"] > 0
    assert "all-gather" not in collectives


def test_a_step_exchanges_rows_and_never_gathers_them(on_eight):
    collectives = on_eight["step"]["collectives"]
    assert collectives["collective-permute"] > 0 and collectives["all-reduce"] > 0
    assert "all-gather" not in collectives


def test_the_devices_own_loop_is_ours(on_eight):
    assert on_eight["loops"]["image"] < 2e-3 and on_eight["loops"]["loss"] < 1e-2
    collectives = on_eight["loops"]["collectives"]
    assert collectives["collective-permute"] > 0 and "all-gather" not in collectives


@pytest.mark.parametrize("what", ["convolution", "padding"])
def test_rows_are_exchanged_by_xla(on_eight, what):
    assert on_eight[what]["together"] and not on_eight[what]["alone"]


@pytest.mark.parametrize("name", ["scales", "tiles at all scales", "maps"])
def test_coarse_scales_run_on_fewer_devices(on_eight, name):
    assert on_eight[name]["image"] < 0.01


def test_a_height_that_does_not_divide_is_that_of_the_result(on_eight):
    assert on_eight["uneven"]["shape"] == [144, 72, 3] and on_eight["uneven"]["image"] < 0.01


def test_batches_and_rows_at_once(on_eight):
    assert on_eight["batch"]["image"] < 0.01


@pytest.mark.parametrize(
    "height, rows, expected",
    [(256, 8, 8), (255, 8, 4), (64, 8, 2), (40, 8, 1), (1000, 6, 6), (100, 6, 3), (96, 1, 1)],
)
def test_so_many_devices_share_the_rows(height, rows, expected):
    assert sharding.row_devices(sharding.Layout(rows=rows), height) == expected


@pytest.mark.parametrize(
    "text", ["rows", "rows:0", "rows:x", "columns:2", "rows:1,rows:1", "rows:-2", "rows:1.5"]
)
def test_nonsense_is_refused(text):
    with pytest.raises(errors.UserError, match=f"--mesh={text}"):
        sharding.parse_mesh(text)


def test_devices_that_are_not_there():
    with pytest.raises(
        errors.UserError, match="--mesh=rows:4096: 4096 devices are wanted, there are 1"
    ):
        sharding.parse_mesh("rows:4096")


def test_one_device_has_no_mesh():
    assert (
        sharding.parse_mesh("") == sharding.Layout(1, 1)
        and sharding.build_mesh(sharding.parse_mesh("rows:1"), 1) is None
    )
