"""Amount of content, 0 to 100: a scale of `content_weight` that people understand.

The weight grows tenfold every 25, from a hundredth of the default just above 0 to a hundredfold at
100; docs/style_transfer.md shows what that does.
"""

from typing import Any

from jaxtex import errors
from jaxtex.runtime import plain_values
from jaxtex.synthesis import config as configs

DEFAULT = 50.0  # stands for the default of `content_weight`
MOST = 100.0  # nearly the content, in the colors of the style
TENFOLD = 25.0  # difference of two amounts whose weights differ by a factor of ten


def to_weight(amount: Any) -> float:
    """Returns the `content_weight` that an amount stands for.

    Args:
      amount: 0 is the style alone, without any content; 50 the default; 100 nearly the content.

    Raises:
      UserError: not a number from 0 to 100.
    """
    fits = f"must be a number from 0 (style alone) to {MOST:g} (nearly the content)"
    number = plain_values.convert("--content_amount", amount, plain_values.to_float, fits)
    if not 0 <= number <= MOST:
        raise errors.UserError(f"--content_amount={plain_values.describe(amount)}: {fits}")
    if number == 0:
        return 0.0
    if number == DEFAULT:
        return configs.Config.content_weight
    weight = configs.Config.content_weight * 10 ** ((number - DEFAULT) / TENFOLD)
    return float(f"{weight:.4g}")  # short in records and on pages
