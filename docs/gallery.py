"""Assembles docs/gallery.jpg from the runs of `jaxtex --experiment=gallery`.

    python docs/gallery.py RUNS        (`make gallery` runs both)

Rows of five pictures: a row of exemplars, their results below, and so on.
"""

import pathlib
import runpy
import sys

import numpy as np
from PIL import Image

SIDE = 256  # pixels of a picture
GAP = 8  # pixels between pictures
COLUMNS = 5
FILES = ("exemplar.png", "result.png")  # of a run, from above


def read(path: pathlib.Path) -> np.ndarray:
    """Reads a picture and adds a gap to its right and below, `[SIDE + GAP, SIDE + GAP, 3]`."""
    picture = Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.pad(np.asarray(picture), ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


def main(runs: pathlib.Path) -> None:
    """Reads the runs and writes the gallery beside this file.

    Args:
      runs: folder of the experiment, with a folder for each exemplar.
    """
    docs = pathlib.Path(__file__).parent
    experiment = runpy.run_path(str(docs.parent / "experiments" / "gallery.py"))
    names = experiment["EXEMPLARS"]

    rows = []
    for first in range(0, len(names), COLUMNS):
        for file in FILES:
            pictures = [read(runs / name / file) for name in names[first : first + COLUMNS]]
            rows.append(np.hstack(pictures))
    gallery = np.vstack(rows)[:-GAP, :-GAP]
    Image.fromarray(gallery).save(docs / "gallery.jpg", quality=88)


if __name__ == "__main__":
    main(pathlib.Path(*sys.argv[1:]))
