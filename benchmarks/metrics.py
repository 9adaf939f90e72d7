"""Do the metrics order images as a person does? A Markdown table of each metric for each exemplar in images/.

    python benchmarks/metrics.py [SIZE]        (some 2 minutes; SIZE: pixels on the shorter side, 256)

A person says: identical < another crop < phase-randomised, shuffled pixels; another crop < a different texture; and, but
for a sky of stars, phase-randomised <= shuffled pixels. Crops are the two colours of a chequerboard of 16 squares, so that
both see every part of a picture that is not the same everywhere; an exemplar is one crop, and everything it is compared
with is made of the same number of pixels. Each number is the mean over both crops as the exemplar.
"""

import pathlib
import sys

import numpy as np

from jaxtex import images, metrics

FOLDER = pathlib.Path(__file__).parent.parent / "images"
TEXTURES = (
    "pebbles",
    "bricks",
    "weave",
    "water",
    "fur",
    "leaves",
    "grass",
    "gravel",
    "tissue",
    "galaxies",
)
SQUARES = 4  # of the chequerboard, along each side
SMALLER = (
    ("identical", "crop"),
    ("crop", "phase"),
    ("crop", "shuffled"),
    ("phase", "shuffled"),
    ("crop", "different"),
)
BLIND = {"spectrum": {("crop", "phase")}}  # what a metric cannot tell by definition
COLUMNS = ("identical", "crop", "phase", "shuffled", "different", "median")


def load(name: str, size: int) -> np.ndarray:
    """A texture of images/."""
    return images.resize_shorter_side(images.load(FOLDER / f"{name}.png"), size)


def crops(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The white and the black squares of a chequerboard, pushed together: `[H, W, 3]` -> two `[H, W / 2, 3]`."""
    height, width = (side // SQUARES for side in image.shape[:2])
    cut = image[: height * SQUARES, : width * SQUARES].reshape(SQUARES, height, SQUARES, width, 3)
    row = lambda i, colour: np.concatenate(
        [cut[i, :, j] for j in range(SQUARES) if (i + j) % 2 == colour], 1
    )
    return tuple(np.concatenate([row(i, colour) for i in range(SQUARES)]) for colour in (0, 1))


def shuffled(image: np.ndarray) -> np.ndarray:
    """The same pixels in another order."""
    return np.random.default_rng(1).permutation(image.reshape(-1, 3)).reshape(image.shape)


def phase_randomised(image: np.ndarray) -> np.ndarray:
    """The same Fourier moduli; one random field is added to the phases of all colours, so their correlations stay.

    What leaves [0, 1] is cut off.

    References:
      Galerne, Gousseau and Morel, "Random Phase Textures: Theory and Synthesis", IEEE TIP 20, 2011.
    """
    turns = np.fft.rfft2(np.random.default_rng(0).standard_normal(image.shape[:2]))[..., None]
    mean, axes = image.mean((0, 1)), (0, 1)
    spectrum = np.fft.rfft2(image - mean, axes=axes) * turns / np.abs(turns)
    return np.clip(np.fft.irfft2(spectrum, image.shape[:2], axes=axes) + mean, 0, 1).astype(
        np.float32
    )


def judge(
    metric: str, name: str, size: int, others: tuple[str, ...] = TEXTURES, turns: int = 2
) -> dict[str, float]:
    """What a metric says of a texture: a value for each of `COLUMNS`, of different textures the least and the median.

    Args:
      metric: a row of `METRICS`.
      name: of the texture.
      size: of its shorter side, in pixels.
      others: different textures.
      turns: 2: the mean with either crop as the exemplar; 1: the first.
    """
    pair, rows = crops(load(name, size)), []
    for exemplar, other in (pair, pair[::-1])[:turns]:
        shown = (exemplar, other, phase_randomised(exemplar), shuffled(exemplar))
        rows.append([metrics.METRICS[metric](exemplar, image) for image in shown])
    apart = [
        metrics.METRICS[metric](pair[0], crops(load(each, size))[0])
        for each in others
        if each != name
    ]
    return dict(zip(COLUMNS, [*np.mean(rows, 0), min(apart), np.median(apart)], strict=True))


def wrong(metric: str, row: dict[str, float]) -> list[str]:
    """Where a metric contradicts a person."""
    kept = [pair for pair in SMALLER if pair not in BLIND.get(metric, ())]
    return [f"{first} > {second}" for first, second in kept if row[first] > row[second]]


def main() -> None:
    """Prints a row for each metric and texture."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    print(
        f"| metric | texture | {' | '.join(COLUMNS)} | wrong |\n|---|---|{'---|' * len(COLUMNS)}---|"
    )
    for metric in metrics.METRICS:
        for name in TEXTURES:
            row = judge(metric, name, size)
            said = (
                ", ".join(wrong(metric, row))
                if metric in ("patches", "features", "spectrum")
                else ""
            )
            print(
                f"| {metric} | {name} | {' | '.join(f'{row[c]:.4f}' for c in COLUMNS)} | {said} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
