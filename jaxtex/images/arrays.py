"""Arrays that are given as images: one check for every function that takes one."""

import contextlib
import os
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from jaxtex import errors

RGB = (3,)
RGB_OR_RGBA = (3, 4)
ANY = ()
# Colors in [0, 1] that were added up in float32 exceed it by a few roundings.
ROUNDING = 4 * float(np.finfo(np.float32).eps)


def check(image: Any, channels: Sequence[int] = RGB, what: str = "an image") -> np.ndarray:
    """Checks an image and converts it to float32.

    Values beyond [0, 1] by a rounding of their type are clipped.

    Args:
      image: array of NumPy or JAX, or nested sequences, `[H, W, C]` in [0, 1], of floats of any
        width or of booleans.
      channels: allowed numbers of channels `C`; empty allows any.
      what: begins the message of an error.

    Returns:
      The same values, float32 in [0, 1].

    Raises:
      UserError: not an array, or one of another shape, type or range.
    """
    array = _as_array(image, what)
    if array.ndim != 3 or (channels and array.shape[2] not in channels) or 0 in array.shape:
        layout = " or ".join(f"[H, W, {count}]" for count in channels[:2]) or "[H, W, C]"
        raise errors.UserError(f"{what} must have shape {layout}, got {list(array.shape)}")
    return _check_values(array, what)


def _as_array(image: Any, what: str) -> np.ndarray:
    """Converts what may be an image to an array of numbers."""
    if isinstance(image, str | bytes | os.PathLike):
        name = repr(os.fspath(image))
        name = name if len(name) < 80 else f"{name[:70]}..."
        raise errors.UserError(
            f"{what} must be an array, got the path {name}; jaxtex.load_image reads a file"
        )
    array = None
    reason: Exception | None = None
    try:
        array = np.asarray(image)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged, a traced array, deleted
        reason = error
    if np.ma.is_masked(image):
        raise errors.UserError(f"{what} must have no masked values; fill them, or give a mask")
    if array is None or array.dtype.kind not in "fiubcV":
        kind = type(image).__name__ if array is None or not array.ndim else f"{array.dtype} values"
        raise errors.UserError(f"{what} must be an array of numbers, got {kind}") from reason
    return array


def _check_values(array: np.ndarray, what: str) -> np.ndarray:
    """Checks type and range of an array, and converts it to float32."""
    kind = array.dtype.kind
    if kind == "b":
        return np.ascontiguousarray(array, np.float32)
    if kind in "iu":
        raise errors.UserError(
            f"{what} must have floats in [0, 1], got {array.dtype}; divide it by its white, as in "
            "image / 255"
        )
    rounding = _rounding(array.dtype)
    if not rounding:
        raise errors.UserError(f"{what} must have floats in [0, 1], got {array.dtype}")

    low, high = array.min(), array.max()
    if not (low >= -rounding and high <= 1 + rounding):  # also of NaN
        raise errors.UserError(f"{what} must have values in [0, 1], got {low} to {high}")
    # In one order in memory: sums of another order differ by a rounding, and results by more.
    return np.clip(np.ascontiguousarray(array, np.float32), 0, 1)


def _rounding(dtype: np.dtype) -> float:
    """Returns by how much values of a type may exceed [0, 1]; 0 if it is not a type of floats."""
    if dtype.kind == "f":
        return max(float(np.finfo(dtype).eps), ROUNDING)
    if dtype.kind != "V" or dtype.type is np.void:
        return 0.0

    import ml_dtypes  # on first use: the types that NumPy lacks, such as bfloat16

    try:
        return float(ml_dtypes.finfo(dtype).eps)
    except ValueError:
        return 0.0


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Converts `[H, W, C]` in [0, 1] to uint8, rounded."""
    return to_uint(image, 8)


def to_uint(image: np.ndarray, bits: int) -> np.ndarray:
    """Converts an image to unsigned integers, rounded.

    Args:
      image: `[H, W, C]` in [0, 1].
      bits: per sample, 8 or 16.

    Returns:
      `[H, W, C]`, uint8 or uint16.
    """
    dtype = np.dtype(f"uint{bits}")
    return np.round(check(image, ANY) * np.iinfo(dtype).max).astype(dtype)


def check_mask(mask: Any, what: str = "a mask") -> np.ndarray:
    """Checks a mask as `check`; zeros and ones may also be integers.

    Args:
      mask: `[H, W]`, `[H, W, 1]` or `[H, W, 3]` in [0, 1].
      what: begins the message of an error.

    Returns:
      `[H, W]`, float32 in [0, 1].

    Raises:
      UserError: as `check`.
    """
    array = _as_array(mask, what)
    if array.dtype.kind in "iu" and array.size and 0 <= array.min() <= array.max() <= 1:
        array = array.astype(bool)
    return check(array[..., None] if array.ndim == 2 else array, (1, 3), what).mean(-1)


def split(name: str, pictures: Any, planes: bool = False) -> list[str | np.ndarray]:
    """Returns paths and arrays as a list; their values are not checked.

    Args:
      name: of the choice, for messages.
      pictures: a path, an array `[H, W, 3]`, or a sequence of them.
      planes: arrays may also be `[H, W]` or `[H, W, 1]`.

    Raises:
      UserError: another type.
    """
    listed = None
    with contextlib.suppress(TypeError):  # not a sequence
        shape = tuple(getattr(pictures, "shape", ()))
        is_one = (len(shape) == 3 and shape[2] in (1, 3)) or (len(shape) == 2 and planes)
        is_stack = len(shape) == 4 or (len(shape) == 3 and planes)
        if shape and pictures.dtype.kind in "fiubV" and not (is_one or is_stack):
            raise errors.UserError(f"{name}: an array must have shape [H, W, 3], got {list(shape)}")
        if not isinstance(pictures, Set | Mapping):
            listed = [pictures] if is_one else list(pictures)
    if listed is None:
        kind = type(pictures).__name__
        raise errors.UserError(f"{name}: must be paths, arrays, or a list of them, got {kind}")
    paths = (str, bytes, os.PathLike)
    return [os.fsdecode(each) if isinstance(each, paths) else each for each in listed]
