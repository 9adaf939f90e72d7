"""Tests of XLA compiler options and the persistent compilation cache."""

import os
import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import pytest

from jaxtex import errors
from jaxtex.runtime import files, xla_options
from support import paths

ON_CPU = pytest.mark.skipif(
    jax.default_backend() != "cpu", reason="compiler options are for CPU only"
)
# Options of `jax.config` that `enable_compilation_cache` sets.
CACHE_OPTIONS = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")


@pytest.fixture
def cache_folder(tmp_path, monkeypatch):
    """The folder of an empty compilation cache; JAX's settings are restored afterwards."""
    before = {name: getattr(jax.config, name) for name in CACHE_OPTIONS}
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr(files, "cache_folder", lambda: tmp_path)
    jax.config.update("jax_compilation_cache_dir", None)
    yield tmp_path / "xla"
    for name, value in before.items():
        jax.config.update(name, value)


@ON_CPU
@pytest.mark.parametrize("cores, parts", [(1, 1), (2, 2), (96, 32)])
def test_a_program_is_compiled_in_a_part_for_each_core(monkeypatch, cores, parts):
    monkeypatch.setattr(xla_options, "available_cores", lambda: cores)
    options = xla_options.compiler_options(often=True)
    assert options["xla_cpu_parallel_codegen_split_count"] == parts


@ON_CPU
@pytest.mark.parametrize("often", [True, False])
def test_xla_accepts_the_options(often):
    options = xla_options.compiler_options(often=often)
    assert jax.jit(lambda x: x + 1, compiler_options=options)(jnp.float32(1)) == 2


def test_other_devices_use_the_defaults_of_xla(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert xla_options.compiler_options(often=True) is None


def test_the_cache_is_private_and_keeps_small_programs(cache_folder):
    xla_options.enable_compilation_cache()
    assert jax.config.jax_compilation_cache_dir == str(cache_folder)
    assert jax.config.jax_persistent_cache_min_compile_time_secs == 0
    assert cache_folder.stat().st_mode & 0o777 == 0o700


def test_the_cache_of_the_user_is_kept(cache_folder, tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "own"))
    xla_options.enable_compilation_cache()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "own")
    assert not cache_folder.exists()


def test_a_torn_entry_is_removed_without_a_warning(cache_folder, monkeypatch):
    shown = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *rest: shown.append(str(message)))
    xla_options.enable_compilation_cache()
    for name in ("jit_step-0123-cache", "jit_step-4567-atime", "jit_other-89-cache"):
        (cache_folder / name).write_bytes(b"torn")

    text = "Error reading persistent compilation cache entry for 'jit_step': ValueError: torn"
    for message in (text, "another warning"):
        warnings.showwarning(UserWarning(message), UserWarning, "compiler.py", 1)
    assert [path.name for path in cache_folder.iterdir()] == ["jit_other-89-cache"]
    assert shown == ["another warning"]


def run_command(tmp_path, workdir):
    """Runs the command with a compilation cache in a folder; returns the result and stderr."""
    flags = ["--style=pebbles", "--size=64", "--num_steps=3", f"--workdir={tmp_path / workdir}"]
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": str(paths.ROOT),
    }
    process = subprocess.run(
        [sys.executable, "-m", "jaxtex", *flags, "--octaves=1", "--layers=relu1_1"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return (tmp_path / workdir / "result.png").read_bytes(), process.stderr


def entry_sizes(tmp_path):
    return {path: path.stat().st_size for path in (tmp_path / "cache").glob("*-cache")}


@pytest.mark.slow
def test_a_command_gives_the_same_image_with_new_cached_and_torn_programs(tmp_path):
    new, _ = run_command(tmp_path, "new")
    sizes = entry_sizes(tmp_path)
    assert sizes

    cached, _ = run_command(tmp_path, "cached")
    assert entry_sizes(tmp_path) == sizes

    for path in sizes:
        path.write_bytes(path.read_bytes()[:100])
    torn, stderr = run_command(tmp_path, "torn")
    assert "persistent compilation cache" not in stderr
    assert 100 not in entry_sizes(tmp_path).values()
    assert new == cached == torn


@pytest.mark.parametrize("error", [RuntimeError("Unable to initialize 'foo'"), AssertionError()])
def test_a_platform_that_is_missing_is_one_line(monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(jax, "devices", fail)
    with pytest.raises(errors.UserError, match=f"JAX_PLATFORMS=.*: no device: {error or 'expec'}"):
        xla_options.require_backend()
