"""Python interface of sequences: frames in, an iterator of results out."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from jaxtex import errors, images
from jaxtex.runtime import plain_values
from jaxtex.synthesis import api
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import settings as parsing

MAX_STEPS = int(configs.RANGES["num_steps"][1])
STEPS_SHARE = 4  # frames after the first have this part of its steps: they begin near their end
# Choices of a first frame: no frame is before it.
FIRST_CHOICES: dict[str, Any] = {"temporal_weight": configs.Config.temporal_weight}


def transfer_frames(
    frames: Iterable[api.Picture],
    style: api.Style,
    *,
    frame_steps: int = 0,
    previous: tuple[api.Picture, api.Picture] | None = None,
    **choices: Any,
) -> Iterator[np.ndarray]:
    """Transfers a style to the frames of a video, without flicker.

    >>> for number, result in enumerate(jaxtex.transfer_frames(frames, painting, size=384), 1):
    ...     jaxtex.save_image(f"{number:06d}.png", result)

    Each frame starts from the result before it, and is held to it where its content does not change
    (`temporal_weight`). What moves starts from the content.

    Args:
      frames: contents in their order, of one size, each as in `transfer`; may be a generator, which
        is advanced by one frame for each result.
      style: as in `transfer`.
      frame_steps: steps of each frame after the first; 0 uses a quarter of `num_steps`.
      previous: frame and result before the first of `frames`, to resume a sequence.
      **choices: fields of `jaxtex.Config`. `init`, `scales` and `shares` apply to the first frame.

    Yields:
      Each result, `[height, width, 3]`, float32 in [0, 1].

    Raises:
      UserError: as `transfer`; choices are checked at the call. Or a frame has another size than
        the first.

    References:
      Ruder, Dosovitskiy and Brox, "Artistic Style Transfer for Videos", GCPR 2016,
      https://arxiv.org/abs/1604.08610. `losses.temporal.temporal` has the departures: above all,
      there is no optical flow.
    """
    settings = parsing.parse_choices(choices)
    if isinstance(frames, str | os.PathLike):
        raise errors.UserError(
            f"frames={plain_values.describe(frames)}: must be images or paths, one for each frame"
        )
    try:
        iterator = iter(frames)
    except TypeError as error:
        kind = type(frames).__name__
        raise errors.UserError(f"frames: must be a sequence of images, got {kind}") from error
    steps = following_steps(settings.config.num_steps, frame_steps)
    return _transfer_each(iterator, style, choices, steps, previous)


def following_steps(num_steps: int, frame_steps: int) -> int:
    """Returns the steps of each frame after the first.

    Args:
      num_steps: of the first frame.
      frame_steps: 0 uses a quarter of them.

    Raises:
      UserError: `frame_steps` is not a number of steps.
    """
    bounds = (0, MAX_STEPS)
    frame_steps = plain_values.whole_number("--frame_steps", frame_steps, bounds)
    return frame_steps or max(1, num_steps // STEPS_SHARE)


def following_choices(steps: int) -> dict[str, Any]:
    """Returns the choices of frames after the first that differ from those of the first.

    The image is near its end at the start, at full size: coarser scales would blur it.

    Args:
      steps: of the frame.
    """
    return {"num_steps": steps, "scales": 1, "shares": "", "noise": 0.0}


def validate_size(
    name: str, size: tuple[int, ...], first_name: str, first_size: tuple[int, ...]
) -> None:
    """Validates that a frame has the size of the first one.

    Args:
      name: of the frame, for the message.
      size: its height and width, in pixels.
      first_name: of the first frame.
      first_size: its height and width.

    Raises:
      UserError: it has another size.
    """
    if size == first_size:
        return
    (height, width), (first_height, first_width) = size, first_size
    raise errors.UserError(
        f"{name}: {width} x {height} pixels, but {first_name} has {first_width} x {first_height}; "
        "all frames must have one size"
    )


def _transfer_each(
    frames: Iterator[api.Picture],
    style: api.Style,
    choices: dict[str, Any],
    steps: int,
    previous: tuple[api.Picture, api.Picture] | None,
) -> Iterator[np.ndarray]:
    """Yields the results of `transfer_frames`."""
    content = result = None
    first_size = None
    if previous is not None:
        content, result = (_opened(each) for each in previous)
        first_size = content.shape[:2]
    for number, frame in enumerate(frames, 1):
        frame = _opened(frame)
        first_size = first_size or frame.shape[:2]
        validate_size(f"frame {number}", frame.shape[:2], "the first frame", first_size)

        own = choices | FIRST_CHOICES
        if result is not None:
            before = {"previous_content": content, "init": result[..., :3]}
            own = choices | following_choices(steps) | before
        result = api.transfer(frame, style, **own)
        content = frame
        yield result


def _opened(picture: api.Picture) -> np.ndarray:
    """Opens an image that is a path."""
    if isinstance(picture, str | os.PathLike):
        return images.load(picture, alpha=True)
    return images.validate(picture, (3, 4), "a frame")
