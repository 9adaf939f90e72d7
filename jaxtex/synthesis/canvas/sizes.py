"""Size of a result: as the choices say, or in the proportions of an image."""

import numpy as np

from jaxtex import errors, images
from jaxtex.losses import regions
from jaxtex.synthesis import config as configs


def result_size(config: configs.Config, image: np.ndarray) -> tuple[int, int]:
    """Returns height and width of the result; of a side that is not given, in proportion.

    Args:
      config: `size`, `height` and `width`.
      image: the content or, without one, the first style, `[H, W, C]` as given.

    Raises:
      UserError: the side that follows from the other one cannot be used.
    """
    rows, columns = image.shape[:2]
    given = [flag for flag in ("height", "width") if getattr(config, flag)]
    flag = given[0] if given else "size"
    length = getattr(config, flag)
    if flag == "size":
        shorter = "height" if rows <= columns else "width"
        height, width = in_proportion((rows, columns), **{shorter: length})
    else:
        height, width = in_proportion((rows, columns), config.height, config.width)

    low, high = images.MIN_SIDE, configs.RANGES["height"][1]
    if config.height and config.width:
        return height, width
    if flag != "size" and not (low <= height <= high and low <= width <= high):
        raise errors.UserError(
            f"--{flag}={length}: with the proportions of the image, {columns} x {rows}, the result "
            f"has {width} x {height} pixels; each side must be between {low} and {high}: give both "
            "--height and --width"
        )
    if height * width > max(images.MAX_PIXELS, rows * columns):
        sizes = f"{columns} x {rows} become {width} x {height} pixels"
        raise errors.UserError(
            f"--{flag}={length}: {sizes}; must be at most {images.MAX_PIXELS:,} in total"
        )
    return height, width


def in_proportion(shape: tuple[int, int], height: int = 0, width: int = 0) -> tuple[int, int]:
    """Returns height and width; one that is 0 follows the proportions of a shape `(H, W)`.

    Args:
      shape: height and width of the image.
      height: in pixels; 0: follows.
      width: in pixels; 0: follows.
    """
    if not height and not width:
        return shape
    rows, columns = shape
    return height or round(rows * (width / columns)), width or round(columns * (height / rows))


def warn_if_stretched(flag: str, shape: tuple[int, int], height: int, width: int) -> None:
    """Logs a warning, once, if a resize changes the proportions of an image of a shape `(H, W)`.

    Args:
      flag: name of the image's flag, for the message.
      shape: height and width of the image.
      height: after the resize, in pixels.
      width: after the resize, in pixels.
    """
    fitting, _ = in_proportion(shape, width=width)
    if abs(fitting - height) > max(1, regions.MAX_PROPORTION_ERROR * height):
        errors.warn_once(
            f"--{flag}: {shape[1]} x {shape[0]} pixels are stretched to {width} x {height}; "
            f"--width={width} --height={fitting} would keep the proportions"
        )
