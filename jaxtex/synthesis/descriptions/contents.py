"""Contents of a description: what a synthesis needs of an exemplar, without the exemplar."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxtex.synthesis.starts import fine_details, spot_noise

SUFFIXES = (".h5", ".hdf5")
# Choices that decide the summaries, and the sizes at which they are taken.
DECISIVE = (
    *("network", "weights", "pooling", "padding", "octaves", "precision"),
    *("statistic", "layers", "size", "style_scale", "height", "width", "scales"),
)

Target = Mapping[str, np.ndarray]  # path in the tree of a target, as `jax.tree_util.keystr` -> leaf


class Level(NamedTuple):
    """Summaries at one scale.

    Attributes:
      height: of the result at this scale, in pixels.
      width: of the result at this scale, in pixels.
      targets: name of a term -> its target.
      source: of the initial noise.
      examples: of the details added at this scale; None at the coarsest, and in files of 1.0.0,
        where nothing is added.
    """

    height: int
    width: int
    targets: Mapping[str, Target]
    source: spot_noise.Source
    examples: fine_details.Examples | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Description:
    """Summaries of an exemplar, and the choices that decide them.

    `jaxtex.synthesize` takes it, or the path of its file, in place of the exemplar.

    Attributes:
      choices: the fields `DECISIVE` of the `Config`.
      height: of the exemplar, in pixels.
      width: of the exemplar, in pixels.
      weights_sha256: hash of the network's weights.
      arrangement_weight: what `arrangement_weight=auto` chose for the exemplar.
      composed: True if the exemplar consists of a few large areas, see `spot_noise.is_composed`.
      gray: True if the exemplar is gray.
      mean: of the exemplar's colors, `[3]`.
      levels: from coarse to fine.
    """

    choices: Mapping[str, Any]
    height: int
    width: int
    weights_sha256: str
    arrangement_weight: float
    composed: bool
    gray: bool
    mean: np.ndarray
    levels: tuple[Level, ...]

    def save(self, path: str | os.PathLike) -> None:
        """Writes the description to an HDF5 file; it appears completely or not at all.

        Args:
          path: the file; its suffix must be `.h5` or `.hdf5`.

        Raises:
          UserError: another suffix.
          OSError: the file cannot be written.
        """
        from jaxtex.synthesis.descriptions import storage  # which reads this class

        storage.save(path, self)


def is_described(style: Any) -> bool:
    """True if a style is a description, or the path of its file."""
    if isinstance(style, Description):
        return True
    return isinstance(style, str | os.PathLike) and str(style).lower().endswith(SUFFIXES)
