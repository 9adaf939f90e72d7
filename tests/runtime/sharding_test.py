"""Tests of images on several devices: the results are those of one device."""

import json
import subprocess
import sys

import jax
import pytest

from jaxtex import errors, statistics
from jaxtex.runtime import sharding
from support import paths

SCRIPT = paths.ROOT / "tests" / "support" / "on_eight.py"
# Comparisons of losses beside those of all statistics.
OTHERS = (
    "arrangement",
    "vgg16_bn",
    "vgg19",
    "shallow",
    "steerable",
    "patches",
    "octaves",
    "deep",
    "tiles",
)


@pytest.fixture(scope="module")
def on_eight():
    """Comparisons of eight devices with one, by name."""
    return compare()


@pytest.fixture(scope="module")
def on_four():
    """The comparisons of the quick tests, of smaller images."""
    return compare("quick")


@pytest.fixture(params=["on_four", pytest.param("on_eight", marks=pytest.mark.slow)])
def on_several(request):
    """Comparisons of several devices with one, by name."""
    return request.getfixturevalue(request.param)


def compare(*arguments):
    process = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-3000:]
    comparisons = map(json.loads, process.stdout.splitlines())
    return {comparison["what"]: comparison for comparison in comparisons}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*statistics.STATISTICS, *OTHERS])
def test_loss_and_gradient_are_those_of_one_device(on_eight, name):
    assert on_eight[name]["loss"] < 1e-5
    assert on_eight[name]["gradient"] < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["octaves", "deep"])
def test_devices_exchange_rows_and_never_gather_them(on_eight, name):
    assert_no_rows_are_gathered(on_eight[name]["transfers"])


@pytest.mark.slow
def test_devices_exchange_rows_for_gram_matrices(on_several):
    assert_no_rows_are_gathered(on_several["gram"]["transfers"])


def assert_no_rows_are_gathered(transfers):
    assert transfers["collective-permute"] > 0 and transfers["all-reduce"] > 0
    assert "all-gather" not in transfers


@pytest.mark.parametrize("program", ["step", "loop"])
def test_a_step_with_its_optimizer_gathers_no_rows(on_several, program):
    assert_no_rows_are_gathered(on_several["loops"][program])


def test_the_loop_on_the_devices_is_that_in_python(on_several):
    assert on_several["loops"]["image"] < 2e-3
    assert on_several["loops"]["loss"] < 1e-2


@pytest.mark.parametrize("what", ["convolution", "padding"])
def test_several_devices_use_algorithms_that_xla_can_divide(on_four, what):
    assert on_four[what]["divided"] and not on_four[what]["alone"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scales", "tiles at all scales", "maps"])
def test_coarse_scales_run_on_fewer_devices(on_eight, name):
    assert on_eight[name]["image"] < 0.01


def test_a_height_that_the_devices_do_not_divide_is_kept(on_several):
    assert on_several["uneven"]["shape"] in ([72, 40, 3], [144, 72, 3])
    assert on_several["uneven"]["image"] < 0.01


@pytest.mark.slow
def test_a_mesh_divides_images_and_rows(on_eight):
    assert on_eight["batch"]["image"] < 0.01


@pytest.mark.parametrize(
    "height, rows, expected",
    [(256, 8, 8), (255, 8, 4), (64, 8, 2), (40, 8, 1), (1000, 6, 6), (100, 6, 3), (96, 1, 1)],
)
def test_each_device_has_a_minimum_of_rows(height, rows, expected):
    assert sharding.row_devices(sharding.Layout(rows=rows), height) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", sharding.Layout(1, 1)),
        ("rows:4", sharding.Layout(images=1, rows=4)),
        ("images:8", sharding.Layout(images=8, rows=1)),
        ("images:2, rows : 4", sharding.Layout(images=2, rows=4)),
        ("rows:4096", sharding.Layout(rows=4096)),
    ],
)
def test_parse_mesh(text, expected):
    assert sharding.parse_mesh(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "rows",
        "rows:0",
        "rows:x",
        "columns:2",
        "rows:1,rows:1",
        "rows:-2",
        "rows:1.5",
        "rows:9999999",
    ],
)
def test_a_mesh_of_another_form_is_an_error(text):
    with pytest.raises(errors.UserError, match=f"--mesh={text}: '.*' must be of the form rows:4"):
        sharding.parse_mesh(text)


@pytest.mark.parametrize(
    "processes, layout, message",
    [
        (1, sharding.Layout(1, 16), "--mesh=rows:16: needs 16 devices, but there are 8"),
        (1, sharding.Layout(4, 4), "--mesh=images:4,rows:4: needs 16 devices, but there are 8"),
        (2, sharding.Layout(1, 1), "--distributed needs --mesh: rows:8, or images:8 for a batch"),
        (2, sharding.Layout(1, 4), "--mesh=rows:4: several processes must use all 8 devices"),
    ],
)
def test_a_layout_must_fit_the_devices(monkeypatch, processes, layout, message):
    monkeypatch.setattr(jax, "device_count", lambda: 8)
    monkeypatch.setattr(jax, "process_count", lambda: processes)
    sharding.validate_layout(sharding.Layout(2, 4))
    with pytest.raises(errors.UserError) as error:
        sharding.validate_layout(layout)
    assert str(error.value) == message


def test_one_device_has_no_mesh():
    assert sharding.build_mesh(sharding.Layout(1, 1), 1) is None
