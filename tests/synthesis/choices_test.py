"""Choices of natural Python types: what has one meaning is taken, the rest refused in one line."""

import dataclasses
import inspect
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxtex
from jaxtex import errors, images, optimizers, statistics
from jaxtex.runs import provenance
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import settings

FIELDS = dataclasses.fields(configs.Config)
FAST = {"size": 48, "scales": 1, "octaves": 1, "network": "shallow", "num_steps": 1}
GRAM = statistics.STATISTICS["gram"]

NATURAL = [
    ("layers", ["relu1_1"], "relu1_1"),
    ("layers", {"conv1_1": 1, "pool1": 0.5}, "conv1_1:1,pool1:0.5"),
    ("content_layers", ("relu2_1", "relu3_1"), "relu2_1,relu3_1"),
    ("style_weights", [1, 3], "1,3"),
    ("style_weights", jnp.array([1.0, 0.5]), "1,0.5"),
    ("shares", (1,), "1"),
    ("strips", 16, "16"),
    ("strips", ["none", 64], "none,64"),
    ("excite", ("relu3_1", 17), "relu3_1:17"),
    ("mesh", {"rows": 4}, "rows:4"),
    ("padding", ("reflect", "wrap"), "reflect/wrap"),
    ("precision", jnp.bfloat16, "bfloat16"),
    ("statistic", {"gram": 1, "sorted": 0.5}, "1*gram+0.5*sorted"),
    ("num_steps", 3.0, 3),
    ("num_steps", np.uint8(200), 200),
    ("seed", jnp.int32(1), 1),
    ("learning_rate", 1, 1.0),
    ("noise", np.float64(0.25), 0.25),
    ("weights", pathlib.Path("a.h5"), "a.h5"),
    ("weights", None, ""),
    ("height", None, 0),
    ("preserve_color", None, "none"),
    ("masks", [pathlib.Path("a.png"), "b.png"], "a.png,b.png"),
]
REFUSED = [
    ("seed", None),
    ("seed", jax.random.key(1)),
    ("learning_rate", "0.1"),
    ("learning_rate", 10**400),
    ("network", None),
    ("num_steps", True),
    ("num_steps", 2.5),
    ("num_steps", float("nan")),
    ("size", None),
    ("remat", True),
    ("layers", 5),
    ("layers", []),
    ("weights", 5),
    ("optimizer", optax.adam(0.01)),
    ("statistic", GRAM()),
    ("masks", np.ones((48, 48))),
    ("init", np.ones((48, 48, 3))),
    ("content", np.ones((48, 48, 3))),
]


@pytest.mark.parametrize("name, value, plain", NATURAL)
def test_natural_types_become_plain_values(name, value, plain):
    config = configs.Config(**{name: value})
    assert getattr(config, name) == plain and type(getattr(config, name)) is type(plain)
    assert config == configs.Config(**{name: plain}) and hash(config)
    json.dumps(provenance.identity("", config, {}))


@pytest.mark.parametrize("name, value", REFUSED)
def test_other_values_are_refused_with_what_fits(name, value):
    with pytest.raises(errors.UserError) as caught:
        configs.Config(**{name: value})
    text = str(caught.value)
    assert text.startswith(f"--{name}=") and ": must be " in text and "\n" not in text


ANYTHING = [
    None,
    True,
    0,
    1.5,
    -1,
    10**400,
    float("nan"),
    "x",
    b"x",
    [],
    {},
    set(),
    ["a", 1],
    {"a": "b"},
    1j,
    len,
    object(),
    np.zeros(3),
    jnp.zeros(()),
    jax.random.key(0),
    pathlib.Path("x"),
    np.float32,
    optax.adam(0.1),
    GRAM(),
    (name for name in "ab"),
]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_anything_is_a_plain_value_or_one_line(field):
    """All fields with all kinds of values: nothing fails from inside."""
    for value in ANYTHING:
        try:
            config = configs.Config(**{field.name: value})
            assert type(getattr(config, field.name)) is field.type
            settings.parse_settings(config)
        except errors.UserError as error:
            assert "\n" not in str(error) and len(str(error)) < 900
        else:
            assert not isinstance(value, bool)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_anything_is_refused_or_used_by_the_functions_that_take_arrays(
    field, exemplar, monkeypatch
):
    monkeypatch.setattr("jaxtex.synthesis.loop.run", lambda plan, observe: plan.start)
    for value in ANYTHING:
        try:
            image = jaxtex.synthesize(exemplar, **{**FAST, field.name: value})
        except errors.UserError as error:
            assert "\n" not in str(error)
        else:
            assert image.dtype == np.float32


@pytest.mark.parametrize("name", [field.name for field in FIELDS])
def test_a_name_with_a_letter_missing_is_suggested(name, exemplar):
    wrong = name[:2] + name[3:]
    for call in (
        configs.Config,
        lambda **choices: jaxtex.synthesize(exemplar, **choices),
        lambda **choices: jaxtex.iterate(exemplar, **choices),
        lambda **choices: jaxtex.build(exemplar, **choices),
    ):
        for kind in (TypeError, errors.UserError):
            with pytest.raises(kind, match=f"unknown choice '{wrong}'; did you mean '"):
                call(**{wrong: 1})


def test_the_signature_of_a_config_lists_its_fields():
    assert list(inspect.signature(configs.Config).parameters) == [field.name for field in FIELDS]
    assert dataclasses.replace(configs.Config(), layers=["pool1"]).layers == "pool1"


OBJECTS = [
    ("optimizer", lambda: optax.adam(0.01), "adam"),
    ("optimizer", lambda: optimizers.adam(0.01), "adam"),
    ("statistic", GRAM, "gram"),
    ("statistic", lambda: GRAM, "gram"),
    ("statistic", lambda: ["gram", GRAM()], "gram+gram"),
    ("statistic", lambda: {"mean": 1, GRAM(): 0.5}, "mean+0.5*gram"),
]


@pytest.mark.parametrize("name, make, text", OBJECTS)
def test_objects_do_what_their_names_do(exemplar, name, make, text):
    given = FAST | ({"learning_rate": 0.01} if text == "adam" else {})
    losses = []
    for value in (make(), text):
        choices = FAST | {name: value, "num_steps": 2}
        if value == "adam":
            choices["learning_rate"] = given["learning_rate"]
        *_, progress = jaxtex.iterate(exemplar, **choices)
        losses.append(progress.infos.evaluated)
    tolerance = 1e-6 if name == "statistic" else 0.02  # our adam has another b2 than that of optax
    np.testing.assert_allclose(*losses, rtol=tolerance)


@pytest.mark.parametrize(
    "name, value, text",
    [
        ("optimizer", optax.adam, "--optimizer=adam: must be one of lbfgs, adam, gd, or a trans"),
        ("optimizer", 5, "--optimizer=int: must be"),
        ("statistic", lambda features: features, "a function that makes one"),
        ("statistic", [], "at least one statistic"),
        ("statistic", {GRAM(): -1}, "expected a positive number"),
        ("masks", 5, "--masks: must be paths, arrays, or a list of them, got int"),
        ("masks", np.full((48, 64), 3), "--masks: a mask must have floats in"),
        ("masks", np.ones((48, 48)), "--masks: an array has 48 x 48 pixels, its image 64 x 48"),
        ("maps", np.ones((48, 48, 3)), "--maps: map 1 has 48 x 48 pixels"),
        ("init", np.full((48, 64, 3), 7), "--init: an image must have floats"),
    ],
)
def test_objects_that_do_not_fit_are_named(exemplar, name, value, text):
    with pytest.raises(errors.UserError) as caught:
        jaxtex.synthesize(exemplar, **{**FAST, name: value})
    assert text in str(caught.value) and "\n" not in str(caught.value)


def test_an_optimizer_with_a_rate_of_its_own_excludes_another(exemplar):
    with pytest.raises(errors.UserError, match="^--learning_rate=0.1: this optimizer has a rate"):
        jaxtex.synthesize(exemplar, **FAST, optimizer=optax.adam(0.01), learning_rate=0.1)


def test_arrays_do_what_their_files_do(exemplar, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    left = np.zeros((48, 64), np.float32)
    left[:, :32] = 1
    colors = images.to_uint8(exemplar) / np.float32(255)
    for name, image in (("l", left), ("r", 1 - left), ("e", colors), ("a,b", colors[::-1])):
        images.save(f"{name}.png", image if image.ndim == 3 else np.stack([image] * 3, -1))

    both = [colors, colors[::-1]]
    pairs = [
        (both, {"masks": [left, 1 - left]}, {"masks": "l.png,r.png"}),
        (both, {"masks": np.stack([left, 1 - left])}, {"masks": ["l.png", pathlib.Path("r.png")]}),
        (both, {"style_masks": [left == 1, left == 0]}, {"style_masks": ["l.png", "r.png"]}),
        (colors, {"maps": colors[::-1]}, {"maps": "a,b.png"}),
        (colors, {"maps": [colors[::-1], colors]}, {"maps": ["a,b.png", "e.png"]}),
        (colors, {"init": colors[::-1]}, {"init": pathlib.Path("a,b.png")}),
        (["e.png", pathlib.Path("a,b.png")], {}, {}),
    ]
    for style, by_array, by_path in pairs:
        results = [jaxtex.synthesize(style, **FAST, **each) for each in (by_array, by_path)]
        np.testing.assert_array_equal(*results)
    np.testing.assert_array_equal(
        jaxtex.transfer("a,b.png", "e.png", **FAST), jaxtex.transfer(colors[::-1], colors, **FAST)
    )
    np.testing.assert_array_equal(
        jaxtex.synthesize("e.png", content="a,b.png", **FAST),
        jaxtex.transfer(colors[::-1], colors, **FAST),
    )
