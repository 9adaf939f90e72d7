"""Tests of patches against a loop, of octaves, and of the cache of results."""

import numpy as np

from jaxtex.metrics import patch_extraction


def test_patches_against_a_loop():
    image = np.random.default_rng(0).random((9, 8, 3)).astype(np.float32)
    expected = np.array([image[i : i + 5, j : j + 5].ravel() for i, j in np.ndindex(5, 4)])
    np.testing.assert_array_equal(patch_extraction.extract_patches(image, 5), expected)

    chosen = patch_extraction.extract_patches(image, 5, np.array([7, 2]))
    np.testing.assert_array_equal(chosen, expected[[7, 2]])
    # Fewer patches than SAMPLES: all of them, in order.
    np.testing.assert_array_equal(patch_extraction.sample_patches(image, 5), expected)


def test_a_large_image_is_sampled_without_repetition():
    image = np.random.default_rng(0).random((120, 100, 3)).astype(np.float32)
    drawn = patch_extraction.sample_patches(image, 3)
    assert len(drawn) == patch_extraction.SAMPLES == len(np.unique(drawn[:, 0]))
    assert np.isin(drawn[:, 0], image).all()


def test_octaves_end_at_the_smallest_side():
    image = np.zeros((40, 50, 3), np.float32)
    shapes = [octave.shape[:2] for octave in patch_extraction.octaves(image, 11)]
    assert shapes == [(40, 50), (20, 25)]


def test_results_are_cached_by_pixels_shape_and_options():
    calls = []

    def total(image, option):
        calls.append(option)
        return image.sum()

    cached = patch_extraction.cached_by_image(total)
    image = np.ones((4, 5, 3), np.float32)
    assert cached(image, "a") == cached(image.copy(), "a") == cached(image, "b") == 60
    assert cached(image.reshape(5, 4, 3), "a") == 60
    assert cached(image * 2, "a") == 120
    assert calls == ["a", "b", "a", "a"]
