"""Remakes the pictures in the folder above: `python images/draw` (ten seconds).

Six textures are drawn, from fixed seeds, by the files of `drawings/`; the other pictures are crops of photographs that come
inside the scikit-image package. Names after the command remake only those. README.md tells what each picture is and who may
use it.
"""

import importlib.util
import pathlib
import sys

import numpy as np
from drawings import bricks, fur, leaves, pebbles, torus, water, weave
from PIL import Image

FOLDER = pathlib.Path(__file__).parent.parent

GRASS = [
    (0.04, 0.07, 0.02),
    (0.16, 0.27, 0.06),
    (0.36, 0.50, 0.13),
    (0.66, 0.72, 0.33),
    (0.96, 0.94, 0.70),
]
GRAVEL = [(0.06, 0.05, 0.05), (0.35, 0.33, 0.33), (0.64, 0.60, 0.56), (0.98, 0.94, 0.87)]

DRAWN = {
    "pebbles": (pebbles.draw, 3),
    "pebbles_height": (pebbles.height, 3),
    "pebbles_normal": (pebbles.normals, 3),
    "bricks": (bricks.draw, 5),
    "weave": (weave.draw, 11),
    "water": (water.draw, 2),
    "fur": (fur.draw, 4),
    "leaves": (leaves.draw, 8),
}  # name: function, seed

CROPS = {
    "grass": ("grass.png", (256, 110, 512, 366), 256, GRASS),
    "gravel": ("gravel.png", (128, 128, 384, 384), 256, GRAVEL),
    "tissue": ("ihc.png", (22, 56, 172, 206), 192, None),
    "galaxies": ("hubble_deep_field.jpg", (60, 36, 860, 836), 256, None),
    "astronaut": ("astronaut.png", (90, 0, 346, 256), 256, None),
    "cat": ("chelsea.png", (70, 20, 326, 276), 256, None),
    "coffee": ("coffee.png", (90, 0, 490, 400), 256, None),
}  # name: file of scikit-image; left, upper, right, lower; size; colours from black to white for a grey photograph


def give_up(message):
    """Ends with one line and status 2."""
    print(f"draw: {message}", file=sys.stderr)
    sys.exit(2)


def photographs():
    """The folder of pictures in the installed scikit-image."""
    package = importlib.util.find_spec("skimage")
    if package is None:
        give_up("the photographs come from scikit-image: pip install scikit-image")
    return pathlib.Path(package.origin).parent / "data"


def graded(grey, colours):
    """Gives a grey picture colours by its brightness."""
    grey = np.asarray(grey, float)
    grey = (grey - grey.min()) / np.ptp(grey)
    stops = np.linspace(0, 1, len(colours))
    return np.stack(
        [np.interp(grey, stops, channel) for channel in zip(*colours, strict=True)], axis=-1
    )


def to_image(colours):
    """Rounds colours in `[0, 1]` to 8 bits."""
    return Image.fromarray(np.round(255 * np.clip(colours, 0, 1)).astype(np.uint8))


def drawn(function, seed):
    """A drawing at half its size."""
    return to_image(function(np.random.default_rng(seed))).resize(
        (torus.SIZE // 2, torus.SIZE // 2), Image.LANCZOS
    )


def cropped(file, box, size, colours):
    """A square of a photograph."""
    photograph = Image.open(photographs() / file)
    photograph = (
        photograph.convert("RGB")
        if colours is None
        else to_image(graded(photograph.convert("L"), colours))
    )
    return photograph.crop(box).resize((size, size), Image.LANCZOS)


def main(names):
    """Saves the pictures that are named, or all of them."""
    unknown = set(names) - {*DRAWN, *CROPS}
    if unknown:
        give_up(f"unknown picture {min(unknown)!r}; there are: {', '.join([*DRAWN, *CROPS])}")
    for name in names or [*DRAWN, *CROPS]:
        picture = drawn(*DRAWN[name]) if name in DRAWN else cropped(*CROPS[name])
        picture.save(FOLDER / f"{name}.png", optimize=True)
        print(FOLDER / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
