"""Programs that need not be traced again: what JAX's cache does for compiling, this does for what comes before it.

To trace and lower a step in Python takes .6 s of each start. What comes of it, some 100 kB in JAX's portable form, is kept
under a name that follows from all that decides it: the code of this package, the versions of the libraries, JAX's settings,
the shapes of the arguments, and what the function is made of. Whether it was kept or is new, the same program is compiled.

Reference:
  JAX's documentation, "Exporting and serializing staged-out computations", https://docs.jax.dev/en/latest/export/export.html.
"""

import contextlib
import contextvars
import dataclasses
import functools
import hashlib
import pathlib
import pickle
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from typing import Any

import jax
from jax import export

from jaxtex.runtime import files

LIBRARIES = "jax", "jaxlib", "flax", "optax", "numpy"
LAPACK = b"lapack_"  # how the names of all its functions begin in a program
_KEPT = contextvars.ContextVar("kept", default=False)


@contextlib.contextmanager
def kept(whether: bool) -> Iterator[None]:
    """Whether programs are kept: for the command. Scripts may bring functions of their own, which no name tells of."""
    before = _KEPT.set(whether)
    try:
        yield
    finally:
        _KEPT.reset(before)


def jit(
    function: Callable, arguments: Sequence[Any], made_of: str, **jitting
) -> jax.stages.Wrapped:
    """`jax.jit(function, **jitting)` for arguments of these shapes, traced in this run or in one before.

    Args:
      function: pure; a named one.
      arguments: arrays or their shapes, in trees.
      made_of: all that the function depends on beside its arguments and the code; empty: it cannot be told, and is traced.
      jitting: as `jax.jit` takes it.
    """
    portable = _portable(function, arguments, made_of) if made_of and _KEPT.get() else None
    return jax.jit(portable or function, **jitting)


def _portable(function: Callable, arguments: Sequence[Any], made_of: str) -> Callable | None:
    """The function as it is kept, or now will be; None: there is no portable form of it, or no place to keep it."""
    folder = jax.config.jax_compilation_cache_dir
    if not folder or "://" in folder or jax.default_backend() != "cpu":
        return None
    path = pathlib.Path(folder, "traces", _name(function, arguments, made_of))
    program = _read(path, function.__name__)
    if program is None:
        with contextlib.suppress(
            ValueError, NotImplementedError, OSError
        ):  # what is wrong with it, `jax.jit` says again
            _write(path, function, arguments)
            program = _read(path, function.__name__)
    return program


def _read(path: pathlib.Path, name: str) -> Callable | None:
    """The program, by this name in profiles; None: there is none, or the file is damaged."""
    try:
        structure, portable = pickle.loads(path.read_bytes())
        exported = export.deserialize(bytearray(portable))
        exported = exported if LAPACK in portable else _of_any_platform(exported)
    except Exception:  # a damaged file ends in an error of any kind, and is made anew
        return None

    def program(*arguments):
        return jax.tree.unflatten(structure, exported.call(*jax.tree.leaves(arguments)))

    program.__name__ = name
    return program


def _of_any_platform(exported: export.Exported) -> export.Exported:
    """The same program, called without asking what it is for: for the CPU's JAX loads SciPy, .15 s, in case of LAPACK."""
    unchecked = (export.DisabledSafetyCheck.platform(),)
    return dataclasses.replace(exported, platforms=(), disabled_safety_checks=unchecked)


def _write(path: pathlib.Path, function: Callable, arguments: Sequence[Any]) -> None:
    path.parent.mkdir(
        mode=0o700, parents=True, exist_ok=True
    )  # whoever writes there runs code here
    leaves, structure = jax.tree.flatten(tuple(arguments))
    results = []

    def flat(*leaves):
        found, result = jax.tree.flatten(function(*jax.tree.unflatten(structure, leaves)))
        results.append(result)
        return found

    portable = export.export(jax.jit(flat))(*map(_shape, leaves)).serialize()
    with files.atomic(path, durable=False) as part:
        part.write_bytes(pickle.dumps((results[-1], bytes(portable))))


def _shape(leaf) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)


def _name(function: Callable, arguments: Sequence[Any], made_of: str) -> str:
    leaves, structure = jax.tree.flatten(tuple(arguments))
    decided = [
        function.__qualname__,
        made_of,
        structure,
        [(leaf.shape, str(leaf.dtype)) for leaf in leaves],
        *_code(),
    ]
    return hashlib.sha256(repr([*decided, sorted(jax.config.values.items())]).encode()).hexdigest()


@functools.cache
def _code() -> tuple[str, ...]:
    """The code of this package, and the versions of what it stands on."""
    modules = sorted(pathlib.Path(__file__).parent.parent.rglob("*.py"))
    own = hashlib.sha256(b"\0".join(module.read_bytes() for module in modules)).hexdigest()
    return own, *(f"{name} {metadata.version(name)}" for name in LIBRARIES)
