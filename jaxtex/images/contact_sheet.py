"""Contact sheets: images side by side or in a grid on white, with captions."""

import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jaxtex import errors
from jaxtex.images import arrays

GAP = 8  # pixels between two images
LETTERS = 16  # pixels, the largest letters of a caption
SMALL = 8  # pixels, the smallest letters of a caption
WIDE = 1.7  # letters that fit into a width equal to their height, in Pillow's default font
SPACING = 2  # pixels between two lines of a caption
MARGIN = 4  # pixels of white below a caption


def sheet(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Places images side by side on white, aligned at the top.

    Args:
      pictures: at least one image, each `[H_i, W_i, 3]` in [0, 1].

    Returns:
      `[max H_i, sum of W_i plus gaps, 3]`.
    """
    pictures = [arrays.check(picture) for picture in pictures]
    if not pictures:
        raise errors.UserError("a sheet must have at least one image, got none")
    height = max(picture.shape[0] for picture in pictures)
    padded = []
    for picture in pictures:
        below = height - picture.shape[0]
        padded.append(np.pad(picture, ((0, below), (0, GAP), (0, 0)), constant_values=1.0))
    return np.concatenate(padded, axis=1)[:, :-GAP]


def grid(columns: Sequence[Sequence[np.ndarray]], width: int = 5) -> np.ndarray:
    """Places columns of images side by side on white, wrapping into rows.

    Args:
      columns: the images of each column from top to bottom, each `[H, W, 3]` in [0, 1].
      width: number of columns per row.

    Returns:
      `[H, W, 3]`.
    """
    stacks = [_stack(column) for column in columns]
    return _stack([sheet(stacks[i : i + width]) for i in range(0, len(stacks), width)])


def caption(text: str, width: int, lines: int = 1) -> np.ndarray:
    """Draws black text on white, as large as fits.

    Args:
      text: the caption; `wrap` breaks it into lines.
      width: of the result, in pixels.
      lines: number of lines to reserve room for, so that neighboring captions have equal heights.

    Returns:
      `[H, width, 3]` in [0, 1].
    """
    rows = wrap(text, width)
    longest = max(1, *map(len, rows))
    size = max(SMALL, min(LETTERS, int(WIDE * width / longest)))

    height = max(LETTERS, lines * (SMALL + SPACING)) + MARGIN
    canvas = Image.new("L", (width, height), 255)
    top = LETTERS - size if len(rows) == 1 else 0
    font = ImageFont.load_default(size)
    ImageDraw.Draw(canvas).text((0, top), "\n".join(rows), 0, font, spacing=SPACING)
    return np.repeat(np.asarray(canvas, np.float32)[..., None] / 255, 3, -1)


def wrap(text: str, width: int) -> list[str]:
    """Breaks a caption into lines that fit at the smallest letter size.

    Args:
      text: the caption.
      width: available width, in pixels.

    Returns:
      At least one line.
    """
    return textwrap.wrap(text, max(1, int(WIDE * width / SMALL))) or [""]


def _stack(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Places images below one another on white."""
    turned = [arrays.check(picture).swapaxes(0, 1) for picture in pictures]
    return sheet(turned).swapaxes(0, 1)
