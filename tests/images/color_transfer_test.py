"""Color transfer gives the documented colors, and keeps images whose colors match already."""

import numpy as np
import pytest

from jaxtex.images import color_transfer


@pytest.fixture
def style():
    """Colors well inside [0, 1], correlated between channels: `[40, 50, 3]`."""
    rng = np.random.default_rng(0)
    mixing = np.array([[0.05, 0.03, 0.0], [0.0, 0.04, 0.02], [0.01, 0.0, 0.06]])
    return np.clip(0.4 + rng.standard_normal((40, 50, 3)) @ mixing, 0, 1).astype(np.float32)


@pytest.fixture
def content():
    """Other colors of another size: `[30, 20, 3]`."""
    rng = np.random.default_rng(1)
    mixing = np.array([[0.02, 0.0, 0.01], [0.03, 0.05, 0.0], [0.0, 0.02, 0.03]])
    return np.clip(0.6 + rng.standard_normal((30, 20, 3)) @ mixing, 0, 1).astype(np.float32)


def covariance(image):
    return np.cov(image.reshape(-1, 3).T)


def test_match_color_gives_the_mean_and_covariance_of_the_content(style, content):
    matched = color_transfer.match_color(style, content)
    assert matched.shape == style.shape and matched.dtype == np.float32
    np.testing.assert_allclose(matched.mean((0, 1)), content.mean((0, 1)), atol=1e-3)
    np.testing.assert_allclose(covariance(matched), covariance(content), atol=1e-4)


def test_match_color_keeps_an_image_with_equal_colors(style):
    np.testing.assert_allclose(color_transfer.match_color(style, style[::-1]), style, atol=1e-5)


def test_match_color_of_a_flat_style_is_flat(content):
    flat = np.full((40, 50, 3), 0.5, np.float32)
    matched = color_transfer.match_color(flat, content)
    np.testing.assert_allclose(
        matched, np.broadcast_to(content.mean((0, 1)), flat.shape), atol=1e-5
    )


def test_match_luminance_combines_luma_and_chroma(style, content):
    result = style[:30, :20]
    combined = color_transfer.match_luminance(result, content)
    yiq = combined @ color_transfer.TO_YIQ.T
    assert 0 < combined.min() and combined.max() < 1  # nothing is clipped
    np.testing.assert_allclose(yiq[..., 0], (result @ color_transfer.TO_YIQ.T)[..., 0], atol=1e-5)
    np.testing.assert_allclose(
        yiq[..., 1:], (content @ color_transfer.TO_YIQ.T)[..., 1:], atol=1e-5
    )


def test_match_luminance_of_an_image_with_itself_is_the_image(style):
    np.testing.assert_allclose(color_transfer.match_luminance(style, style), style, atol=1e-6)


def test_results_are_clipped():
    black, white = np.zeros((32, 32, 3), np.float32), np.ones((32, 32, 3), np.float32)
    saturated = np.broadcast_to(np.float32([1, 0, 0]), black.shape)
    for luminance in (black, white):
        combined = color_transfer.match_luminance(luminance, saturated)
        assert combined.min() >= 0 and combined.max() <= 1


def test_none_changes_nothing(style, content):
    for function in color_transfer.PRESERVE_COLOR["none"]:
        assert function(style, content) is style
