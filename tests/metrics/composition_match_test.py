"""Tests of the composition metric: copies at any place, and other images of the same texture."""

import numpy as np
import pytest

from jaxtex import images, metrics
from support.metrics_benchmark import benchmark, for_each_texture


@for_each_texture
def test_copies_are_found_at_any_place_and_other_images_are_none(name):
    texture = benchmark.load(name, 256)
    assert metrics.composition(texture, texture) > 0.99
    assert metrics.composition(texture, np.roll(texture, (37, 91), (0, 1))) > 0.7
    assert metrics.composition(texture, texture[20:180, 30:200]) > 0.5
    assert metrics.composition(texture[:128, 40:168], texture[:128]) > 0.9

    # weave is a regular pattern: it has few compositions.
    limit = 0.35 if name == "weave" else 0.15
    assert metrics.composition(texture[:, :128], texture[:, 128:]) < limit
    assert metrics.composition(texture[:128], texture[128:]) < limit
    assert metrics.composition(texture, benchmark.phase_randomized(texture)) < limit


def test_it_sees_long_waves_below_new_details():
    rng = np.random.default_rng(0)
    coarse = images.resize(rng.uniform(0, 1, (5, 7, 3)).astype(np.float32), 96, 128)
    details = [rng.uniform(-0.5, 0.5, (96, 128, 3)).astype(np.float32) for _ in range(2)]
    exemplar, image = (0.25 + 0.5 * (0.7 * coarse + 0.6 * detail) for detail in details)
    exemplar, image = np.clip(exemplar, 0, 1), np.clip(image, 0, 1)
    assert metrics.copied(exemplar, image) == 0
    assert metrics.composition(exemplar, image) > 0.5


@pytest.mark.parametrize("shape", [(32, 32), (32, 90), (200, 40)])
def test_flat_images_and_noise_have_no_composition(shape):
    flat = np.full((*shape, 3), 0.5)
    first, second = np.random.default_rng(0).uniform(0, 1, (2, *shape, 3))
    for exemplar, image in ((flat, flat), (flat, first), (first, flat), (first, second)):
        assert metrics.composition(exemplar, image) < 0.15
