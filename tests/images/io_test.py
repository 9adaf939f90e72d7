"""Reading, writing, validating and resizing: round trips, errors of one line, arbitrary inputs."""

import io
import time

import hypothesis
import jax.numpy as jnp
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


def test_a_written_image_is_read_again(tmp_path):
    images.save(tmp_path / "a.png", RGB / 255)
    np.testing.assert_allclose(images.load(tmp_path / "a.png"), RGB / 255, atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_sixteen_bits_are_scaled(tmp_path):
    gray = np.linspace(0, 65535, 40 * 50).reshape(40, 50).astype(np.uint16)
    loaded = images.load(write(tmp_path / "a.png", gray))
    np.testing.assert_allclose(loaded[..., 1], gray / 65535, atol=1e-4)


def test_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter clockwise
    loaded = images.load(write(tmp_path / "a.png", RGB, exif=exif))
    np.testing.assert_allclose(loaded, np.rot90(RGB, -1) / 255, atol=1e-6)


def test_transparency_shows_white(tmp_path):
    rgba = np.dstack([RGB, np.zeros((40, 50), np.uint8)])
    assert images.load(write(tmp_path / "a.png", rgba)).min() == 1


def test_palette_gray_and_cmyk_become_rgb(tmp_path):
    Image.fromarray(RGB).convert("P").save(tmp_path / "p.png")
    Image.fromarray(RGB).convert("L").save(tmp_path / "l.png")
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "c.jpg")
    for path in tmp_path.iterdir():
        assert images.load(path).shape == (40, 50, 3)


def test_enlarging_has_a_limit():
    text = "--size=16384: 320 x 32 become 163840 x 16384 pixels; must be at most 100,000,000"
    with pytest.raises(errors.UserError, match=text):
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
def test_an_unreadable_image_is_one_line(tmp_path, name, content, text):
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


def test_a_folder_is_not_an_image(tmp_path):
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
def test_invalid_arrays_are_refused(array):
    with pytest.raises(errors.UserError, match="an image must have"):
        images.validate(array)


WRITTEN = [(suffix, bits) for suffix, row in encoding.FORMATS.items() for bits in row.writers]


@pytest.mark.parametrize("suffix, bits", WRITTEN)
def test_every_format_is_read_again(tmp_path, suffix, bits):
    image = np.random.default_rng(0).random((40, 50, 3), np.float32)
    tolerance = 0.51 / (2**bits - 1)
    if suffix in (".jpg", ".jpeg"):
        image = images.resize(image[:6, :8], 40, 50)  # JPEG preserves smooth images
        tolerance = 12 / 255

    path = tmp_path / f"A{suffix.upper()}"
    images.save(path, image, bits)
    np.testing.assert_allclose(images.load(path), image, rtol=0, atol=tolerance)
    assert list(tmp_path.iterdir()) == [path]
    with Image.open(path) as file:
        assert file.info["icc_profile"] == icc.srgb()


@pytest.mark.parametrize("suffix, bits", WRITTEN)
def test_every_format_stores_metadata(tmp_path, suffix, bits):
    path = tmp_path / f"a{suffix}"
    images.save(path, RGB / 255, bits, note='{"seed": 1}')
    assert images.read_metadata(path) == '{"seed": 1}'
    images.save(path, RGB / 255, bits)
    assert images.read_metadata(path) == ""


@pytest.mark.parametrize("note", ["", '{"seed": 1}'])
@pytest.mark.parametrize("suffix, bits", WRITTEN)
def test_equal_images_give_equal_files(tmp_path, monkeypatch, suffix, bits, note):
    files = []
    for clock in (time.gmtime(0), time.gmtime(10**9)):
        # A stored time would make the files differ, though they are written within one second.
        monkeypatch.setattr(time, "gmtime", lambda *_, clock=clock: clock)
        path = tmp_path / f"{len(files)}{suffix}"
        images.save(path, RGB / 255, bits, note=note)
        files.append(path.read_bytes())
    assert files[0] == files[1]


def test_other_libraries_read_sixteen_bits(tmp_path):
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
        ("a.gif", 8, "'.*a.gif': suffix must be one of .png, .tif, .tiff, .jpg, .jpeg, .webp"),
        ("a", 8, "suffix must be one of"),
        ("png", 8, "suffix must be one of"),
        ("a.jpg", 16, "16 bits; .jpg has 8, and .png, .tif, .tiff have 8 or 16"),
        ("a.webp", 16, "16 bits; .webp has 8"),
        ("a.png", 12, "12 bits; .png has 8, and"),
        ("a.png", "8", "8 bits"),
    ],
)
def test_an_unsupported_output_is_one_line(tmp_path, name, bits, text):
    with pytest.raises(errors.UserError, match=text):
        images.save(tmp_path / name, RGB / 255, bits)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such folder: 'no/where'"):
        images.save("no/where/b.png", RGB / 255)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    for path in ("folder.png", "file/b.png", f"{300 * 'a'}.png"):
        with pytest.raises(OSError) as caught:
            images.save(path, RGB / 255)
        assert ".part" not in str(caught.value) and path.partition("/")[0][:50] in str(caught.value)


def test_a_long_name_that_fits_is_written(tmp_path):
    images.save(tmp_path / f"{250 * 'a'}.png", RGB / 255)
    assert [path.name for path in tmp_path.iterdir()] == [f"{250 * 'a'}.png"]


@pytest.mark.parametrize("path", [None, 5, RGB / 255, io.BytesIO(), ["a.png"]])
def test_what_is_not_a_path_is_one_line(path):
    with pytest.raises(errors.UserError, match="^output: must be a path, got "):
        images.save(path, "a.png")
    with pytest.raises(errors.UserError, match="^image: must be a path, or the name of a built-in"):
        images.load(path)


def test_the_contents_of_a_file_are_not_a_path():
    with pytest.raises(errors.UserError, match="got bytes that are the contents of a file"):
        images.load(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")


@pytest.mark.parametrize(
    "size",
    [(0, 40), (40, -1), (2.5, 40), ("40", 40), (None, 40), (True, 40), (40, 10**10), (10**5,) * 2],
)
def test_a_size_that_cannot_be_used_is_one_line(size):
    with pytest.raises(errors.UserError, match="must be (a whole number from 1|at most)"):
        images.resize(RGB / 255, *size)
    with pytest.raises(errors.UserError, match="^tile='z': must be empty, x, y or xy"):
        images.resize(RGB / 255, 40, 40, "z")


def test_numbers_of_other_libraries_are_sizes():
    for size in ((np.int8(40), np.float32(48)), (jnp.int32(40), 48.0)):
        assert images.resize(RGB / 255, *size).shape == (40, 48, 3)
    assert images.resize_shorter_side(RGB / 255, np.uint8(20)).shape == (20, 25, 3)


def test_a_size_beyond_the_format_is_one_line(tmp_path):
    text = "32 x 16384 pixels; .webp has at most 16383 on a side"
    with pytest.raises(errors.UserError, match=text):
        images.save(tmp_path / "a.webp", np.zeros((16384, 32, 3)))


def test_a_failing_write_keeps_the_existing_file(tmp_path, monkeypatch):
    images.save(tmp_path / "a.png", RGB / 255)

    def fail(path, pixels, note):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(encoding.FORMATS, ".png", encoding.Format({8: fail}))
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
