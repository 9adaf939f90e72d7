"""docs/gallery.jpg from the runs of `jaxtex --experiment=gallery`: rows of five, exemplars above, results below.

make gallery
"""

import pathlib
import runpy
import sys

import numpy as np
from PIL import Image

SIDE, GAP, COLUMNS = 256, 8, 5  # pixels; pixels; pictures


def read(path: pathlib.Path) -> np.ndarray:
    """A picture with the gap to its right and below, `[SIDE + GAP, SIDE + GAP, 3]`."""
    picture = Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.pad(np.asarray(picture), ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


def main(runs: pathlib.Path) -> None:
    """Reads the runs and writes the picture beside this file."""
    here = pathlib.Path(__file__).parent
    names = runpy.run_path(str(here.parent / "experiments" / "gallery.py"))["EXEMPLARS"]
    rows = [names[i : i + COLUMNS] for i in range(0, len(names), COLUMNS)]
    kinds = ("exemplar.png", "result.png")
    whole = np.vstack(
        [np.hstack([read(runs / name / kind) for name in row]) for row in rows for kind in kinds]
    )
    Image.fromarray(whole[:-GAP, :-GAP]).save(here / "gallery.jpg", quality=88)


if __name__ == "__main__":
    main(pathlib.Path(*sys.argv[1:]))
