"""Where a synthesis stands, in a file: a run that was cut off goes on as if it had not been.

A checkpoint is one `.npz`, written whole or not at all: every array of the state by its path in it, the losses that no
observer has seen yet, and, as JSON, whose it is and after how many steps. Two are kept, and a damaged one is passed over.
Nothing else is needed: what is drawn at random is decided by the seed and the step, and targets are made anew.
"""

import contextlib
import dataclasses
import json
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from jaxtex import errors
from jaxtex.runtime import distributed, files, sharding
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import loop, stepping

ABOUT = "about"
NUM_KEPT = 2  # checkpoints
MAX_TIME_SHARE = 0.02  # of the time may go into saving
MIN_INTERVAL = 1.0  # seconds between two checkpoints
SPEED = 1e8  # bytes a second, of a disk that is not known yet


class FileCheckpointer:
    """The checkpoints of one synthesis, as the keeper of `synthesis.descend`.

    Args:
      folder: for them alone; made with the first.
      identity: what decides the picture; a state of another one is refused.
      settle: returns when all that observers were shown is written: it would not be made again.
    """

    def __init__(
        self, folder: pathlib.Path, identity: Any, settle: Callable[[], object] = lambda: None
    ):
        self.folder, self.identity, self.settle = folder, json.loads(json.dumps(identity)), settle
        self.saved, self.took = time.monotonic(), None  # when, and how long it lasted

    def find(self, plan: stepping.Plan) -> loop.LoopState | None:
        """The newest state that can be read; in every process the same. None: there is none, and all begins anew.

        Raises:
          UserError: it is that of something else.
        """
        found = self._newest(plan) if distributed.is_writer() else None
        number, step = distributed.broadcast(
            np.array([found.number, found.step] if found else [0, 0])
        ).tolist()
        if not number:
            return None
        logging.info("goes on after step %d of %d", step, plan.num_steps)
        shapes = stepping.state_shapes(plan, plan.problems[number - 1])
        zeros = lambda: jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        state = distributed.broadcast(found.state if found else zeros())
        state = jax.tree.map(jnp.array, state)  # buffers of their own, to be given away
        return loop.LoopState(number, step, state, found.infos if found else ())

    def keep(self, plan: stepping.Plan, standing: loop.LoopState) -> None:
        """Saves the state, if it is time to, or to leave.

        Raises:
          Preempted: the process was told to leave.
        """
        leaving = distributed.preemption_requested()
        if leaving or self._agreed(standing):
            began = time.monotonic()
            self._save(plan, standing)
            self.saved = time.monotonic()
            self.took = self.saved - began
        if leaving:
            raise errors.Preempted(
                f"told to leave, and saved after step {standing.step} of {plan.num_steps}"
            )

    def _agreed(self, standing: loop.LoopState) -> bool:
        """Of several processes they ask each other only when an observer has been shown all: asking takes time."""
        if standing.infos and not distributed.is_single_process():
            return False
        return distributed.broadcast_flag(self._is_due(standing))

    def _is_due(self, standing: loop.LoopState) -> bool:
        size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(standing.state))
        took = size / SPEED if self.took is None else self.took
        return time.monotonic() - self.saved > max(MIN_INTERVAL, took / MAX_TIME_SHARE)

    def _save(self, plan: stepping.Plan, standing: loop.LoopState) -> None:
        spread = sharding.build_mesh(plan.layout, plan.problems[standing.number - 1].rows)
        arrays = {
            f"state{path}": sharding.fetch(leaf, spread) for path, leaf in _leaves(standing.state)
        }
        if not distributed.is_writer():
            return
        arrays |= {
            f"infos{path}": leaf for path, leaf in _leaves(loop.concatenate_infos(standing.infos))
        }
        about = {
            "identity": self.identity,
            "number": standing.number,
            "step": standing.step,
            "strips": _strips(plan),
        }
        self.settle()
        self.folder.mkdir(exist_ok=True)
        with (
            files.atomic(self.folder / f"{standing.step:08d}.npz") as part,
            open(part, "wb") as file,
        ):
            np.savez(file, **{ABOUT: np.array(json.dumps(about))}, **arrays)
        for old in _newest_first(self.folder)[NUM_KEPT:]:
            old.unlink(missing_ok=True)

    def _newest(self, plan: stepping.Plan) -> loop.LoopState | None:
        for path in _newest_first(self.folder):
            try:
                return self._read(plan, path)
            except errors.UserError:
                raise
            except Exception as error:  # anything may be in a file that is damaged
                logging.warning("%s is damaged (%s), and passed over", path, type(error).__name__)
        return None

    def _read(self, plan: stepping.Plan, path: pathlib.Path) -> loop.LoopState:
        with _opened(path) as file:
            about = json.loads(str(file[ABOUT]))
            if about["identity"] != self.identity:
                where = f"--workdir={self.folder.parent}"
                raise errors.UserError(
                    f"{where}: {path.name} in it is of another run; --overwrite begins anew"
                )
            arrays = {name: file[name] for name in file.files}
        shapes = stepping.state_shapes(plan, plan.problems[about["number"] - 1])
        leaves = [_fitting(arrays[f"state{name}"], shape) for name, shape in _leaves(shapes)]
        state = jax.tree.unflatten(jax.tree.structure(shapes), leaves)
        return loop.LoopState(about["number"], about["step"], state, _infos(arrays))


def restore_strips(folder: pathlib.Path, config: configs.Config) -> configs.Config:
    """The choices, with what was left to the memory that was free as it was decided when the run began."""
    for path in _newest_first(folder) if config.strips == "auto" else ():
        with contextlib.suppress(Exception), _opened(path) as file:  # a damaged one is passed over
            return dataclasses.replace(config, strips=json.loads(str(file[ABOUT]))["strips"])
    return config


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[np.lib.npyio.NpzFile]:
    """Plain arrays alone: nothing in it is run."""
    with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
        yield file


def _strips(plan: stepping.Plan) -> str:
    return ",".join(str(problem.strip or "none") for problem in plan.problems)


def _newest_first(folder: pathlib.Path) -> list[pathlib.Path]:
    """By the steps that they bear: clocks jump."""
    return sorted(folder.glob("*.npz"), reverse=True)


def _leaves(tree: Any) -> list[tuple[str, Any]]:
    """Each with its path, such as `.memory.pairs`."""
    return [
        (jax.tree_util.keystr(path), leaf)
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    ]


def _fitting(array: np.ndarray, shape: jax.ShapeDtypeStruct) -> np.ndarray:
    if (array.shape, array.dtype) != (shape.shape, shape.dtype):
        raise ValueError(
            f"{array.dtype}{list(array.shape)} in place of {shape.dtype}{list(shape.shape)}"
        )
    return array


def _infos(arrays: dict[str, np.ndarray]) -> tuple[stepping.Info, ...]:
    if "infos.loss" not in arrays:
        return ()
    terms = {
        name.split("'")[1]: array
        for name, array in arrays.items()
        if name.startswith("infos.terms")
    }
    return (stepping.Info(arrays["infos.loss"], arrays["infos.evaluated"], terms),)
