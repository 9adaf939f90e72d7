"""TIFFs of random layouts are read exactly; samples without a defined white are refused."""

import logging

import numpy as np
import pytest
import tifffile

from jaxtex import errors, images
from support import colorimetry, pictures

SIZE = (37, 45)  # not a multiple of any tile
DRAWS = 120
ALPHAS = {"UNASSALPHA": 2, "ASSOCALPHA": 1, "UNSPECIFIED": 0, "": None}


def error_of(path):
    with pytest.raises(errors.UserError) as caught:
        images.load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def save(path, values, **options):
    tifffile.imwrite(path, values, metadata=None, **options)
    return path


def random_layout(rng):
    """Returns options of `tifffile.imwrite` that change how samples are stored, not their value."""
    options = {"byteorder": rng.choice(["<", ">"]), "bigtiff": bool(rng.integers(2))}
    if rng.random() < 0.4:
        options["tile"] = (16, 32)
    else:
        options["rowsperstrip"] = int(rng.choice([1, 5, 16, SIZE[0]]))
    options["compression"] = rng.choice([None, "zlib", "lzma"])
    options["predictor"] = options["compression"] is not None and bool(rng.integers(2))
    return options


@pytest.mark.parametrize("seed", range(DRAWS))
def test_any_layout_of_integers_is_read_exactly(tmp_path, seed):
    rng = np.random.default_rng(seed)
    options = random_layout(rng)
    dtype = rng.choice(["uint8", "uint16"])
    photometric = rng.choice(["minisblack", "miniswhite", "rgb"])
    colors = 3 if photometric == "rgb" else 1
    alpha = rng.choice(list(ALPHAS))
    count = colors + (alpha != "")
    top = np.iinfo(dtype).max

    values = rng.integers(0, top + 1, (*SIZE, count)).astype(dtype)
    if alpha == "ASSOCALPHA":  # a premultiplied color is at most its alpha
        values = np.minimum(values, values[..., -1:])
    if alpha:
        options["extrasamples"] = [alpha]
    options["planarconfig"] = "contig"
    stored = values if count > 1 else values[..., 0]
    if count > 1 and rng.random() < 0.5:
        options["planarconfig"] = "separate"
        stored = np.ascontiguousarray(values.transpose(2, 0, 1))
    path = save(tmp_path / "a", stored, photometric=photometric, **options)

    exact = values / top
    shown = exact[..., :colors]
    if alpha == "ASSOCALPHA":
        shown = np.divide(shown, exact[..., -1:], np.zeros_like(shown), where=exact[..., -1:] > 0)
    if photometric == "miniswhite":
        shown = 1 - shown
    if alpha in ("ASSOCALPHA", "UNASSALPHA"):
        shown = pictures.over_white(shown, exact[..., -1])
    np.testing.assert_allclose(images.load(path), np.broadcast_to(shown, (*SIZE, 3)), atol=2e-6)


@pytest.mark.parametrize("seed", range(20))
def test_any_layout_of_floats_is_read_exactly(tmp_path, seed):
    rng = np.random.default_rng(seed)
    options = random_layout(rng)
    colors = int(rng.choice([1, 3]))
    values = rng.random((*SIZE, colors)).astype(rng.choice(["float16", "float32", "float64"]))
    options["predictor"] = False  # tifffile writes that of floats with imagecodecs only
    photometric = "rgb" if colors == 3 else "minisblack"
    stored = values if colors == 3 else values[..., 0]
    path = save(tmp_path / "a", stored, photometric=photometric, **options)
    shown = np.broadcast_to(values.astype(np.float32), (*SIZE, 3))
    np.testing.assert_array_equal(images.load(path), shown)


@pytest.mark.parametrize("channels", [1, 3])
def test_differences_of_floats(tmp_path, channels):
    values = np.random.default_rng(0).random((*SIZE, channels)).astype(">f4")
    # The bytes of a row by significance, then differences of neighboring pixels.
    levels = values.view(np.uint8).reshape(SIZE[0], -1, 4).swapaxes(1, 2).reshape(SIZE[0], -1)
    differences = levels.copy()
    differences[:, channels:] -= levels[:, :-channels]
    stored = differences.view(">f4").reshape(values.shape)
    photometric = 2 if channels == 3 else 1
    data = pictures.tiff(stored, photometric, order=">", packed=True, tags={317: 3})
    (tmp_path / "a").write_bytes(data)
    np.testing.assert_array_equal(images.load(tmp_path / "a")[..., :channels], values)


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("order", "<>")
def test_any_number_of_bits(tmp_path, bits, order):
    top = 2**bits - 1
    rgb = pictures.samples(3, top, bits)
    for planar in (False, True):
        data = pictures.tiff(
            rgb, 2, order=order, bits=bits, packed=bits % 2 > 0, strips=3, planar=planar
        )
        (tmp_path / "a").write_bytes(data)
        np.testing.assert_allclose(images.load(tmp_path / "a"), rgb / top, atol=1e-6)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_deflate", "zstd"])
@pytest.mark.parametrize("mode", ["L", "I;16", "F"])
def test_compressions_of_libtiff(tmp_path, compression, mode):
    dtype, top = {"L": ("uint8", 255), "I;16": ("uint16", 65535), "F": ("float32", 1)}[mode]
    values = (pictures.smooth()[..., 0] * top).astype(dtype)
    try:
        pictures.Image.fromarray(values).save(tmp_path / "a", "TIFF", compression=compression)
    except OSError:
        pytest.skip(f"this Pillow has no {compression}")
    loaded = images.load(tmp_path / "a")
    np.testing.assert_allclose(loaded[..., 0], values.astype(np.float32) / top, atol=1e-6)


@pytest.mark.parametrize("scale", [1, 256, 257])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_palettes_of_8_and_16_bits(tmp_path, scale, dtype):
    rng = np.random.default_rng(scale)
    palette = rng.integers(0, 256, (3, 2 ** (8 * np.dtype(dtype).itemsize)))
    values = rng.integers(0, palette.shape[1], SIZE).astype(dtype)
    stored = (palette * scale).astype(np.uint16)
    path = save(tmp_path / "a", values, photometric="palette", colormap=stored)
    np.testing.assert_allclose(images.load(path), palette.T[values] / 255, atol=1e-6)


def test_cmyk_and_lab_with_alpha_and_in_planes(tmp_path):
    inks = pictures.samples(4, 65535)
    data = pictures.tiff(inks, 5, bits=16, planar=True, strips=4)
    (tmp_path / "a").write_bytes(data)
    shown = colorimetry.of_cmyk(inks / 65535)
    np.testing.assert_allclose(images.load(tmp_path / "a"), shown, atol=2.1 / 255)

    lab = np.concatenate([pictures.samples(1, 100) + 100, pictures.samples(2, 24) - 12], -1)
    shown = colorimetry.of_lab(lab[..., 0] / 2.55, lab[..., 1], lab[..., 2])
    alpha = pictures.samples(1, 1)
    shown = pictures.over_white(shown, alpha[..., 0])
    for bits, white, step in ((8, 1, 1), (16, 257, 256)):
        stored = np.concatenate([lab[..., :1] * white, lab[..., 1:] * step], -1) % 2**bits
        stored = np.concatenate([stored, alpha * (2**bits - 1)], -1)
        (tmp_path / "a").write_bytes(pictures.tiff(stored, 8, bits=bits, tags={338: 2}))
        np.testing.assert_allclose(images.load(tmp_path / "a"), shown, atol=2.5 / 255)


@pytest.mark.parametrize(
    ("dtype", "channels", "reason"),
    [
        ("int8", 1, "samples with a sign have no defined white"),
        ("int16", 1, "samples with a sign have no defined white"),
        ("int16", 3, "samples with a sign have no defined white"),
        ("int32", 1, "samples with a sign have no defined white"),
        ("uint32", 1, "samples of 32 bits have no defined white"),
        ("uint32", 3, "samples of 32 bits have no defined white"),
        ("uint64", 1, "samples of 64 bits have no defined white"),
        ("complex64", 1, "samples are complex numbers"),
    ],
)
def test_samples_without_a_white_are_refused_with_the_reason(tmp_path, dtype, channels, reason):
    values = pictures.samples(channels, 100).astype(dtype)
    photometric = "minisblack" if channels == 1 else "rgb"
    for compression in (None, "zlib"):
        path = save(
            tmp_path / "a",
            values[..., 0] if channels == 1 else values,
            photometric=photometric,
            compression=compression,
        )
        message = error_of(path)
        assert reason in message and "damaged" not in message


def test_the_preview_in_a_raw_file_is_no_picture(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a") as writer:
        preview = pictures.samples(3, 255).astype(np.uint8)
        writer.write(preview, photometric="rgb", subfiletype=1, subifds=1, metadata=None)
        writer.write(preview[..., 0], photometric="minisblack", metadata=None)
    assert "only a preview" in error_of(tmp_path / "a")


@pytest.mark.parametrize(("samples", "obvious"), [(1, True), (3, True), (4, False), (2, False)])
def test_a_missing_meaning_is_guessed_only_where_it_is_obvious(tmp_path, samples, obvious):
    values = pictures.samples(samples, 255)
    (tmp_path / "a").write_bytes(pictures.tiff(values, 2, tags={262: None}))
    if obvious:
        shown = np.broadcast_to(values / 255, (*values.shape[:2], 3))
        np.testing.assert_allclose(images.load(tmp_path / "a"), shown, atol=1e-6)
    else:
        assert "no tag that says what its samples mean" in error_of(tmp_path / "a")


@pytest.mark.parametrize("kind", ["tiff", "pfm"])
def test_floats_beyond_a_given_white_raise_one_warning_that_offers_the_scale(
    tmp_path, caplog, kind
):
    values = np.round(pictures.smooth()[..., 0] * 255).astype("<f4")
    path = tmp_path / f"{kind}"
    if kind == "tiff":
        save(path, values, photometric="minisblack")
    else:
        size = f"Pf {values.shape[1]} {values.shape[0]} -1.0\n".encode()
        path.write_bytes(size + values[::-1].tobytes())

    with caplog.at_level(logging.WARNING):
        images.load(path, white=1)
        images.load(path, white=1)
    (record,) = caplog.records
    text = record.getMessage()
    assert str(path) in text and "load_image(path, white=255)" in text

    caplog.clear()
    loaded = images.load(path, white=255)
    np.testing.assert_allclose(loaded[..., 0], values / 255, atol=1e-6)
    assert not caplog.records


@pytest.mark.parametrize("white", [0, -1, 1e-300, 1e300, float("nan"), float("inf"), "255"])
def test_white_must_be_a_positive_number(tmp_path, white):
    with pytest.raises(errors.UserError, match="white=.*positive number"):
        images.load("pebbles", white=white)
