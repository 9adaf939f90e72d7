"""Maps of one material made together: aligned, each as it was given; and transparency that is kept."""

import numpy as np
import pytest

import jaxtex
from jaxtex import errors, images, networks, statistics
from jaxtex.cli import main
from jaxtex.images import texture_maps
from jaxtex.synthesis import config
from jaxtex.weights import loading
from support import commands

QUICK = {"size": 64, "scales": 1, "octaves": 2, "layers": "relu1_1,relu2_1", "num_steps": 40}


def smooth(seed, size=64, waves=6):
    """A grey field in [0, 1], `[size, size]`, that goes on from its beginning."""
    rng, places = np.random.default_rng(seed), np.arange(size) / size * 2 * np.pi
    wave = lambda: np.cos(
        rng.integers(1, 7) * places[:, None] + rng.integers(-6, 7) * places + rng.uniform(0, 7)
    )
    field = sum(wave() for _ in range(waves))
    return ((field - field.min()) / np.ptp(field)).astype(np.float32)


def colours(height):
    """From blue to orange, by height."""
    return np.stack([0.2 + 0.7 * height, 0.3 + 0.3 * height, 0.6 - 0.4 * height], -1).astype(
        np.float32
    )


def normals(height):
    down, right = (np.roll(height, -1, axis) - np.roll(height, 1, axis) for axis in (0, 1))
    vectors = np.stack([-right, down, np.full_like(height, 0.1)], -1)
    return (0.5 + 0.5 * vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(
        np.float32
    )


def grey(field):
    return np.repeat(field[..., None], 3, -1)


@pytest.fixture(scope="module")
def material():
    """Colours, normals and a faint grey height, which are functions of one field: `[64, 64, 9]`."""
    height = smooth(0)
    return np.concatenate([colours(height), normals(height), grey(0.4 + 0.1 * height)], -1)


@pytest.fixture(scope="module")
def made(material):
    return jaxtex.synthesize(material, tile="xy", **QUICK)


def correlation(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def test_the_maps_stay_aligned(material, made):
    assert made.shape == (64, 64, 9)
    assert correlation(made[..., 0], made[..., 6]) > 0.95
    assert correlation(normals(made[..., 6])[..., 0], made[..., 3]) > 0.7
    assert abs(correlation(made[..., 0], material[..., 6])) < 0.7  # and it is no copy


def test_without_a_common_statistic_they_would_not(material):
    """What the one above would say of maps that are made one by one."""
    apart = [
        jaxtex.synthesize(material[..., at : at + 3], seed=at, **QUICK)[..., 0] for at in (0, 6)
    ]
    assert abs(correlation(*apart)) < 0.7


def test_each_map_is_of_its_kind(material, made):
    np.testing.assert_allclose(np.linalg.norm(2 * made[..., 3:6] - 1, axis=-1), 1, atol=1e-5)
    np.testing.assert_array_equal(made[..., 6], made[..., 8])
    assert made[..., 6].min() > 0.35 and made[..., 6].max() < 0.55  # as faint as it was
    assert abs(made[..., 6].std() / material[..., 6].std() - 1) < 0.2


@pytest.mark.parametrize("channels", [3, 4, 6, 7, 9])
def test_what_is_prepared_is_restored(channels):
    image = np.random.default_rng(0).uniform(0.2, 0.6, (40, 50, channels)).astype(np.float32)
    stretched, material = texture_maps.normalize_maps(image)
    assert stretched.shape[-1] % 3 == 0 and 0 <= stretched.min() and stretched.max() <= 1
    np.testing.assert_allclose(
        texture_maps.restore_maps(stretched, material), image, atol=1e-3 if channels % 3 else 1e-5
    )
    assert sum(each.shape[-1] for each in texture_maps.split_maps(image)) == channels


def test_faint_maps_count_as_much():
    image = np.random.default_rng(0).uniform(0, 1, (40, 50, 6)).astype(np.float32)
    image[..., 3:] = 0.3 + 0.01 * image[..., 3:]
    stretched, _ = texture_maps.normalize_maps(image)
    assert stretched[..., 3:].std() > 0.9 * stretched[..., :3].std()


def test_the_network_looks_at_each_map_by_itself(exemplar):
    network, variables = loading.load_network(config.Config(), ("relu1_1", "relu2_1"))
    other = exemplar[::-1].copy()
    joined = network.clone(maps=2).apply(variables, np.concatenate([exemplar, other], -1))
    for layer, seen in network.apply(variables, exemplar).items():
        np.testing.assert_allclose(joined[layer][..., : seen.shape[-1]], seen, atol=1e-5)
        assert joined[layer].shape[-1] == 2 * seen.shape[-1]
    assert networks.pyramid(network.network, 1).maps == 1


@pytest.mark.parametrize(
    "name", [name for name in statistics.STATISTICS if name not in ("mean", "sorted", "histogram")]
)
def test_every_statistic_of_pairs_of_channels(material, name):
    choices = {**QUICK, "octaves": 1, "num_steps": 2, "optimizer": "adam", "statistic": name}
    result = jaxtex.synthesize(material, **choices)
    assert result.shape == material.shape and np.isfinite(result).all()


@pytest.mark.parametrize("name", ["mean", "sorted", "histogram", "mean+sorted"])
def test_statistics_of_single_channels_are_refused(material, name):
    with pytest.raises(
        errors.UserError, match=f"--statistic={name.replace('+', '.')} sees each channel by itself"
    ):
        jaxtex.synthesize(material, statistic=name, **QUICK)


@pytest.mark.parametrize(
    "choices, text",
    [
        ({"style": [0, 0]}, "without other styles"),
        ({"content": 0}, "without --content"),
        ({"strips": "16"}, "--strips=16: maps are taken as a whole"),
        ({"init": "images/pebbles.png"}, "--init=images/pebbles.png: maps begin as"),
    ],
)
def test_what_does_not_go_with_maps(material, choices, text):
    style = [material, material] if choices.pop("style", None) else material
    content = material[..., :3] if choices.pop("content", None) == 0 else None
    with pytest.raises(errors.UserError, match=text):
        jaxtex.transfer(content, style, **QUICK, **choices)


@pytest.mark.parametrize("channels", [1, 2, 5, 8, 50])
def test_other_numbers_of_channels_are_no_maps(channels):
    with pytest.raises(errors.UserError, match="an image is"):
        jaxtex.synthesize(np.zeros((64, 64, channels), np.float32), **QUICK)


def cut_out(height):
    """Colours where the field is high, and black that no one sees elsewhere: `[64, 64, 4]`."""
    alpha = (height > 0.5).astype(np.float32)
    return np.concatenate([colours(height) * alpha[..., None], alpha[..., None]], -1)


def test_a_texture_with_transparency():
    exemplar = cut_out(smooth(0))
    result = jaxtex.synthesize(exemplar, **QUICK)
    assert result.shape == (64, 64, 4)
    alpha = result[..., 3]
    assert abs(alpha.mean() - exemplar[..., 3].mean()) < 0.01
    assert np.mean((alpha < 0.01) | (alpha > 0.99)) > 0.99  # here or not, as it was
    seen = result[alpha > 0.8][:, :3]
    assert seen.min() > 0.1  # none of the black that was under what is transparent


def test_colours_go_on_under_what_is_transparent():
    image = np.full((64, 48, 3), 0.0, np.float32)
    alpha = np.zeros((64, 48), np.float32)
    image[10:20, 10:20], alpha[10:20, 10:20] = (0.9, 0.5, 0.1), 1
    found = texture_maps.extend_colors(image, alpha)
    np.testing.assert_allclose(
        found, np.broadcast_to(np.float32([0.9, 0.5, 0.1]), found.shape), atol=1e-4
    )
    np.testing.assert_array_equal(texture_maps.extend_colors(image, np.zeros_like(alpha)), image)


def test_a_content_keeps_its_transparency():
    content = cut_out(smooth(1))
    result = jaxtex.transfer(content, colours(smooth(2)), height=80, width=64, **QUICK)
    np.testing.assert_array_equal(result[..., 3:], images.resize(content[..., 3:], 80, 64))


@pytest.fixture
def folder(material, tmp_path):
    for name, image in zip(
        ("colour", "normal", "height"), texture_maps.split_maps(material), strict=True
    ):
        images.save(tmp_path / f"{name}.png", image)
    images.save(tmp_path / "leaf.png", cut_out(smooth(0)))
    return tmp_path


FLAGS = ("--size=64", "--scales=1", "--octaves=1", "--layers=relu1_1", "--num_steps=4")


def test_the_command_writes_a_file_for_each_map(folder):
    maps, out = f"--maps={folder}/normal.png,{folder}/height.png", folder / "out" / "wall.tif"
    commands.call(
        main,
        "jaxtex",
        f"--style={folder}/colour.png",
        maps,
        f"--workdir={folder}/run",
        f"--output={out}",
        "--bits=16",
        *FLAGS,
    )
    for name in ("", "-normal", "-height"):
        kept = images.load(folder / "run" / f"result{name}.png")
        assert np.abs(images.load(out.with_stem(f"wall{name}")) - kept).max() < 1 / 255
    sheet = images.load(folder / "run" / "sheet.png")
    assert sheet.shape == (64, 6 * 64 + 3 * 8, 3)  # three exemplars, three results


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
    commands.call(main, "jaxtex", *flags)
    kept = images.load(folder / "run" / "result.png", alpha=True)
    assert kept.shape == (64, 64, 4)
    np.testing.assert_allclose(images.load(out, alpha=True), kept, atol=1 / 255)


@pytest.mark.parametrize(
    "flags, text",
    [
        (("--alpha=keep", "--output=x.jpg"), ".jpg knows no transparency"),
        (("--alpha=yes",), "--alpha=yes: white or keep"),
        (("--maps={}/nothing.png",), "nothing.png"),
        (("--maps={}/normal.png,{}/normal.png",), "each with a name of its own"),
        (("--maps=images/pebbles.png",), "pixel for pixel"),
    ],
)
def test_mistakes_are_one_line(folder, flags, text, capsys):
    given = [flag.replace("{}", str(folder)) for flag in flags]
    with pytest.raises(SystemExit) as left:
        commands.call(
            main,
            "jaxtex",
            f"--style={folder}/colour.png",
            f"--workdir={folder}/run",
            *given,
            *FLAGS,
        )
    told = capsys.readouterr().err
    assert left.value.code == 2 and text in told and "Traceback" not in told


def test_a_batch_is_of_one_kind(folder):
    styles = f"--style={folder}/leaf.png,{folder}/colour.png"
    with pytest.raises(SystemExit) as left:
        commands.call(
            main, "jaxtex", styles, "--each", "--alpha=keep", f"--workdir={folder}/run", *FLAGS
        )
    assert left.value.code == 2
