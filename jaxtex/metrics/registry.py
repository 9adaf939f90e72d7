"""How good a texture is, independent of what was optimised: a table of measures of an exemplar and an image.

Each takes the exemplar and the image, `[H, W, 3]` in [0, 1], of any two sizes, and returns a number; docs/metrics.md has
what they say of images whose order a person knows.
"""

import functools
from collections.abc import Iterable

import numpy as np

from jaxtex import errors, images
from jaxtex.metrics import artifacts, likeness, power_spectrum


def measure(
    exemplar: np.ndarray, image: np.ndarray, names: Iterable[str] = (), network: str = ""
) -> dict[str, float]:
    """Measures an image against its exemplar.

    >>> metrics.measure(pebbles, result, ["patches", "spectrum"])
    {'patches': 0.0049, 'spectrum': 1.9}

    Args:
      exemplar: `[H, W, 3]`, sRGB in [0, 1], at least 32 pixels on each side.
      image: likewise; its size may differ. Both at the size they are looked at in: nothing is resized.
      names: rows of `METRICS`; none: all.
      network: for `features`, see there.

    Returns:
      Name -> value, in the order of the names. The same images have the same values.

    Raises:
      UserError: an image or a name cannot be used.
    """
    exemplar, image = images.validate(exemplar), images.validate(image)
    rows = {name: errors.choose("metric", name, METRICS) for name in names or METRICS}
    if network and "features" in rows:
        rows["features"] = functools.partial(likeness.features, network=network)
    return {name: row(exemplar, image) for name, row in rows.items()}


METRICS = {
    "patches": likeness.patches,
    "features": likeness.features,
    "spectrum": power_spectrum.spectrum,
    "copied": artifacts.copied,
    "seam": artifacts.seam,
    "border": artifacts.border,
}
