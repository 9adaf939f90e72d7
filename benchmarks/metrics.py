"""Agreement of the metrics with human order: two Markdown tables.

    python benchmarks/metrics.py [SIZE [NETWORK]]     (SIZE: pixels of the shorter side, 256)

A person orders images by their distance from an exemplar: identical < another crop <
phase-randomized and shuffled pixels; another crop < a different texture; and phase-randomized <=
shuffled pixels, except for a sky of stars.

The two crops of a texture are the two colors of a checkerboard of 16 squares, so that both hold
every part of a texture that varies. One is the exemplar; whatever it is compared with has as many
pixels. Each number is the mean over both crops as the exemplar.

Of a style transfer, a person says: the content has its own structure and light, half of it and half
of the style has less of them, the style and noise have nothing; the style has its own layout, the
half some of it; and the style's Gram matrices are nearest to those of another crop of the style,
then the content's, then those of noise. The second table has the medians over pairs of a photograph
and a style: of images/, and of ../shared where it is present. NETWORK replaces the built-in one.
"""

import pathlib
import sys
from collections.abc import Iterator

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

SHARED = FOLDER.parent.parent / "shared" / "images"
PHOTOGRAPHS = ("astronaut", "cat", "coffee")
STYLES = ("leaves", "water", "bricks", "fur")
SHARED_PHOTOGRAPHS = ("kodak04", "kodak07", "kodak15", "kodak19", "kodak21", "kodak23")
TRANSFER_COLUMNS = ("content", "blend", "style", "noise", "crop")

# Pairs of columns; the first must be less than the second.
CONTENT_ORDER = (("content", "blend"), ("blend", "style"), ("blend", "noise"))
TRANSFER_ORDER = {
    "structure": CONTENT_ORDER,
    "light": CONTENT_ORDER,
    "layout": (("content", "blend"), ("blend", "style"), ("noise", "style")),
    "gram": (("style", "crop"), ("crop", "content"), ("content", "noise")),
}


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


def built_in_pairs() -> list[tuple[pathlib.Path, pathlib.Path]]:
    """Lists pairs of a photograph and a style in images/."""
    return [
        (FOLDER / f"{photograph}.png", FOLDER / f"{style}.png")
        for photograph in PHOTOGRAPHS
        for style in STYLES
    ]


def shared_pairs() -> list[tuple[pathlib.Path, pathlib.Path]]:
    """Lists pairs of a photograph and a painting in ../shared; none where it is absent."""
    photographs = [SHARED / "photos" / f"{name}.png" for name in SHARED_PHOTOGRAPHS]
    paintings = sorted((SHARED / "paintings").glob("*.jpg"))
    return [(photo, style) for photo in photographs if photo.is_file() for style in paintings]


def load_pairs(
    pairs: list[tuple[pathlib.Path, pathlib.Path]], size: int
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yields the names, the photograph and the style of each pair.

    Args:
      pairs: paths.
      size: of the shorter sides, in pixels.
    """
    for paths in pairs:
        content, style = (images.resize_shorter_side(images.load(path), size) for path in paths)
        yield ", ".join(path.stem for path in paths), content, style


def judge_transfer(
    content: np.ndarray, style: np.ndarray, network: str = ""
) -> dict[str, dict[str, float]]:
    """Measures images that stand for results of a style transfer.

    Args:
      content: `[H, W, 3]`.
      style: `[H', W', 3]`. Its Gram matrices are those of its first crop.
      network: of `structure` and `gram`.

    Returns:
      For each metric of transfers a value for each of `TRANSFER_COLUMNS`; `crop` for `gram` alone.
    """
    stretched = images.resize(style, *content.shape[:2])
    noise = np.random.default_rng(0).random(content.shape, np.float32)
    stand_ins = {
        "content": content,
        "blend": (content + stretched) / 2,
        "style": stretched,
        "noise": noise,
    }
    names = [name for name in TRANSFER_ORDER if name != "gram"]
    by_image = {
        column: metrics.measure(style, image, names, network, content)
        for column, image in stand_ins.items()
    }
    rows = {name: {column: by_image[column][name] for column in by_image} for name in names}

    exemplar, crop = crops(style)
    stand_ins |= {"style": exemplar, "crop": crop}
    rows["gram"] = {
        column: metrics.gram(exemplar, image, network) for column, image in stand_ins.items()
    }
    return rows


def wrong_transfer(rows: dict[str, dict[str, float]]) -> list[str]:
    """Lists the pairs that the metrics of transfers order differently from a person.

    Args:
      rows: result of `judge_transfer`.
    """
    return [
        f"{name}: {first} >= {second}"
        for name, pairs in TRANSFER_ORDER.items()
        for first, second in pairs
        if rows[name][first] >= rows[name][second]
    ]


def main() -> None:
    """Prints a row for each metric and texture, and one for each metric of transfers."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    network = sys.argv[2] if len(sys.argv) > 2 else ""
    print_textures(size)
    print_transfers(size, network)


def print_textures(size: int) -> None:
    """Prints a row for each metric and texture.

    Args:
      size: of the shorter side, in pixels.
    """
    header = ["metric", "texture", *COLUMNS, "wrong"]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for metric in metrics.default_names(with_content=False):
        for name in TEXTURES:
            row = judge(metric, name, size)
            values = [f"{row[column]:.4f}" for column in COLUMNS]
            mistakes = ", ".join(wrong(metric, row)) if metric in DISTANCES else ""
            print(f"| {' | '.join([metric, name, *values, mistakes])} |", flush=True)


def print_transfers(size: int, network: str) -> None:
    """Prints the wrong orders of each pair, and the medians of the metrics of transfers.

    Args:
      size: of the shorter side, in pixels.
      network: of `structure` and `gram`.
    """
    judged = {}
    for name, content, style in load_pairs(built_in_pairs() + shared_pairs(), size):
        judged[name] = judge_transfer(content, style, network)
        print(f"\n{name}: {'; '.join(wrong_transfer(judged[name])) or 'no order is wrong'}", end="")

    header = ["metric", *TRANSFER_COLUMNS]
    print(f"\n\n{len(judged)} pairs\n\n| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for metric in TRANSFER_ORDER:
        rows = [rows[metric] for rows in judged.values()]
        medians = {column: np.median([row[column] for row in rows]) for column in rows[0]}
        values = [f"{medians[column]:.3f}" if column in medians else "" for column in header[1:]]
        print(f"| {' | '.join([metric, *values])} |")


if __name__ == "__main__":
    main()
