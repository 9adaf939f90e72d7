"""Tests of sequences from Python."""

import numpy as np
import pytest

import jaxtex
from jaxtex import errors, images, metrics
from jaxtex.runs.frames import sequence
from jaxtex.synthesis import input_images, settings
from jaxtex.synthesis.starts import initialization
from support import paths

PHOTOS = paths.SHARED / "images" / "photos"
QUICK = {
    "size": 48,
    "octaves": 1,
    "layers": "relu1_1",
    "content_layers": "relu1_1",
    "num_steps": 8,
    "seed": 1,
}


def build_frames(back, thing, count, step, noise, rng):
    """Returns frames in which a thing moves to the right over a still background.

    Args:
      back: `[H, W, 3]` in [0, 1].
      thing: `[h, w, 3]` in [0, 1].
      count: number of frames.
      step: pixels between two frames.
      noise: standard deviation of the noise of a camera, in levels of 8 bits.
      rng: random numbers.
    """
    height, width = thing.shape[:2]
    frames = []
    for i in range(count):
        frame = back.copy()
        top, left = (back.shape[0] - height) // 2, 4 + step * i
        frame[top : top + height, left : left + width] = thing
        levels = np.round(255 * frame + rng.normal(0, noise, frame.shape))
        frames.append((np.clip(levels, 0, 255) / 255).astype(np.float32))
    return frames


@pytest.fixture
def frames(exemplar):
    """Three small frames, `[48, 64, 3]`."""
    rng = np.random.default_rng(0)
    return build_frames(exemplar, 1 - exemplar[:16, :12], 3, 8, 1.0, rng)


@pytest.fixture
def style():
    """A style, `[48, 48, 3]`: stripes."""
    columns = 0.5 + 0.5 * np.sin(np.arange(48) / 1.5)
    stripes = columns[None, :, None] * np.array([0.9, 0.8, 0.3])
    return np.broadcast_to(stripes, (48, 48, 3)).astype(np.float32)


@pytest.mark.slow
def test_the_weight_of_a_sequence_is_not_called_unused(frames, style, caplog):
    weight = {"temporal_weight": 5.0, "num_steps": 1, "frame_steps": 1}
    for _ in jaxtex.transfer_frames(frames[:2], style, **QUICK | weight):
        pass
    assert "temporal_weight" not in caplog.text


@pytest.mark.slow
def test_a_sequence_flickers_less_than_independent_pictures_and_resumes(frames, style):
    results = [*jaxtex.transfer_frames(frames, style, **QUICK)]
    before = (frames[1], results[1])
    (resumed,) = jaxtex.transfer_frames(frames[2:], style, previous=before, **QUICK)
    np.testing.assert_array_equal(resumed, results[2])
    assert results[1].shape == (48, 64, 3) and results[1].dtype == np.float32
    independent = [
        jaxtex.transfer(frame, style, **QUICK | {"seed": seed}) for seed, frame in enumerate(frames)
    ]
    assert metrics.flicker(frames, results) < 0.5 * metrics.flicker(frames, independent)


def initial_image(content, before, result, size):
    """Returns the start of a frame of 50 x 50 pixels, at a padded size."""
    parsed = settings.parse_choices({"init": result, "previous_content": before, "size": 50})
    inputs = input_images.build_inputs([before], content, parsed)
    return initialization.initial_image(inputs, parsed.config, size, size)


def test_a_frame_starts_from_the_result_before_and_what_moves_from_the_content():
    rng = np.random.default_rng(0)
    content, result = rng.uniform(0.2, 0.8, (2, 50, 50, 3)).astype(np.float32)
    start = initial_image(content, content, result, 56)  # not stretched
    np.testing.assert_allclose(start[:50, :50], result, atol=1e-6)
    np.testing.assert_array_equal(start[50:], np.broadcast_to(start[49:50], (6, 56, 3)))
    assert initial_image(content, content, result, 25).shape == (25, 25, 3)

    moved = initial_image(content, 1 - content, result, 50)
    far = np.abs(content - (1 - content)).mean(-1) > 0.3
    correlation = np.corrcoef(moved[far].ravel(), content[far].ravel())[0, 1]
    assert correlation > 0.9
    np.testing.assert_allclose(moved.mean((0, 1)), result.mean((0, 1)), atol=0.02)


def test_a_frame_before_needs_its_result(frames, style):
    with pytest.raises(errors.UserError, match="--init=noise: with --previous_content it must be"):
        jaxtex.transfer(frames[1], style, previous_content=frames[0], init="noise", **QUICK)


def test_steps_of_following_frames():
    assert sequence.following_steps(200, 0) == 50
    assert sequence.following_steps(2, 0) == 1
    assert sequence.following_steps(200, 7) == 7
    with pytest.raises(errors.UserError, match="--frame_steps=-1: must be a whole number from 0"):
        sequence.following_steps(200, -1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("clip.mp4", "frames='clip.mp4': must be images or paths, one for each frame"),
        (3, "frames: must be a sequence of images, got int"),
    ],
)
def test_what_is_no_sequence_is_refused_at_the_call(given, message, style):
    with pytest.raises(errors.UserError, match=message):
        jaxtex.transfer_frames(given, style)
    with pytest.raises(errors.UserError, match="did you mean"):
        jaxtex.transfer_frames([style], style, temporal_wait=1)


def test_frames_of_another_size_are_refused(frames, style):
    message = "frame 2: 60 x 48 pixels, but the first frame has 64 x 48; all frames must have one"
    before = (frames[0], frames[0])
    one = jaxtex.transfer_frames([frames[1][:, :60]], style, previous=before, **QUICK)
    with pytest.raises(errors.UserError, match=message.replace("frame 2", "frame 1")):
        next(one)


@pytest.mark.slow
@pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs the photographs of ../shared")
def test_eight_frames_of_a_photograph_flicker_less_than_half_of_independent_runs():
    back, other = (
        images.resize_shorter_side(images.load(PHOTOS / f"kodak{number}.png"), 128)
        for number in (20, 15)
    )
    rng = np.random.default_rng(0)
    frames = build_frames(back, other[30:80, 60:110], 8, 6, 1.0, rng)
    choices = {"size": 128, "init": "content", "num_steps": 60, "seed": 0}
    results = [*jaxtex.transfer_frames(frames, "leaves", **choices)]
    independent = [jaxtex.transfer(frame, "leaves", **choices) for frame in frames]
    assert metrics.flicker(frames, results) < 0.5 * metrics.flicker(frames, independent)
