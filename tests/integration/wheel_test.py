"""Tests that the wheel holds all that runs need, and nothing that only the repository needs."""

import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from jaxtex.images import builtin
from support import paths

pytest.importorskip(
    "setuptools", "77", reason="builds the wheel; pip install 'jaxtex[test]' installs it"
)
SOURCES = (
    "jaxtex",
    "images",
    "experiments",
    "tests",
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
DATA = [
    "viewer/data/page/chart.js",
    "viewer/data/page/colors.css",
    "viewer/data/page/elements.js",
    "viewer/data/page/format.js",
    "viewer/data/page/index.html",
    "viewer/data/page/page.css",
    "viewer/data/page/page.js",
    "viewer/data/report.css",
    "viewer/data/report.html",
    "viewer/data/report.js",
    "weights/data/golden.json",
    "weights/data/vgg_lite.h5",
]
COMMANDS = {
    "jaxtex": "jaxtex.__main__",
    "jaxtex-animate": "jaxtex.cli.animate_main",
    "jaxtex-compare": "jaxtex.cli.compare_main",
    "jaxtex-report": "jaxtex.cli.report_main",
    "jaxtex-sweep": "jaxtex.cli.sweep_main",
    "jaxtex-weights": "jaxtex.cli.weights_main",
}
PACKAGE = paths.ROOT / "jaxtex"
EXEMPLARS = "jaxtex/images/exemplars"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Builds a wheel from a copy of the tree, so that it contains nothing of an older build."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source = paths.ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)

    code = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    built = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (path,) = (folder / "dist").glob("*.whl")
    return zipfile.ZipFile(path)


def packed_files(wheel):
    """Returns the names of all files but the wheel's own metadata."""
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


@pytest.mark.slow
def test_every_module_and_no_other_is_packed(wheel):
    modules = {str(path.relative_to(paths.ROOT)) for path in PACKAGE.rglob("*.py")}
    assert {name for name in packed_files(wheel) if name.endswith(".py")} == modules


def test_the_data_of_the_packages_is_packed_and_no_other(wheel):
    expected = {f"jaxtex/{name}" for name in DATA} | {"jaxtex/py.typed"}
    expected |= {f"{EXEMPLARS}/{name}.png" for name in builtin.names()}
    expected |= {f"{EXEMPLARS}/README.md"}
    assert {name for name in packed_files(wheel) if not name.endswith(".py")} == expected


def test_the_list_of_data_is_complete():
    folders = [PACKAGE / "viewer" / "data", PACKAGE / "weights" / "data"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(PACKAGE)) for path in files) == DATA


def test_built_in_images_and_weights_are_read_from_the_wheel(wheel, tmp_path):
    wheel.extractall(tmp_path)
    code = """
from jaxtex.images import builtin
from jaxtex.weights import locations
print(builtin.resolve("pebbles"), locations.find_file("vgg_lite"), *builtin.descriptions())
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ran.stdout.split() == [
        str(tmp_path / EXEMPLARS / "pebbles.png"),
        str(tmp_path / "jaxtex/weights/data/vgg_lite.h5"),
        *builtin.names(),
    ], ran.stderr


def test_the_commands_and_the_license_are_packed(wheel):
    metadata = {name.partition(".dist-info/")[2]: name for name in wheel.namelist()}
    scripts = wheel.read(metadata["entry_points.txt"]).decode()
    assert dict(re.findall(r"^(\S+) = (\S+):entry$", scripts, re.M)) == COMMANDS
    assert "licenses/LICENSE" in metadata
