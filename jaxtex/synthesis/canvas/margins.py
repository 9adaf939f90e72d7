"""Margins by which a picture grows: `left:128,right:128`."""

from typing import NamedTuple

from jaxtex import errors

MAX_MARGIN = 16384  # pixels


class Margins(NamedTuple):
    """New pixels beyond each side of a picture."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    @property
    def rows(self) -> tuple[int, int]:
        """Rows above and below."""
        return self.top, self.bottom

    @property
    def columns(self) -> tuple[int, int]:
        """Columns to the left and to the right."""
        return self.left, self.right


def parse(text: str) -> Margins:
    """Parses `--grow`: `"left:128,top:64"` -> `Margins(left=128, top=64)`; empty -> no margins.

    Raises:
      UserError: a side is unknown or given twice, or its margin is not a whole number of pixels
        within limits.
    """
    found: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        side, _, pixels = part.partition(":")
        errors.choose("--grow side", side, dict.fromkeys(Margins._fields))
        if side in found:
            raise errors.UserError(f"--grow={text}: '{side}' is given twice")
        if not pixels.isdecimal() or not 1 <= int(pixels[:9]) <= MAX_MARGIN:
            raise errors.UserError(
                f"--grow={text}: '{part}' must be a side and 1 to {MAX_MARGIN} pixels, such as "
                "right:128"
            )
        found[side] = int(pixels)
    return Margins(**found)
