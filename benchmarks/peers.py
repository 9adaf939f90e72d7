"""PyTorch's side of `speed.py`, in a process of its own: what ours tells the C library does not count there."""

import functools
import multiprocessing
import time
from collections.abc import Callable
from concurrent import futures

import gatys
import numpy as np
import torch

from jaxtex import images


@functools.cache
def process() -> futures.ProcessPoolExecutor:
    """The process; to be left as a context, when all is done."""
    return futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def elsewhere(function: Callable, *arguments):
    """What the function returns there."""
    return process().submit(function, *arguments).result()


def square(size: int, path: str) -> np.ndarray:
    """An exemplar in a square, `[size, size, 3]` in [0, 1]."""
    return images.resize(images.load(path), size, size)


def gradient(weights: str, layers: tuple[str, ...], exemplar: str, size: int) -> None:
    """Loss and gradient, of a network and an image that are made the first time."""
    peer, variable = _made(weights, layers, exemplar, size)
    peer.gradient(variable)


@functools.cache
def _made(
    weights: str, layers: tuple[str, ...], exemplar: str, size: int
) -> tuple[gatys.Gatys, torch.Tensor]:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True  # nothing on CPU
    style = square(size, exemplar)
    peer = gatys.Gatys(weights, layers, style)
    return peer, peer.noise(style).requires_grad_(True)


def run(
    weights: str,
    layers: tuple[str, ...],
    style: np.ndarray,
    evaluations: int,
    norm: str,
    seed: int = 0,
) -> tuple[float, float, float, np.ndarray]:
    """Seconds, the least loss, that of the image as a file holds it, and this image, `[H, W, 3]` in [0, 1].

    Args:
      weights: a file.
      layers: whose Gram matrices are matched.
      style: the exemplar, `[H, W, 3]`.
      evaluations: of L-BFGS.
      norm: a row of `gatys.NORMS`.
      seed: of the noise it starts from.
    """
    torch.manual_seed(seed)
    peer, seen = gatys.Gatys(weights, layers, style, norm), []
    variable, began = peer.noise(style), time.perf_counter()
    peer.run(variable, evaluations, seen.append)
    seconds, image = time.perf_counter() - began, peer.image(variable)
    return seconds, min(seen), peer.gradient(peer.variable(image).requires_grad_(True)), image
