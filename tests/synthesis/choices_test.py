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
from jaxtex.statistics import parser
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import planning, settings

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


STATISTICS = [
    (GRAM(), "gram"),
    (GRAM, "gram"),
    (["gram", GRAM()], "gram+gram"),
    ({"mean": 1, GRAM(): 0.5}, "mean+0.5*gram"),
]


@pytest.mark.parametrize("given, text", STATISTICS)
def test_statistics_that_are_objects_stand_for_their_names(given, text):
    features = jnp.asarray(np.random.default_rng(0).random((4, 5, 3), np.float32))
    found = settings.parse_choices({"statistic": given}).statistic
    expected = parser.parse(text)
    assert [term.weight for term in found] == [term.weight for term in expected]
    assert len({term.name for term in found}) == len(found)
    for term, named in zip(found, expected, strict=True):
        pair = (each.statistic.summarize(features) for each in (term, named))
        np.testing.assert_array_equal(*pair)


@pytest.mark.slow
def test_a_transformation_of_optax_does_what_its_name_does(exemplar):
    results = [
        jaxtex.synthesize(exemplar, **FAST | {"num_steps": 2}, **choices)
        for choices in (
            {"optimizer": optax.adam(0.01, b1=0.9, b2=0.99)},
            {"optimizer": "adam", "learning_rate": 0.01},
            {"optimizer": optimizers.adam(0.01)},
        )
    ]
    np.testing.assert_allclose(results[0], results[1], atol=1e-6)
    np.testing.assert_allclose(results[2], results[1], atol=1e-6)


def own(init=lambda image: image, update=lambda gradient, state, image: (gradient, state)):
    return optax.GradientTransformation(init, update)


@pytest.mark.parametrize(
    "name, value, text",
    [
        ("optimizer", optax.adam, "--optimizer=adam: must be one of lbfgs, adam, gd, or a trans"),
        ("optimizer", 5, "--optimizer=int: must be"),
        (
            "optimizer",
            own(update=lambda gradient: gradient),
            "--optimizer: 'update' failed: TypeError",
        ),
        (
            "optimizer",
            own(update=lambda g, s, p: (g[:1], s)),
            "updates must have the structure and",
        ),
        (
            "optimizer",
            own(update=lambda g, s, p: (g, (s, s))),
            "the new state must have the struct",
        ),
        ("optimizer", own(init=lambda image: image.gray), "--optimizer: 'init' failed: Attribute"),
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
    seen = []
    build = planning.build_plan

    def watch(inputs, parsed):
        fields = [inputs.styles, inputs.content, inputs.masks, inputs.style_masks]
        seen.append([*fields, build(inputs, parsed).start])
        return build(inputs, parsed)

    monkeypatch.setattr(planning, "build_plan", watch)
    monkeypatch.setattr("jaxtex.synthesis.loop.run", lambda plan, observe: plan.start)
    monkeypatch.chdir(tmp_path)

    left = np.zeros((48, 64), np.float32)
    left[:, :32] = 1
    one = images.to_uint8(exemplar) / np.float32(255)
    other = one[::-1]
    for name, image in (("l", left), ("r", 1 - left), ("e", one), ("a,b", other)):
        images.save(f"{name}.png", image if image.ndim == 3 else np.stack([image] * 3, -1))

    pairs = [
        ([one, other], {"masks": [left, 1 - left]}, {"masks": "l.png,r.png"}),
        ([one, other], {"masks": np.stack([left, 1 - left])}, {"masks": ("l.png", "r.png")}),
        (
            [one, other],
            {"style_masks": [left == 1, left == 0]},
            {"style_masks": ["l.png", "r.png"]},
        ),
        (one, {"maps": other}, {"maps": "a,b.png"}),
        (one, {"maps": [other, one]}, {"maps": ["a,b.png", "e.png"]}),
        (one, {"init": other}, {"init": pathlib.Path("a,b.png")}),
        (one, {"content": other}, {"content": "a,b.png"}),
    ]
    for style, by_array, by_path in pairs:
        for choices in (by_array, by_path):
            jaxtex.synthesize(style, **FAST, **choices)
        np.testing.assert_equal(seen[-2], seen[-1])

    for content, style in ((other, [one, other]), ("a,b.png", ["e.png", pathlib.Path("a,b.png")])):
        jaxtex.transfer(content, style, **FAST)
    np.testing.assert_equal(seen[-2], seen[-1])
