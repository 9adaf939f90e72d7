"""The content term: what the result of a style transfer keeps of a photograph.

A norm compares one layer of the content with the same layer of the image. Those of
`statistics.NORMS` compare the features themselves. `self_similarity`, of the structure term,
compares how alike the positions of the layer are to each other, so that colors and strokes may
change where the arrangement stays.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import networks, statistics
from jaxtex.losses import base, rows

MAX_CELLS = 1024  # of a layer whose similarities are compared
MIN_DISTANCE = 1e-3  # added to mean cosine distances: those of a plain image are rounding errors
MIN_ENERGY = 1e-6  # added to the squared norm of a feature vector


class Norm(NamedTuple):
    """How the content term compares one layer.

    Attributes:
      make_target: (features of the content `[H, W, C]`, bool `[H, W, 1]` of the positions that are
        compared, or None for all) -> target.
      distance: (target, features of the image `[H, W, C]`) -> scalar, 0 or more.
      sum_rows: (target, features of some rows `[h, W, C]`, which rows) -> their share of sums over
        all rows.
      distance_of_sums: (target, sums) -> the distance.
    """

    make_target: Callable[[jax.Array, Any], Any]
    distance: Callable[[Any, jax.Array], jax.Array]
    sum_rows: Callable[[Any, jax.Array, rows.Rows], Any]
    distance_of_sums: Callable[[Any, Any], jax.Array]


def content(weights: Mapping[str, float], share: float, norm: str = "relative") -> base.Term:
    """Returns half of the distance to the content, averaged over layers.

    Args:
      weights: layer -> positive weight; only their ratios matter.
      share: weight in the loss.
      norm: a key of `NORMS`.

    Returns:
      A term that is 0 at the content. Its target is layer -> target of the norm.

    References:
      Gatys, Ecker and Bethge, "A Neural Algorithm of Artistic Style", 2015,
      https://arxiv.org/abs/1508.06576.
    """
    total_weight = sum(weights.values())
    chosen = NORMS[norm]

    def evaluate(
        image: jax.Array, features: networks.Features, target: dict[str, Any]
    ) -> jax.Array:
        del image
        return sum(
            weight / total_weight * 0.5 * chosen.distance(target[layer], features[layer])
            for layer, weight in weights.items()
        )

    def make_target(images: base.TargetImages) -> dict[str, Any]:
        assert images.content is not None  # the term exists only with a content
        features = images.features(pad_to(images.content, images.height, images.width))
        inside = {layer: mask[..., None] for layer, mask in images.inside.items()}
        return {layer: chosen.make_target(features[layer], inside.get(layer)) for layer in weights}

    def sum_rows(
        features: networks.Features, target: dict[str, Any], places: rows.Places
    ) -> dict[str, Any]:
        return {
            layer: chosen.sum_rows(target[layer], features[layer], places[layer])
            for layer in weights
            if layer in features
        }

    def evaluate_sums(sums: dict[str, Any], target: dict[str, Any]) -> jax.Array:
        return sum(
            weight / total_weight * 0.5 * chosen.distance_of_sums(target[layer], sums[layer])
            for layer, weight in weights.items()
        )

    row_sums = rows.RowSums(sum_rows, evaluate_sums, layers=tuple(weights))
    return base.Term(evaluate, share, make_target, row_sums=row_sums)


def pad_to(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pads an image by repeating its last row and column.

    Args:
      image: `[H, W, 3]`.
      height: H or more.
      width: W or more.

    Returns:
      `[height, width, 3]`.
    """
    rows = height - image.shape[0]
    columns = width - image.shape[1]
    return np.pad(image, ((0, rows), (0, columns), (0, 0)), "edge")


def by_position(norm: str) -> Norm:
    """Compares the features at each position.

    Args:
      norm: "relative": in units of the content's own energy; "plain": the sum of squares, as in the
        paper. A key of `statistics.NORMS`.
    """

    def make_target(features: jax.Array, inside: Any) -> dict[str, jax.Array]:
        target = {"features": features}
        return target if inside is None else {**target, "inside": inside}

    def distance(target: dict[str, jax.Array], features: jax.Array) -> jax.Array:
        expected, found = target["features"], features
        if "inside" in target:
            expected = jnp.where(target["inside"], expected, 0)
            found = jnp.where(target["inside"], found, 0)
        expected = expected.astype(statistics.accumulation_dtype(expected))
        found = found.astype(statistics.accumulation_dtype(found))
        return statistics.NORMS[norm](expected, found, expected.shape[-1])

    def sum_rows(target: dict[str, jax.Array], features: jax.Array, place: rows.Rows) -> jax.Array:
        counted = place.inside[:, None, None]
        if "inside" in target:
            counted = counted & rows.take(target["inside"], place)
        difference = rows.take(target["features"], place) - features
        difference = difference.astype(statistics.accumulation_dtype(difference))
        return jnp.sum(jnp.where(counted, difference, 0) ** 2)

    def distance_of_sums(target: dict[str, jax.Array], squares: jax.Array) -> jax.Array:
        expected = target["features"]
        if "inside" in target:
            expected = jnp.where(target["inside"], expected, 0)
        expected = expected.astype(statistics.accumulation_dtype(expected))
        of_squares = statistics.NORMS_OF_SQUARES[norm]
        return of_squares(squares, jnp.sum(expected**2), expected.shape[-1])

    return Norm(make_target, distance, sum_rows, distance_of_sums)


def self_similarity() -> Norm:
    """Compares the cosine distances between the cells of a layer, see `cell_distances`.

    The squared difference is divided by how far the content's distances are from being equal, so
    that 1 means no structure, at each size.

    References:
      Kolkin, Salavon and Shakhnarovich, "Style Transfer by Relaxed Optimal Transport and
      Self-Similarity", CVPR 2019, https://arxiv.org/abs/1904.12785. Departures: squares in place of
      absolute values, each layer by itself in place of hypercolumns, and means over the cells of a
      grid in place of random positions, so that each pixel counts and the loss does not change.
    """

    def make_target(features: jax.Array, inside: Any) -> dict[str, jax.Array]:
        dtype = statistics.accumulation_dtype(features)
        weights = jnp.ones((*features.shape[:2], 1), dtype)
        if inside is not None:
            weights = jnp.asarray(inside, dtype)
        # A cell that sees a position outside does not count.
        of_cells = jnp.floor(cells(weights)[:, 0] + MIN_ENERGY)
        of_cells = jnp.where(of_cells.sum() > 0, of_cells, jnp.ones_like(of_cells))
        return {"distances": cell_distances(features, of_cells), "weights": of_cells}

    def distance(target: dict[str, jax.Array], features: jax.Array) -> jax.Array:
        pairs = target["weights"][:, None] * target["weights"][None]
        found = cell_distances(features, target["weights"])
        return compare(target["distances"], found, pairs)

    def compare(expected: jax.Array, found: jax.Array, pairs: jax.Array) -> jax.Array:
        found = found.astype(expected.dtype)
        energy = jnp.sum(pairs * (expected - 1) ** 2) + statistics.TINY
        return jnp.sum(pairs * (expected - found) ** 2) / energy

    def sum_rows(target: dict[str, jax.Array], features: jax.Array, place: rows.Rows) -> jax.Array:
        del target
        return cell_shares(features, place)

    def distance_of_sums(target: dict[str, jax.Array], of_cells: jax.Array) -> jax.Array:
        pairs = target["weights"][:, None] * target["weights"][None]
        found = vector_distances(of_cells, target["weights"])
        return compare(target["distances"], found, pairs)

    return Norm(make_target, distance, sum_rows, distance_of_sums)


def cell_distances(features: jax.Array, weights: jax.Array) -> jax.Array:
    """Returns the cosine distances between all cells of a layer, see `vector_distances`.

    Args:
      features: `[H, W, C]`.
      weights: of the cells in the means, `[P]`.
    """
    return vector_distances(
        cells(features.astype(statistics.accumulation_dtype(features))), weights
    )


def vector_distances(vectors: jax.Array, weights: jax.Array) -> jax.Array:
    """Returns the cosine distances between vectors, in units of their means.

    Args:
      vectors: `[P, C]`.
      weights: of the vectors in the means, `[P]`.

    Returns:
      `[P, P]`; the weighted mean of each column is 1, or 0 if all vectors are alike.
    """
    vectors = vectors / jnp.sqrt(jnp.sum(vectors**2, 1, keepdims=True) + MIN_ENERGY)
    distances = 1 - jnp.matmul(vectors, vectors.T, precision="highest")
    means = jnp.sum(distances * weights[:, None], 0, keepdims=True) / jnp.sum(weights)
    return distances / (means + MIN_DISTANCE)


def cells(features: jax.Array) -> jax.Array:
    """Averages features over a grid of at most `MAX_CELLS` cells: `[H, W, C]` -> `[P, C]`.

    Cells overlap by half, so that their grid does not show in the result. Small layers have one
    cell at each position.
    """
    height, width, channels = features.shape
    high, wide = block_sides(height, width)
    if high * wide == 1:
        return features.reshape(-1, channels)

    down, across = height // high, width // wide
    blocks = features[: down * high, : across * wide]
    return overlap(blocks.reshape(down, high, across, wide, channels).mean((1, 3)))


def cell_shares(features: jax.Array, place: rows.Rows) -> jax.Array:
    """Returns what some rows of a layer add to its `cells`: `[h, W, C]` -> `[P, C]`.

    Args:
      features: of the rows; zeros in those that do not count.
      place: which rows these are.
    """
    width, channels = features.shape[1:]
    high, wide = block_sides(place.height, width)
    down, across = place.height // high, width // wide

    features = features.astype(statistics.accumulation_dtype(features))
    columns = features[:, : across * wide].reshape(-1, across, wide, channels).mean(2)
    blocks_of_rows = jnp.arange(down)[:, None] == (place.indices // high)[None]
    shares = blocks_of_rows.astype(columns.dtype) / high
    blocks = jnp.einsum("yh,hxc->yxc", shares, columns, precision="highest")
    return blocks.reshape(-1, channels) if high * wide == 1 else overlap(blocks)


def block_sides(height: int, width: int) -> tuple[int, int]:
    """Returns rows and columns of the blocks that a layer is divided into; 1, 1 for a small one.

    Args:
      height: of the layer.
      width: of the layer.
    """
    if height * width <= MAX_CELLS:
        return 1, 1
    size = math.ceil(height * width / MAX_CELLS)  # positions of a block
    high = min(math.ceil(math.sqrt(size)), max(1, height // 2))
    return high, min(math.ceil(size / high), max(1, width // 2))


def overlap(blocks: jax.Array) -> jax.Array:
    """Returns the means of 2x2 neighboring blocks: `[Y, X, C]` -> `[P, C]`."""
    if blocks.shape[0] > 1:
        blocks = (blocks[1:] + blocks[:-1]) / 2
    if blocks.shape[1] > 1:
        blocks = (blocks[:, 1:] + blocks[:, :-1]) / 2
    return blocks.reshape(-1, blocks.shape[-1])


# `--content_norm` names one that compares features.
NORMS: Mapping[str, Norm] = {
    **{name: by_position(name) for name in statistics.NORMS},
    "self_similarity": self_similarity(),
}
