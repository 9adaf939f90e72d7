"""The built-in network beside neural-style-pt's setting with real VGG-19 weights: time, pictures and two distances.

    jaxtex-weights fetch vgg19
    python benchmarks/neural_style.py [EXEMPLAR ...]         (extra `bench`; pictures and a sheet go to runs/neural_style)

Four makers at 192 px, 200 evaluations each: a plain PyTorch loop as in neural-style-pt (relu1_1, relu2_1, relu3_1, Gram,
maximum pooling, `torch.optim.LBFGS`, from noise), the same setting in jaxtex, and jaxtex's defaults with its built-in
network, `cold` (nothing was compiled before) and `warm`. Each is a process of its own, timed from its start to the
picture on disk. The distances are independent of what was optimised: `patches` of `jaxtex.metrics`, and its `features` with
VGG-19's pools.
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
SIZE, EVALUATIONS = 192, 200
MAKERS = ("torch", "same", "cold", "warm")
LAYERS = ("relu1_1", "relu2_1", "relu3_1")
SETTING = ["--network=vgg19", f"--layers={','.join(LAYERS)}", "--statistic=gram", "--pooling=max", "--octaves=1",
           "--scales=1", "--padding=zero"]  # fmt: skip


def torch_loop(path: str, out: str) -> None:
    """The texture as neural-style-pt makes it."""
    import gatys
    import torch

    torch.manual_seed(1)  # from 0 its pebbles stay grey after 200 evaluations
    style = images.resize_shorter_side(images.load(path), SIZE)
    peer = gatys.Gatys(str(locations.require_file("vgg19")), LAYERS, style, norm="neural_style")
    image = peer.noise(style)
    peer.run(image, EVALUATIONS)
    images.save(out, peer.image(image))


def timed(name: str, path: str) -> tuple[np.ndarray, float]:
    """The picture of one maker, and the seconds that its process took."""
    out = FOLDER / f"{pathlib.Path(path).stem}_{name}"
    if name == "torch":
        command = [sys.executable, __file__, "--torch", path, f"{out}.png"]
    else:
        common = [
            "--style",
            path,
            f"--size={SIZE}",
            f"--num_steps={EVALUATIONS}",
            f"--workdir={out}",
        ]
        command = [
            sys.executable,
            "-m",
            "jaxtex",
            "--overwrite",
            *common,
            *(SETTING if name == "same" else []),
        ]
    if name == "cold":
        shutil.rmtree(FOLDER / "cache", ignore_errors=True)  # of compiled programs
    began = time.perf_counter()
    there = cases.keeping(FOLDER) | {"JAXTEX_WEIGHTS": str(locations.require_file("vgg19").parent)}
    subprocess.run(command, check=True, capture_output=True, env=there)
    return images.load(
        f"{out}.png" if name == "torch" else out / "result.png"
    ), time.perf_counter() - began


def main() -> None:
    """Prints a row for each exemplar and maker, and the medians of the ratios of time."""
    if not locations.find_file("vgg19"):
        print(
            "Left out: VGG-19's trained weights are not here; jaxtex-weights fetch vgg19 brings them"
        )
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    print("exemplar | maker | seconds | patch distance | feature distance")
    ratios, rows = [], []
    for path in sys.argv[1:] or [
        f"images/{name}.png" for name in ("pebbles", "bricks", "water", "leaves", "weave")
    ]:
        exemplar = input_images.resize_input(images.load(path), SIZE)
        made = {name: timed(name, path) for name in MAKERS}
        for name, (image, seconds) in made.items():
            distances = (
                metrics.patches(exemplar, image),
                metrics.features(exemplar, image, "vgg19"),
            )
            print(
                f"{path} | {name} | {seconds:.1f} | {distances[0]:.4f} | {distances[1]:.4f}",
                flush=True,
            )
        rows.append(
            contact_sheet.sheet(
                [exemplar, *(made[name][0] for name in ("torch", "same", "warm"))]
            ).swapaxes(0, 1)
        )
        images.save(FOLDER / "sheet.jpg", contact_sheet.sheet(rows).swapaxes(0, 1))
        ratios.append([made[name][1] / made["torch"][1] for name in MAKERS[1:]])
    print(
        "time over torch's: "
        + ", ".join(f"{n} {r:.2f}" for n, r in zip(MAKERS[1:], np.median(ratios, 0), strict=True))
    )


if __name__ == "__main__":
    torch_loop(*sys.argv[2:]) if sys.argv[1:2] == ["--torch"] else main()
