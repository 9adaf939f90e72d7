"""Portilla and Simoncelli's texture model compared with plenoptic: time, images, patch distance.

    python benchmarks/classical.py [EXEMPLAR ...]        (needs the extra `bench`; runs/classical)

plenoptic has the model in PyTorch for gray images, so all exemplars are made gray, 128 px.

| maker | method |
| --- | --- |
| `plenoptic` | its model and loss, L-BFGS as in its manual, from uniform noise, 200 evaluations |
| `longer` | the same with 1000 evaluations |
| `joint` | jaxtex with the joint statistics, 200 evaluations |
| `frame` | jaxtex with histograms of the linear bands, 200 evaluations |

Each is a process of its own, measured from its start to the image on disk, on one core, in seconds
of that core: PyTorch's threads wait for each other where other processes use the cores. Programs of
jaxtex are compiled for the first exemplar and cached for the others. Without plenoptic its rows are
left out.

References:
  Portilla and Simoncelli, "A Parametric Texture Model Based on Joint Statistics of Complex Wavelet
  Coefficients", IJCV 40, 2000.
  Duong et al., "Plenoptic", Journal of Vision, 2023, https://docs.plenoptic.org
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
EXEMPLARS = ("images/pebbles.png", "images/bricks.png", "images/weave.png")
SIZE = 128  # pixels
EVALUATIONS = 200
LUMA = np.array([0.299, 0.587, 0.114])  # weights of RGB, ITU-R BT.601

STEERABLE = ["--network=steerable", f"--num_steps={EVALUATIONS}", f"--size={SIZE}"]
# Maker -> number of evaluations of plenoptic.
PLENOPTIC = {"plenoptic": EVALUATIONS, "longer": 5 * EVALUATIONS}
# Maker -> flags of jaxtex.
JAXTEX = {
    "joint": ["--statistic=joint"],
    "frame": ["--statistic=histogram", "--layers=colours,bands"],
}
PLENOPTIC_FLAG = "--plenoptic"  # of this script: runs plenoptic in this process


def run_plenoptic(evaluations: str, path: str, output: str) -> None:
    """Synthesizes a texture by plenoptic.

    Args:
      evaluations: number of evaluations of the model.
      path: of the gray exemplar.
      output: path of the image to write.
    """
    import plenoptic
    import torch

    plenoptic.set_seed(0)
    image = torch.from_numpy(images.load(path)[None, None, ..., 0])
    model = plenoptic.models.PortillaSimoncelli(image.shape[2:])
    loss = plenoptic.loss.portilla_simoncelli_loss_factory(model, image)
    metamer = plenoptic.Metamer(image, model, loss_function=loss)
    options = {
        "max_iter": 10,
        "max_eval": 10,
        "history_size": 100,
        "line_search_fn": "strong_wolfe",
        "lr": 1,
    }
    metamer.setup(optimizer=torch.optim.LBFGS, optimizer_kwargs=options)
    metamer.synthesize(max_iter=int(evaluations) // 10, stop_criterion=0.0)
    gray = metamer.metamer.detach()[0, 0, ..., None].numpy()
    images.save(output, np.repeat(gray, 3, -1).clip(0, 1))


def make(name: str, path: pathlib.Path) -> tuple[np.ndarray, float]:
    """Runs a maker in a process.

    Args:
      name: a row of `PLENOPTIC` or `JAXTEX`.
      path: of the gray exemplar.

    Returns:
      The image, `[H, W, 3]`, and the seconds of a core that the process took.
    """
    output = FOLDER / f"{path.stem}_{name}"
    if name in PLENOPTIC:
        result = output.with_suffix(".png")
        command = [__file__, PLENOPTIC_FLAG, str(PLENOPTIC[name]), str(path), str(result)]
    else:
        result = output / "result.png"
        flags = ["--overwrite", f"--style={path}", f"--workdir={output}"]
        command = ["-m", "jaxtex", *flags, *STEERABLE, *JAXTEX[name]]

    before = core_seconds()
    environment = cases.environment(FOLDER)
    subprocess.run([sys.executable, *command], check=True, capture_output=True, env=environment)
    return images.load(result), core_seconds() - before


def core_seconds() -> float:
    """Returns the seconds of a core that finished processes of this script have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def make_gray(path: str) -> pathlib.Path:
    """Writes the exemplar in gray, at its size in use, to `FOLDER`."""
    gray = input_images.resize_input(images.load(path), SIZE) @ LUMA
    output = FOLDER / f"{pathlib.Path(path).stem}.png"
    images.save(output, np.repeat(gray[..., None], 3, -1).astype(np.float32))
    return output


def main() -> None:
    """Prints a row for each exemplar and maker, and writes a sheet for each exemplar."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(FOLDER / "cache", ignore_errors=True)
    os.sched_setaffinity(0, {0})  # Linux
    makers = list(JAXTEX)
    if importlib.util.find_spec("plenoptic"):
        makers = [*PLENOPTIC, *JAXTEX]
    else:
        print("Left out: plenoptic is not installed; pip install '.[bench]' installs it")

    print("exemplar | maker | seconds | patch distance")
    for path in map(make_gray, sys.argv[1:] or EXEMPLARS):
        exemplar = images.load(path)
        columns = [exemplar]
        for name in makers:
            image, seconds = make(name, path)
            columns.append(image)
            distance = metrics.patches(exemplar, image)
            print(f"{path.stem} | {name} | {seconds:.1f} | {distance:.4f}", flush=True)
        images.save(FOLDER / f"{path.stem}_sheet.png", contact_sheet.sheet(columns))


if __name__ == "__main__":
    if sys.argv[1:2] == [PLENOPTIC_FLAG]:
        run_plenoptic(*sys.argv[2:])
    else:
        main()
