"""The script benchmarks/structure.py as a module, with the modules beside it that it imports."""

import importlib.util
import sys

from support.paths import ROOT

FOLDER = ROOT / "benchmarks"

# Last in the path: some of its modules have the names of modules of Python.
sys.path.append(str(FOLDER))
_SPEC = importlib.util.spec_from_file_location("structure_benchmark", FOLDER / "structure.py")
benchmark = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(benchmark)
sys.path.remove(str(FOLDER))
