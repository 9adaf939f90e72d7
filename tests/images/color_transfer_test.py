"""Color transfer gives the documented colors; what is gray is recognized and stays gray."""

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


def chroma(image):
    """I and Q of YIQ, from the definition."""
    to_iq = np.array([[0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    return image @ to_iq.T


def luminance(image):
    return image @ np.array([0.299, 0.587, 0.114])


def test_match_color_to_a_gray_content_is_gray(style, content):
    gray = color_transfer.to_gray(content)
    matched = color_transfer.match_color(style, gray)
    assert (np.ptp(matched, -1) == 0).all()
    assert matched.std() == pytest.approx(gray.std(), rel=1e-3)


def test_match_luminance_gives_the_mean_and_deviation_of_the_content(style, content):
    matched = color_transfer.match_luminance(style, content)
    assert matched.shape == style.shape and matched.dtype == np.float32
    assert (np.ptp(matched, -1) == 0).all()
    assert matched.mean() == pytest.approx(luminance(content).mean(), abs=1e-4)
    assert matched.std() == pytest.approx(luminance(content).std(), rel=1e-3)
    correlation = np.corrcoef(matched[..., 0].ravel(), luminance(style).ravel())[0, 1]
    assert correlation == pytest.approx(1, abs=1e-5)


def test_match_luminance_of_a_flat_style_is_flat(content):
    matched = color_transfer.match_luminance(np.full((40, 50, 3), 0.5, np.float32), content)
    np.testing.assert_allclose(matched, luminance(content).mean(), atol=1e-5)


def test_split_color_exchanges_the_luminance_and_keeps_the_chroma(style, content):
    gray, color = color_transfer.split_color(content)
    np.testing.assert_allclose(gray + color, content, atol=1e-6)
    combined = color_transfer.to_gray(style[:30, :20]) + color
    np.testing.assert_allclose(luminance(combined), luminance(style[:30, :20]), atol=1e-5)
    np.testing.assert_allclose(chroma(combined), chroma(content), atol=1e-3)


def test_gray_images_are_recognized_up_to_rounding_but_faint_colors_are_not(style):
    rng = np.random.default_rng(2)
    gray = color_transfer.to_gray(rng.random((40, 50, 3), np.float32))
    rounded = gray + rng.integers(-1, 2, gray.shape) / 255
    for image in (gray, rounded, 0 * gray, 0 * gray + 0.4, gray[:, :1]):
        assert color_transfer.is_gray(image)
    faint = 0.5 + 0.01 * style  # colors below one level of 8 bits
    one_pixel = gray.copy()
    one_pixel[3, 4, 0] = 1 - one_pixel[3, 4, 0].round()
    for image in (style, faint, one_pixel, gray * np.float32([1, 0.9, 0.9]), 0 * style + [0, 0, 1]):
        assert not color_transfer.is_gray(image)


def test_blend_gray_makes_channels_equal_where_the_share_is_1(style):
    two = np.concatenate([style, 1 - style], -1)
    first = np.float32([[[1, 0]]])
    blended = color_transfer.blend_gray(two, first)
    assert (np.ptp(blended[..., :3], -1) == 0).all()
    np.testing.assert_allclose(blended[..., 0], style.mean(-1), atol=1e-6)
    np.testing.assert_array_equal(blended[..., 3:], 1 - style)
    assert color_transfer.blend_gray(style, None) is style


def test_regions_of_gray_sources_are_gray_unless_a_colored_one_overlaps(style):
    gray = color_transfer.to_gray(style)
    left = np.zeros((40, 50), np.float32)
    left[:, :25] = 1
    share = color_transfer.gray_share([gray, style], [left, 1 - left])[..., 0]
    np.testing.assert_allclose(share, left)
    assert not color_transfer.gray_share([gray, style], [left, 1 + 0 * left]).any()
    assert color_transfer.gray_share([gray, style]) is None
    assert color_transfer.gray_share([style, style], [left, left]) is None
    np.testing.assert_array_equal(color_transfer.gray_share([gray, gray], [left, left]), 1)


@pytest.mark.parametrize("name", color_transfer.PRESERVE_COLOR)
def test_styles_stay_in_range(name):
    rng = np.random.default_rng(0)
    for contrast in (1, 0.01, 0):
        style = np.clip(0.5 + contrast * (rng.random((32, 32, 3)) - 0.5), 0, 1).astype(np.float32)
        saturated = np.broadcast_to(np.float32([1, 0, 0]), style.shape)
        recolored = color_transfer.PRESERVE_COLOR[name](style, saturated)
        assert np.isfinite(recolored).all() and recolored.min() >= 0 and recolored.max() <= 1


def test_none_changes_nothing(style, content):
    assert color_transfer.PRESERVE_COLOR["none"](style, content) is style
