"""Which module may import which: only from levels below its own."""

import ast
import pathlib

import jaxtex

LEVELS = [
    {"errors", "files", "heap", "icc", "signals"},
    {"ahead", "distributed", "encoding", "exemplars", "meshes", "samples", "workdirs"},
    {"grids", "intake"},
    {"decoding", "tiles"},
    {"banks", "comparisons", "compilation", "config", "convolutions", "images", "weights", "layers", "lbfgs", "store",
     "colours", "tables", "plots", "charts", "presets"},
    {"materials"},
    {"networks", "optimizers", "adversarial", "moments", "quantiles", "scenes", "untrained", "outputs", "provenance",
     "windows"},
    {"joint", "preparation"},
    {"loading"},
    {"statistics", "likeness", "spectra", "faults"},
    {"expressions", "metrics"},
    {"losses", "memory", "traces"},
    {"starts", "stepping", "strips", "targets", "terms"},
    {"programs"},
    {"budgets", "evaluation", "objectives", "synthesis"},
    {"batches", "estimates", "problems", "profiles", "report"},
    {"api", "saves", "sights", "records"},
    {"exhibits", "animations"},
    {"command", "pages", "runs", "slurm", "workers"},
    {"results"},
    {"experiments"},
    {"sweeps"},
    {"follow"},
    {"livepage"},
    {"serve"},
    {"checkpoints.known", "checkpoints.tensors"},
    {"checkpoints.pickles", "checkpoints.graphs", "checkpoints.verify", "checkpoints.download"},
    {"checkpoints.named"},
    {"checkpoints.keras"},
    {"checkpoints.convert"},
    {"manual"},
    {"completion"},
    {"main", "weights_main", "compare_main", "report_main", "animate_main"},
    {"sweep_main", "__main__"},
]
FOLDER = pathlib.Path(jaxtex.__file__).parent
LEVEL = {module: level for level, modules in enumerate(LEVELS) for module in modules}


def imports(module):
    """The modules of jaxtex that a module imports."""
    for node in ast.walk(ast.parse(source(module))):
        if isinstance(node, ast.ImportFrom) and node.module in ("jaxtex", "jaxtex.checkpoints"):
            package = node.module.removeprefix("jaxtex").removeprefix(".")
            yield from (f"{package}.{alias.name}".strip(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jaxtex."):
            yield node.module.removeprefix("jaxtex.")


def source(module):
    """The text of a module."""
    return (FOLDER / f"{module.replace('.', '/')}.py").read_text()


def test_every_module_has_a_level():
    modules = {".".join(path.relative_to(FOLDER).with_suffix("").parts) for path in FOLDER.rglob("*.py")}
    assert modules - {"__init__", "checkpoints.__init__"} == set(LEVEL)


def test_modules_import_only_from_levels_below():
    wrong = [(module, other) for module in LEVEL for other in imports(module) if LEVEL[other] >= LEVEL[module]]
    assert wrong == []


def test_importing_jaxtex_reads_no_flags():
    assert all("absl" not in source(module) for module in LEVEL if LEVEL[module] < LEVEL["problems"])
