"""Programs that need not be traced again."""

import json
import os
import pathlib
import pickle
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex.runtime import export_cache
from jaxtex.synthesis import compilation, config, planning, stepping

ARGUMENTS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3)}, (np.ones(3, np.float32),)


@pytest.fixture
def folder(tmp_path):
    """Where traces are kept; on CPU, for elsewhere none are."""
    if jax.default_backend() != "cpu":
        pytest.skip("traces are kept on CPU")
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    with export_cache.kept(True):
        yield tmp_path / "traces"
    jax.config.update("jax_compilation_cache_dir", before)


class Counted:
    """A function that counts how often it is traced."""

    def __init__(self):
        self.times = 0
        self.__name__ = self.__qualname__ = "step"

    def __call__(self, named, others):
        self.times += 1
        return stepping.Info(
            named["a"] @ others[0], jnp.sum(named["a"]), {"mean": named["a"].mean()}
        )


def results(function, made_of="a step", arguments=ARGUMENTS):
    return export_cache.jit(function, arguments, made_of)(*arguments)


def test_what_was_traced_is_not_traced_again(folder):
    first, later = Counted(), Counted()
    expected = Counted()(*ARGUMENTS)
    for function in (first, later):
        found = results(function)
        assert isinstance(found, stepping.Info) and jax.tree.structure(found) == jax.tree.structure(
            expected
        )
        jax.tree.map(np.testing.assert_allclose, found, expected)
    assert (first.times, later.times) == (1, 0)
    assert len(list(folder.iterdir())) == 1 and folder.stat().st_mode & 0o777 == 0o700


NAMED, OTHERS = ARGUMENTS
CHANGED = {
    "made of": ("another step", ARGUMENTS),
    "shape": ("a step", ({"a": np.ones((4, 3), np.float32)}, OTHERS)),
    "kind": ("a step", ({"a": np.ones((2, 3), np.int32)}, OTHERS)),
    "tree": ("a step", ({**NAMED, "b": NAMED["a"]}, OTHERS)),
}


@pytest.mark.parametrize("change", CHANGED)
def test_other_arguments_are_another_program(folder, change):
    results(Counted())
    function = Counted()
    results(function, *CHANGED[change])
    assert function.times == 1 and len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("change", ["code", "settings", "function"])
def test_other_code_or_settings_are_another_program(folder, change, monkeypatch):
    results(Counted())
    function = Counted()
    if change == "code":
        monkeypatch.setattr(export_cache, "_code", lambda: ("other code",))
    if change == "function":
        function.__qualname__ = "jump"
    before = jax.config.jax_numpy_dtype_promotion
    jax.config.update("jax_numpy_dtype_promotion", "strict" if change == "settings" else before)
    try:
        results(function)
    finally:
        jax.config.update("jax_numpy_dtype_promotion", before)
    assert function.times == 1 and len(list(folder.iterdir())) == 2


def test_the_code_is_all_of_the_package(monkeypatch, tmp_path):
    own = export_cache._code.__wrapped__()
    for path in pathlib.Path(export_cache.__file__).parent.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(export_cache, "__file__", str(tmp_path / "traces.py"))
    assert export_cache._code.__wrapped__() == own
    (tmp_path / "moments.py").write_text("# another")
    assert (
        export_cache._code.__wrapped__()[0] != own[0]
        and export_cache._code.__wrapped__()[1:] == own[1:]
    )


@pytest.mark.parametrize(
    "damaged", [b"", b"torn", pickle.dumps((None, b"no program"))], ids=["empty", "torn", "foreign"]
)
def test_a_damaged_file_is_made_anew(folder, damaged):
    results(Counted())
    (path,) = folder.iterdir()
    path.write_bytes(damaged)
    again, later = Counted(), Counted()
    np.testing.assert_allclose(results(again).loss, results(later).loss)
    assert (again.times, later.times) == (1, 0)


def test_without_a_place_or_a_name_it_is_traced_every_time(folder):
    unnamed, unwanted, nowhere = ([Counted(), Counted()] for _ in range(3))
    for function in unnamed:
        results(function, made_of="")
    with export_cache.kept(False):
        for function in unwanted:
            results(function)
    assert not folder.exists()
    folder.write_text("a file where the folder would be")
    for function in nowhere:
        results(function)
    assert [function.times for function in (*unnamed, *unwanted, *nowhere)] == [1] * 6


def test_what_has_no_portable_form_is_traced(folder):
    given = lambda x: jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x)
    np.testing.assert_allclose(
        results(given, arguments=(np.ones(3, np.float32),)), np.sin(np.ones(3)), rtol=1e-6
    )
    assert not any(folder.iterdir())


PROGRAM = """
import json, sys
import jax, jax.numpy as jnp
from jaxtex.runtime import export_cache as traces

jax.config.update("jax_compilation_cache_dir", sys.argv[1])
matrix = jnp.array([[4.0, 2.0], [2.0, 5.0]])
with traces.kept(True):
    found = traces.jit({function}, (matrix,), "a matrix")(matrix)
print(json.dumps([found.tolist(), "scipy" in sys.modules]))
"""


MATRICES = {"jnp.square": [[16, 4], [4, 25]], "jnp.linalg.cholesky": [[2, 0], [1, 2]]}


@pytest.mark.parametrize("function", MATRICES)
def test_scipy_is_loaded_for_lapack_alone(function, folder):
    for _ in ("new", "kept"):
        command = [sys.executable, "-c", PROGRAM.format(function=function), str(folder.parent)]
        found, loaded = json.loads(
            subprocess.run(command, check=True, capture_output=True, text=True).stdout
        )
        assert found == MATRICES[function] and loaded == ("linalg" in function)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "choices", [{}, {"optimizer": "adam", "statistic": "sorted"}], ids=["lbfgs", "adam"]
)
def test_a_kept_step_is_the_step(folder, exemplar, choices):
    small = config.Config(
        size=48, scales=1, octaves=1, network="shallow", weights="random", **choices
    )

    def stepped():
        plan = planning.build_plan(exemplar, small)
        state, info = compilation.lower(plan, plan.problems[0]).compile()(
            stepping.init_state(plan, plan.problems[0]), plan.problems[0].data(0)
        )
        return jax.tree.map(np.asarray, (state, info))

    new, kept = stepped(), stepped()
    assert (
        len(list(folder.iterdir())) == 3
    )  # what exemplars are looked at with, and both halves of the step
    with export_cache.kept(False):
        plain = stepped()
    assert len(list(folder.iterdir())) == 3
    for other in (kept, plain):
        jax.tree.map(np.testing.assert_array_equal, new, other)


def test_other_seeds_and_lengths_share_a_program_other_losses_do_not(folder, exemplar):
    small = {"size": 48, "scales": 1, "octaves": 1, "network": "shallow", "weights": "random"}
    for choices in ({}, {"seed": 7}, {"num_steps": 9, "save_every": 3}, {"tv_weight": 0.5}):
        plan = planning.build_plan(exemplar, config.Config(**small, **choices))
        compilation.lower(plan, plan.problems[0])
    assert len(list(folder.iterdir())) == 6


def test_the_command_makes_the_same_picture_from_kept_programs(tmp_path):
    command = [
        sys.executable,
        "-m",
        "jaxtex",
        "--style=pebbles",
        "--size=64",
        "--num_steps=3",
        "--overwrite",
    ]
    where = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache")}
    pictures, kept = [], []
    for name in ("new", "kept"):
        subprocess.run(
            [*command, f"--workdir={tmp_path / name}"], env=where, check=True, capture_output=True
        )
        pictures.append((tmp_path / name / "result.png").read_bytes())
        kept.append(sorted(path.name for path in (tmp_path / "cache" / "traces").iterdir()))
    assert pictures[0] == pictures[1] and kept[0] == kept[1] and len(kept[0]) == 3
