"""Every public function that takes an image refuses the same bad ones, takes the same good ones.

The table is complete: a function with a parameter that is named like an image must be in it.
"""

import dataclasses
import inspect
import os
import pathlib

import jax.numpy as jnp
import numpy as np
import pytest

import jaxtex
from jaxtex import errors, images, metrics
from jaxtex.images import color_transfer, contact_sheet, texture_maps
from jaxtex.synthesis import api, input_images

GOOD = np.random.default_rng(0).random((40, 48, 3), np.float32)
ALPHA = GOOD[..., :1]
FAST = {"size": 0, "octaves": 1, "network": "shallow", "num_steps": 1}
CONFIG = jaxtex.Config(**FAST)
NAMES = {
    "image",
    "exemplar",
    "style",
    "styles",
    "content",
    "pictures",
    "columns",
    "first",
    "colors",
}

# Function -> calls of it with one image in each place. Those of `ANY` take any number of channels.
TAKES = {
    "synthesize": [
        lambda x: jaxtex.synthesize(x, **FAST),
        lambda x: jaxtex.synthesize([GOOD, x], **FAST),
        lambda x: jaxtex.synthesize(GOOD, init=x, **FAST),
    ],
    "transfer": [
        lambda x: jaxtex.transfer(x, GOOD, **FAST),
        lambda x: jaxtex.transfer(GOOD, x, **FAST),
    ],
    "iterate": [
        lambda x: jaxtex.iterate(x, **FAST),
        lambda x: jaxtex.iterate(GOOD, content=x, **FAST),
    ],
    "build": [lambda x: jaxtex.build(x, **FAST), lambda x: jaxtex.build(GOOD, content=x, **FAST)],
    "build_plan": [lambda x: api.build_plan(x, CONFIG), lambda x: api.build_plan(GOOD, CONFIG, x)],
    "build_batch": [lambda x: api.build_batch([GOOD, x], CONFIG)],
    "resize_input": [lambda x: input_images.resize_input(x, 40)],
    "resize_style": [
        lambda x: input_images.resize_style(x, dataclasses.replace(CONFIG, style_scale=0.9))
    ],
    "measure": [
        lambda x: metrics.measure(x, GOOD, ["seam"]),
        lambda x: metrics.measure(GOOD, x, "seam"),
        lambda x: metrics.measure(GOOD, GOOD, "light", content=x),
    ],
    "outline": [lambda x: metrics.outline(np.arange(48) % np.full((40, 1), 12) < 6, x)],
    "save": [lambda x: images.save("never.png", x)],
    "validate": [images.validate],
    "resize": [lambda x: images.resize(x, 40, 40), lambda x: images.resize(x, 40, 48, "x")],
    "resize_shorter_side": [lambda x: images.resize_shorter_side(x, 40)],
    "repeat": [lambda x: images.repeat(x, "xy", 2)],
    "to_uint": [lambda x: images.to_uint(x, 16)],
    "to_uint8": [images.to_uint8],
    "sheet": [lambda x: contact_sheet.sheet([GOOD, x])],
    "grid": [lambda x: contact_sheet.grid([[GOOD, x], [GOOD]])],
    "is_gray": [color_transfer.is_gray],
    "to_gray": [color_transfer.to_gray],
    "snap_gray": [color_transfer.snap_gray],
    "split_color": [color_transfer.split_color],
    "match_color": [
        lambda x: color_transfer.match_color(x, GOOD),
        lambda x: color_transfer.match_color(GOOD, x),
    ],
    "recolor": [
        lambda x: color_transfer.recolor(x, [GOOD], np.ones((1, 40, 48, 1))),
        lambda x: color_transfer.recolor(GOOD, [x], np.ones((1, 40, 48, 1))),
    ],
    "match_luminance": [
        lambda x: color_transfer.match_luminance(x, GOOD),
        lambda x: color_transfer.match_luminance(GOOD, x),
    ],
    "join_maps": [
        lambda x: texture_maps.join_maps(x, [GOOD]),
        lambda x: texture_maps.join_maps(GOOD, [x]),
    ],
    "normalize_maps": [texture_maps.normalize_maps],
    "restore_maps": [lambda x: texture_maps.restore_maps(x, texture_maps.Material())],
    "split_maps": [texture_maps.split_maps],
    "side_by_side": [texture_maps.side_by_side],
    "extend_colors": [lambda x: texture_maps.extend_colors(x, ALPHA)],
}
for name in metrics.METRICS:
    TAKES[name] = [
        lambda x, name=name: metrics.METRICS[name](x, GOOD),
        lambda x, name=name: metrics.METRICS[name](GOOD, x),
    ]
JAX_TOO = {"blend_gray"}  # computes under JAX, so it cannot check values
API = {"synthesize", "transfer", "iterate", "build", "build_plan", "build_batch"}
CALLS = [
    pytest.param(call, id=f"{name}-{i}") for name in TAKES for i, call in enumerate(TAKES[name])
]
OTHER_CALLS = [call for call in CALLS if call.id.rpartition("-")[0] not in API]

BAD = {
    "uint8": (255 * GOOD).astype(np.uint8),
    "uint16": (65535 * GOOD).astype(np.uint16),
    "integers": np.ones((40, 48, 3), int),
    "JAX uint8": jnp.asarray((255 * GOOD).astype(np.uint8)),
    "levels as floats": 255 * GOOD,
    "above 1": GOOD + 0.1,
    "below 0": GOOD - 0.1,
    "NaN": np.where(GOOD > 0.99, np.nan, GOOD),
    "infinite": np.where(GOOD > 0.99, np.inf, GOOD),
    "bfloat16 beyond": jnp.asarray(GOOD * 1.5, jnp.bfloat16),
    "complex": GOOD + 0j,
    "objects": GOOD.astype(object),
    "texts": GOOD.astype(str),
    "times": GOOD.astype("M8[s]"),
    "records": np.zeros((40, 48, 3), [("r", "f4")]),
    "gray": GOOD[..., 0],
    "batch": GOOD[None],
    "no rows": GOOD[:0],
    "no channels": GOOD[..., :0],
    "ragged lists": [[[0.5] * 3] * 4, [[0.5] * 3] * 5],
    "None": None,
    "number": 0.5,
    "dict": {"image": GOOD},
    "set": {0.5},
    "function": len,
    "generator": (row for row in GOOD),
}
GOOD_TOO = {
    "float16": GOOD.astype(np.float16),
    "float64": GOOD.astype(np.float64),
    "JAX": jnp.asarray(GOOD),
    "bfloat16": jnp.asarray(GOOD, jnp.bfloat16),
    "booleans": GOOD > 0.5,
    "reversed": GOOD[::-1, ::-1],
    "read-only": np.broadcast_to(GOOD[:1], GOOD.shape),
    "a rounding above 1": np.where(GOOD > 0.9, np.float32(1.0000001), GOOD),
}


def test_the_table_has_every_function_that_takes_an_image():
    found = set()
    for module in (api, images, metrics, color_transfer, contact_sheet, texture_maps, input_images):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            takes = NAMES & set(inspect.signature(function).parameters)
            if takes and not name.startswith("_") and name not in ("build_inputs", "result_size"):
                found.add(name)
    assert found - JAX_TOO <= set(TAKES)


@pytest.mark.parametrize("call", CALLS)
def test_bad_images_are_refused_in_one_line(call, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    name = request.node.callspec.id.rpartition("-")[0]
    for kind, bad in BAD.items():
        if bad is None and name in API:
            continue  # None stands for no content, and for no style beside one
        with pytest.raises(errors.UserError) as caught:
            call(bad)
        text = str(caught.value)
        assert "must have" in text or "must be" in text, (kind, text)
        assert "\n" not in text and len(text) < 200, (kind, text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", CALLS)
def test_wrong_numbers_of_channels_are_refused(call, request):
    name = request.node.callspec.id.rpartition("-")[0]
    any_number = {"resize", "resize_shorter_side", "repeat", "to_uint", "to_uint8", "restore_maps"}
    if name in any_number | {"split_maps", "side_by_side"}:
        assert call(np.concatenate([GOOD, GOOD[..., :2]], -1)) is not None
        return
    with pytest.raises(errors.UserError, match=r"must (have shape )?.*\[H, W, 3\]"):
        call(np.concatenate([GOOD, GOOD[..., :2]], -1))
    if name in metrics.METRICS or name in ("measure", "sheet", "grid", "match_color", "recolor"):
        with pytest.raises(errors.UserError, match=r"\[H, W, 3\], got \[40, 48, 4\]"):
            call(np.concatenate([GOOD, GOOD[..., :1]], -1))


@pytest.mark.parametrize("path", ["water.png", b"water.png", pathlib.Path("water.png")])
@pytest.mark.parametrize("call", OTHER_CALLS)
def test_a_path_where_an_array_belongs_names_load_image(call, path, request):
    if "join_maps-1" in request.node.callspec.id and not isinstance(path, bytes):
        path = os.fsencode(path)  # texts are opened there
    with pytest.raises(errors.UserError, match="must be an array, got the path .*load_image"):
        call(path)


@pytest.mark.parametrize("call", OTHER_CALLS)
def test_good_images_of_any_type_give_what_float32_gives(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind, given in GOOD_TOO.items():
        plain = np.clip(np.array(given, np.float32), 0, 1)
        np.testing.assert_equal(call(given), call(plain), err_msg=kind)


@pytest.mark.parametrize("kind", GOOD_TOO)
def test_a_synthesis_takes_images_of_any_type(kind):
    plain = np.clip(np.array(GOOD_TOO[kind], np.float32), 0, 1)
    for make in (lambda x: api.build_plan(x, CONFIG), lambda x: api.build_plan(GOOD, CONFIG, x)):
        np.testing.assert_array_equal(make(GOOD_TOO[kind]).start, make(plain).start)
