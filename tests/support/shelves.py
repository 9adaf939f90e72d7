"""Folders as runs leave them, without the runs."""

import dataclasses
import json

import numpy as np

from jaxtex import images
from jaxtex.runs import run_folder
from jaxtex.runtime import files
from jaxtex.synthesis import config

VERSIONS = {"versions": {"jax": "0.10.2"}, "device": "a device"}


def shelve(folder, style, done=True, steps=(2, 4, 6, 8), **flags):
    """A run of `style` in a folder, which is returned; its pictures grow brighter, the first of them is half as large."""
    identity = {
        "flags": {"style": str(style), **dataclasses.asdict(config.Config(**{"size": 48, **flags}))}
    }
    identity["inputs"] = {str(style): files.hash_file(style, "sha256")["sha256"]}
    (folder / "steps").mkdir(parents=True)
    (folder / run_folder.RECORD).write_text(json.dumps(identity | VERSIONS))
    rows = [
        {"step": i + 1, "loss": 0.5**i, "evaluated": 0.5**i, "gram": 0.5**i, "seconds": i}
        for i in range(max(steps))
    ]
    (folder / run_folder.METRICS).write_text("".join(json.dumps(row) + "\n" for row in rows))
    for i, step in enumerate(steps):
        images.save(
            run_folder.snapshot_path(folder, step), picture(step) if i else picture(step)[::2, ::2]
        )
    if done:
        images.save(folder / "result.png", picture(max(steps)))
        notes = {
            "numbers": 10,
            "steps": max(steps),
            "seconds": 7.5,
            "loss": 0.01,
            "first": 1.0,
            "memory": 2**20,
        }
        run_folder.mark_done(folder, notes)
    return folder


def begin(folder, steps, value=1.0, mode="w", every=10):
    """A run that is not finished, as far as the live page looks at it: rows and snapshots of these steps, see `follow`."""
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
    """`[64, 80, 3]`."""
    rows, columns = np.mgrid[:64, :80]
    waves = np.sin(rows[..., None] / [3, 5, 7]) * np.cos(columns[..., None] / [4, 2, 6])
    return (np.clip((step + 2) / 12 * (1 + waves), 0, 2) / 2).astype(np.float32)
