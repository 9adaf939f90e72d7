"""Tests of the artifact metrics: pasted copies, cut waves and painted frames."""

import numpy as np
import pytest

from jaxtex import images, metrics
from support.metrics_benchmark import benchmark, for_each_texture

TILING = ("pebbles", "bricks", "weave", "water", "leaves")  # textures that tile


@pytest.mark.slow
@for_each_texture
def test_copied_is_one_for_copies_and_zero_for_similar_images(name):
    texture = benchmark.load(name, 128)
    rolled = np.roll(texture, (31, 77), (0, 1))
    assert metrics.copied(texture, texture) == metrics.copied(texture, rolled) == 1

    left = texture[:, :64]
    right = texture[:, 64:]
    assert metrics.copied(left, right) == 0
    assert metrics.copied(left, benchmark.phase_randomized(left)) == 0


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_copied_is_the_share_that_was_pasted(share):
    texture = benchmark.load("gravel", 192)
    rng = np.random.default_rng(0)
    exemplar = texture[:, :96]
    image = texture[:, 96:].copy()
    for i, j in np.ndindex(4, 2):
        if i * 2 + j < 8 * share:
            row = rng.integers(0, 192 - 48)
            column = rng.integers(0, 96 - 48)
            piece = exemplar[row : row + 48, column : column + 48]
            image[48 * i : 48 * i + 48, 48 * j : 48 * j + 48] = piece

    inner = (41 / 48) ** 2  # blocks across the edge of a piece are no copies
    assert share * inner - 0.08 < metrics.copied(exemplar, image) < share + 0.05


def test_rounding_and_faint_noise_do_not_hide_a_copy():
    texture = benchmark.load("leaves", 96)
    noise = np.random.default_rng(0).normal(0, 2 / 255, texture.shape)
    changed = np.clip(texture + noise, 0, 1).astype(np.float32)
    assert metrics.copied(texture, images.to_uint8(changed) / np.float32(255)) > 0.95


def test_a_flat_image_is_no_copy():
    texture = benchmark.load("leaves", 96)
    assert metrics.copied(texture, np.full_like(texture, 0.5)) == 0


@pytest.mark.parametrize("name", TILING)
def test_a_tiling_texture_has_no_seam_and_its_crop_has_one(name):
    texture = benchmark.load(name, 256)
    offsets = ((0, 0), (50, 31), (101, 190), (9, 77))
    rolled = [np.roll(texture, offset, (0, 1)) for offset in offsets]
    assert max(metrics.seam(texture, image) for image in rolled) < 1.5
    assert metrics.seam(texture, texture[30:180, 20:170]) > 1.5


def test_a_cut_wave_has_a_seam():
    columns = np.arange(64)
    whole, cut = (0.5 + 0.3 * np.sin(2 * np.pi * waves * columns / 64) for waves in (4, 4.25))
    whole, cut = (
        np.broadcast_to(wave[None, :, None], (48, 64, 3)).astype(np.float32)
        for wave in (whole, cut)
    )
    assert metrics.seam(whole, whole) < 1.1
    assert metrics.seam(whole, cut) > 2


@pytest.mark.slow
@for_each_texture
def test_border_detects_gray_frames_and_noise(name):
    texture = benchmark.load(name, 160)
    inner = np.zeros(texture.shape[:2], bool)
    inner[2:-2, 2:-2] = True
    gray = np.where(inner[..., None], texture, np.float32(0.5))
    glitch = texture.copy()
    glitch[:, -2:] = np.random.default_rng(0).random((len(texture), 2, 3))

    assert metrics.border(texture, texture) < 1.5
    assert metrics.border(texture, gray) > 1.9
    assert metrics.border(texture, glitch) > 4


@pytest.mark.parametrize("name", ["water", "grass", "gravel", "fur", "bricks", "weave"])
def test_border_detects_a_darker_frame(name):
    texture = benchmark.load(name, 160)
    dark = texture.copy()
    for side in (np.s_[:4], np.s_[-4:], np.s_[:, :4], np.s_[:, -4:]):
        dark[side] = 0.6 * texture[side]
    assert metrics.border(texture, dark) > 1.5 * metrics.border(texture, texture)
