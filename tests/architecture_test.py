"""Tests which package may import which: a package imports only from packages of lower levels."""

import ast
import pathlib
import re

import jaxtex

LEVEL = {
    "errors": 0,
    "runtime": 1,
    "optimizers": 1,
    "networks": 1,
    "images": 2,
    "weights": 2,
    "statistics": 2,
    "losses": 3,
    "metrics": 3,
    "synthesis": 4,
    "runs": 5,
    "viewer": 6,
    "cli": 7,
}
ROOT = pathlib.Path(jaxtex.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))


def package_of(path):
    """The package of a module, or the name of a module of the root."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path):
    """The packages that a module imports, its own left out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "jaxtex":
            names = (
                [node.module.split(".")[1]]
                if "." in node.module
                else [alias.name for alias in node.names]
            )
            yield from (name for name in names if name != package_of(path))


def test_every_package_has_a_level():
    assert {package_of(path) for path in MODULES} - {"__init__", "__main__"} == set(LEVEL)


def test_packages_import_only_from_levels_below():
    wrong = [
        (str(path.relative_to(ROOT)), other)
        for path in MODULES
        if package_of(path) in LEVEL
        for other in imported(path)
        if LEVEL[other] >= LEVEL[package_of(path)]
    ]
    assert wrong == []


def test_packages_are_small():
    for folder in {path.parent for path in MODULES}:
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= 15, folder
    assert all(len(path.read_text().splitlines()) <= 300 for path in MODULES)
    entries = [path for path in ROOT.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 16, entries


def test_importing_jaxtex_defines_no_flags():
    below = [path for path in MODULES if package_of(path) in LEVEL and package_of(path) != "cli"]
    assert all("DEFINE_" not in path.read_text() for path in below)


def test_only_commands_use_the_root_logger():
    root = re.compile(r"from absl import .*logging|\blogging\.(debug|info|warning|error|log)\(")
    below = [path for path in MODULES if package_of(path) in LEVEL and package_of(path) != "cli"]
    assert [path.name for path in below if root.search(path.read_text())] == []
