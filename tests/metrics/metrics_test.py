"""The order that a person gives, faults that were painted, and values worked by hand or in plain loops."""

import importlib.util

import jax
import numpy as np
import pytest

from jaxtex import errors, images, metrics, networks, weights
from jaxtex.metrics import artifacts, likeness, patch_extraction, power_spectrum
from jaxtex.weights import locations
from support.paths import ROOT

SPEC = importlib.util.spec_from_file_location(
    "metrics_benchmark", ROOT / "benchmarks" / "metrics.py"
)
benchmark = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(benchmark)

SIZE = 192  # pixels: with fewer, crops differ by chance as much as an image and its phase-randomised self
DISTANCES = ("patches", "features", "spectrum")
TILING = ("pebbles", "bricks", "weave", "water", "leaves")
over_the_textures = pytest.mark.parametrize("name", benchmark.TEXTURES)


@over_the_textures
@pytest.mark.parametrize("metric", DISTANCES)
def test_the_order_is_a_persons(metric, name):
    i = benchmark.TEXTURES.index(name)
    row = benchmark.judge(metric, name, SIZE, (benchmark.TEXTURES * 2)[i + 1 : i + 3], turns=1)
    assert benchmark.wrong(metric, row) == []
    assert (
        row["identical"] < 1e-2 * row["crop"] < 1e-2 * row["median"]
    )  # zero, but for the rounding of float32 roots


def test_a_wrong_order_is_named():
    row = {
        "identical": 0.0,
        "crop": 0.3,
        "phase": 0.2,
        "shuffled": 1.0,
        "different": 0.25,
        "median": 1.0,
    }
    assert benchmark.wrong("patches", row) == ["crop > phase", "crop > different"]
    assert benchmark.wrong("spectrum", row) == ["crop > different"]


def test_distorted_images_are_what_they_say():
    texture = benchmark.load("leaves", 64)
    phase, shuffled = benchmark.phase_randomised(0.4 + 0.2 * texture), benchmark.shuffled(texture)
    moduli = [np.abs(np.fft.fft2(image, axes=(0, 1))) for image in (0.4 + 0.2 * texture, phase)]
    np.testing.assert_allclose(*moduli, rtol=1e-3, atol=1e-2)  # nothing left [0, 1] here
    np.testing.assert_array_equal(
        np.sort(shuffled.reshape(-1, 3), 0), np.sort(texture.reshape(-1, 3), 0)
    )
    white, black = benchmark.crops(texture)
    assert white.shape == (64, 32, 3)
    np.testing.assert_array_equal(white[:16, :16], texture[:16, :16])
    np.testing.assert_array_equal(black[16:32, :16], texture[16:32, :16])


def test_patches_against_loops(exemplar):
    exemplar = exemplar[:40, :36]
    image = exemplar[::-1, ::-1] ** 1.3
    shuffled = np.random.default_rng(0).permutation(exemplar.reshape(-1, 3)).reshape(exemplar.shape)
    distances = [
        sum(naive_patches(exemplar, other, factor) for factor in (1, 2, 4))
        for other in (image, shuffled)
    ]
    np.testing.assert_allclose(
        likeness.patches(exemplar, image), distances[0] / distances[1], rtol=1e-2
    )


def naive_patches(exemplar, image, factor):
    both = []
    for x in (exemplar, image):
        x = images.resize(x, x.shape[0] // factor, x.shape[1] // factor).astype(float)
        places = [(i, j) for i in range(x.shape[0] - 6) for j in range(x.shape[1] - 6)]
        both.append(np.array([x[i : i + 7, j : j + 7].ravel() for i, j in places]))
    values, vectors = np.linalg.eigh(np.cov(both[0].T))
    whitening = (
        vectors @ np.diag((np.maximum(values, 0) + 1e-3 * values.max() + 1e-6) ** -0.5) @ vectors.T
    )
    levels, distance = (np.arange(256) + 0.5) / 256, []
    for direction in whitening.T:
        target, found = (np.quantile(rows @ direction, levels, method="hazen") for rows in both)
        distance.append(np.mean((target - found) ** 2) / (target.var() + 1e-6))
    return np.mean(distance)


def test_noise_of_the_same_colours_is_one():
    texture = benchmark.load("gravel", 128)
    assert likeness.patches(texture, benchmark.shuffled(texture)) == pytest.approx(1, abs=0.02)


def test_a_gabor_answers_to_its_own_wave():
    filters = likeness.gabors()
    np.testing.assert_allclose(filters.sum(0), 0, atol=1e-12)
    np.testing.assert_allclose((np.abs(filters) ** 2).sum(0), 1)
    rows, columns = np.mgrid[:9, :9] - 4
    for orientation in range(6):
        angle = np.pi / 6 * orientation
        wave = np.sin(2 * np.pi * (columns * np.cos(angle) + rows * np.sin(angle)) / 4 + 0.3)
        assert np.argmax(np.abs(wave.ravel() @ filters)) == orientation


def test_features_of_an_image_without_any():
    texture = benchmark.load("pebbles", 96)
    flat = np.full_like(texture, 0.5)
    assert likeness.features(texture, flat) == pytest.approx(1, abs=0.01)
    assert likeness.features(texture, texture**1.2) < 0.02


def test_features_of_a_network_against_a_loop():
    texture, other = benchmark.load("pebbles", 48), benchmark.load("bricks", 48)
    network = networks.select_layers(networks.NETWORKS["vgg_lite"], ("pool1", "pool2", "pool3"))
    network = network.clone(pooling="avg", padding="reflect")
    variables, distances = weights.load(locations.require_file("vgg_lite")).variables, []
    both = [jax.device_get(jax.jit(network.apply)(variables, image)) for image in (texture, other)]
    for layer in ("pool1", "pool2", "pool3"):
        rows = [np.asarray(x[layer], float).reshape(-1, x[layer].shape[-1]) for x in both]
        means, covariances = [x.mean(0) for x in rows], [np.cov(x.T, bias=True) for x in rows]
        energy = np.sum((covariances[0] + np.outer(means[0], means[0])) ** 2)
        squares = np.sum((covariances[0] - covariances[1]) ** 2)
        squares += 2 * np.sum(means[0] ** 2) * np.sum((means[0] - means[1]) ** 2)
        distances.append(squares / energy)
    found = metrics.measure(texture, other, ["features"], "vgg_lite")["features"]
    np.testing.assert_allclose(found, np.mean(distances), rtol=1e-3)


def test_doubled_contrast_is_six_decibels():
    noise = np.random.default_rng(0).uniform(0.35, 0.65, (96, 64, 3)).astype(np.float32)
    assert power_spectrum.spectrum(noise, 0.5 + 2 * (noise - 0.5)) == pytest.approx(
        20 * np.log10(2), abs=0.1
    )
    assert power_spectrum.spectrum(noise, noise + 0.2) < 1e-3  # nor does it know mean colours


def test_spectra_of_noise_are_flat_and_do_not_depend_on_size():
    small, large = (
        np.random.default_rng(0).uniform(0, 1, (side, side, 3)).astype(np.float32)
        for side in (64, 200)
    )
    for image in (
        small,
        large,
    ):  # bands of many coefficients: the variance of a uniform distribution is 1/12
        found = power_spectrum._decibels(image)[4 * 6 :]
        assert found.mean() == pytest.approx(10 * np.log10(1 / 12), abs=0.3) and found.std() < 1.5
    assert power_spectrum.spectrum(large, small) < 0.5 * power_spectrum.spectrum(
        large, images.resize(small, 200, 200)
    )


def test_a_wave_is_in_the_band_of_its_length_and_direction():
    found = power_spectrum.bands(32, 64)
    assert found[0, 0] == -1  # the mean
    assert (
        found[0, 16] == found[0, -16] == 6 * 6
    )  # 4 pixels a wave, along a row: two half octaves below the finest
    assert found[8, 0] == 6 * 6 + 3  # along a column: 90 degrees
    assert found[8, 16] == 7 * 6 + 1 or found[8, 16] == 7 * 6 + 2  # 45 degrees lie between two


@over_the_textures
def test_copies_are_found_and_likenesses_are_none(name):
    texture = benchmark.load(name, 128)
    left, right = texture[:, :64], texture[:, 64:]
    assert (
        artifacts.copied(texture, texture)
        == artifacts.copied(texture, np.roll(texture, (31, 77), (0, 1)))
        == 1
    )
    assert (
        artifacts.copied(left, right)
        == artifacts.copied(left, benchmark.phase_randomised(left))
        == 0
    )


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_the_share_that_was_pasted(share):
    texture, rng = benchmark.load("gravel", 192), np.random.default_rng(0)
    exemplar, image = texture[:, :96], texture[:, 96:].copy()
    for i, j in np.ndindex(4, 2):
        if i * 2 + j < 8 * share:
            row, column = rng.integers(0, 192 - 48), rng.integers(0, 96 - 48)
            image[48 * i : 48 * i + 48, 48 * j : 48 * j + 48] = exemplar[
                row : row + 48, column : column + 48
            ]
    assert (
        share * (41 / 48) ** 2 - 0.08 < artifacts.copied(exemplar, image) < share + 0.05
    )  # blocks across joints are new


def test_rounding_and_faint_noise_do_not_hide_a_copy():
    texture, rng = benchmark.load("leaves", 96), np.random.default_rng(0)
    changed = np.clip(texture + rng.normal(0, 2 / 255, texture.shape), 0, 1).astype(np.float32)
    assert artifacts.copied(texture, images.to_uint8(changed) / np.float32(255)) > 0.95
    assert artifacts.copied(texture, np.full_like(texture, 0.5)) == 0


@pytest.mark.parametrize("name", TILING)
def test_what_tiles_has_no_seam_and_its_crop_has(name):
    texture = benchmark.load(name, 256)
    rolled = [
        np.roll(texture, offset, (0, 1)) for offset in ((0, 0), (50, 31), (101, 190), (9, 77))
    ]
    assert max(artifacts.seam(texture, image) for image in rolled) < 1.5
    assert artifacts.seam(texture, texture[30:180, 20:170]) > 1.5


def test_the_seam_of_a_wave_that_is_cut_off():
    columns = np.arange(64)
    whole, half = (0.5 + 0.3 * np.sin(2 * np.pi * waves * columns / 64) for waves in (4, 4.25))
    both = [
        np.broadcast_to(wave[None, :, None], (48, 64, 3)).astype(np.float32)
        for wave in (whole, half)
    ]
    assert artifacts.seam(both[0], both[0]) < 1.1
    assert artifacts.seam(both[0], both[1]) > 2


@over_the_textures
def test_frames_are_seen(name):
    texture = benchmark.load(name, 160)
    inner = np.zeros(texture.shape[:2], bool)
    inner[2:-2, 2:-2] = True
    grey = np.where(inner[..., None], texture, np.float32(0.5))
    glitch = texture.copy()
    glitch[:, -2:] = np.random.default_rng(0).random((len(texture), 2, 3))
    assert artifacts.border(texture, texture) < 1.5
    assert artifacts.border(texture, grey) > 1.9 and artifacts.border(texture, glitch) > 4


@pytest.mark.parametrize("name", ["water", "grass", "gravel", "fur", "bricks", "weave"])
def test_a_darker_frame_is_seen(name):
    texture = benchmark.load(name, 160)
    dark = texture.copy()
    for side in (np.s_[:4], np.s_[-4:], np.s_[:, :4], np.s_[:, -4:]):
        dark[side] = 0.6 * texture[side]
    assert artifacts.border(texture, dark) > 1.5 * artifacts.border(texture, texture)


def test_measure_has_the_names_in_order_and_is_the_same_again():
    texture, image = benchmark.load("pebbles", 96), benchmark.load("bricks", 64)
    first = metrics.measure(texture, image)
    assert list(first) == list(metrics.METRICS) and all(
        np.isfinite(value) for value in first.values()
    )
    assert metrics.measure(texture, image, ["seam", "patches"]) == {
        name: first[name] for name in ("seam", "patches")
    }


@pytest.mark.parametrize("shape", [(32, 32), (32, 57), (33, 90)])
@pytest.mark.parametrize("flat", [True, False])
def test_small_and_flat_images_have_finite_values(shape, flat):
    rng = np.random.default_rng(0)
    image = np.full((*shape, 3), 0.5) if flat else rng.uniform(0, 1, (*shape, 3))
    for pair in (
        (image, image),
        (image, benchmark.load("water", 64)),
        (benchmark.load("water", 64), image),
    ):
        assert all(np.isfinite(value) for value in metrics.measure(*pair).values())


@pytest.mark.parametrize(
    "image", [np.zeros((40, 40)), np.full((40, 40, 3), np.nan), np.zeros((20, 40, 3))]
)
def test_what_is_no_image_is_refused(image, exemplar):
    for pair in ((exemplar, image), (image, exemplar)):
        with pytest.raises(errors.UserError, match="image"):
            metrics.measure(*pair)


def test_names_that_are_not_there_are_refused(exemplar):
    with pytest.raises(errors.UserError, match="unknown metric 'patch'; did you mean 'patches'"):
        metrics.measure(exemplar, exemplar, ["patch"])
    with pytest.raises(errors.UserError, match="unknown network 'vgg'"):
        metrics.measure(exemplar, exemplar, ["features"], "vgg")


def test_windows_against_a_loop():
    image = np.random.default_rng(0).random((9, 8, 3)).astype(np.float32)
    expected = np.array([image[i : i + 5, j : j + 5].ravel() for i in range(5) for j in range(4)])
    np.testing.assert_array_equal(patch_extraction.windows(image, 5), expected)
    np.testing.assert_array_equal(
        patch_extraction.windows(image, 5, np.array([7, 2])), expected[[7, 2]]
    )
    np.testing.assert_array_equal(
        patch_extraction.sample_windows(image, 5), expected
    )  # fewer than are drawn: all


def test_positions_are_drawn_where_there_are_many():
    image = np.random.default_rng(0).random((120, 100, 3)).astype(np.float32)
    drawn = patch_extraction.sample_windows(image, 3)
    assert len(drawn) == patch_extraction.SAMPLES == len(np.unique(drawn[:, 0]))
    assert np.isin(drawn[:, 0], image).all()


def test_what_was_found_is_remembered():
    seen = []
    count = patch_extraction.cached_by_image(
        lambda image, option: seen.append(option) or image.sum()
    )
    image = np.ones((4, 5, 3), np.float32)
    assert count(image, "a") == count(image.copy(), "a") == count(image, "b") == 60
    assert count(image.reshape(5, 4, 3), "a") == 60 and count(image * 2, "a") == 120
    assert seen == ["a", "b", "a", "a"]


def test_colours_are_turned_without_stretching():
    np.testing.assert_allclose(
        patch_extraction.OPPONENT @ patch_extraction.OPPONENT.T, np.eye(3), atol=1e-12
    )
    np.testing.assert_allclose(patch_extraction.OPPONENT @ [1, 1, 1], [3**0.5, 0, 0], atol=1e-12)
