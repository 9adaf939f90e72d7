"""PyTorch's part of `speed.py`, in a process of its own.

jaxtex configures the C library's allocator for its whole process; PyTorch is measured without that.
"""

import functools
import multiprocessing
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

import gatys
import numpy as np
import torch

from jaxtex import images


@functools.cache
def executor() -> futures.ProcessPoolExecutor:
    """Returns the process. Use it as a context, which ends it."""
    return futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def call(function: Callable, *arguments: Any) -> Any:
    """Calls a function in the process and returns its result."""
    return executor().submit(function, *arguments).result()


def load_square(size: int, path: str) -> np.ndarray:
    """Loads an exemplar, resized to `[size, size, 3]`."""
    return images.resize(images.load(path), size, size)


def gradient(
    weights: str, layers: tuple[str, ...], exemplar: str, size: int, form: str = "float32"
) -> None:
    """Evaluates loss and gradient once. Network and image are built on the first call.

    Args:
      weights: path of the weight file.
      layers: names of the layers whose Gram matrices are matched.
      exemplar: path of the exemplar.
      size: side of the image, in pixels.
      form: a row of `gatys.FORMS`.
    """
    network, variable = _build(weights, layers, exemplar, size, form)
    network.evaluate(variable)


@functools.cache
def _build(
    weights: str, layers: tuple[str, ...], exemplar: str, size: int, form: str
) -> tuple[gatys.Gatys, torch.Tensor]:
    # No effect on a CPU.
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True

    style = load_square(size, exemplar)
    network = gatys.Gatys(weights, layers, style, form=form)
    return network, network.noise(style).requires_grad_(True)


def run(
    weights: str,
    layers: tuple[str, ...],
    style: np.ndarray,
    evaluations: int,
    norm: str,
    seed: int = 0,
) -> tuple[float, float, float, np.ndarray]:
    """Synthesizes a texture by L-BFGS.

    Args:
      weights: path of the weight file.
      layers: names of the layers whose Gram matrices are matched.
      style: the exemplar, `[H, W, 3]` in [0, 1].
      evaluations: number of evaluations of the network.
      norm: a row of `gatys.NORMS`.
      seed: of the initial noise.

    Returns:
      Seconds, the lowest loss, the loss of the image clipped to [0, 1], and that image,
      `[H, W, 3]`.
    """
    torch.manual_seed(seed)
    network = gatys.Gatys(weights, layers, style, norm)
    losses: list[float] = []
    variable = network.noise(style)
    start = time.perf_counter()
    network.run(variable, evaluations, losses.append)
    seconds = time.perf_counter() - start

    image = network.to_image(variable)
    clipped = network.to_variable(image).requires_grad_(True)
    return seconds, min(losses), network.evaluate(clipped), image
