"""The script benchmarks/metrics.py as a module, under a name that differs from `jaxtex.metrics`."""

import importlib.util

import pytest

from support.paths import ROOT

_SPEC = importlib.util.spec_from_file_location(
    "metrics_benchmark", ROOT / "benchmarks" / "metrics.py"
)
benchmark = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(benchmark)

for_each_texture = pytest.mark.parametrize("name", benchmark.TEXTURES)
