"""Training images: crops of photographs and drawn images, some of them blended with noise."""

import pathlib

import drawn
import numpy as np
from PIL import Image

MAX_SIDE = 768  # pixels; photographs are reduced to this on loading
SUFFIXES = (".png", ".jpg", ".jpeg")


def load_images(folders: list[str]) -> list[np.ndarray]:
    """Loads all PNG and JPEG files below the folders: uint8, RGB, sides up to `MAX_SIDE`."""
    paths = [path for folder in folders for path in pathlib.Path(folder).rglob("*")]
    return [_load(path) for path in sorted(paths) if path.suffix.lower() in SUFFIXES]


def _load(path: pathlib.Path) -> np.ndarray:
    image = Image.open(path).convert("RGB")
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def batch(
    photographs: list[np.ndarray], seed: int, batch_size: int, crop: int, step: int
) -> np.ndarray:
    """Returns the images of one step: crops, drawn images and blends of either with noise.

    Args:
      photographs: as `load_images` returns them.
      seed: with the step, the seed of all random choices.
      batch_size: number of images.
      crop: pixels on a side.
      step: number of the step.

    Returns:
      `[batch_size, crop, crop, 3]`, float32 in [0, 1].
    """
    rng = np.random.default_rng((seed, step))
    images = [
        photograph(rng, photographs, crop) if rng.random() < 0.8 else drawn.draw(rng, crop)
        for _ in range(batch_size)
    ]
    return np.stack([_faded(rng, image) if rng.random() < 0.3 else image for image in images])


def photograph(rng: np.random.Generator, photographs: list[np.ndarray], crop: int) -> np.ndarray:
    """Returns a random crop of a photograph, reduced up to four times, rotated and mirrored."""
    image = photographs[rng.integers(len(photographs))]
    height, width = image.shape[:2]
    most_reduction = max(1, min(4, min(height, width) / crop))
    side = min(int(crop * np.exp(rng.uniform(0, np.log(most_reduction)))), height, width)
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)

    cut = Image.fromarray(image[top : top + side, left : left + side])
    cut = cut.resize((crop, crop), Image.Resampling.BICUBIC)
    turned = np.rot90(np.asarray(cut, np.float32) / 255, rng.integers(4))
    return turned[:, ::-1] if rng.random() < 0.5 else turned


def _faded(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Blends an image with noise or its own mean: synthesis passes through such images."""
    if rng.random() < 0.5:
        other = drawn.noise(rng, len(image))
    else:
        other = image.mean((0, 1)) + 0.02 * rng.standard_normal(image.shape)
    return np.clip(image + rng.uniform(0, 1) * (other - image), 0, 1).astype(np.float32)
