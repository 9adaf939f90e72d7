"""Any array, size, name and bytes: an image, or an error of one line."""

import hypothesis
import numpy as np
import pytest
import tifffile
from hypothesis import strategies
from hypothesis.extra import numpy as arrays
from PIL import Image

from jaxtex import errors, images
from jaxtex.images import encoding
from support import mutations

FIXED = hypothesis.settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=100,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
FEW = hypothesis.settings(FIXED, max_examples=40)
WRITTEN = [(suffix, bits) for suffix, row in encoding.FORMATS.items() for bits in row.writers]
KINDS = [
    np.float16,
    np.float32,
    np.float64,
    np.int64,
    np.uint8,
    np.bool_,
    np.complex64,
    "U2",
    "O",
    "M8[s]",
]
SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=40)
ANY = strategies.sampled_from(KINDS).flatmap(lambda kind: arrays.arrays(kind, SHAPES))
ROWS = strategies.sampled_from(KINDS[:6]).flatmap(lambda kind: arrays.arrays(kind, (1, 2, 3)))
COLORS = arrays.arrays(np.float32, (1, 2, 3), elements={"min_value": 0, "max_value": 1})
PICTURES = strategies.builds(
    lambda values, height: np.repeat(np.repeat(values, 17, 1), height, 0),
    ROWS | COLORS,
    strategies.integers(31, 40),
)
WORDS, COUNTS = strategies.text(max_size=5), strategies.lists(strategies.integers())
OTHERS = (
    strategies.none(),
    WORDS,
    strategies.floats(),
    strategies.lists(COUNTS),
    strategies.dictionaries(WORDS, COUNTS),
)
NONSENSE = strategies.one_of(ANY, PICTURES, *OTHERS)


@pytest.mark.slow
@FIXED
@hypothesis.given(NONSENSE)
def test_validate_accepts_images_only(given):
    try:
        image = images.validate(given)
    except errors.UserError as error:
        assert "\n" not in str(error)
    else:
        assert image.dtype == np.float32 and image.shape[2] == 3 and min(image.shape[:2]) >= 32
        assert 0 <= image.min() <= image.max() <= 1


@pytest.mark.slow
@FIXED
@hypothesis.given(NONSENSE, strategies.sampled_from(WRITTEN))
def test_save_accepts_images_only(tmp_path, given, kind):
    path = tmp_path / f"a{kind[0]}"
    for previous in tmp_path.iterdir():
        previous.unlink()
    try:
        images.save(path, given, kind[1])
    except errors.UserError as error:
        assert "\n" not in str(error) and list(tmp_path.iterdir()) == []
    else:
        assert _written_shape(path, kind[1]) == np.shape(given)[:2]


def _written_shape(path, bits):
    if bits == 32:  # floats in three channels, which Pillow does not read
        return tifffile.imread(path).shape[:2]
    with Image.open(path) as file:
        return file.size[::-1]


SIDES = strategies.integers(1, 70)


@FIXED
@hypothesis.given(
    SIDES,
    SIDES,
    SIDES,
    SIDES,
    strategies.sampled_from(["", "x", "y", "xy"]),
    strategies.integers(0, 99),
)
def test_resizing_keeps_bounds_and_flat_colors(height, width, to_height, to_width, tile, seed):
    image = np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)
    resized = images.resize(image, to_height, to_width, tile)
    assert resized.shape == (to_height, to_width, 3) and resized.dtype == np.float32
    assert 0 <= resized.min() <= resized.max() <= 1
    flat = images.resize(np.broadcast_to(image[:1, :1], image.shape), to_height, to_width, tile)
    np.testing.assert_allclose(flat, np.broadcast_to(image[0, 0], flat.shape), atol=1e-5)


ORIGINALS = mutations.originals()
DAMAGE = strategies.tuples(
    strategies.integers(0, 1 << 16),
    strategies.sampled_from(["insert", "replace", "zero", "truncate"]),
    strategies.binary(max_size=6),
)
DAMAGES = strategies.lists(DAMAGE, min_size=1, max_size=5)


def damage(data, place, kind, piece):
    place %= len(data) + 1
    before = data[:place]
    if kind == "insert":
        return before + piece + data[place:]
    if kind == "replace":
        return before + piece + data[place + len(piece) :]
    if kind == "zero":
        return before + bytes(len(piece)) + data[place + len(piece) :]
    return before


@FEW
@hypothesis.given(strategies.sampled_from(ORIGINALS), DAMAGES, strategies.booleans())
def test_damaged_files_are_images_or_one_line(tmp_path, data, damages, correct_checksums):
    for place, kind, piece in damages:
        data = damage(data, place, kind, piece)
    if correct_checksums:
        data = mutations.with_checksums(data)
    (tmp_path / "a").write_bytes(data)
    mutations.assert_image_or_one_line(tmp_path / "a")


@FIXED
@hypothesis.given(
    strategies.binary(max_size=300),
    strategies.sampled_from([b"", *{data[:12] for data in ORIGINALS}]),
)
def test_any_bytes_are_one_line(tmp_path, data, head):
    (tmp_path / "a").write_bytes(head + data)
    mutations.assert_image_or_one_line(tmp_path / "a")


@FIXED
@hypothesis.given(strategies.text(max_size=20))
def test_any_name_is_one_line(tmp_path, name):
    with pytest.raises(errors.UserError) as caught:
        images.load(f"{tmp_path}/none/{name}")
    assert len(str(caught.value).splitlines()) == 1
