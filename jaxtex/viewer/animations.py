"""A run as a moving picture: its snapshots at the size of the last one, as GIF, WebP or MP4."""

import functools
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import numpy as np
from PIL import Image

from jaxtex import errors, images
from jaxtex.runs import records

HOLD = 2.0  # seconds that the last picture stays
Frames = Iterable[np.ndarray]  # each `[H, W, 3]`, uint8
Write = Callable[
    [pathlib.Path, Frames, int, float], None
]  # path, frames, how many, frames a second


def frame_paths(record: records.RunRecord) -> list[pathlib.Path]:
    """The files that follow each other; of a finished run the last is the result.

    Raises:
      UserError: there are fewer than two that can be read.
    """
    paths = [path for path, _ in records.readable_images(record.snapshots)]
    last = records.result_image(record)
    paths = [*paths[:-1], last[1]] if last else []
    if len(paths) < 2:
        text = f"{len(paths)} snapshots that can be read, so nothing moves; two, please (--save_every of jaxtex)"
        raise errors.UserError(f"run {os.fspath(record.folder)!r}: {text}")
    return paths


def save(kind: str, part: pathlib.Path, paths: list[pathlib.Path], fps: float) -> None:
    """Writes the pictures one after the other, enlarged to the size of the last, which stays for `HOLD` seconds.

    Args:
      kind: a row of `KINDS`.
      part: where to.
      paths: of the pictures.
      fps: pictures a second.

    Raises:
      UserError: what writes such a file is not installed.
    """
    FORMATS[kind](part, frames(paths), len(paths), fps)


def frames(paths: list[pathlib.Path]) -> Iterator[np.ndarray]:
    """The pictures, `[H, W, 3]`, uint8, all of the size of the last."""
    height, width = images.load(paths[-1]).shape[:2]
    return (images.to_uint8(images.resize(images.load(path), height, width)) for path in paths)


def _pillow(
    part: pathlib.Path, shown: Frames, count: int, fps: float, kind: str, **options
) -> None:
    first, *rest = (Image.fromarray(frame) for frame in shown)
    durations = [round(1000 / fps)] * (count - 1) + [round(1000 * HOLD)]  # milliseconds
    first.save(
        part, format=kind, save_all=True, append_images=rest, duration=durations, loop=0, **options
    )


def _mp4(part: pathlib.Path, shown: Frames, count: int, fps: float) -> None:
    """H.264 as every player has it: sides that are even, colours at half the resolution."""
    try:
        import av
    except ImportError as error:
        raise errors.UserError(
            ".mp4 wants pip install 'jaxtex[video]'; .gif and .webp do without"
        ) from error
    rate = Fraction(fps).limit_denominator(1000)
    with av.open(os.fspath(part), "w", format="mp4", options={"movflags": "faststart"}) as file:
        stream = file.add_stream("libx264", rate, options={"crf": "14", "preset": "slow"})
        stream.pix_fmt = "yuv420p"
        for i, frame in enumerate(shown):
            even = np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), "edge")
            if i == 0:
                stream.height, stream.width = even.shape[:2]
            for _ in range(1 if i < count - 1 else max(1, round(HOLD * fps))):
                file.mux(stream.encode(av.VideoFrame.from_ndarray(even, "rgb24")))
        file.mux(stream.encode())


FORMATS: dict[str, Write] = {
    ".gif": functools.partial(_pillow, kind="GIF"),
    ".webp": functools.partial(_pillow, kind="WEBP", lossless=True),
    ".mp4": _mp4,
}
