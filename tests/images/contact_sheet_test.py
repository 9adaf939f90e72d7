"""Contact sheets have the documented shapes, gaps and captions."""

import numpy as np
import pytest

from jaxtex.images import contact_sheet


def gray(height, width, value=0.5):
    return np.full((height, width, 3), value, np.float32)


def test_a_sheet_aligns_images_at_the_top_with_white_gaps():
    sheet = contact_sheet.sheet([gray(4, 5, 0.2), gray(6, 3, 0.4)])

    assert sheet.shape == (6, 5 + contact_sheet.GAP + 3, 3)
    assert (sheet[:4, :5] == np.float32(0.2)).all() and (sheet[4:, :5] == 1).all()
    assert (sheet[:, 5:-3] == 1).all() and (sheet[:, -3:] == np.float32(0.4)).all()


def test_a_sheet_of_one_image_is_the_image():
    image = np.random.default_rng(0).random((7, 5, 3), np.float32)
    np.testing.assert_array_equal(contact_sheet.sheet([image]), image)


@pytest.mark.parametrize("count, width, shape", [(3, 5, (1, 3)), (3, 2, (2, 2)), (4, 1, (4, 1))])
def test_a_grid_wraps_columns_into_rows(count, width, shape):
    columns = [[gray(4, 6), gray(2, 6)]] * count
    height = 4 + contact_sheet.GAP + 2
    rows, across = shape

    grid = contact_sheet.grid(columns, width)

    assert grid.shape[0] == rows * height + (rows - 1) * contact_sheet.GAP
    assert grid.shape[1] == across * 6 + (across - 1) * contact_sheet.GAP


def test_a_grid_stacks_a_column_from_top_to_bottom():
    grid = contact_sheet.grid([[gray(2, 3, 0.1), gray(2, 3, 0.2)]])
    assert grid[0, 0, 0] == np.float32(0.1) and grid[-1, 0, 0] == np.float32(0.2)


def test_wrap_breaks_only_text_too_wide_for_the_smallest_letters():
    assert contact_sheet.wrap("000-pebbles-gram-seed0", 64) == ["000-pebbles-", "gram-seed0"]
    assert contact_sheet.wrap("short", 64) == ["short"]
    assert contact_sheet.wrap("", 64) == [""]


def test_a_wide_caption_has_several_lines():
    one = contact_sheet.caption("000-pebbles-gram-seed0", 400)
    two = contact_sheet.caption("000-pebbles-gram-seed0", 64, 2)

    assert one.shape == (contact_sheet.LETTERS + 4, 400, 3) and two.shape == (24, 64, 3)
    assert two[:10].min() < 0.5 and two[12:].min() < 0.5  # both lines hold text


def test_captions_with_room_for_equally_many_lines_have_equal_heights():
    heights = {contact_sheet.caption(text, 64, 3).shape[0] for text in ("a", "a much longer text")}
    assert len(heights) == 1
