"""The built-in network beside neural-style-pt's setting with real VGG-19 weights: time, pictures and two distances.

    jaxtex-weights convert FILE.npz --allow_unknown --output=weights/vgg19.h5
    python benchmarks/neural_style.py [EXEMPLAR ...]         (extra `bench`; pictures go to runs/neural_style)

Four makers at 192 px, 200 evaluations each: a plain PyTorch loop as in neural-style-pt (relu1_1, relu2_1, relu3_1, Gram,
maximum pooling, `torch.optim.LBFGS`, from noise), the same setting in jaxtex, and jaxtex's defaults with its built-in
network, `cold` (nothing was compiled before) and `warm`. Each is a process of its own, timed from its start to the
picture on disk. The distances are independent of what was optimised: `patches` of `jaxtex.metrics`, and its `features` with
VGG-19's pools.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import time

import h5py
import numpy as np

from jaxtex import images, likeness, report, scenes

FOLDER = pathlib.Path("runs/neural_style")
WEIGHTS = "weights/vgg19.h5"
SIZE, EVALUATIONS = 192, 200
MAKERS = ("torch", "same", "cold", "warm")
SETTING = ["--network=vgg19", "--layers=relu1_1,relu2_1,relu3_1", "--statistic=gram", "--pooling=max", "--octaves=1",
           "--scales=1", "--padding=zero"]  # fmt: skip


def torch_loop(path: str, out: str) -> None:
    """Gatys' texture as neural-style-pt makes it."""
    import torch

    torch.manual_seed(0)
    mean = torch.tensor([123.68, 116.779, 103.939]).view(1, 3, 1, 1)
    to_torch = lambda image: torch.from_numpy(image).permute(2, 0, 1)[None].contiguous() * 255 - mean
    style = to_torch(images.shorter_side(images.load(path), SIZE))
    network = torch_network(torch)

    def grams(x):
        found, count = [], 0
        for layer in network:
            x = layer(x)
            if isinstance(layer, torch.nn.ReLU) and (count := count + 1) in (1, 3, 5):
                flat = x.flatten(2)[0]
                found.append(flat @ flat.T / flat.numel())
        return found

    with torch.no_grad():
        targets = grams(style)
    image = (torch.randn_like(style) * 0.001).requires_grad_(True)
    optimizer = torch.optim.LBFGS(
        [image], max_iter=EVALUATIONS, max_eval=EVALUATIONS, tolerance_change=-1, tolerance_grad=-1
    )

    def closure():
        optimizer.zero_grad()
        loss = sum(100 * torch.nn.functional.mse_loss(a, b) for a, b in zip(grams(image), targets, strict=True))
        loss.backward()
        return loss

    optimizer.step(closure)
    images.save(out, ((image.detach() + mean)[0].permute(1, 2, 0).numpy() / 255).clip(0, 1))


def torch_network(torch):
    """VGG-19 up to relu3_1 for images in 0..255, from our HDF5."""
    parts = []
    with h5py.File(WEIGHTS) as file:
        for name in ("conv1_1", "conv1_2", "pool", "conv2_1", "conv2_2", "pool", "conv3_1"):
            if name == "pool":
                parts.append(torch.nn.MaxPool2d(2))
                continue
            kernel = torch.from_numpy(file[f"{name}/kernel"][()].transpose(3, 2, 0, 1).copy())
            conv = torch.nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
            conv.weight.data, conv.bias.data = kernel, torch.from_numpy(file[f"{name}/bias"][()])
            parts += [conv.requires_grad_(False), torch.nn.ReLU()]
    return torch.nn.Sequential(*parts)


def timed(name: str, path: str) -> tuple[np.ndarray, float]:
    """The picture of one maker, and the seconds that its process took."""
    out = FOLDER / f"{pathlib.Path(path).stem}_{name}"
    if name == "torch":
        command = [sys.executable, __file__, "--torch", path, f"{out}.png"]
    else:
        common = ["--style", path, f"--size={SIZE}", f"--num_steps={EVALUATIONS}", f"--workdir={out}"]
        command = [sys.executable, "-m", "jaxtex", *common, *(SETTING if name == "same" else [])]
    cache = FOLDER / "cache"  # of compiled programs
    if name == "cold":
        shutil.rmtree(cache, ignore_errors=True)
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "XDG_CACHE_HOME": str(cache)})
    return images.load(f"{out}.png" if name == "torch" else out / "result.png"), time.perf_counter() - began


def main() -> None:
    """Prints a row for each exemplar and maker, and the medians of the ratios of time."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    print("exemplar | maker | seconds | patch distance | feature distance")
    ratios = []
    for path in sys.argv[1:] or [f"images/{name}.png" for name in ("pebbles", "bricks", "water", "leaves", "weave")]:
        exemplar = scenes.as_used(images.load(path), SIZE)
        made = {name: timed(name, path) for name in MAKERS}
        for name, (image, seconds) in made.items():
            distances = likeness.patches(exemplar, image), likeness.features(exemplar, image, "vgg19")
            print(f"{path} | {name} | {seconds:.1f} | {distances[0]:.4f} | {distances[1]:.4f}", flush=True)
        pictures = [exemplar, *(image for image, _ in made.values())]
        images.save(FOLDER / f"{pathlib.Path(path).stem}.png", report.sheet(pictures))
        ratios.append([made[name][1] / made["torch"][1] for name in MAKERS[1:]])
    print("time over torch's: " + ", ".join(f"{n} {r:.2f}" for n, r in zip(MAKERS[1:], np.median(ratios, 0), strict=True)))


if __name__ == "__main__":
    torch_loop(*sys.argv[2:]) if sys.argv[1:2] == ["--torch"] else main()
