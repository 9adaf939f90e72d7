"""Pictures embedded in an HTML page as data URIs."""

import base64
import functools
import hashlib
import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxtex import images
from jaxtex.images import encoding

SMALL_WIDTH = 400  # pixels; narrower pictures are enlarged with square pixels
QUALITY = 80  # of a thumbnail, on the scale of WebP
CACHED_PICTURES = 64  # encodings kept: runs of a sweep share their exemplar


class Picture(NamedTuple):
    """Picture with its title, encoded as a data URI."""

    title: str
    uri: str  # data:image/webp;base64,...
    width: int  # pixels
    height: int  # pixels

    @property
    def key(self) -> str:
        """Element id derived from the content; equal pictures are stored once in a page."""
        return f"picture-{hashlib.sha256(self.uri.encode()).hexdigest()[:16]}"

    @property
    def is_small(self) -> bool:
        """True if most screens enlarge the picture."""
        return self.width < SMALL_WIDTH


def encode(title: str, image: np.ndarray) -> Picture:
    """Encodes an image without loss.

    Args:
      title: shown with the picture.
      image: `[H, W, 3]` in [0, 1].
    """
    height, width = image.shape[:2]
    uri = _encode_uri(image.tobytes(), image.shape, lossless=True)
    return Picture(title, uri, width, height)


def thumbnail(title: str, image: np.ndarray, max_side: int) -> Picture:
    """Encodes a reduced image with loss, in about 5 kB.

    Args:
      title: shown with the picture.
      image: `[H, W, 3]` in [0, 1].
      max_side: upper limit of its longer side, in pixels.
    """
    factor = min(1, max_side / max(image.shape))
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    reduced = images.resize(image, height, width)
    uri = _encode_uri(reduced.tobytes(), reduced.shape, quality=QUALITY)
    return Picture(title, uri, width, height)


@functools.lru_cache(CACHED_PICTURES)
def _encode_uri(pixels: bytes, shape: tuple[int, ...], **options) -> str:
    """Encodes float32 pixels as WebP, or as PNG if the image is too large for WebP."""
    image = images.to_uint8(np.frombuffer(pixels, np.float32).reshape(shape))
    buffer = io.BytesIO()
    if max(shape) <= encoding.FORMATS[".webp"].max_side:
        kind = "webp"
        Image.fromarray(image).save(buffer, kind, **options)
    else:
        kind = "png"
        Image.fromarray(image).save(buffer, kind)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
