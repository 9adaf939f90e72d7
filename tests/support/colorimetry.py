"""Colorimetry for tests: ICC profiles built from code, and conversions to sRGB by the textbook."""

import itertools
import struct

import numpy as np

WHITE = np.array([0.9642, 1.0, 0.8249])  # XYZ of D50

# Linear RGB -> XYZ, adapted to D50: sRGB and Adobe RGB (1998).
SRGB = np.array([[0.4360, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])
WIDE = np.array([[0.6097, 0.2053, 0.1492], [0.3111, 0.6257, 0.0632], [0.0195, 0.0609, 0.7446]])


def of_xyz(xyz: np.ndarray) -> np.ndarray:
    """Converts XYZ, `[..., 3]` at D50, to sRGB, clipped to [0, 1]."""
    linear = np.clip(xyz @ np.linalg.inv(SRGB).T, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def of_lab(lightness: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Converts CIE 1976 L*a*b* at D50 to sRGB, `[..., 3]`, clipped to [0, 1].

    Args:
      lightness: L*, in [0, 100].
      a: a*.
      b: b*.
    """
    y = (lightness + 16) / 116
    f = np.stack([y + a / 500, y, y - b / 200], -1)
    return of_xyz(np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * WHITE)


def of_cmyk(inks: np.ndarray) -> np.ndarray:
    """Converts CMYK, `[..., 4]` in [0, 1], to RGB as is done without a profile."""
    return (1 - inks[..., :3]) * (1 - inks[..., 3:])


def of_ycck(stored: np.ndarray) -> np.ndarray:
    """Converts the stored samples of a YCCK JPEG to those of a CMYK JPEG, `[..., 4]` in [0, 1].

    The first three are YCbCr of the complements of the inks.
    """
    y, cb, cr, k = np.moveaxis(stored * 255, -1, 0)
    rgb = np.stack(
        [
            y + 1.402 * (cr - 128),
            y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128),
            y + 1.772 * (cb - 128),
        ],
        -1,
    )
    return np.concatenate([1 - np.clip(rgb, 0, 255) / 255, k[..., None] / 255], -1)


def icc(space: bytes, tags: dict[bytes, bytes], connection: bytes = b"XYZ ") -> bytes:
    """Builds an ICC profile, version 2.

    Args:
      space: color space of the device: `b"RGB "`, `b"GRAY"` or `b"CMYK"`.
      tags: contents by signature, beyond the description, copyright and white point.
      connection: color space that the profile converts to: `b"XYZ "` or `b"Lab "`.
    """
    description = b"desc" + bytes(4) + struct.pack(">I", 5) + b"made\0" + bytes(78)
    tags = {
        b"desc": description,
        b"cprt": b"text" + bytes(4) + b"no\0",
        b"wtpt": b"XYZ " + bytes(4) + _fixed(WHITE),
        **tags,
    }
    table, data = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(data), len(value))
        data += value
    device = b"prtr" if space == b"CMYK" else b"mntr"
    head = struct.pack(
        ">I4sI4s4s4s",
        132 + 12 * len(tags) + len(data),
        b"none",
        0x02400000,
        device,
        space,
        connection,
    )
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(WHITE)
    return head.ljust(128, b"\0") + table + data


def _fixed(values) -> bytes:
    """Packs numbers as s15Fixed16, the fixed-point type of ICC."""
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def matrix_profile(matrix: np.ndarray = WIDE, gamma: float = 2.2) -> bytes:
    """Builds an RGB profile.

    Args:
      matrix: linear RGB to XYZ at D50, `[3, 3]`.
      gamma: exponent of the tone curve.
    """
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    columns = zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix.T, strict=True)
    primaries = {name: b"XYZ " + bytes(4) + _fixed(column) for name, column in columns}
    return icc(b"RGB ", primaries | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def gray_profile(gamma: float) -> bytes:
    """Builds a gray profile with an exponent of the tone curve."""
    return icc(b"GRAY", {b"kTRC": b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))})


def ink_profile() -> bytes:
    """Builds a CMYK profile in which cyan ink is orange, so that ignoring it shows.

    It has Lab values at the corners of the cube of inks, and is linear between them.
    """
    # The last ink changes fastest, as in the table of a profile.
    inks = np.array(list(itertools.product((0, 1), repeat=4)))
    lab = np.stack(
        [
            100 - 30 * inks[:, 0] - 20 * inks[:, 1] - 10 * inks[:, 2] - 35 * inks[:, 3],
            40 * inks[:, 0] + 20 * inks[:, 1],
            50 * inks[:, 0] - 20 * inks[:, 2],
        ],
        -1,
    )
    levels = np.concatenate([np.round(lab[:, :1] * 2.55), lab[:, 1:] + 128], -1)
    cube = levels.astype(np.uint8).tobytes()
    identity = bytes(range(256))  # tone curve
    header = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + _fixed(np.eye(3).ravel())
    lut = header + identity * 4 + cube + identity * 3
    return icc(b"CMYK", {b"A2B0": lut, b"A2B1": lut, b"A2B2": lut}, b"Lab ")


def of_ink_profile(inks: np.ndarray) -> np.ndarray:
    """Converts CMYK, `[..., 4]` in [0, 1], to sRGB as `ink_profile` defines it."""
    c, m, y, k = np.moveaxis(inks, -1, 0)
    return of_lab(100 - 30 * c - 20 * m - 10 * y - 35 * k, 40 * c + 20 * m, 50 * c - 20 * y)
