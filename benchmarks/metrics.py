"""Agreement of the metrics with human order: a Markdown table for each exemplar in images/.

    python benchmarks/metrics.py [SIZE]        (SIZE: pixels of the shorter side, 256)

A person orders images by their distance from an exemplar: identical < another crop <
phase-randomized and shuffled pixels; another crop < a different texture; and phase-randomized <=
shuffled pixels, except for a sky of stars.

The two crops of a texture are the two colors of a checkerboard of 16 squares, so that both hold
every part of a texture that varies. One is the exemplar; whatever it is compared with has as many
pixels. Each number is the mean over both crops as the exemplar.
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
SQUARES = 4  # of the checkerboard, along each side
COLUMNS = ("identical", "crop", "phase", "shuffled", "different", "median")

# Pairs of columns; the first must not exceed the second.
ORDER = (
    ("identical", "crop"),
    ("crop", "phase"),
    ("crop", "shuffled"),
    ("phase", "shuffled"),
    ("crop", "different"),
)
DISTANCES = ("patches", "features", "spectrum")  # metrics that must keep this order
BLIND = {"spectrum": {("crop", "phase")}}  # pairs that a metric cannot order by definition


def load(name: str, size: int) -> np.ndarray:
    """Loads a texture.

    Args:
      name: of the file in images/.
      size: of the shorter side, in pixels.
    """
    return images.resize_shorter_side(images.load(FOLDER / f"{name}.png"), size)


def crops(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the white and the black squares of a checkerboard, pushed together.

    Args:
      image: `[H, W, 3]`.

    Returns:
      Two images `[H, W / 2, 3]`.
    """
    height, width = (side // SQUARES for side in image.shape[:2])
    whole = image[: height * SQUARES, : width * SQUARES]
    squares = whole.reshape(SQUARES, height, SQUARES, width, 3)
    return _squares_of(squares, 0), _squares_of(squares, 1)


def _squares_of(squares: np.ndarray, color: int) -> np.ndarray:
    """Joins the squares of one color, of `[SQUARES, height, SQUARES, width, 3]`."""
    rows = []
    for i in range(SQUARES):
        own = [squares[i, :, j] for j in range(SQUARES) if (i + j) % 2 == color]
        rows.append(np.concatenate(own, axis=1))
    return np.concatenate(rows)


def shuffled(image: np.ndarray) -> np.ndarray:
    """Returns the same pixels in random order."""
    return np.random.default_rng(1).permutation(image.reshape(-1, 3)).reshape(image.shape)


def phase_randomized(image: np.ndarray) -> np.ndarray:
    """Returns an image with the same Fourier magnitudes and random phases.

    One random field is added to the phases of all colors, which keeps their correlations. Values
    outside [0, 1] are clipped.

    References:
      Galerne, Gousseau and Morel, "Random Phase Textures: Theory and Synthesis", IEEE TIP 20, 2011.
    """
    axes = (0, 1)
    noise = np.random.default_rng(0).standard_normal(image.shape[:2])
    turns = np.fft.rfft2(noise)[..., None]
    mean = image.mean(axes)
    spectrum = np.fft.rfft2(image - mean, axes=axes) * turns / np.abs(turns)
    result = np.fft.irfft2(spectrum, image.shape[:2], axes=axes) + mean
    return np.clip(result, 0, 1).astype(np.float32)


def judge(
    metric: str, name: str, size: int, others: tuple[str, ...] = TEXTURES, turns: int = 2
) -> dict[str, float]:
    """Measures distances from a texture: to its crops and variants, and to other textures.

    Args:
      metric: a row of `METRICS`.
      name: of the texture.
      size: of its shorter side, in pixels.
      others: different textures.
      turns: 2 averages over both crops as the exemplar; 1 uses the first.

    Returns:
      A value for each of `COLUMNS`; `different` is the least of the other textures.
    """
    measure = metrics.METRICS[metric]
    pair = crops(load(name, size))
    rows = []
    for exemplar, other in (pair, pair[::-1])[:turns]:
        compared = (exemplar, other, phase_randomized(exemplar), shuffled(exemplar))
        rows.append([measure(exemplar, image) for image in compared])
    different = [measure(pair[0], crops(load(other, size))[0]) for other in others if other != name]
    values = [*np.mean(rows, 0), min(different), np.median(different)]
    return dict(zip(COLUMNS, values, strict=True))


def wrong(metric: str, row: dict[str, float]) -> list[str]:
    """Lists the pairs that a metric orders differently from a person.

    Args:
      metric: a row of `METRICS`.
      row: result of `judge`.
    """
    pairs = [pair for pair in ORDER if pair not in BLIND.get(metric, ())]
    return [f"{first} > {second}" for first, second in pairs if row[first] > row[second]]


def main() -> None:
    """Prints a row for each metric and texture."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    header = ["metric", "texture", *COLUMNS, "wrong"]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for metric in metrics.METRICS:
        for name in TEXTURES:
            row = judge(metric, name, size)
            values = [f"{row[column]:.4f}" for column in COLUMNS]
            mistakes = ", ".join(wrong(metric, row)) if metric in DISTANCES else ""
            print(f"| {' | '.join([metric, name, *values, mistakes])} |", flush=True)


if __name__ == "__main__":
    main()
