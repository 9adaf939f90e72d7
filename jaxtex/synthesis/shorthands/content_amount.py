"""Amount of content, 0 to 100: a scale of the content's weights that people understand.

The weights grow tenfold every 20; docs/style_transfer.md shows what that does.
"""

from collections.abc import Mapping
from typing import Any

from jaxtex import errors
from jaxtex.runtime import plain_values

WEIGHTS = ("content_weight", "structure_weight")  # fields of `Config`
DEFAULT = 50.0  # leaves the weights as they are
MOST = 100.0  # nearly the content, in the colors of the style
TENFOLD = 20.0  # difference of two amounts whose weights differ by a factor of ten


def to_weights(amount: Any, weights: Mapping[str, float]) -> dict[str, float]:
    """Returns the weights that an amount stands for.

    Args:
      amount: 0 is the style alone, without any content; 50 leaves the weights as they are; 100 is
        nearly the content.
      weights: of `WEIGHTS`, at the amount 50.

    Raises:
      UserError: not a number from 0 to 100.
    """
    fits = f"must be a number from 0 (style alone) to {MOST:g} (nearly the content)"
    number = plain_values.convert("--content_amount", amount, plain_values.to_float, fits)
    if not 0 <= number <= MOST:
        raise errors.UserError(f"--content_amount={plain_values.describe(amount)}: {fits}")
    if number == DEFAULT:
        return dict(weights)
    factor = 10 ** ((number - DEFAULT) / TENFOLD) if number else 0.0
    # Short numbers, in records and on pages.
    return {name: float(f"{weight * factor:.4g}") for name, weight in weights.items()}
