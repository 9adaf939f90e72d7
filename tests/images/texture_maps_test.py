"""Texture maps synthesized together: aligned, each of its kind; and transparency that is kept."""

import re

import numpy as np
import pytest

import jaxtex
from jaxtex import errors, images, networks, statistics, weights
from jaxtex.cli import flag_parsing, main
from jaxtex.images import texture_maps

QUICK = {"size": 64, "scales": 1, "octaves": 2, "layers": "relu1_1,relu2_1", "num_steps": 40}


def smooth(seed, size=64, waves=6):
    """Returns a periodic field in [0, 1], `[size, size]`, a sum of random waves."""
    rng = np.random.default_rng(seed)
    angles = np.arange(size) / size * 2 * np.pi
    field = np.zeros((size, size))
    for _ in range(waves):
        down = rng.integers(1, 7) * angles[:, None]
        right = rng.integers(-6, 7) * angles
        field = field + np.cos(down + right + rng.uniform(0, 7))
    return ((field - field.min()) / np.ptp(field)).astype(np.float32)


def colors(height):
    """Returns colors from blue to orange, by height, `[H, W, 3]`."""
    channels = [0.2 + 0.7 * height, 0.3 + 0.3 * height, 0.6 - 0.4 * height]
    return np.stack(channels, -1).astype(np.float32)


def normals(height):
    """Returns the normal map of a height field, `[H, W, 3]`."""
    down, right = (np.roll(height, -1, axis) - np.roll(height, 1, axis) for axis in (0, 1))
    vectors = np.stack([-right, down, np.full_like(height, 0.1)], -1)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (0.5 + 0.5 * vectors / lengths).astype(np.float32)


def gray(field):
    return np.repeat(field[..., None], 3, -1)


@pytest.fixture(scope="module")
def material():
    """Colors, normals and a faint gray height, all functions of one field: `[64, 64, 9]`."""
    height = smooth(0)
    return np.concatenate([colors(height), normals(height), gray(0.4 + 0.1 * height)], -1)


@pytest.fixture(scope="module")
def result(material):
    return jaxtex.synthesize(material, tile="xy", **QUICK)


def correlation(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


@pytest.mark.slow
def test_the_maps_are_aligned(material, result):
    assert result.shape == (64, 64, 9)
    assert correlation(result[..., 0], result[..., 6]) > 0.95
    assert correlation(normals(result[..., 6])[..., 0], result[..., 3]) > 0.7
    assert abs(correlation(result[..., 0], material[..., 6])) < 0.7  # not a copy


@pytest.mark.slow
def test_maps_synthesized_one_by_one_are_not_aligned(material):
    """Shows that the test above can fail."""
    apart = [
        jaxtex.synthesize(material[..., at : at + 3], seed=at, **QUICK)[..., 0] for at in (0, 6)
    ]
    assert abs(correlation(*apart)) < 0.7


@pytest.mark.slow
def test_each_map_is_of_its_kind(material, result):
    np.testing.assert_allclose(np.linalg.norm(2 * result[..., 3:6] - 1, axis=-1), 1, atol=1e-5)
    np.testing.assert_array_equal(result[..., 6], result[..., 8])
    assert result[..., 6].min() > 0.35 and result[..., 6].max() < 0.55  # as faint as the exemplar
    assert abs(result[..., 6].std() / material[..., 6].std() - 1) < 0.2


@pytest.mark.parametrize("channels", [3, 4, 6, 7, 9])
def test_restore_undoes_normalize(channels):
    image = np.random.default_rng(0).uniform(0.2, 0.6, (40, 50, channels)).astype(np.float32)
    normalized, material = texture_maps.normalize_maps(image)
    assert normalized.shape[-1] % 3 == 0 and 0 <= normalized.min() and normalized.max() <= 1
    restored = texture_maps.restore_maps(normalized, material)
    np.testing.assert_allclose(restored, image, atol=1e-3 if channels % 3 else 1e-5)
    assert sum(each.shape[-1] for each in texture_maps.split_maps(image)) == channels


@pytest.mark.parametrize("first", [0.0, 1.0, 128 / 255])
@pytest.mark.parametrize("depth", [0.0, 0.8])
def test_maps_beside_a_flat_one_are_restored(first, depth):
    image = np.full((40, 50, 6), first, np.float32)
    image[..., 3:] = 0.1 + depth * np.random.default_rng(0).random((40, 50, 1), np.float32)
    normalized, material = texture_maps.normalize_maps(image)
    np.testing.assert_allclose(texture_maps.restore_maps(normalized, material), image, atol=1e-5)


def test_faint_maps_get_the_contrast_of_the_first():
    image = np.random.default_rng(0).uniform(0, 1, (40, 50, 6)).astype(np.float32)
    image[..., 3:] = 0.3 + 0.01 * image[..., 3:]
    normalized, _ = texture_maps.normalize_maps(image)
    assert normalized[..., 3:].std() > 0.9 * normalized[..., :3].std()


@pytest.mark.slow
def test_the_network_is_applied_to_each_map_by_itself(exemplar):
    network, variables = weights.load_network(weights.NetworkChoice(), ("relu1_1", "relu2_1"))
    other = exemplar[::-1].copy()
    joined = network.clone(maps=2).apply(variables, np.concatenate([exemplar, other], -1))
    for layer, features in network.apply(variables, exemplar).items():
        channels = features.shape[-1]
        np.testing.assert_allclose(joined[layer][..., :channels], features, atol=1e-5)
        assert joined[layer].shape[-1] == 2 * channels
    assert networks.pyramid(network.network, 1).maps == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in statistics.STATISTICS if name not in ("mean", "sorted", "histogram")]
)
def test_every_statistic_of_pairs_of_channels_supports_maps(material, name):
    choices = {**QUICK, "octaves": 1, "num_steps": 2, "optimizer": "adam", "statistic": name}
    result = jaxtex.synthesize(material, **choices)
    assert result.shape == material.shape and np.isfinite(result).all()


@pytest.mark.parametrize("name", ["mean", "sorted", "histogram", "mean+sorted"])
def test_statistics_of_single_channels_are_refused(material, name):
    text = f"--statistic={name} compares each channel separately"
    with pytest.raises(errors.UserError, match=re.escape(text)):
        jaxtex.synthesize(material, statistic=name, **QUICK)


@pytest.mark.parametrize(
    "choices, text",
    [
        ({"style": [0, 0]}, "without other styles"),
        ({"content": 0}, "without --content"),
        ({"strips": "16"}, "texture maps need the whole image"),
        ({"init": "images/pebbles.png"}, "--init=images/pebbles.png: with maps it must be"),
    ],
)
def test_options_that_maps_do_not_support(material, choices, text):
    style = [material, material] if choices.pop("style", None) else material
    content = material[..., :3] if choices.pop("content", None) == 0 else None
    with pytest.raises(errors.UserError, match=text):
        jaxtex.transfer(content, style, **QUICK, **choices)


@pytest.mark.parametrize("channels", [1, 2, 5, 8, 50])
def test_other_numbers_of_channels_are_refused(channels):
    with pytest.raises(errors.UserError, match="an image must have shape"):
        jaxtex.synthesize(np.zeros((64, 64, channels), np.float32), **QUICK)


def cut_out(height):
    """Returns colors where the field is high, and transparent black elsewhere: `[64, 64, 4]`."""
    alpha = (height > 0.5).astype(np.float32)
    return np.concatenate([colors(height) * alpha[..., None], alpha[..., None]], -1)


@pytest.mark.slow
def test_a_texture_keeps_its_transparency():
    exemplar = cut_out(smooth(0))
    result = jaxtex.synthesize(exemplar, **QUICK)
    assert result.shape == (64, 64, 4)
    alpha = result[..., 3]
    assert abs(alpha.mean() - exemplar[..., 3].mean()) < 0.01
    assert np.mean((alpha < 0.01) | (alpha > 0.99)) > 0.99  # as binary as the exemplar
    visible = result[alpha > 0.8][:, :3]
    assert visible.min() > 0.1  # the transparent black does not show


def test_colors_extend_under_transparent_pixels():
    image = np.full((64, 48, 3), 0.0, np.float32)
    alpha = np.zeros((64, 48), np.float32)
    image[10:20, 10:20], alpha[10:20, 10:20] = (0.9, 0.5, 0.1), 1
    extended = texture_maps.extend_colors(image, alpha)
    expected = np.broadcast_to(np.float32([0.9, 0.5, 0.1]), extended.shape)
    np.testing.assert_allclose(extended, expected, atol=1e-4)
    np.testing.assert_array_equal(texture_maps.extend_colors(image, np.zeros_like(alpha)), image)


@pytest.mark.slow
def test_a_content_keeps_its_transparency():
    content = cut_out(smooth(1))
    result = jaxtex.transfer(content, colors(smooth(2)), height=80, width=64, **QUICK)
    np.testing.assert_array_equal(result[..., 3:], images.resize(content[..., 3:], 80, 64))


@pytest.fixture
def folder(material, tmp_path):
    """A folder with a file for each map, and one with transparency."""
    names = ("color", "normal", "height")
    for name, image in zip(names, texture_maps.split_maps(material), strict=True):
        images.save(tmp_path / f"{name}.png", image)
    images.save(tmp_path / "leaf.png", cut_out(smooth(0)))
    return tmp_path


FLAGS = ("--size=64", "--scales=1", "--octaves=1", "--layers=relu1_1", "--num_steps=4")


@pytest.mark.slow
def test_the_command_writes_a_file_for_each_map(folder):
    out = folder / "out" / "wall.tif"
    flags = [
        f"--style={folder}/color.png",
        f"--maps={folder}/normal.png,{folder}/height.png",
        f"--workdir={folder}/run",
        f"--output={out}",
        "--bits=16",
    ]
    flag_parsing.run(main.COMMAND, [*flags, *FLAGS])
    for name in ("", "-normal", "-height"):
        kept = images.load(folder / "run" / f"result{name}.png")
        assert np.abs(images.load(out.with_stem(f"wall{name}")) - kept).max() < 1 / 255
    sheet = images.load(folder / "run" / "sheet.png")
    assert sheet.shape == (64, 6 * 64 + 3 * 8, 3)  # three exemplars, three results


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_the_command_keeps_transparency(folder, suffix):
    out = folder / f"leaf2.{suffix}"
    flags = (
        f"--style={folder}/leaf.png",
        "--alpha=keep",
        f"--workdir={folder}/run",
        f"--output={out}",
        *FLAGS,
    )
    flag_parsing.run(main.COMMAND, flags)
    kept = images.load(folder / "run" / "result.png", alpha=True)
    assert kept.shape == (64, 64, 4)
    np.testing.assert_allclose(images.load(out, alpha=True), kept, atol=1 / 255)


@pytest.mark.parametrize(
    "flags, text",
    [
        (("--alpha=keep", "--output=x.jpg"), ".jpg does not support transparency"),
        (("--alpha=yes",), "--alpha=yes: must be white or keep"),
        (("--maps={}/nothing.png",), "nothing.png"),
        (("--maps={}/normal.png,{}/normal.png",), "each with a name of its own"),
        (("--maps=images/pebbles.png",), "must have the size of its style, 64 x 64"),
    ],
)
def test_user_errors_are_one_line(folder, flags, text, capsys):
    given = [flag.replace("{}", str(folder)) for flag in flags]
    with pytest.raises(SystemExit) as left:
        flag_parsing.run(
            main.COMMAND,
            [f"--style={folder}/color.png", f"--workdir={folder}/run", *given, *FLAGS],
        )
    error = capsys.readouterr().err
    assert left.value.code == 2 and text in error and "Traceback" not in error


def test_a_batch_mixes_no_transparent_and_opaque_styles(folder):
    styles = f"--style={folder}/leaf.png,{folder}/color.png"
    with pytest.raises(SystemExit) as left:
        flag_parsing.run(
            main.COMMAND, [styles, "--each", "--alpha=keep", f"--workdir={folder}/run", *FLAGS]
        )
    assert left.value.code == 2
