"""Table of metrics of an exemplar and an image, and the function that evaluates them.

A metric takes the exemplar and the image, `[H, W, 3]` in [0, 1], of any two sizes, and returns a
number. docs/metrics.md shows how the metrics rank images.
"""

import functools
from collections.abc import Callable, Iterable

import numpy as np

from jaxtex import errors, images
from jaxtex.images import arrays
from jaxtex.metrics import (
    artifacts,
    composition_match,
    feature_distance,
    patch_distance,
    power_spectrum,
)
from jaxtex.runtime import plain_values

METRICS: dict[str, Callable[..., float]] = {
    "patches": patch_distance.patches,
    "features": feature_distance.features,
    "spectrum": power_spectrum.spectrum,
    "copied": artifacts.copied,
    "composition": composition_match.composition,
    "seam": artifacts.seam,
    "border": artifacts.border,
}


def measure(
    exemplar: np.ndarray, image: np.ndarray, names: Iterable[str] = (), network: str = ""
) -> dict[str, float]:
    """Measures an image against its exemplar.

    >>> metrics.measure(pebbles, result, ["patches", "spectrum"])
    {'patches': 0.0049, 'spectrum': 1.9}

    Args:
      exemplar: `[H, W, 3]`, sRGB in [0, 1], at least 32 pixels on each side.
      image: `[H', W', 3]`, sRGB in [0, 1], at least 32 pixels on each side. Images are compared at
        the sizes given; nothing is resized.
      names: names in `METRICS`, or one name; all of them by default.
      network: passed to `features`.

    Returns:
      Name -> value, in the order of the names. Deterministic.

    Raises:
      UserError: an image is invalid, or a name is unknown.
    """
    exemplar = images.validate(exemplar, arrays.RGB, "an exemplar image")
    image = images.validate(image, arrays.RGB)

    if isinstance(names, str):
        names = [names] if names else []
    elif names is not None and not isinstance(names, Iterable):
        raise errors.UserError(f"names={plain_values.describe(names)}: must be a list of metrics")
    functions = {name: errors.choose("metric", name, METRICS) for name in names or METRICS}
    if network and "features" in functions:
        functions["features"] = functools.partial(feature_distance.features, network=network)
    return {name: function(exemplar, image) for name, function in functions.items()}
