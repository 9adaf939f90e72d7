"""What the network is trained on: crops of photographs and drawn images, some of them faded."""

import pathlib

import drawn
import numpy as np
from PIL import Image

LARGEST = 768  # pixels: photographs are reduced to this on loading


def load_images(folders: list[str]) -> list[np.ndarray]:
    """Every PNG and JPEG below the folders, uint8 RGB, at most `LARGEST` pixels on a side."""
    paths = sorted(
        p
        for f in folders
        for p in pathlib.Path(f).rglob("*")
        if p.suffix.lower() in (".png", ".jpg", ".jpeg")
    )
    return [_load(path) for path in paths]


def _load(path: pathlib.Path) -> np.ndarray:
    image = Image.open(path).convert("RGB")
    image.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return np.asarray(image)


def batch(
    photographs: list[np.ndarray], seed: int, batch_size: int, crop: int, step: int
) -> np.ndarray:
    """The images of one step, `[batch_size, crop, crop, 3]` in [0, 1]: crops, drawn images and blends with noise."""
    rng = np.random.default_rng((seed, step))
    images = [
        photograph(rng, photographs, crop) if rng.random() < 0.8 else drawn.draw(rng, crop)
        for _ in range(batch_size)
    ]
    return np.stack([_faded(rng, image) if rng.random() < 0.3 else image for image in images])


def photograph(rng: np.random.Generator, photographs: list[np.ndarray], crop: int) -> np.ndarray:
    """A crop of a photograph, reduced by up to 4, turned and mirrored."""
    image = photographs[rng.integers(len(photographs))]
    side = int(crop * np.exp(rng.uniform(0, np.log(max(1, min(4, min(image.shape[:2]) / crop))))))
    side = min(side, *image.shape[:2])
    top, left = rng.integers(image.shape[0] - side + 1), rng.integers(image.shape[1] - side + 1)
    cut = Image.fromarray(image[top : top + side, left : left + side]).resize(
        (crop, crop), Image.Resampling.BICUBIC
    )
    turned = np.rot90(np.asarray(cut, np.float32) / 255, rng.integers(4))
    return turned[:, ::-1] if rng.random() < 0.5 else turned


def _faded(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """A blend with noise, or with the image's own mean: what an optimiser passes through."""
    other = (
        drawn.noise(rng, len(image))
        if rng.random() < 0.5
        else image.mean((0, 1)) + 0.02 * rng.standard_normal(image.shape)
    )
    return np.clip(image + rng.uniform(0, 1) * (other - image), 0, 1).astype(np.float32)
