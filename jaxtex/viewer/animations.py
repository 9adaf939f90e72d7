"""Animations of a run, its snapshots, or of a sequence, its results, as GIF, WebP or MP4."""

import functools
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np
from PIL import Image

from jaxtex import errors, images
from jaxtex.runs import records, run_folder

LAST_FRAME_SECONDS = 2.0  # duration of the last frame of a run
MARK = b"made by jaxtex"  # the comment of every GIF, near its beginning
Frames = Iterable[np.ndarray]  # each `[H, W, 3]`, uint8
# path, frames, count, frames per second, seconds of the last frame
Write = Callable[[pathlib.Path, Frames, int, float, float], None]


def frame_paths(record: records.RunRecord) -> list[pathlib.Path]:
    """Returns the files of the frames; the last one of a finished run is its result.

    Raises:
      UserError: fewer than two files can be read.
    """
    paths = [path for path, _ in records.readable_images(record.snapshots)]
    last = records.result_image(record)
    paths = [*paths[:-1], last[1]] if last else []
    if len(paths) < 2:
        raise errors.UserError(
            f"run {os.fspath(record.folder)!r}: an animation needs at least 2 readable snapshots, "
            f"got {len(paths)}; jaxtex --save_every=STEPS saves them"
        )
    return paths


def sequence_paths(name: str, folders: Sequence[pathlib.Path]) -> list[pathlib.Path]:
    """Returns the results of a sequence up to the first frame that is missing.

    Args:
      name: of the sequence, for the message.
      folders: of its frames.

    Raises:
      UserError: fewer than two frames are finished.
    """
    ordered = sorted(folders, key=lambda folder: int(folder.name))
    paths = [folder / run_folder.RESULT for folder in ordered]
    finished = [bool(run_folder.read_done(folder)) for folder in ordered]
    paths = paths[: [*finished, False].index(False)]
    if len(paths) < 2:
        raise errors.UserError(
            f"run {name!r}: an animation needs at least 2 finished frames, got {len(paths)}"
        )
    return paths


def save(
    suffix: str,
    path: pathlib.Path,
    paths: list[pathlib.Path],
    fps: float,
    last_seconds: float = LAST_FRAME_SECONDS,
) -> None:
    """Writes an animation.

    Args:
      suffix: name in `FORMATS`, which chooses the format.
      path: of the animation; its own suffix is not used.
      paths: of the frames, which are enlarged to the size of the last.
      fps: frames per second.
      last_seconds: duration of the last frame.

    Raises:
      UserError: the encoder of the format is not installed.
    """
    FORMATS[suffix](path, load_frames(paths), len(paths), fps, last_seconds)


def load_frames(paths: list[pathlib.Path]) -> Iterator[np.ndarray]:
    """Yields the frames, `[H, W, 3]`, uint8, at the size of the last one."""
    height, width = images.load(paths[-1]).shape[:2]
    for path in paths:
        yield images.to_uint8(images.resize(images.load(path), height, width))


def _write_with_pillow(
    path: pathlib.Path,
    frames: Frames,
    count: int,
    fps: float,
    last_seconds: float,
    kind: str,
    **options,
) -> None:
    """Writes a GIF or WebP that repeats forever."""
    first, *rest = (Image.fromarray(frame) for frame in frames)
    durations = [round(1000 / fps)] * (count - 1)  # milliseconds
    durations.append(round(1000 * last_seconds))
    first.save(
        path, format=kind, save_all=True, append_images=rest, duration=durations, loop=0, **options
    )


def _write_mp4(
    path: pathlib.Path, frames: Frames, count: int, fps: float, last_seconds: float
) -> None:
    """Writes H.264 that every player supports: even sides, colors at half the resolution."""
    try:
        import av
    except ImportError as error:
        raise errors.UserError(
            ".mp4 needs PyAV; run pip install 'jaxtex[video]', or choose .gif or .webp"
        ) from error

    rate = Fraction(fps).limit_denominator(1000)
    with av.open(os.fspath(path), "w", format="mp4", options={"movflags": "faststart"}) as file:
        stream = file.add_stream("libx264", rate, options={"crf": "14", "preset": "slow"})
        stream.pix_fmt = "yuv420p"

        for i, frame in enumerate(frames):
            height, width = frame.shape[:2]
            even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
            if i == 0:
                stream.height, stream.width = even.shape[:2]

            repeats = 1 if i < count - 1 else max(1, round(last_seconds * fps))
            for _ in range(repeats):
                file.mux(stream.encode(av.VideoFrame.from_ndarray(even, "rgb24")))
        file.mux(stream.encode())  # what the encoder still holds


FORMATS: dict[str, Write] = {
    ".gif": functools.partial(_write_with_pillow, kind="GIF", comment=MARK),
    ".webp": functools.partial(_write_with_pillow, kind="WEBP", lossless=True),
    ".mp4": _write_mp4,
}
