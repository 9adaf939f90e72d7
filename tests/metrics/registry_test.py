"""Tests of `measure`, and of the order in which the metrics rank images."""

import numpy as np
import pytest

from jaxtex import errors, images, metrics
from support.metrics_benchmark import benchmark, for_each_texture

SIZE = 192  # pixels: in smaller crops, chance differs as much as phase randomization
DISTANCES = ("patches", "features", "spectrum")


@pytest.mark.slow
@for_each_texture
@pytest.mark.parametrize("metric", DISTANCES)
def test_distances_rank_images_as_a_person_does(metric, name):
    i = benchmark.TEXTURES.index(name)
    others = (benchmark.TEXTURES * 2)[i + 1 : i + 3]
    row = benchmark.judge(metric, name, SIZE, others, turns=1)
    assert benchmark.wrong(metric, row) == []
    # Zero for identical images, except for the rounding of float32 roots.
    assert row["identical"] < 1e-2 * row["crop"] < 1e-2 * row["median"]


def test_the_benchmark_names_wrong_orders():
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


def test_the_benchmark_distorts_images_as_described():
    texture = benchmark.load("leaves", 64)
    pale = 0.4 + 0.2 * texture  # its phase-randomized copy stays within [0, 1]
    phase = benchmark.phase_randomized(pale)
    moduli = [np.abs(np.fft.fft2(image, axes=(0, 1))) for image in (pale, phase)]
    np.testing.assert_allclose(*moduli, rtol=1e-3, atol=1e-2)

    shuffled = benchmark.shuffled(texture)
    np.testing.assert_array_equal(
        np.sort(shuffled.reshape(-1, 3), 0), np.sort(texture.reshape(-1, 3), 0)
    )

    white, black = benchmark.crops(texture)
    assert white.shape == (64, 32, 3)
    np.testing.assert_array_equal(white[:16, :16], texture[:16, :16])
    np.testing.assert_array_equal(black[16:32, :16], texture[16:32, :16])


@pytest.mark.slow
def test_measure_keeps_the_order_of_names_and_is_deterministic():
    texture = benchmark.load("pebbles", 96)
    image = benchmark.load("bricks", 64)
    values = metrics.measure(texture, image)
    assert set(values) == set(metrics.METRICS) - {"structure", "light", "layout", "gram"}
    assert list(values) == metrics.default_names(with_content=False)
    assert all(np.isfinite(value) for value in values.values())

    chosen = metrics.measure(texture, image, ["seam", "patches"])
    assert list(chosen.items()) == [(name, values[name]) for name in ("seam", "patches")]


def test_a_content_adds_the_metrics_of_transfers(exemplar):
    names = ["structure", "light", "layout", "gram"]
    content = np.ascontiguousarray(exemplar[:, ::-1])
    values = metrics.measure(exemplar, content, names, content=content)
    assert list(values) == names and list(metrics.METRICS)[-4:] == names
    assert metrics.default_names(with_content=True) == list(metrics.METRICS)

    assert values["structure"] == 0 and values["light"] == pytest.approx(0, abs=1e-9)
    assert values["layout"] == metrics.layout(exemplar, content)
    assert values["gram"] == metrics.gram(exemplar, content)


def test_content_and_style_are_brought_to_the_size_of_the_image(exemplar):
    content = images.resize(exemplar[::-1], 96, 128)
    style = images.resize(exemplar, 60, 80)
    resized = images.resize(content, 48, 64), images.resize(style, 48, 64)
    names = ["structure", "light", "layout", "gram", "spectrum"]
    values = metrics.measure(style, exemplar, names, content=content)
    assert values == metrics.measure(resized[1], exemplar, names, content=resized[0])
    assert values["spectrum"] == metrics.spectrum(resized[1], exemplar)

    # Without a content, the exemplar keeps its size.
    without = metrics.measure(style, exemplar, ["gram", "spectrum"])
    assert without["gram"] == metrics.gram(style, exemplar) != values["gram"]


@pytest.mark.parametrize("name", ["structure", "light"])
def test_metrics_of_a_content_need_one(name, exemplar):
    text = f"^metric '{name}': the content that it compares with must be given, as in .*content="
    with pytest.raises(errors.UserError, match=text):
        metrics.measure(exemplar, exemplar, ["seam", name])

    gray, text = exemplar[..., 0], r"^a content must have shape \[H, W, 3\]"
    with pytest.raises(errors.UserError, match=text):
        metrics.measure(exemplar, exemplar, name, content=gray)
    with pytest.raises(errors.UserError, match=text):
        metrics.METRICS[name](gray, exemplar)


def test_a_stretched_content_is_said_once(exemplar, caplog):
    errors.warn_once.cache_clear()
    wide = images.resize(exemplar, 48, 120)
    for _ in range(2):
        metrics.light(wide, exemplar)
    metrics.light(images.resize(exemplar, 96, 129), exemplar)  # by a rounding
    text = "content: 120 x 48 pixels are stretched to 64 x 48"
    assert [record.message[: len(text)] for record in caplog.records] == [text]


def test_images_may_be_given_by_name(exemplar):
    flipped = exemplar[::-1]
    assert metrics.light(image=exemplar, content=flipped) == metrics.light(flipped, exemplar)
    assert metrics.seam(image=exemplar, exemplar=flipped) == metrics.seam(flipped, exemplar)


def test_the_package_exports_each_metric():
    assert {name: getattr(metrics, name) for name in metrics.METRICS} == metrics.METRICS


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(32, 32), (32, 57), (33, 90)])
@pytest.mark.parametrize("flat", [True, False])
def test_small_and_flat_images_have_finite_values(shape, flat):
    rng = np.random.default_rng(0)
    image = np.full((*shape, 3), 0.5) if flat else rng.uniform(0, 1, (*shape, 3))
    water = benchmark.load("water", 64)
    for pair in ((image, image), (image, water), (water, image)):
        values = metrics.measure(*pair, content=pair[0])
        assert all(np.isfinite(value) for value in values.values())


@pytest.mark.parametrize(
    "image", [np.zeros((40, 40)), np.full((40, 40, 3), np.nan), np.zeros((20, 40, 3))]
)
def test_invalid_images_raise(image, exemplar):
    for pair in ((exemplar, image), (image, exemplar)):
        with pytest.raises(errors.UserError, match="image"):
            metrics.measure(*pair)


def test_unknown_names_raise(exemplar):
    with pytest.raises(errors.UserError, match="unknown metric 'patch'; did you mean 'patches'"):
        metrics.measure(exemplar, exemplar, ["patch"])
    for name in ("features", "structure", "gram"):
        with pytest.raises(errors.UserError, match="unknown network 'vgg'"):
            metrics.measure(exemplar, exemplar, [name], "vgg", content=exemplar)


@pytest.mark.parametrize("scale", ["x", None, True, 0, -1, 9, float("nan"), float("inf")])
def test_other_scales_are_refused(exemplar, scale):
    with pytest.raises(errors.UserError, match="^style_scale=.*: must be a number from 0.125 to 8"):
        metrics.measure(exemplar, exemplar, ["light"], content=exemplar, style_scale=scale)


def test_a_single_name_is_a_list_of_one(exemplar):
    assert list(metrics.measure(exemplar, exemplar, "seam")) == ["seam"]
    for names, text in ((5, "^names=5: must be a list"), ([5], "^unknown metric '5'")):
        with pytest.raises(errors.UserError, match=text):
            metrics.measure(exemplar, exemplar, names)
    with pytest.raises(errors.UserError, match="^unknown network '5'"):
        metrics.measure(exemplar, exemplar, ["features"], network=5)


def test_equal_images_of_8_bits_are_refused_and_transparency_as_well(exemplar):
    levels = (255 * exemplar).astype(np.uint8)
    for metric in metrics.METRICS.values():
        for pair in ((levels, levels), (exemplar, levels)):
            with pytest.raises(errors.UserError, match="uint8; divide it by its white"):
                metric(*pair)
        with pytest.raises(errors.UserError, match=r"shape \[H, W, 3\], got \[48, 64, 4\]"):
            metric(exemplar, np.concatenate([exemplar, exemplar[..., :1]], -1))
