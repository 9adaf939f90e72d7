"""Folders as runs leave them, written without running anything."""

import dataclasses
import json

import numpy as np

from jaxtex import images
from jaxtex.runs import run_folder
from jaxtex.runtime import files
from jaxtex.synthesis import config

VERSIONS = {"versions": {"jax": "0.10.2"}, "device": "a device"}


def shelve(folder, style, done=True, steps=(2, 4, 6, 8), **flags):
    """Writes a complete run; returns its folder.

    Args:
      folder: to create.
      style: path of the exemplar.
      done: also writes the result and the mark of a finished run.
      steps: of the snapshots, which grow brighter; the first one is half as large.
      **flags: fields of `Config`.
    """
    choices = config.Config(**{"size": 48, **flags})
    identity = {
        "flags": {"style": str(style), **dataclasses.asdict(choices)},
        "inputs": {str(style): files.hash_file(style, "sha256")["sha256"]},
    }
    (folder / "steps").mkdir(parents=True)
    (folder / run_folder.RECORD).write_text(json.dumps(identity | VERSIONS))
    rows = [
        {"step": i + 1, "loss": 0.5**i, "evaluated": 0.5**i, "gram": 0.5**i, "seconds": i}
        for i in range(max(steps))
    ]
    (folder / run_folder.METRICS).write_text("".join(json.dumps(row) + "\n" for row in rows))
    for i, step in enumerate(steps):
        image = picture(step) if i else picture(step)[::2, ::2]
        images.save(run_folder.snapshot_path(folder, step), image)
    if done:
        images.save(folder / "result.png", picture(max(steps)))
        outcome = {
            "numbers": 10,
            "steps": max(steps),
            "seconds": 7.5,
            "loss": 0.01,
            "first": 1.0,
            "memory": 2**20,
        }
        run_folder.mark_done(folder, outcome)
    return folder


def begin(folder, steps, value=1.0, mode="w", every=10):
    """Writes the part of an unfinished run that the live page reads; returns its folder.

    Args:
      folder: to create, or to write to.
      steps: of the rows.
      value: decides the losses.
      mode: of the file of metrics: "w" replaces rows, "a" appends.
      every: steps between two snapshots.
    """
    (folder / run_folder.STEPS).mkdir(parents=True, exist_ok=True)
    (folder / run_folder.RECORD).write_text(json.dumps({"flags": {"num_steps": 100}}))
    rows = [
        {"step": step, "loss": value / step, "evaluated": 1.0, "gram": value, "seconds": step / 4}
        for step in steps
    ]
    with open(folder / run_folder.METRICS, mode) as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    for step in steps:
        if step % every == 0:
            images.save(
                run_folder.snapshot_path(folder, step), np.full((32, 32, 3), 0.5, np.float32)
            )
    return folder


def picture(step):
    """Returns the snapshot of a step, `[64, 80, 3]` in [0, 1]."""
    rows, columns = np.mgrid[:64, :80]
    waves = np.sin(rows[..., None] / [3, 5, 7]) * np.cos(columns[..., None] / [4, 2, 6])
    return (np.clip((step + 2) / 12 * (1 + waves), 0, 2) / 2).astype(np.float32)
