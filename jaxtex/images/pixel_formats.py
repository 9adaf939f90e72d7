"""The samples of a file, as Pillow gives them -> colours and transparency."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxtex.images import icc

BITS, PHOTOMETRIC = 258, 262  # tags of TIFF
SCALES = {"L;2": 85, "L;4": 17}  # of grey with few bits, as Pillow unpacks it


class Pixels(NamedTuple):
    """An image taken apart."""

    colours: Image.Image | None  # of 8 bits: L, RGB, CMYK, LAB
    exact: np.ndarray | None = (
        None  # instead, where the file has more of them: [H, W, 1 or 3] in [0, 1]
    )
    alpha: np.ndarray | None = None  # [H, W, 1] in [0, 1]; None: nothing is transparent


def from_16_bit(image: Image.Image, values: np.ndarray) -> Pixels:
    """Samples of 16 bits, or float ones with white at 1: `[H, W, 1 to 4]`."""
    alpha = _keyed(values, image.info.get("transparency"))
    exact = values.astype(np.float32)
    exact /= _white(image)
    if image.mode == "F" and not np.isfinite(exact).all():
        raise ValueError("values that are no numbers")
    np.clip(exact, 0, 1, out=exact)
    if exact.shape[2] in (2, 4):
        exact, alpha = exact[..., :-1], exact[..., -1:]
    if exact.shape[2] == 1 and getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0:
        exact = 1 - exact
    return Pixels(None, exact, alpha)


def _white(image: Image.Image) -> int:
    """The sample that is white."""
    bits = getattr(image, "tag_v2", {}).get(BITS, (16,))[0]
    return 1 if image.mode == "F" else 2**bits - 1


def from_8_bit(image: Image.Image, kind: str) -> Pixels:
    """Samples of 8 bits or fewer."""
    if image.mode in ("1", "L", "RGB"):
        colours = image.convert("L") if image.mode == "1" else image
        key = image.info.get("transparency")
        key = key * SCALES.get(kind, 1) if isinstance(key, int) else key
        return Pixels(colours, None, _keyed(np.atleast_3d(np.asarray(colours)), key))
    if image.mode in ("CMYK", "LAB"):
        return Pixels(image)
    if not image.has_transparency_data:
        return Pixels(image.convert("RGB"))
    image = image.convert("LA" if image.mode in ("LA", "La") else "RGBA")
    alpha = np.asarray(image.getchannel("A"), np.float32)[..., None] / 255
    return Pixels(image.convert("L" if image.mode == "LA" else "RGB"), None, alpha)


def _keyed(values: np.ndarray, key) -> np.ndarray | None:
    """Alpha where one colour stands for transparency: `[H, W, 1]`."""
    if not isinstance(key, int | tuple):
        return None
    return np.any(values != np.asarray(key), -1, keepdims=True).astype(np.float32)


def to_srgb(pixels: Pixels, profile: bytes | None) -> np.ndarray:
    """`[H, W, 3]`, or with transparency `[H, W, 4]`. A profile that changes colours takes and gives 8 bits."""
    colours = pixels.colours if pixels.exact is None else _levels(pixels.exact) if profile else None
    converted = icc.to_srgb(colours, profile) if colours else None
    if converted is None and pixels.exact is not None:
        seen = pixels.exact
    else:
        seen = np.atleast_3d(np.array(converted or colours, np.float32))
        seen /= 255
    seen = np.broadcast_to(seen, (*seen.shape[:2], 3))
    return seen if pixels.alpha is None else np.concatenate([seen, pixels.alpha], -1)


def _levels(exact: np.ndarray) -> Image.Image:
    levels = np.round(exact * 255).astype(np.uint8)
    return Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
