"""The `Term` of a loss, the weighted sum of terms, and the texture term.

Each term is evaluated at every step against a target that is made once. The target is an argument
of the compiled step. Random draws (positions, directions) are part of the target: they are
resampled between steps by passing another target of the same shapes.
"""

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import networks, statistics
from jaxtex.images import color_transfer
from jaxtex.losses import rows, sampling, summaries
from jaxtex.statistics import map_layers

Terms = dict[str, jax.Array]  # name -> scalar
EMPTY: Mapping[str, Any] = types.MappingProxyType({})


class TargetImages(NamedTuple):
    """Images that targets are made from, at one scale.

    Attributes:
      styles: exemplars, each `[H, W, 3]` in [0, 1].
      weights: positive weights of the styles; only their ratios matter.
      content: `[H, W, 3]` in [0, 1], no larger than the result; None without content.
      height: of the result in pixels.
      width: of the result in pixels.
      features: image `[H, W, 3]` -> features of the network.
      inside: layer -> bool `[H', W']`, positions at which the content is compared; all positions of
        a layer that is missing.
      previous: result of the frame before, `[height, width, 3]`; None without one.
      unchanged: see `temporal.unchanged_share`, no larger than the result; None without `previous`.
      used: for each style where it is used, `[H, W]` in [0, 1]; None: everywhere.
      compared: regions of the result that `terms.detail_in_hole` compares, each `[height, width]`;
        the first is the hole.
      filled: a picture whose hole is filled, `[height, width, 3]`; None without one.
    """

    styles: Sequence[np.ndarray]
    weights: Sequence[float]
    content: np.ndarray | None
    height: int
    width: int
    features: Callable[[np.ndarray], networks.Features]
    inside: Mapping[str, Any] = EMPTY
    previous: np.ndarray | None = None
    unchanged: np.ndarray | None = None
    used: Sequence[np.ndarray | None] = ()
    compared: Sequence[np.ndarray] = ()
    filled: np.ndarray | None = None


def _no_target(images: TargetImages) -> None:
    del images


def _all_features(features: networks.Features, target: Any) -> networks.Features:
    del target
    return features


class Term(NamedTuple):
    """One summand of the loss.

    Attributes:
      evaluate: (image `[H, W, 3]`, result of `extract`, target) -> scalar.
      weight: weight in the loss.
      make_target: images -> target. Texture terms have None here, see `targets.build_targets`.
      extract: (features of the image, target) -> what `evaluate` compares.
      row_sums: how to evaluate the term in strips of rows; None if `evaluate` needs no features.
    """

    evaluate: Callable[[jax.Array, Any, Any], jax.Array]
    weight: float = 1.0
    make_target: Callable[[TargetImages], Any] = _no_target
    extract: Callable[[networks.Features, Any], Any] = _all_features
    row_sums: rows.RowSums | None = None


def compose(image: Any, data: Mapping[str, Any]) -> Any:
    """Returns an image as it is evaluated and shown: gray and kept pixels as they must be.

    For NumPy and JAX, and for batches, where all arrays have a first axis of images.

    Args:
      image: `[H, W, C]`.
      data: `gray`, see `color_transfer.blend_gray`; and `kept`: None, or a `picture` `[H, W, C]`
        and a `hole`, bool `[H, W, 1]`, outside of which the picture is kept.
    """
    image = color_transfer.blend_gray(image, data["gray"])
    kept = data["kept"]
    if kept is None:
        return image
    library = np if isinstance(image, np.ndarray) else jnp
    return library.where(kept["hole"], image, kept["picture"])


def total(
    terms: dict[str, Term],
    image: jax.Array,
    features: networks.Features,
    targets: dict[str, Any],
    sums: Mapping[str, Any] = EMPTY,
) -> tuple[jax.Array, Terms]:
    """Returns the weighted sum of the terms, and each term without its weight.

    Args:
      terms: name -> term.
      image: `[H, W, 3]`.
      features: features of the image.
      targets: name -> target.
      sums: name -> layer -> sums over all rows, for terms that were evaluated in strips.
    """
    values = {}
    dtype = statistics.accumulation_dtype(image)
    image = image.astype(dtype)  # of float16, terms of the image itself would overflow
    for name, term in terms.items():
        if name in sums and term.row_sums:
            value = term.row_sums.evaluate(sums[name], targets[name])
        else:
            value = term.evaluate(image, term.extract(features, targets[name]), targets[name])
        values[name] = jnp.asarray(value).astype(dtype)
    return sum(terms[name].weight * value for name, value in values.items()), values


def texture(statistic: statistics.Statistic, weights: dict[str, float], share: float = 1.0) -> Term:
    """Returns the distance of a statistic to its target, as a weighted mean over layers.

    Args:
      statistic: the statistic that is matched at each layer.
      weights: layer -> positive weight; only their ratios matter.
      share: weight in the loss.

    Returns:
      A term that is 0 where all statistics agree and about 1 for an image without structure. Its
      target is layer -> `{"target": ..., "sample": ...}`: the statistic's target (see
      `summaries.make_targets`) and the draw (see `sampling.draw_sample`). Layers without a target
      are not compared (see `losses.regions`). It extracts summaries.
    """

    def extract(
        features: networks.Features, target: dict[str, Any]
    ) -> dict[str, statistics.Summary]:
        sampled = {
            layer: sampling.sample(features[layer], target[layer]["sample"])
            for layer in weights
            if layer in target
        }
        return summaries.summarize_layers(statistic, sampled)

    def evaluate(
        image: jax.Array, summary: dict[str, statistics.Summary], target: dict[str, Any]
    ) -> jax.Array:
        del image
        targets = {layer: target[layer]["target"] for layer in weights if layer in target}
        total_weight = sum(weights[layer] for layer in targets)
        compared = {layer: summary[layer] for layer in targets}
        distances = map_layers.map_layers(statistic.distance, targets, compared)
        return sum(
            weights[layer] / total_weight * distance for layer, distance in distances.items()
        )

    def sum_rows(
        features: networks.Features, target: dict[str, Any], places: rows.Places
    ) -> dict[str, Any]:
        return {
            layer: summaries.sum_rows(
                statistic, features[layer], target[layer]["sample"], places[layer]
            )
            for layer in weights
            if layer in features and layer in target
        }

    def evaluate_sums(sums: dict[str, Any], target: dict[str, Any]) -> jax.Array:
        samples = {layer: target[layer]["sample"] for layer in sums}
        summary = summaries.summarize_sums(statistic, sums, samples)
        return evaluate(jnp.zeros(()), summary, target)

    row_sums = rows.RowSums(sum_rows, evaluate_sums)
    return Term(evaluate, share, extract=extract, row_sums=row_sums)
