"""The built-in network compared with neural-style-pt's setting: time, images and two distances.

    jaxtex-weights fetch vgg19
    python benchmarks/neural_style.py [EXEMPLAR ...]        (needs the extra `bench`)

Four makers at 192 px, 200 evaluations each; images and a sheet go to runs/neural_style.

| maker | method |
| --- | --- |
| `torch` | a PyTorch loop with the setting of neural-style-pt, see below |
| `same` | jaxtex with that setting |
| `cold` | jaxtex's defaults with the built-in network, without cached programs |
| `warm` | the same with cached programs |

The setting is: trained VGG-19, Gram matrices at relu1_1, relu2_1 and relu3_1, maximum pooling,
`torch.optim.LBFGS` (in jaxtex its own L-BFGS), from noise.

Each is a process of its own, measured from its start to the image on disk. No maker optimizes the
distances: `patches` of `jaxtex.metrics`, and its `features` with the pooled layers of VGG-19.
"""

import pathlib
import shutil
import subprocess
import sys
import time

import cases
import numpy as np

from jaxtex import images, metrics
from jaxtex.images import contact_sheet
from jaxtex.synthesis import input_images
from jaxtex.weights import locations

FOLDER = pathlib.Path("runs/neural_style")
EXEMPLARS = ("pebbles", "bricks", "water", "leaves", "weave")
SIZE = 192  # pixels
EVALUATIONS = 200
MAKERS = ("torch", "same", "cold", "warm")
SHOWN = ("torch", "same", "warm")  # in the sheet, beside the exemplar
LAYERS = ("relu1_1", "relu2_1", "relu3_1")
SEED = 1  # from 0, PyTorch's pebbles stay gray
SETTING = [
    "--network=vgg19",
    f"--layers={','.join(LAYERS)}",
    "--statistic=gram",
    "--pooling=max",
    "--octaves=1",
    "--scales=1",
    "--padding=zero",
    "--balance=equal",
    "--arrangement_weight=0",
    "--detail_weight=0",
]
TORCH_FLAG = "--torch"  # of this script: runs the PyTorch loop in this process


def run_torch(path: str, output: str) -> None:
    """Synthesizes a texture as neural-style-pt does.

    Args:
      path: of the exemplar.
      output: path of the image to write.
    """
    import gatys
    import torch

    torch.manual_seed(SEED)
    style = images.resize_shorter_side(images.load(path), SIZE)
    weights = str(locations.require_file("vgg19"))
    network = gatys.Gatys(weights, LAYERS, style, norm="neural_style")
    variable = network.noise(style)
    network.run(variable, EVALUATIONS)
    images.save(output, network.to_image(variable))


def make(name: str, path: str) -> tuple[np.ndarray, float]:
    """Runs a maker in a process.

    Args:
      name: one of `MAKERS`.
      path: of the exemplar.

    Returns:
      The image, `[H, W, 3]`, and the seconds that the process took.
    """
    output = FOLDER / f"{pathlib.Path(path).stem}_{name}"
    if name == "torch":
        result = output.with_suffix(".png")
        command = [__file__, TORCH_FLAG, path, str(result)]
    else:
        result = output / "result.png"
        flags = ["--overwrite", f"--style={path}", f"--size={SIZE}", f"--num_steps={EVALUATIONS}"]
        flags.append(f"--workdir={output}")
        if name == "same":
            flags += SETTING
        command = ["-m", "jaxtex", *flags]
    if name == "cold":
        shutil.rmtree(FOLDER / "cache", ignore_errors=True)

    environment = cases.environment(FOLDER)
    environment["JAXTEX_WEIGHTS"] = str(locations.require_file("vgg19").parent)
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True, env=environment)
    seconds = time.perf_counter() - start
    return images.load(result), seconds


def main() -> None:
    """Prints a row for each exemplar and maker, and the medians of the ratios of time."""
    if not locations.find_file("vgg19"):
        print("Left out: needs the trained weights of VGG-19; type jaxtex-weights fetch vgg19")
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    print("exemplar | maker | seconds | patch distance | feature distance")
    ratios = []
    rows = []
    for path in sys.argv[1:] or [f"images/{name}.png" for name in EXEMPLARS]:
        exemplar = input_images.resize_input(images.load(path), SIZE)
        made = {name: make(name, path) for name in MAKERS}
        for name, (image, seconds) in made.items():
            patches = metrics.patches(exemplar, image)
            features = metrics.features(exemplar, image, "vgg19")
            print(f"{path} | {name} | {seconds:.1f} | {patches:.4f} | {features:.4f}", flush=True)
        rows.append([exemplar, *(made[name][0] for name in SHOWN)])
        images.save(FOLDER / "sheet.jpg", contact_sheet.grid(list(zip(*rows, strict=True))))
        ratios.append([made[name][1] / made["torch"][1] for name in MAKERS[1:]])

    medians = zip(MAKERS[1:], np.median(ratios, 0), strict=True)
    print("time over torch's: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in medians))


if __name__ == "__main__":
    if sys.argv[1:2] == [TORCH_FLAG]:
        run_torch(*sys.argv[2:])
    else:
        main()
