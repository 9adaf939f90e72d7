"""What a synthesis begins with: noise that has the exemplar's colours and spectrum, white noise, or a picture."""

import itertools
import os
from collections.abc import Sequence

import numpy as np

from jaxtex import errors, images
from jaxtex.images import builtin as pictures
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images

KINDS = "spectrum", "noise", "style", "content"
FAINT, HALF = 0.02, 0.5  # deviation of white noise; share of the exemplar's contrast
TAPER = 8  # a part of each side over which the exemplar fades towards its border


def initial_image(
    scene: input_images.Inputs, config: configs.Config, height: int, width: int
) -> np.ndarray:
    """The first image, `[height, width, 3]` in [0, 1], at the coarsest scale; of a set of maps with all their channels.

    Raises:
      UserError: `config.init` is no kind of start, no file, or of something that is not there.
    """
    rng, kind = np.random.default_rng(config.seed), _kind(scene, config)
    if kind == "spectrum":
        return _spectrum_noise(scene, config, (height, width), rng)
    if kind == "noise":
        mean = (scene.styles or [scene.content])[0].mean((0, 1))
        white = rng.standard_normal((height, width, len(mean)), np.float32)
        return np.clip(mean + (config.noise or FAINT) * white, 0, 1).astype(np.float32)
    if kind in ("style", "content"):
        given = scene.content if kind == "content" else scene.styles[0] if scene.styles else None
        if given is None:
            raise errors.UserError(f"--init={kind}: there is no --{kind}")
        return images.resize(given, height, width)
    if scene.material.maps:
        raise errors.UserError(f"--init={config.init}: maps begin as spectrum, noise or style")
    if kind.isidentifier() and not os.path.exists(pictures.resolve(kind)):
        raise errors.unknown("--init", kind, [*KINDS, *pictures.names()])
    return images.resize(images.load(kind), height, width, config.tile)


def scale_details(
    scene: input_images.Inputs, config: configs.Config, sizes: Sequence[tuple[int, int]]
) -> list[np.ndarray]:
    """What is added when the image is enlarged from each size to the next: the waves that the smaller one cannot hold.

    Args:
      scene: whose exemplars are imitated.
      config: nothing is added but to a start of `spectrum`.
      sizes: of the scales, height and width, from coarse to fine.
    """
    if _kind(scene, config) != "spectrum":
        channels = (scene.styles or [scene.content])[0].shape[-1]
        return [np.zeros((*size, channels), np.float32) for size in sizes[1:]]
    found = []
    for number, (before, size) in enumerate(itertools.pairwise(sizes), 1):
        whole = _spectrum_noise(scene, config, size, np.random.default_rng([config.seed, number]))
        smaller = images.resize(whole, *before, config.tile)
        found.append(whole - images.resize(smaller, *size, config.tile))
    return found


def _kind(scene: input_images.Inputs, config: configs.Config) -> str:
    """Beside a content that counts the exemplar's spectrum would be in the way."""
    return config.init or (
        "spectrum" if scene.content is None or not config.content_weight else "noise"
    )


def _spectrum_noise(
    scene: input_images.Inputs,
    config: configs.Config,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> np.ndarray:
    """Noise like the exemplars of the scene, or its content, at a scale."""
    like = [
        _reduced(picture, size[0] / scene.height) for picture in scene.styles or [scene.content]
    ]
    return random_phase(like, scene.weights or [1.0], size, config.noise or HALF, rng, config.tile)


def random_phase(
    exemplars: Sequence[np.ndarray],
    weights: Sequence[float],
    size: tuple[int, int],
    contrast: float,
    rng: np.random.Generator,
    tile: str = "",
) -> np.ndarray:
    """Gaussian noise with the mean, and a share of the spectrum, of exemplars: their order is in it, no form.

    Args:
      exemplars: `[H, W, C]`; several are mixed by their weights.
      weights: of the exemplars.
      size: height and width of the noise, any.
      contrast: 1 is that of the exemplars.
      rng: draws it.
      tile: along which axes it goes on from its beginning, as in `images.resize`.

    Returns:
      `[*size, C]`, cut to [0, 1].

    References:
      Galerne, Gousseau and Morel, "Random Phase Textures: Theory and Synthesis", IEEE TIP 20, 2011: the asymptotic discrete
      spot noise; one white field for all colours keeps how they go together. Departs from it: the border is faded out, not
      made periodic.
    """
    shares = np.asarray(weights) / np.sum(weights)
    image = sum(
        share * picture.mean((0, 1)) for share, picture in zip(shares, exemplars, strict=True)
    )
    for share, picture in zip(shares, exemplars, strict=True):
        image = image + contrast * np.sqrt(share) * _spot_noise(picture, size, rng, tile)
    return np.clip(image, 0, 1).astype(np.float32)


def _spot_noise(
    exemplar: np.ndarray, size: tuple[int, int], rng: np.random.Generator, tile: str
) -> np.ndarray:
    """White noise convolved with the exemplar less its mean: `[*size, C]`, of mean 0."""
    window = np.outer(*(_taper(side) for side in exemplar.shape[:2]))[..., None]
    spot = (exemplar - exemplar.mean((0, 1))) * window / np.sqrt(np.sum(window**2))
    for axis, name in enumerate("yx"):
        spot = _folded(spot, axis, size[axis]) if name in tile else spot
    shape, axes = np.maximum(spot.shape[:2], size), (0, 1)
    white = np.fft.rfft2(rng.standard_normal(shape))[..., None]
    return np.fft.irfft2(np.fft.rfft2(spot, shape, axes) * white, shape, axes)[: size[0], : size[1]]


def _folded(spot: np.ndarray, axis: int, period: int) -> np.ndarray:
    """What lies beyond the period comes in again at its beginning."""
    parts = [
        spot.take(range(at, min(at + period, spot.shape[axis])), axis)
        for at in range(0, spot.shape[axis], period)
    ]
    for part in parts[1:]:
        np.moveaxis(parts[0], axis, 0)[: part.shape[axis]] += np.moveaxis(part, axis, 0)
    return parts[0]


def _taper(side: int) -> np.ndarray:
    places = np.arange(side) + 0.5
    return np.sin(np.pi / 2 * np.clip(np.minimum(places, side - places) / (side / TAPER), 0, 1))


def _reduced(picture: np.ndarray, factor: float) -> np.ndarray:
    factor = min(1.0, factor)
    return images.resize(
        picture, *(max(configs.SMALLEST, round(side * factor)) for side in picture.shape[:2])
    )
