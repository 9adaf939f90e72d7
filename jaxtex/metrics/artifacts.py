"""Faults of a texture whatever its exemplar: copied pieces, a visible seam, a deviating border."""

import numpy as np

from jaxtex.metrics import patch_extraction

BLOCK = 8  # side of a block, in pixels
BLOCKS = 400  # blocks searched for: the standard deviation of a share is at most 0.025
ROWS = 64  # rows of the exemplar searched at a time: bounds memory
COPIED_ERROR = 0.02  # of a block's variance: admits rounding and faint noise
PLAIN = (4 / 255) ** 2  # a variance below which a block is plain
STRIP_WIDTHS = (1, 2, 4, 8)  # pixels
INSET = 8  # pixels between the border and the strips that count as inside
EPSILON = 1e-5  # keeps the ratios of an image of one color finite
SEAM_QUANTILE = 0.9  # of the lines inside
BORDER_QUANTILE = 0.99  # of the strips inside


@patch_extraction.takes_images
def copied(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Returns the share of 8x8 blocks of an image that are copied from its exemplar.

    A block is copied if its mean squared difference to some block of the exemplar, continued
    periodically, is below 0.02 of its own variance. Blocks that vary by less than 4 / 255 are left
    out. 400 blocks are drawn with a fixed seed.

    Cannot see copies that are rotated, mirrored, scaled, shifted by a fraction of a pixel, or
    brighter or darker.

    Args:
      exemplar: `[H, W, 3]`, sRGB in [0, 1].
      image: `[H', W', 3]`, sRGB in [0, 1].

    Returns:
      A share in [0, 1]: 1 for the exemplar itself, 0 if every block is plain.

    References:
      Efros and Leung, "Texture Synthesis by Non-parametric Sampling", ICCV 1999, for the term
      verbatim copying. The definition is our own.
    """
    mean = exemplar.mean((0, 1))
    periodic = np.pad(exemplar - mean, ((0, BLOCK - 1), (0, BLOCK - 1), (0, 0)), mode="wrap")

    blocks, energies = _sample_blocks(image - mean)
    if not len(blocks):
        return 0.0

    distances = [
        _nearest_distances(blocks, periodic[row : row + ROWS + BLOCK - 1])
        for row in range(0, len(exemplar), ROWS)
    ]
    return float(np.mean(np.min(distances, 0) < COPIED_ERROR * energies))


def _sample_blocks(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draws at most `BLOCKS` blocks that are not plain.

    Returns:
      The blocks, `[N, 192]`, and the squared distance of each to its mean color, `[N]`.
    """
    count = (image.shape[0] - BLOCK + 1) * (image.shape[1] - BLOCK + 1)
    positions = np.random.default_rng(0).permutation(count)[: 4 * BLOCKS]
    blocks = patch_extraction.extract_patches(image, BLOCK, positions)

    variances = blocks.reshape(len(blocks), -1, 3).var(1).mean(-1)
    chosen = np.flatnonzero(variances > PLAIN)[:BLOCKS]
    return blocks[chosen], variances[chosen] * blocks.shape[1]


def _nearest_distances(blocks: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Returns the squared distance of each block to the nearest block of an image, `[N]`."""
    candidates = patch_extraction.extract_patches(image, BLOCK)
    squares = np.einsum("nd,nd->n", candidates, candidates)
    return np.sum(blocks**2, 1) + np.min(squares - 2 * (blocks @ candidates.T), 1)


@patch_extraction.takes_images
def seam(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Returns how visible the seam of an image is when it is tiled.

    At each line between two pixels, the step across is compared with the mean of the steps before
    and after it. The value is the root mean square over the seam divided by the 0.9 quantile over
    the lines inside; the larger of both directions.

    Cannot see the kink of a mirrored image, nor a brick cut in half that ends in mortar.

    Args:
      exemplar: not used.
      image: `[H, W, 3]`, sRGB in [0, 1].

    Returns:
      0 and up. 1 is as visible as the roughest tenth of the lines inside; most crops of textures
      are above 1.5.

    References:
      The definition is our own.
    """
    del exemplar
    return max(_column_seam(image), _column_seam(image.swapaxes(0, 1)))


def _column_seam(image: np.ndarray) -> float:
    """Returns the visibility of the vertical line between the last and the first column."""
    steps = image - np.roll(image, 1, 1)
    bends = steps - (np.roll(steps, 1, 1) + np.roll(steps, -1, 1)) / 2
    lines = np.sqrt(np.mean(bends**2, (0, 2)))
    return float(lines[0] / (np.quantile(lines[2:-1], SEAM_QUANTILE) + EPSILON))


@patch_extraction.takes_images
def border(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Returns how far strips along the border of an image differ from strips inside.

    Strips of 1, 2, 4 and 8 pixels along each side are described by their mean color, their
    deviation along the strip, and the steps along and across it, in units of their variation
    between the strips inside the exemplar. The value is the root mean square of the difference to
    the mean strip inside the image, divided by the 0.99 quantile of the same inside the exemplar;
    the largest over sides and widths.

    Cannot see a frame that looks like a strip of the exemplar, nor one that fades in over much
    more than 8 pixels.

    Args:
      exemplar: `[H, W, 3]`, sRGB in [0, 1].
      image: `[H', W', 3]`, sRGB in [0, 1].

    Returns:
      0 and up. 1 is as unusual as the most unusual hundredth of the strips inside the exemplar;
      a gray frame of two pixels gives 2.2 or more.

    References:
      The definition is our own.
    """
    columns = _column_border(exemplar, image)
    rows = _column_border(exemplar.swapaxes(0, 1), image.swapaxes(0, 1))
    return max(columns, rows)


def _column_border(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Returns the deviation of the left and the right side."""
    deviations = []
    for width in STRIP_WIDTHS:
        strips = _describe_strips(image, width)
        inside = strips[INSET:-INSET]
        usual = _describe_strips(exemplar, width)[INSET:-INSET]

        unit = usual.std(0) + 1 / 255  # one level of 8 bits keeps flat exemplars finite
        limit = np.quantile(_deviation(usual, usual, unit), BORDER_QUANTILE)
        deviations.append(_deviation(strips[[0, -1]], inside, unit).max() / (limit + EPSILON))
    return float(max(deviations))


def _deviation(strips: np.ndarray, inside: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Returns the root mean square difference of strips to the mean strip inside, `[N]`."""
    return np.sqrt(np.mean(((strips - inside.mean(0)) / unit) ** 2, 1))


def _describe_strips(image: np.ndarray, width: int) -> np.ndarray:
    """Returns the descriptors of each vertical strip of a width, `[W - width + 1, 6]`."""
    along = np.abs(np.diff(image, axis=0)).mean((0, 2))
    steps = np.abs(np.diff(image, axis=1)).mean((0, 2))
    across = (np.append(steps, steps[-1]) + np.append(steps[0], steps)) / 2  # of both neighbors

    lines = np.column_stack([image.mean(0), image.mean(2).std(0), along, across])
    return np.lib.stride_tricks.sliding_window_view(lines, width, 0).mean(-1)
