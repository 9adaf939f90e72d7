"""What is packed: all that runs need, and nothing that only the repository needs."""

import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from jaxtex.images import builtin
from support import paths

pytest.importorskip(
    "setuptools", "77", reason="builds the wheel; pip install 'jaxtex[test]' brings it"
)
GOES_IN = (
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
    "golden.json",
    "page/index.html",
    "page/colours.css",
    "page/page.css",
    "page/page.js",
    "report.css",
    "report.html",
    "report.js",
    "vgg_lite.h5",
]
COMMANDS = ["", "-animate", "-compare", "-report", "-sweep", "-weights"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy of the tree, so that nothing of an older build is in it."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in GOES_IN:
        copy = shutil.copytree if (paths.ROOT / name).is_dir() else shutil.copy
        copy(paths.ROOT / name, folder / name)
    code = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    built = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (path,) = (folder / "dist").glob("*.whl")
    return zipfile.ZipFile(path)


def files(wheel, suffix=""):
    return {
        name for name in wheel.namelist() if name.endswith(suffix) and ".dist-info/" not in name
    }


def test_every_module_and_nothing_else_of_python(wheel):
    modules = {str(path.relative_to(paths.ROOT)) for path in (paths.ROOT / "jaxtex").rglob("*.py")}
    assert files(wheel, ".py") == modules


def test_the_data_that_runs_pages_and_names_need_and_no_more(wheel):
    pictures = [f"exemplars/{name}.png" for name in builtin.names()]
    wanted = {f"jaxtex/data/{name}" for name in (*DATA, *pictures, "exemplars/README.md")}
    assert files(wheel) - files(wheel, ".py") == wanted | {"jaxtex/py.typed"}
    assert {
        str(path.relative_to(paths.ROOT / "jaxtex" / "data")) for path in files_of_data()
    } == set(DATA)


def files_of_data():
    return [path for path in (paths.ROOT / "jaxtex" / "data").rglob("*") if path.is_file()]


def test_names_of_pictures_are_read_from_the_wheel(wheel, tmp_path):
    wheel.extractall(tmp_path)
    code = "from jaxtex.images import builtin as exemplars; print(exemplars.path_of('pebbles'), *exemplars.described())"
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ran.stdout.split() == [
        str(tmp_path / "jaxtex/data/exemplars/pebbles.png"),
        *builtin.names(),
    ], ran.stderr


def test_the_commands_and_the_licence(wheel):
    about = {name.partition(".dist-info/")[2]: name for name in wheel.namelist()}
    scripts = wheel.read(about["entry_points.txt"]).decode()
    assert re.findall(r"^(\S+) = jaxtex\.\w+:entry$", scripts, re.M) == [
        f"jaxtex{name}" for name in COMMANDS
    ]
    assert "licenses/LICENSE" in about
