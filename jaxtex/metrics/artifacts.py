"""Faults that a texture may have whatever its exemplar: pieces taken over as they are, seams, a border that differs."""

import numpy as np

from jaxtex.metrics import patch_extraction

BLOCK = 8  # pixels
ROWS = 64  # of the exemplar that are searched at a time: memory
BLOCKS = (
    400  # that are looked for: a share is right within 0.025 (one standard deviation) at the worst
)
VERBATIM = 0.02  # of a block's variance
PLAIN = (4 / 255) ** 2  # a variance
STRIPS = (1, 2, 4, 8)  # pixels
INSIDE = 8  # pixels from the border
TINY = 1e-5  # keeps the ratios finite for an image of one colour
ROUGHEST, ODDEST = 0.9, 0.99  # quantiles of what is inside


def copied(exemplar: np.ndarray, image: np.ndarray) -> float:
    """The share of 8x8 blocks of the image that stand somewhere in the exemplar, which is taken as repeating.

    A block counts as copied if the mean squared difference is below 2 hundredths of its own variance: rounding and faint
    noise pass. Blocks that vary by less than 4 / 255 say nothing and are left out. 400 blocks are drawn by a fixed seed.

    Range: 0 to 1. Identical: 1. Of 400 blocks in the right half of each texture in images/ (192 px) none came nearer to the
    left half than 0.06 of its variance. 0 where every block is plain. Cannot see copies that are turned, mirrored, scaled,
    moved by parts of a pixel, or of another brightness.

    References:
      The definition is our own; what it looks for is what Efros and Leung, "Texture Synthesis by Non-parametric Sampling",
      ICCV 1999, call verbatim copying.
    """
    centre = exemplar.mean((0, 1))
    repeated = np.pad(exemplar - centre, ((0, BLOCK - 1), (0, BLOCK - 1), (0, 0)), mode="wrap")
    blocks, energies = _blocks(image - centre)
    if not len(blocks):
        return 0.0
    rows = range(0, len(exemplar), ROWS)
    least = np.min([_least(blocks, repeated[row : row + ROWS + BLOCK - 1]) for row in rows], 0)
    return float(np.mean(least < VERBATIM * energies))


def _least(blocks: np.ndarray, image: np.ndarray) -> np.ndarray:
    """The squared distance of each block to the nearest of the image."""
    candidates = patch_extraction.windows(image, BLOCK)
    squares = np.einsum("nd,nd->n", candidates, candidates)
    return np.sum(blocks**2, 1) + np.min(squares - 2 * (blocks @ candidates.T), 1)


def _blocks(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most `BLOCKS` blocks that are not plain, `[N, 192]`, and each one's squared distance to its mean colour, `[N]`."""
    places = np.random.default_rng(0).permutation(
        (image.shape[0] - BLOCK + 1) * (image.shape[1] - BLOCK + 1)
    )
    blocks = patch_extraction.windows(image, BLOCK, places[: 4 * BLOCKS])
    variances = blocks.reshape(len(blocks), -1, 3).var(1).mean(-1)
    chosen = np.flatnonzero(variances > PLAIN)[:BLOCKS]
    return blocks[chosen], variances[chosen] * blocks.shape[1]


def seam(exemplar: np.ndarray, image: np.ndarray) -> float:
    """How visible the edge is where the image meets its other side when tiled; 1: as the roughest tenth of lines inside.

    At each line between two pixels the step across is compared with the mean of the steps before and after it; the root
    mean square over the seam, over the 0.9 quantile of the same inside; the larger of both directions.

    Range: 0 and up. Textures that tile, rolled by any offset: 0.4 to 1.5; crops that do not: 1.5 to 10, but for galaxies,
    whose sky can hide a seam. Cannot see the kink of a mirror image, nor half a brick that ends in mortar.

    The exemplar is not looked at. The definition is our own.
    """
    del exemplar
    return max(_seam(image), _seam(image.swapaxes(0, 1)))


def _seam(image: np.ndarray) -> float:
    """Of the vertical line between the last column and the first."""
    steps = image - np.roll(image, 1, 1)
    bends = steps - (np.roll(steps, 1, 1) + np.roll(steps, -1, 1)) / 2
    lines = np.sqrt(np.mean(bends**2, (0, 2)))
    return float(lines[0] / (np.quantile(lines[2:-1], ROUGHEST) + TINY))


def border(exemplar: np.ndarray, image: np.ndarray) -> float:
    """How far a strip along the border differs from those inside; 1: as the oddest hundredth inside the exemplar.

    Strips along each side, 1, 2, 4 and 8 pixels wide, are described by their mean colour, their deviation along the strip,
    and the steps along and across; each in units of how it varies between strips inside the exemplar. The root mean square
    of the difference to the mean of the image's own strips inside, over the 0.99 quantile of the same in the exemplar; the
    largest of all sides and widths.

    Range: 0 and up. Crops of the textures in images/: 0.5 to 2.1; with a grey frame of 2 pixels 2.2 to 9.7. Cannot see a
    frame that looks like a strip which the exemplar has too, nor what fades in over much more than 8 pixels.

    The definition is our own.
    """
    return max(_border(exemplar, image), _border(exemplar.swapaxes(0, 1), image.swapaxes(0, 1)))


def _border(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Of the left and the right side."""
    found = []
    for width in STRIPS:
        all_strips = _strips(image, width)
        inside, usual = all_strips[INSIDE:-INSIDE], _strips(exemplar, width)[INSIDE:-INSIDE]
        unit = usual.std(0) + 1 / 255
        oddest = np.quantile(_deviation(usual, usual, unit), ODDEST)
        found.append(_deviation(all_strips[[0, -1]], inside, unit).max() / (oddest + TINY))
    return float(max(found))


def _deviation(strips: np.ndarray, inside: np.ndarray, unit: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(((strips - inside.mean(0)) / unit) ** 2, 1))


def _strips(image: np.ndarray, width: int) -> np.ndarray:
    """What describes each vertical strip of this width, `[W - width + 1, 6]`."""
    along, across = (np.abs(np.diff(image, axis=axis)).mean((0, 2)) for axis in (0, 1))
    across = (np.append(across, across[-1]) + np.append(across[0], across)) / 2
    lines = np.column_stack([image.mean(0), image.mean(2).std(0), along, across])
    return np.lib.stride_tricks.sliding_window_view(lines, width, 0).mean(-1)
