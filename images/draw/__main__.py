"""Remakes the images in the folder above: `python images/draw [NAME ...]` (ten seconds).

The files of `drawings/` draw the textures, from fixed seeds; the other images are crops of
photographs in the scikit-image package. With names, remakes only those. README.md says what each
image is and who may use it.
"""

import importlib.util
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

import numpy as np
from drawings import bricks, fur, leaves, pebbles, torus, water, weave
from PIL import Image

FOLDER = pathlib.Path(__file__).parent.parent

Colors = list[tuple[float, float, float]]  # RGB in [0, 1]

# Colors of gray photographs, from black to white.
GRASS = [
    (0.04, 0.07, 0.02),
    (0.16, 0.27, 0.06),
    (0.36, 0.50, 0.13),
    (0.66, 0.72, 0.33),
    (0.96, 0.94, 0.70),
]
GRAVEL = [(0.06, 0.05, 0.05), (0.35, 0.33, 0.33), (0.64, 0.60, 0.56), (0.98, 0.94, 0.87)]


class Drawing(NamedTuple):
    """A function from a random generator to an image, and the generator's seed."""

    draw: Callable[[np.random.Generator], np.ndarray]
    seed: int


class Crop(NamedTuple):
    """A square of a photograph.

    Attributes:
      file: in the folder of scikit-image.
      box: left, upper, right and lower side, in pixels.
      size: side of the result, in pixels.
      colors: of a gray photograph, from black to white; None keeps the colors.
    """

    file: str
    box: tuple[int, int, int, int]
    size: int = 256
    colors: Colors | None = None


DRAWINGS = {
    "pebbles": Drawing(pebbles.draw, 3),
    "pebbles_height": Drawing(pebbles.height, 3),
    "pebbles_normal": Drawing(pebbles.normals, 3),
    "bricks": Drawing(bricks.draw, 5),
    "weave": Drawing(weave.draw, 11),
    "water": Drawing(water.draw, 2),
    "fur": Drawing(fur.draw, 4),
    "leaves": Drawing(leaves.draw, 8),
}
CROPS = {
    "grass": Crop("grass.png", (256, 110, 512, 366), colors=GRASS),
    "gravel": Crop("gravel.png", (128, 128, 384, 384), colors=GRAVEL),
    "tissue": Crop("ihc.png", (22, 56, 172, 206), size=192),
    "galaxies": Crop("hubble_deep_field.jpg", (60, 36, 860, 836)),
    "astronaut": Crop("astronaut.png", (90, 0, 346, 256)),
    "cat": Crop("chelsea.png", (70, 20, 326, 276)),
    "coffee": Crop("coffee.png", (90, 0, 490, 400)),
}


def exit_with_error(message: str) -> NoReturn:
    """Prints one line on stderr and exits with status 2."""
    print(f"draw: {message}", file=sys.stderr)
    sys.exit(2)


def photograph_folder() -> pathlib.Path:
    """Returns the folder of photographs in the installed scikit-image."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        exit_with_error("the photographs are part of scikit-image: pip install scikit-image")
    return pathlib.Path(package.origin).parent / "data"


def colorize(gray: Image.Image, colors: Colors) -> np.ndarray:
    """Colors a gray image by its brightness, stretched to the full range.

    Args:
      gray: one channel.
      colors: from black to white.

    Returns:
      `[H, W, 3]` in [0, 1].
    """
    levels = np.asarray(gray, float)
    levels = (levels - levels.min()) / np.ptp(levels)
    stops = np.linspace(0, 1, len(colors))
    channels = [np.interp(levels, stops, channel) for channel in zip(*colors, strict=True)]
    return np.stack(channels, axis=-1)


def to_image(colors: np.ndarray) -> Image.Image:
    """Rounds colors in [0, 1] to 8 bits."""
    return Image.fromarray(np.round(255 * np.clip(colors, 0, 1)).astype(np.uint8))


def render(drawing: Drawing) -> Image.Image:
    """Draws an image and reduces it to half its size."""
    picture = to_image(drawing.draw(np.random.default_rng(drawing.seed)))
    return picture.resize((torus.SIZE // 2, torus.SIZE // 2), Image.LANCZOS)


def crop(choice: Crop) -> Image.Image:
    """Cuts a square out of a photograph and resizes it."""
    photograph = Image.open(photograph_folder() / choice.file)
    if choice.colors is None:
        photograph = photograph.convert("RGB")
    else:
        photograph = to_image(colorize(photograph.convert("L"), choice.colors))
    return photograph.crop(choice.box).resize((choice.size, choice.size), Image.LANCZOS)


def main(names: Sequence[str]) -> None:
    """Writes images and prints their paths.

    Args:
      names: rows of `DRAWINGS` and `CROPS`; empty: all.
    """
    known = [*DRAWINGS, *CROPS]
    unknown = set(names) - set(known)
    if unknown:
        exit_with_error(f"unknown image '{min(unknown)}'; choose from {', '.join(known)}")
    for name in names or known:
        picture = render(DRAWINGS[name]) if name in DRAWINGS else crop(CROPS[name])
        path = FOLDER / f"{name}.png"
        picture.save(path, optimize=True)
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
