"""Tables of metrics, and the function that evaluates them.

A metric takes a reference and the image, `[H, W, 3]` in [0, 1], of any two sizes, and returns a
number. The name of its first parameter is that of the reference: `exemplar`, the texture or the
style, or `content`, what a style transfer shows. docs/metrics.md shows how the metrics rank images.
"""

import inspect
from collections.abc import Callable, Iterable

import numpy as np

from jaxtex import errors, images
from jaxtex.images import arrays
from jaxtex.metrics import (
    artifacts,
    autocorrelation,
    brightness,
    composition_match,
    feature_distance,
    network_distance,
    patch_distance,
    power_spectrum,
    texture_similarity,
)
from jaxtex.runtime import plain_values

# Computed by default.
TEXTURE: dict[str, Callable[..., float]] = {
    "patches": patch_distance.patches,
    "features": feature_distance.features,
    "spectrum": power_spectrum.spectrum,
    "stsim": texture_similarity.stsim,
    "arrangement": autocorrelation.arrangement,
    "copied": artifacts.copied,
    "composition": composition_match.composition,
    "seam": artifacts.seam,
    "border": artifacts.border,
}
# Computed by default where there is a content.
TRANSFER: dict[str, Callable[..., float]] = {
    "structure": network_distance.structure,
    "light": brightness.light,
    "layout": brightness.layout,
    "gram": network_distance.gram,
}
METRICS = {**TEXTURE, **TRANSFER}
SCALES = (1 / 8, 8)  # of a style


def measure(
    exemplar: np.ndarray,
    image: np.ndarray,
    names: Iterable[str] = (),
    network: str = "",
    content: np.ndarray | None = None,
    style_scale: float = 1.0,
) -> dict[str, float]:
    """Measures a texture against its exemplar, or a style transfer against style and content.

    >>> metrics.measure(pebbles, result, ["patches", "spectrum"])
    {'patches': 0.0049, 'spectrum': 1.9}
    >>> metrics.measure(painting, result, ["structure", "gram"], content=photo)
    {'structure': 0.16, 'gram': 0.21}

    Args:
      exemplar: of a texture, or the style of a transfer: `[H, W, 3]`, sRGB in [0, 1], at least 32
        pixels on each side.
      image: `[H', W', 3]`, sRGB in [0, 1], at least 32 pixels on each side.
      names: names in `METRICS`, or one name; by default those of textures, with a content all.
      network: passed to the metrics with a parameter of that name.
      content: of a transfer, `[H, W, 3]`, sRGB in [0, 1]. Without one, images are compared at the
        sizes given. With one they are brought to the image's size, as a transfer does: the content
        to its height and width, the style to its shorter side.
      style_scale: of a transfer: how many times larger its style was seen, as its choice.

    Returns:
      Name -> value, in the order of the names. Deterministic.

    Raises:
      UserError: an image or the scale is invalid, a name is unknown, or a metric needs a content
        and there is none.
    """
    exemplar = images.validate(exemplar, arrays.RGB, "an exemplar image")
    image = images.validate(image, arrays.RGB)
    style_scale = _check_scale(style_scale)
    if content is not None:
        content = images.validate(content, arrays.RGB, "a content")
        side = max(images.MIN_SIDE, round(min(image.shape[:2]) * style_scale))
        exemplar = images.resize_shorter_side(exemplar, side)

    if isinstance(names, str):
        names = [names] if names else []
    elif names is not None and not isinstance(names, Iterable):
        raise errors.UserError(f"names={plain_values.describe(names)}: must be a list of metrics")
    chosen = list(names or ()) or default_names(content is not None)

    functions = {name: errors.choose("metric", name, METRICS) for name in chosen}
    for name in functions:
        if content is None and needs_content(name):
            raise errors.UserError(
                f"metric '{name}': the content that it compares with must be given, as in "
                "measure(painting, result, content=photo)"
            )

    values = {}
    for name, function in functions.items():
        reference = content if needs_content(name) else exemplar
        takes_network = "network" in inspect.signature(function).parameters
        options = {"network": network} if takes_network else {}
        values[name] = function(reference, image, **options)
    return values


def _check_scale(style_scale: float) -> float:
    """Returns a scale as a number of Python; raises `UserError` if it is none that a choice has."""
    low, high = SCALES
    fits = f"must be a number from {low} to {high}"
    scale = plain_values.convert("style_scale", style_scale, plain_values.to_float, fits)
    if not low <= scale <= high:
        raise errors.UserError(f"style_scale={scale:g}: {fits}")
    return scale


def default_names(with_content: bool) -> list[str]:
    """Lists the metrics that are computed by default.

    Args:
      with_content: True for a style transfer, whose content is known.
    """
    return list(METRICS if with_content else TEXTURE)


def needs_content(name: str) -> bool:
    """Returns True if a metric in `METRICS` compares with the content of a style transfer."""
    return "content" in inspect.signature(METRICS[name]).parameters
