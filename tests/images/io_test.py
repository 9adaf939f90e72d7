"""What is read is what a person sees; what cannot be read is one clear line; what is written can be read."""

import hypothesis
import numpy as np
import pytest
import tifffile
from hypothesis import strategies
from hypothesis.extra import numpy as arrays
from PIL import Image

from jaxtex import errors, images
from jaxtex.images import encoding, icc
from support import mutations

RGB = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


FIXED = hypothesis.settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=100,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
FEW = hypothesis.settings(FIXED, max_examples=40)


def write(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def test_round_trip(tmp_path):
    images.save(tmp_path / "a.png", RGB / 255)
    np.testing.assert_allclose(images.load(tmp_path / "a.png"), RGB / 255, atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_sixteen_bits_are_scaled(tmp_path):
    grey = np.linspace(0, 65535, 40 * 50).reshape(40, 50).astype(np.uint16)
    loaded = images.load(write(tmp_path / "a.png", grey))
    np.testing.assert_allclose(loaded[..., 1], grey / 65535, atol=1e-4)


def test_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    loaded = images.load(write(tmp_path / "a.png", RGB, exif=exif))
    np.testing.assert_allclose(loaded, np.rot90(RGB, -1) / 255, atol=1e-6)


def test_transparency_shows_white(tmp_path):
    rgba = np.dstack([RGB, np.zeros((40, 50), np.uint8)])
    assert images.load(write(tmp_path / "a.png", rgba)).min() == 1


def test_palette_grey_and_cmyk_become_rgb(tmp_path):
    Image.fromarray(RGB).convert("P").save(tmp_path / "p.png")
    Image.fromarray(RGB).convert("L").save(tmp_path / "l.png")
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "c.jpg")
    for path in tmp_path.iterdir():
        assert images.load(path).shape == (40, 50, 3)


def test_enlarging_has_a_limit():
    with pytest.raises(
        errors.UserError,
        match="--size=16384: 320 x 32 become 163840 x 16384 pixels; at most 100,000,000",
    ):
        images.resize_shorter_side(np.zeros((32, 320, 3), np.float32), 16384)


def test_resizing_keeps_means_and_bounds():
    smooth = images.resize(RGB / 255, 160, 100)
    assert smooth.shape == (160, 100, 3) and smooth.min() >= 0 and smooth.max() <= 1
    np.testing.assert_allclose(
        images.resize_shorter_side(RGB / 255, 20).mean((0, 1)), (RGB / 255).mean((0, 1)), atol=0.02
    )


@pytest.mark.parametrize(
    "name, content, text",
    [
        ("missing.png", None, "no such file"),
        ("empty.png", b"", "empty"),
        ("text.png", b"hello", "not an image"),
        ("cut.png", "cut", "damaged"),
        ("small.png", "small", "at least 32"),
    ],
)
def test_what_is_no_image_is_one_line(tmp_path, name, content, text):
    path = tmp_path / name
    if content == "small":
        write(path, RGB[:31])
    elif content == "cut":
        write(path, RGB)
        path.write_bytes(path.read_bytes()[:2000])
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.UserError, match=text) as caught:
        images.load(path)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(errors.UserError, match="is a folder"):
        images.load(tmp_path)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((40, 40)),
        np.zeros((40, 40, 5)),
        np.full((40, 40, 3), 2.0),
        np.full((40, 40, 3), np.nan),
    ],
)
def test_arrays_that_are_no_images_are_refused(array):
    with pytest.raises(errors.UserError, match="an image"):
        images.validate(array)


WRITTEN = [(suffix, bits) for suffix, kind in encoding.FORMATS.items() for bits in kind.writers]


@pytest.mark.parametrize("suffix, bits", WRITTEN)
def test_what_is_written_is_read_again(tmp_path, suffix, bits):
    image = np.random.default_rng(0).random((40, 50, 3), np.float32)
    image = image if suffix not in (".jpg", ".jpeg") else images.resize(image[:6, :8], 40, 50)
    images.save(tmp_path / f"A{suffix.upper()}", image, bits)
    tolerance = 12 / 255 if suffix in (".jpg", ".jpeg") else 0.51 / (2**bits - 1)
    np.testing.assert_allclose(
        images.load(tmp_path / f"A{suffix.upper()}"), image, rtol=0, atol=tolerance
    )
    assert [path.name for path in tmp_path.iterdir()] == [f"A{suffix.upper()}"]
    with Image.open(tmp_path / f"A{suffix.upper()}") as file:
        assert file.info["icc_profile"] == icc.srgb()


def test_what_is_written_is_the_same_at_any_time(tmp_path):
    for suffix, bits in WRITTEN:
        paths = [tmp_path / f"{name}{bits}{suffix}" for name in "ab"]
        for path in paths:
            images.save(path, RGB / 255, bits)
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_others_read_sixteen_bits(tmp_path):
    image = np.random.default_rng(0).random((40, 50, 3), np.float32)
    images.save(tmp_path / "a.tif", image, 16)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), images.to_uint(image, 16))
    images.save(tmp_path / "a.png", image, 16)
    with Image.open(tmp_path / "a.png") as file:
        file.verify()
    with Image.open(tmp_path / "a.png") as file:
        np.testing.assert_array_equal(np.asarray(file), images.to_uint(image, 16) >> 8)


@pytest.mark.parametrize(
    "name, bits, text",
    [
        (
            "a.gif",
            8,
            "'.*a.gif': its suffix is one of .png, .tif, .tiff, .jpg, .jpeg, .webp, please",
        ),
        ("a", 8, "its suffix is one of"),
        ("png", 8, "its suffix is one of"),
        ("a.jpg", 16, "16 bits; .jpg has 8, and .png, .tif, .tiff have 8 or 16"),
        ("a.webp", 16, "16 bits; .webp has 8"),
        ("a.png", 12, "12 bits; .png has 8, and"),
        ("a.png", "8", "8 bits"),
    ],
)
def test_what_cannot_be_written_is_one_line(tmp_path, name, bits, text):
    with pytest.raises(errors.UserError, match=text):
        images.save(tmp_path / name, RGB / 255, bits)
    assert list(tmp_path.iterdir()) == []


def test_what_a_format_cannot_hold_is_one_line(tmp_path):
    with pytest.raises(
        errors.UserError, match="32 x 16384 pixels; .webp has at most 16383 on a side"
    ):
        images.save(tmp_path / "a.webp", np.zeros((16384, 32, 3)))


def test_a_failing_write_leaves_what_was_there(tmp_path, monkeypatch):
    images.save(tmp_path / "a.png", RGB / 255)

    def failing(path, pixels, note):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(encoding.FORMATS, ".png", encoding.Format({8: failing}))
    with pytest.raises(OSError, match="No space"):
        images.save(tmp_path / "a.png", 1 - RGB / 255)
    np.testing.assert_allclose(images.load(tmp_path / "a.png"), RGB / 255, atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


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
COLOURS = arrays.arrays(np.float32, (1, 2, 3), elements={"min_value": 0, "max_value": 1})
PICTURES = strategies.builds(
    lambda values, height: np.repeat(np.repeat(values, 17, 1), height, 0),
    ROWS | COLOURS,
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


@FIXED
@hypothesis.given(NONSENSE)
def test_check_takes_images_alone(given):
    try:
        found = images.validate(given)
    except errors.UserError as error:
        assert "\n" not in str(error)
    else:
        assert found.dtype == np.float32 and found.shape[2] == 3 and min(found.shape[:2]) >= 32
        assert 0 <= found.min() <= found.max() <= 1


@FIXED
@hypothesis.given(NONSENSE, strategies.sampled_from(WRITTEN))
def test_save_takes_images_alone(tmp_path, given, kind):
    path = tmp_path / f"a{kind[0]}"
    for left in tmp_path.iterdir():
        left.unlink()
    try:
        images.save(path, given, kind[1])
    except errors.UserError as error:
        assert "\n" not in str(error) and list(tmp_path.iterdir()) == []
    else:
        with Image.open(path) as file:
            assert file.size == np.shape(given)[1::-1]


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
def test_resizing_keeps_bounds_and_flat_colours(height, width, to_height, to_width, tile, seed):
    image = np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)
    found = images.resize(image, to_height, to_width, tile)
    assert (
        found.shape == (to_height, to_width, 3)
        and found.dtype == np.float32
        and 0 <= found.min() <= found.max() <= 1
    )
    flat = images.resize(np.broadcast_to(image[:1, :1], image.shape), to_height, to_width, tile)
    np.testing.assert_allclose(flat, np.broadcast_to(image[0, 0], flat.shape), atol=1e-5)


ORIGINALS = mutations.originals()
INJURY = strategies.tuples(
    strategies.integers(0, 1 << 16), strategies.integers(0, 3), strategies.binary(max_size=6)
)
INJURIES = strategies.lists(INJURY, min_size=1, max_size=5)


@FEW
@hypothesis.given(strategies.sampled_from(ORIGINALS), INJURIES, strategies.booleans())
def test_injured_files_are_images_or_one_line(tmp_path, data, injuries, mend):
    for place, kind, piece in injuries:
        place %= len(data) + 1
        end = place + (len(piece) if kind else 0)
        data = (
            data[:place]
            if kind == 3
            else data[:place] + (bytes(len(piece)) if kind == 2 else piece) + data[end:]
        )
    (tmp_path / "a").write_bytes(mutations.mended(data) if mend else data)
    mutations.attempt(tmp_path / "a")


@FIXED
@hypothesis.given(
    strategies.binary(max_size=300),
    strategies.sampled_from([b"", *{data[:12] for data in ORIGINALS}]),
)
def test_any_bytes_are_one_line(tmp_path, data, head):
    (tmp_path / "a").write_bytes(head + data)
    mutations.attempt(tmp_path / "a")


@FIXED
@hypothesis.given(strategies.text(max_size=20))
def test_any_name_is_one_line(tmp_path, name):
    with pytest.raises(errors.UserError) as caught:
        images.load(f"{tmp_path}/none/{name}")
    assert len(str(caught.value).splitlines()) == 1
