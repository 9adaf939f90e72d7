"""Parts of the steps that each scale gets: the values of `--shares`."""

import itertools
from collections.abc import Sequence

from jaxtex import errors

MAX_SHARE = 999  # of one scale


def parse(text: str) -> list[int]:
    """Parses the shares of the scales: `"1,2,6"` -> `[1, 2, 6]`; empty and `"auto"` -> none.

    Raises:
      UserError: a share is not a whole number from 1 to 999.
    """
    parts = [part.strip() for part in text.split(",")] if text not in ("", "auto") else []
    for part in parts:
        if not part.isdecimal() or not 1 <= int(part[:9]) <= MAX_SHARE:
            raise errors.UserError(
                f"--shares={text}: '{part}' must be a whole number from 1 to {MAX_SHARE}; "
                "or choose auto"
            )
    return [int(part) for part in parts]


def of_scales(text: str, number: int, transfer: bool = False) -> list[int]:
    """Returns the shares of each of `number` scales, from coarse to fine.

    Args:
      text: value of `--shares`.
      number: of scales, from 1.
      transfer: True if there is a content beside the style; only later scales show its details.

    Raises:
      UserError: as `parse`, or there are more or fewer shares than scales.
    """
    if not text:
        return [1] + [2 if transfer else 1] * (number - 1)
    if text == "auto":
        return [2] * (number - 1) + [1]
    shares = parse(text)
    if len(shares) != number:
        raise errors.UserError(f"--shares={text}: {len(shares)} shares for {number} scales")
    return shares


def of_steps(steps: Sequence[int]) -> list[int]:
    """Finds the smallest shares that give each scale these steps.

    Args:
      steps: of each scale, from coarse to fine.

    Raises:
      UserError: shares up to 999 cannot express these steps.
    """
    total = sum(steps)
    for whole in range(len(steps), MAX_SHARE * len(steps) + 1):
        # The smallest share of a scale that lasts until step `end` or longer, see `Plan.until`.
        shares: list[int] = []
        for end in itertools.accumulate(steps[:-1]):
            shares.append(max(1, -(-end * whole // total) - sum(shares)))
        shares.append(whole - sum(shares))
        if 1 <= min(shares) and max(shares) <= MAX_SHARE:
            ends = [total * part // whole for part in itertools.accumulate(shares)]
            if ends == list(itertools.accumulate(steps)):
                return shares
    raise errors.UserError(f"--shares: none up to {MAX_SHARE} give the scales {list(steps)} steps")
