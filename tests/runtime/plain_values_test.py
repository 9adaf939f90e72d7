"""Tests of plain values: natural types of Python -> numbers and texts of flags."""

import decimal
import fractions
import math
import pathlib

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxtex import errors
from jaxtex.runtime import plain_values

NUMBERS = [
    3,
    3.0,
    np.uint8(3),
    np.float16(3),
    np.array(3),
    jnp.int32(3),
    jnp.float32(3),
    jnp.bfloat16(3),
    ml_dtypes.bfloat16(3),
    fractions.Fraction(3),
]
NO_NUMBERS = [
    None,
    True,
    np.True_,
    jnp.array(True),
    "3",
    b"3",
    [3],
    {},
    np.array([3]),
    3j,
    jax.random.key(3),
    jax.random.PRNGKey(3),
    len,
    decimal.Decimal("NaN"),
    np.datetime64("2020"),
]


@pytest.mark.parametrize("value", NUMBERS)
def test_numbers_of_all_libraries_are_numbers_of_python(value):
    assert type(plain_values.to_whole(value)) is int and plain_values.to_whole(value) == 3
    assert type(plain_values.to_float(value)) is float and plain_values.to_float(value) == 3
    assert plain_values.to_digits(value) == "3"


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_other_values_are_refused_in_one_line(value):
    with pytest.raises(errors.UserError, match=r"^width=.*: must be a whole number from 1 to 9$"):
        plain_values.whole_number("width", value, (1, 9))


@pytest.mark.parametrize("value", [0, 10, 2.5, math.nan, math.inf, -math.inf, 10**400])
def test_whole_numbers_have_bounds(value):
    with pytest.raises(errors.UserError, match=r"^width=.*: must be a whole number from 1 to 9$"):
        plain_values.whole_number("width", value, (1, 9))


def test_a_traced_number_is_refused():
    @jax.jit
    def f(x):
        with pytest.raises(errors.UserError, match="must be a whole number"):
            plain_values.whole_number("width", x, (1, 9))
        return x

    f(3)


def test_descriptions_are_short_and_on_one_line():
    class Broken:
        def __repr__(self):
            raise RuntimeError("no text")

    for value in (np.zeros((99, 99)), "a\nb", Broken(), 10**5000, list(range(999))):
        text = plain_values.describe(value)
        assert "\n" not in text and len(text) <= plain_values.LONGEST


@pytest.mark.parametrize(
    "form, value, text",
    [
        (plain_values.LAYERS, ["a", "b"], "a,b"),
        (plain_values.LAYERS, {"a": 1, "b": np.float64(0.25)}, "a:1,b:0.25"),
        (plain_values.LAYERS, [("a", 0.5), "b:2"], "a:0.5,b:2"),
        (plain_values.LAYERS, np.array(["a", "b"]), "a,b"),
        (plain_values.LAYERS, (name for name in "ab"), "a,b"),
        (plain_values.LAYERS, {"a", "b"}, None),
        (plain_values.LAYERS, [], None),
        (plain_values.LAYERS, [1], None),
        (plain_values.LAYERS, {"a": True}, None),
        (plain_values.LAYERS, {1: 1}, None),
        (plain_values.STATISTIC, {"gram": 1, "mean": 0.5}, "1*gram+0.5*mean"),
        (plain_values.STATISTIC, ("gram", "mean"), "gram+mean"),
        (plain_values.NUMBERS, jnp.array([1, 3]), "1,3"),
        (plain_values.NUMBERS, range(1, 4), "1,2,3"),
        (plain_values.NUMBERS, 2, "2"),
        (plain_values.NUMBERS, [[1, 2]], None),
        (plain_values.NUMBERS, {"a": 1}, None),
        (plain_values.ROWS, [None, 64, "auto"], "none,64,auto"),
        (plain_values.CHANNEL, ("relu3_1", 17), "relu3_1:17"),
        (plain_values.CHANNEL, {"relu3_1": 17}, "relu3_1:17"),
        (plain_values.COUNTS, {"images": 2, "rows": 4}, "images:2,rows:4"),
        (plain_values.TWO_NAMES, ["reflect", "wrap"], "reflect/wrap"),
        (plain_values.LETTERS, ("x", "y"), "xy"),
        (plain_values.DTYPE, jnp.bfloat16, "bfloat16"),
        (plain_values.DTYPE, None, None),
        (plain_values.PATH, pathlib.Path("a/b.h5"), "a/b.h5"),
        (plain_values.PATH, [pathlib.Path("a")], None),
        (plain_values.PATHS, [pathlib.Path("a"), "b"], "a,b"),
        (plain_values.PATHS, [], ""),
        (plain_values.PATHS, pathlib.Path("a,b"), "a,b"),
        (plain_values.PATHS, ["a,b", "c"], None),
    ],
)
def test_forms(form, value, text):
    if text is None:
        with pytest.raises(errors.UserError, match="^--flag=.*: must be"):
            plain_values.convert("--flag", value, form.text, form.fits)
    else:
        assert form.text(value) == text and type(form.text(text)) is str
        assert form.text(np.str_(text)) == text
