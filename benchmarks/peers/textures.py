"""Runs the own program of a method of texture synthesis, on CPU, in a process of its own.

    python benchmarks/peers/textures.py PEER SOURCE NETWORK EXEMPLAR OUTPUT [SHARE]

PEER is a row of `PEERS`; SOURCE the folder with its repository; NETWORK the weights that it reads,
`-` if it needs none; SHARE the share of its number of iterations to run, 1 by default. Every other
setting is the program's default, but for the device, and the seed is 0.
"""

import os
import pathlib
import runpy
import shutil
import sys
import tempfile
import types
from typing import Any

import numpy as np
import torch
import torchvision_stand_in
from PIL import Image

ITERATIONS = 64  # of `sliced_wasserstein`, each of 64 steps of L-BFGS

# Lines of `texture_optimization_slicing.py` and what replaces them. Gradients of the network's
# weights are not computed; the program computes and ignores them.
SLICING = {
    '"cuda:0"': '"cpu"',
    'vgg = VGG19().to(torch.device("cpu"))': "vgg = VGG19().requires_grad_(False)",
}

# The same, where the weights end after block 3: the loss lacks the four layers of block 4.
FIRST_BLOCKS = {
    'torch.load("vgg19.pth")': 'torch.load("vgg19.pth"), strict=False',
    "        # block4\n": (
        "        return [block1_conv1, block1_conv2, block2_conv1, block2_conv2, "
        "block3_conv1, block3_conv2, block3_conv3, block3_conv4]\n"
    ),
}


class FinishedError(Exception):
    """Raised when a program has written the picture that is wanted."""


def gpdm(source: str, network: str, exemplar: str, output: str, share: float) -> None:
    """Runs GPDM, without its sheet of nearest neighbors, which needs Matplotlib."""
    del network, share
    torchvision_stand_in.install({})
    matplotlib: Any = types.ModuleType("matplotlib")
    matplotlib.pyplot = types.ModuleType("matplotlib.pyplot")
    sys.modules |= {"matplotlib": matplotlib, "matplotlib.pyplot": matplotlib.pyplot}
    sys.path.insert(0, source)
    import utils

    utils.show_nns = lambda *_: None
    with tempfile.TemporaryDirectory() as folder:
        sys.argv = ["main.py", exemplar, "--device", "cpu", "--output_dir", folder]
        runpy.run_path(str(pathlib.Path(source, "main.py")), run_name="__main__")
        shutil.copyfile(pathlib.Path(folder, pathlib.Path(exemplar).name, "outputs.png"), output)


def sliced_wasserstein(source: str, network: str, exemplar: str, output: str, share: float) -> None:
    """Runs the program of "A Sliced Wasserstein Loss for Neural Texture Synthesis".

    Its constants are not flags, so its text is changed, as `SLICING` says. It writes its picture
    before each iteration, the last one after 63.
    """
    weights = torch.load(network)
    text = pathlib.Path(source, "texture_optimization_slicing.py").read_text()
    changes = SLICING if "block4_conv1.weight" in weights else SLICING | FIRST_BLOCKS
    for old, new in changes.items():
        if old not in text:
            raise ValueError(f"the program lacks {old!r}")
        text = text.replace(old, new)

    last = min(ITERATIONS - 1, round(ITERATIONS * share))

    def write(name: str, image: np.ndarray) -> None:
        if name == f"optimized_texture_{last}_iterations.png":
            Image.fromarray(image).save(output)
            raise FinishedError

    imageio: Any = types.ModuleType("imageio")
    imageio.imread = lambda path: np.asarray(Image.open(path).convert("RGB"))
    imageio.imwrite = write
    sys.modules["imageio"] = imageio
    torch.load = lambda *_: weights
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(exemplar, pathlib.Path(folder, "input.png"))
        os.chdir(folder)
        try:
            exec(compile(text, "texture_optimization_slicing.py", "exec"), {})
        except FinishedError:
            pass
        os.chdir(source)


PEERS = {"gpdm": gpdm, "sliced-wasserstein": sliced_wasserstein}


def main() -> None:
    """Runs the peer that the command line names."""
    peer, *paths = sys.argv[1:6]
    share = float(sys.argv[6]) if len(sys.argv) > 6 else 1.0
    torch.manual_seed(0)
    PEERS[peer](*(str(pathlib.Path(path).absolute()) for path in paths), share)


if __name__ == "__main__":
    main()
