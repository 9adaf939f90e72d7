"""Runs a peer's own program with the network of `vgg19.py`, in a process of its own.

    python benchmarks/peers/launch.py PEER SOURCE NETWORK CONTENT STYLE OUTPUT [SHARE [REAL]]

PEER is a row of `PEERS`; SOURCE the folder with its repository; SHARE the share of its default
number of iterations to run, 1 by default; with the file REAL the network is a hybrid. The last line
printed is the peak of resident memory in bytes (Linux). Every other setting is the program's
default, but for the device.
"""

import functools
import os
import pathlib
import runpy
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torchvision_stand_in
import vgg19
from PIL import Image
from torch import nn


def neural_style_pt(
    source: str, network: str, content: str, style: str, output: str, share: float, real: str
) -> None:
    """Runs neural-style-pt. Its loader of caffe models is replaced."""
    torchvision_stand_in.install({})
    sys.path.insert(0, source)
    import CaffeLoader

    def load(*_: Any) -> tuple[nn.Sequential, dict[str, list[str]]]:
        return _build(network, real, "caffe"), CaffeLoader.vgg19_dict

    CaffeLoader.loadCaffemodel = load
    flags = ["-gpu", "c", "-seed", "0", "-save_iter", "0", "-image_size", "512"]
    flags += ["-num_iterations", str(round(1000 * share))]
    flags += ["-content_image", content, "-style_image", style, "-output_image", output]
    _run(source, "neural_style.py", flags)


def style_transfer_pytorch(
    source: str, network: str, content: str, style: str, output: str, share: float, real: str
) -> None:
    """Runs style-transfer-pytorch, without its page, which needs a further package."""
    build = functools.partial(_build, network, real, "torchvision")
    torchvision_stand_in.install({"vgg19": build})
    torchvision_stand_in.Normalize.observe = vgg19.keep_image
    page: Any = types.ModuleType("style_transfer.web_interface")
    page.WebInterface = None
    sys.modules[page.__name__] = page
    flags = [content, style, "--output", output, "--devices", "cpu", "--end-scale", "512"]
    flags += ["--iterations", str(round(500 * share)), "--save-every", "100000"]
    flags += ["--initial-iterations", str(round(1000 * share))]

    # The program writes trace.json into the current folder.
    os.chdir(pathlib.Path(output).parent)
    sys.path.insert(0, source)
    sys.argv = ["style_transfer", *flags]
    runpy.run_module("style_transfer.cli", run_name="__main__")


def strotss(source: str, network: str, content: str, style: str, output: str, *_: Any) -> None:
    """Runs Futschik's STROTSS, with the name that NumPy has removed."""
    torchvision_stand_in.install({"vgg16": lambda: vgg19.build_vgg16(network, repeat=4)})
    np.float = float  # type: ignore[attr-defined]
    torch.manual_seed(0)
    np.random.seed(0)
    _run(source, "strotss.py", [content, style, "--output", output, "--device", "cpu"])


def nnst(source: str, network: str, content: str, style: str, output: str, *_: Any) -> None:
    """Runs NNST, with calls of a GPU that it makes without one left out."""
    torchvision_stand_in.install({"vgg16": lambda: vgg19.build_vgg16(network, repeat=1)})
    imageio: Any = types.ModuleType("imageio")
    imageio.imread = lambda path: np.asarray(Image.open(path).convert("RGB"))
    imageio.imwrite = lambda path, image: Image.fromarray(image).save(path)
    sys.modules["imageio"] = imageio
    torch.cuda.synchronize = lambda *_: None
    torch.Tensor.cuda = lambda tensor, *_: tensor
    sys.path.insert(0, source)
    flags = ["--content_path", content, "--style_path", style, "--output_path", output, "--cpu"]
    _run(source, "styleTransfer.py", flags)


def _build(network: str, real: str, kind: str) -> nn.Sequential:
    """Builds the distilled network, or a hybrid if `real` is not empty."""
    return vgg19.build_hybrid(network, real, kind) if real else vgg19.build(network, kind)


def _run(source: str, script: str, flags: Sequence[str]) -> None:
    """Runs a script as the main module, from the folder of its source."""
    os.chdir(source)
    sys.argv = [script, *flags]
    runpy.run_path(script, run_name="__main__")


PEERS: dict[str, Callable[..., None]] = {
    "neural-style-pt": neural_style_pt,
    "style-transfer-pytorch": style_transfer_pytorch,
    "strotss": strotss,
    "nnst": nnst,
}


def peak_bytes() -> int:
    """Returns the peak of resident memory of this process in bytes (Linux)."""
    with open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main() -> None:
    """Runs the peer that the command line names."""
    peer, *paths = sys.argv[1:7]
    share = float(sys.argv[7]) if len(sys.argv) > 7 else 1.0
    paths = [str(pathlib.Path(path).absolute()) for path in paths]
    real = str(pathlib.Path(sys.argv[8]).absolute()) if len(sys.argv) > 8 else ""
    PEERS[peer](*paths, share, real)
    print(peak_bytes())


if __name__ == "__main__":
    main()
