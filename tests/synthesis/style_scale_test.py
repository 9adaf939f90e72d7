"""Tests of `style_scale`: styles are seen larger or smaller, what is made keeps its size."""

import dataclasses

import numpy as np
import pytest

import jaxtex
from jaxtex import images, metrics
from jaxtex.runs import provenance, records, run_folder, sources
from jaxtex.synthesis import api, input_images, settings
from jaxtex.synthesis import config as configs

NOISE = np.random.default_rng(0).random((96, 120, 3), np.float32)
CONTENT = np.random.default_rng(1).random((80, 64, 3), np.float32)
STYLE_SHAPE, CONTENT_SHAPE = (48, 60, 3), (60, 48, 3)  # at --size=48


def build(styles, content=CONTENT, **choices):
    parsed = settings.parse_choices({"size": 48, **choices})
    return input_images.build_inputs(styles, content, parsed)


@pytest.mark.parametrize("scale, shape", [(1, STYLE_SHAPE), (2, (96, 120, 3)), (0.75, (36, 45, 3))])
def test_only_the_styles_are_scaled(scale, shape):
    mask = np.ones((10, 8), np.float32)
    inputs = build([NOISE, NOISE[:, ::-1]], style_scale=scale, masks=[mask, mask])
    assert [style.shape for style in inputs.styles] == [shape] * 2
    assert inputs.content.shape == CONTENT_SHAPE
    texture = build([NOISE], None, style_scale=scale)
    assert (texture.styles[0].shape, texture.height, texture.width) == (shape, 48, 60)


def test_maps_are_scaled_with_their_style():
    inputs = build([NOISE], None, maps=[NOISE], style_scale=1.5)
    assert inputs.styles[0].shape == (72, 90, 6)


def test_size_0_scales_the_own_size_of_the_style():
    assert build([NOISE], style_scale=0.5, size=0).styles[0].shape == STYLE_SHAPE


@pytest.mark.parametrize(
    "choices, error",
    [
        ({"style_scale": 9}, "--style_scale=9.0: must be between 0.125 and 8.0"),
        ({"style_scale": 0.5}, "--style_scale=0.5: a style of 120 x 96 pixels would be seen with"),
        ({"style_scale": 8, "size": 4096}, "--style_scale=8: a style of .* seen with 40960 x"),
        (
            {"style_scale": 0.6, "octaves": 5, "size": 64},
            "'relu3_1/16' has no positions in the style of 48 x 38 .*, or --style_scale=1.02 or",
        ),
    ],
)
def test_a_scale_that_does_not_fit_is_refused(choices, error):
    with pytest.raises(jaxtex.UserError, match=error):
        api.build_plan(NOISE, configs.Config(**{"size": 48, **choices}), CONTENT)


def test_sources_are_shown_and_measured_as_they_were_seen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images.save("style.png", NOISE)
    images.save("content.png", CONTENT)
    config = configs.Config(size=48, content="content.png", style_scale=1.5)
    shapes = [image.shape for image in sources.load_sources("style.png", config)]
    assert shapes == [CONTENT_SHAPE, (72, 90, 3)]

    flags = {"style": "style.png", **dataclasses.asdict(config)}
    hashes = provenance.hash_inputs("style.png", config)
    record = records.RunRecord("run", tmp_path, flags, hashes, {}, [], {}, [])
    loaded = records.source_images(record)
    assert [image.shape for image in loaded.values()] == shapes

    seen = images.resize(NOISE, 72, 90)
    same = metrics.measure(NOISE, seen[:48, :60], ["gram"], content=CONTENT, style_scale=1.5)
    other = metrics.measure(NOISE, seen[:48, :60], ["gram"], content=CONTENT)
    assert same["gram"] < other["gram"]


def test_records_of_older_versions_have_scale_1():
    flags = {"style": "leaves", **dataclasses.asdict(configs.Config())}
    del flags["style_scale"]
    assert run_folder.complete_flags(flags)["style_scale"] == 1.0
