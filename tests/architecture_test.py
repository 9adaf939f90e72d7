"""Which module may import which: only from levels below its own."""

import ast
import pathlib

import jaxtex

LEVELS = [
    {"errors"},
    {"config", "convolutions", "images", "weights", "statistics", "layers", "lbfgs"},
    {"networks", "optimizers"},
    {"losses"},
    {"synthesis"},
    {"problems", "report"},
    {"api"},
    {"main"},
    {"__main__"},
]
FOLDER = pathlib.Path(jaxtex.__file__).parent
LEVEL = {module: level for level, modules in enumerate(LEVELS) for module in modules}


def imports(module):
    """The modules of jaxtex that a module imports."""
    for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "jaxtex":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jaxtex."):
            yield node.module.split(".")[1]


def test_every_module_has_a_level():
    assert {path.stem for path in FOLDER.glob("*.py")} - {"__init__"} == set(LEVEL)


def test_modules_import_only_from_levels_below():
    wrong = [(module, other) for module in LEVEL for other in imports(module) if LEVEL[other] >= LEVEL[module]]
    assert wrong == []


def test_importing_jaxtex_reads_no_flags():
    assert all("absl" not in (FOLDER / f"{module}.py").read_text() for module in LEVEL if LEVEL[module] < LEVEL["problems"])
