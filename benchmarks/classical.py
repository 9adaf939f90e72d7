"""Portilla and Simoncelli's texture beside plenoptic's: time, pictures, patch distance.

    python benchmarks/classical.py [EXEMPLAR ...]         (extra `bench`; pictures go to runs/classical)

plenoptic (Duong et al., Journal of Vision 2023, https://docs.plenoptic.org) has the model of 2000 in PyTorch, for grey
images: so all exemplars are turned grey, 128 px. `plenoptic` is its model and the loss made for it, with L-BFGS as its
manual sets it up (memory 100, strong Wolfe search, 10 evaluations an iteration), from uniform noise, for 200 evaluations,
and `longer` for 1000; `joint` is ours at 200, `frame` histograms of the linear bands. Each is a process of its own, from
its start to the picture on disk, held to one core and timed in seconds of that core: on two that others use too, PyTorch's
threads wait for each other (20 evaluations took plenoptic 77 s, on one 10 s). Our programs are compiled for the first
exemplar, and kept for the others. Where plenoptic is not installed, its rows are left out.
"""

import importlib.util
import os
import pathlib
import resource
import shutil
import subprocess
import sys

import cases
import numpy as np

from jaxtex import images, metrics
from jaxtex.images import contact_sheet
from jaxtex.synthesis import input_images

FOLDER = pathlib.Path("runs/classical")
SIZE, EVALUATIONS = 128, 200
STEERABLE = ["--network=steerable", f"--num_steps={EVALUATIONS}", f"--size={SIZE}"]
MAKERS = {
    "plenoptic": ["--plenoptic", str(EVALUATIONS)],
    "longer": ["--plenoptic", str(5 * EVALUATIONS)],
    "joint": ["--statistic=joint"],
    "frame": ["--statistic=histogram", "--layers=colours,bands"],
}


def metamer(evaluations: str, path: str, out: str) -> None:
    """A texture by plenoptic."""
    import plenoptic
    import torch

    plenoptic.set_seed(0)
    image = torch.from_numpy(images.load(path)[None, None, ..., 0])
    model = plenoptic.models.PortillaSimoncelli(image.shape[2:])
    loss = plenoptic.loss.portilla_simoncelli_loss_factory(model, image)
    made = plenoptic.Metamer(image, model, loss_function=loss)
    options = {
        "max_iter": 10,
        "max_eval": 10,
        "history_size": 100,
        "line_search_fn": "strong_wolfe",
        "lr": 1,
    }
    made.setup(optimizer=torch.optim.LBFGS, optimizer_kwargs=options)
    made.synthesize(max_iter=int(evaluations) // 10, stop_criterion=0.0)
    images.save(out, np.repeat(made.metamer.detach()[0, 0, ..., None].numpy(), 3, -1).clip(0, 1))


def timed(name: str, path: pathlib.Path) -> tuple[np.ndarray, float]:
    """The picture of one maker, and the seconds of a core that its process took."""
    out, options = FOLDER / f"{path.stem}_{name}", MAKERS[name]
    if options[0] == "--plenoptic":
        command, result = [__file__, *options, str(path), f"{out}.png"], f"{out}.png"
    else:
        flags = ["--overwrite", f"--style={path}", f"--workdir={out}", *STEERABLE, *options]
        command, result = ["-m", "jaxtex", *flags], out / "result.png"
    began = children()
    subprocess.run(
        [sys.executable, *command], check=True, capture_output=True, env=cases.keeping(FOLDER)
    )
    return images.load(result), children() - began


def children() -> float:
    """Seconds of a core that all processes started here have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def grey(path: str) -> pathlib.Path:
    """The exemplar in grey at its size in use, written to `FOLDER`."""
    image = input_images.resize_input(images.load(path), SIZE) @ np.array([0.299, 0.587, 0.114])
    target = FOLDER / f"{pathlib.Path(path).stem}.png"
    images.save(target, np.repeat(image[..., None], 3, -1).astype(np.float32))
    return target


def main() -> None:
    """Prints a row for each exemplar and maker."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(FOLDER / "cache", ignore_errors=True)
    os.sched_setaffinity(0, {0})  # Linux
    absent = importlib.util.find_spec("plenoptic") is None
    print(
        "exemplar | maker | seconds | patch distance"
        + ", without plenoptic: pip install '.[bench]'" * absent
    )
    for path in map(
        grey, sys.argv[1:] or [f"images/{name}.png" for name in ("pebbles", "bricks", "weave")]
    ):
        columns = [exemplar := images.load(path)]
        for name in MAKERS:
            if not (absent and MAKERS[name][0] == "--plenoptic"):
                image, seconds = timed(name, path)
                columns.append(image)
                print(
                    f"{path.stem} | {name} | {seconds:.1f} | {metrics.patches(exemplar, image):.4f}",
                    flush=True,
                )
        images.save(FOLDER / f"{path.stem}_sheet.png", contact_sheet.sheet(columns))


if __name__ == "__main__":
    metamer(*sys.argv[2:]) if sys.argv[1:2] == ["--plenoptic"] else main()
