"""Checkpoints of one synthesis: interrupted runs resume exactly.

A checkpoint is one `.npz` file, written whole or not at all: every array of the state under its
path in the state, the losses that no observer has received yet, and, as JSON, the identity of the
run and the number of steps. Two are kept, and a damaged one is skipped. Random draws follow from
the seed and the step, and targets are computed again.
"""

import contextlib
import dataclasses
import json
import logging
import pathlib
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import errors
from jaxtex.runtime import distributed, files, sharding
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import loop, stepping

logger = logging.getLogger(__name__)

ABOUT = "about"  # name of the JSON among the arrays
FILE_NAME = re.compile(r"(\d{8}|[1-9]\d{8,17})\.npz", re.ASCII)  # the number of steps
NUM_KEPT = 2  # checkpoints
MAX_TIME_SHARE = 0.02  # part of the time that saving may take
MIN_INTERVAL = 1.0  # seconds between two checkpoints
DISK_SPEED = 1e8  # bytes per second, before the first checkpoint is timed


def _flush_nothing() -> None:
    """Does nothing: the default of `FileCheckpointer.flush`."""


def _accept_nothing(plan: stepping.Plan, about: dict) -> bool:
    """Returns False: the default of `FileCheckpointer.accepts`."""
    del plan, about
    return False


class FileCheckpointer:
    """Checkpoints of one synthesis in a folder; a `loop.Checkpointer`.

    Args:
      folder: used for checkpoints only; created with the first one.
      identity: what decides the result, as JSON; a checkpoint of another identity is refused.
      flush: returns when everything that observers received is written: it will not be made again.
      accepts: True if the state of a checkpoint of another identity can be resumed, by the plan and
        the JSON of the checkpoint.
      keep_bytes: a state after the last step of up to this size is saved, for more steps later.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        identity: Any,
        flush: Callable[[], object] = _flush_nothing,
        accepts: Callable[[stepping.Plan, dict], bool] = _accept_nothing,
        keep_bytes: int = 0,
    ):
        self.folder = folder
        self.identity = json.loads(json.dumps(identity))
        self.flush = flush
        self.accepts = accepts
        self.keep_bytes = keep_bytes
        self.last_time = time.monotonic()
        self.last_seconds: float | None = None  # how long the last checkpoint took

    def restore(self, plan: stepping.Plan) -> loop.LoopState | None:
        """Returns the newest state that can be read, the same in every process; None without one.

        Raises:
          UserError: the checkpoint belongs to another run.
        """
        restored = self._read_newest(plan) if distributed.is_writer() else None
        position = [restored.number, restored.step] if restored else [0, 0]
        number, step = distributed.broadcast(np.array(position)).tolist()
        if not number:
            return None
        logger.info("resumes after step %d of %d", step, plan.num_steps)

        if restored:
            state, infos = restored.state, restored.infos
        else:  # another process is the writer
            shapes = stepping.state_shapes(plan, plan.problems[number - 1])
            state = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
            infos = ()
        state = distributed.broadcast(state)
        state = jax.tree.map(jnp.array, state)  # each leaf gets its own buffer and can be donated
        return loop.LoopState(number, step, state, infos)

    def save(self, plan: stepping.Plan, loop_state: loop.LoopState) -> None:
        """Saves the state if a checkpoint is due, or if the process must stop.

        Args:
          plan: the synthesis.
          loop_state: where the loop is; its arrays are copied to the host only if they are saved.

        Raises:
          Preempted: a signal asked the process to stop; the state is saved.
        """
        stopping = distributed.preemption_requested()
        kept = loop_state.step == plan.num_steps and _state_bytes(loop_state) <= self.keep_bytes
        if stopping or kept or self._is_due_everywhere(loop_state):
            start = time.monotonic()
            self._write(plan, loop_state)
            self.last_time = time.monotonic()
            self.last_seconds = self.last_time - start
        if stopping:
            raise errors.Preempted(
                f"stopped by a signal, and saved after step {loop_state.step} of {plan.num_steps}"
            )

    def _is_due_everywhere(self, loop_state: loop.LoopState) -> bool:
        """Returns the writer's decision.

        Several processes ask only after an observer was called: a broadcast takes time.
        """
        if loop_state.infos and not distributed.is_single_process():
            return False
        return distributed.broadcast_flag(self._is_due(loop_state))

    def _is_due(self, loop_state: loop.LoopState) -> bool:
        """Returns True if the last checkpoint is old enough for the time that saving takes."""
        seconds = self.last_seconds
        if seconds is None:
            seconds = _state_bytes(loop_state) / DISK_SPEED
        return time.monotonic() - self.last_time > max(MIN_INTERVAL, seconds / MAX_TIME_SHARE)

    def _write(self, plan: stepping.Plan, loop_state: loop.LoopState) -> None:
        """Writes a checkpoint and removes old ones."""
        problem = plan.problems[loop_state.number - 1]
        mesh = sharding.build_mesh(plan.layout, problem.row_devices)
        leaves = _named_leaves(loop_state.state)
        arrays = {f"state{path}": sharding.fetch(leaf, mesh) for path, leaf in leaves}
        if not distributed.is_writer():
            return

        infos = loop.concatenate_infos(loop_state.infos) if loop_state.infos else ()
        arrays |= {f"infos{path}": leaf for path, leaf in _named_leaves(infos)}
        about = {
            "identity": self.identity,
            "number": loop_state.number,
            "step": loop_state.step,
            "strips": ",".join(str(problem.strip or "none") for problem in plan.problems),
        }
        self.flush()
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"{loop_state.step:08d}.npz"
        with files.atomic(path) as part, open(part, "wb") as file:
            arrays[ABOUT] = np.array(json.dumps(about))
            np.savez(file, **arrays)  # type: ignore[arg-type]
        for old in newest_first(self.folder)[NUM_KEPT:]:
            old.unlink(missing_ok=True)

    def _read_newest(self, plan: stepping.Plan) -> loop.LoopState | None:
        """Reads the newest checkpoint that is not damaged."""
        for path in newest_first(self.folder):
            try:
                return self._read(plan, path)
            except errors.UserError:
                raise
            except Exception as error:  # a damaged file can raise anything
                logger.warning("%s is damaged (%s) and skipped", path, type(error).__name__)
        return None

    def _read(self, plan: stepping.Plan, path: pathlib.Path) -> loop.LoopState:
        """Reads a checkpoint of this run."""
        with _open(path) as file:
            about = json.loads(str(file[ABOUT]))
            if about["identity"] != self.identity and not self.accepts(plan, about):
                raise errors.UserError(
                    f"--workdir={self.folder.parent}: {path.name} belongs to another run; "
                    "--overwrite starts from the beginning"
                )
            arrays = {name: file[name] for name in file.files}

        shapes = stepping.state_shapes(plan, plan.problems[about["number"] - 1])
        leaves = []
        for name, shape in _named_leaves(shapes):
            leaves.append(_validate_array(arrays[f"state{name}"], shape))
        state = jax.tree.unflatten(jax.tree.structure(shapes), leaves)
        return loop.LoopState(about["number"], about["step"], state, _read_infos(arrays))


def newest_first(folder: pathlib.Path) -> list[pathlib.Path]:
    """Lists the checkpoints in a folder by their steps, not by their times: clocks jump.

    Args:
      folder: of the checkpoints; may be missing, and may hold other files, which are left out.
    """
    paths = [path for path in folder.glob("*.npz") if FILE_NAME.fullmatch(path.name)]
    return sorted(paths, key=lambda path: int(path.stem), reverse=True)


def _state_bytes(loop_state: loop.LoopState) -> int:
    """Returns the bytes of the arrays of a state."""
    leaves = jax.tree.leaves(loop_state.state)
    return sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)


def restore_strips(folder: pathlib.Path, config: configs.Config) -> configs.Config:
    """Returns the config with `strips="auto"` as it was decided when the run began.

    Args:
      folder: of the checkpoints.
      config: of the run.
    """
    if config.strips != "auto":
        return config
    return dataclasses.replace(config, strips=read_about(folder).get("strips", config.strips))


def read_about(folder: pathlib.Path) -> dict:
    """Reads the JSON of the newest checkpoint that is not damaged; empty without one.

    Args:
      folder: of the checkpoints; may be missing.
    """
    for path in newest_first(folder):
        with contextlib.suppress(Exception), _open(path) as file:
            return dict(json.loads(str(file[ABOUT])))
    return {}


@contextlib.contextmanager
def _open(path: pathlib.Path) -> Iterator[np.lib.npyio.NpzFile]:
    """Opens a checkpoint for plain arrays only: nothing in it is run."""
    with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
        yield file


def _named_leaves(tree: Any) -> list[tuple[str, Any]]:
    """Returns each leaf with its path, such as `.memory.pairs`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [(jax.tree_util.keystr(path), leaf) for path, leaf in leaves]


def _validate_array(array: np.ndarray, shape: jax.ShapeDtypeStruct) -> np.ndarray:
    """Returns the array if it has the expected shape and dtype."""
    if (array.shape, array.dtype) != (shape.shape, shape.dtype):
        expected = f"{shape.dtype}{list(shape.shape)}"
        raise ValueError(f"expected {expected}, got {array.dtype}{list(array.shape)}")
    return array


def _read_infos(arrays: dict[str, np.ndarray]) -> tuple[stepping.Info, ...]:
    """Returns the losses in a checkpoint that no observer had received."""
    if "infos.loss" not in arrays:
        return ()
    terms = {
        name.split("'")[1]: array
        for name, array in arrays.items()
        if name.startswith("infos.terms")
    }
    return (stepping.Info(arrays["infos.loss"], arrays["infos.evaluated"], terms),)
