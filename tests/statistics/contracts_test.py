"""Tests of statistics with a mistake: one line that names the statistic and what is wrong."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxtex
from jaxtex import statistics
from jaxtex.statistics import contracts, parser

FEATURES = np.ones((6, 5, 4), np.float32)
Statistic = statistics.Statistic
distance = statistics.compare("relative")


def mean(features):
    return features.mean((0, 1))


def own(summarize=mean, distance=distance, **fields):
    """Returns a row of the table."""
    return lambda: Statistic(summarize, distance, **fields)


# row of the table -> a part of the message when `--statistic` is parsed
ROWS = {
    "a Statistic": (Statistic(mean, distance), "functions that return a Statistic"),
    "a number": (3, "got int"),
    "none": (None, "got NoneType"),
    "returns none": (lambda: None, "must be a Statistic, got NoneType"),
    "returns a function": (lambda: mean, "must be a Statistic, got function"),
    "returns a tuple": (lambda: (mean, distance), "must be a Statistic, got tuple"),
    "needs an argument": (lambda k: own(), "missing 1 required positional argument: 'k'"),
    "raises": (lambda: {}["k"], "there is no key 'k'"),
    "no distance": (own(distance=None), "'distance' must be a function, got NoneType"),
    "samples of text": (own(samples="3"), "'samples' must be a whole number"),
    "half a sample": (own(samples=2.5), "'samples' must be a whole number"),
    "no side": (own(min_side=0), "'min_side' must be a whole number from 1 on, got 0"),
    "patches of pairs": (own(samples=9, patch=3, shifts=(4,)), "only one of them joins positions"),
    "a blend that is none": (own(blend=3), "'blend' must be a function, got int"),
    "an average that is none": (own(average=3), "'average' must be a function, got int"),
}


@pytest.mark.parametrize("row, message", ROWS.values(), ids=ROWS)
def test_a_wrong_row_is_refused_when_it_is_parsed(row, message, monkeypatch):
    monkeypatch.setitem(statistics.STATISTICS, "own", row)
    with pytest.raises(jaxtex.UserError) as caught:
        parser.parse("gram+own")
    check_line(caught.value, message)


def test_a_wrong_row_with_an_option_is_refused_as_well(monkeypatch):
    monkeypatch.setitem(statistics.STATISTICS, "own", Statistic(mean, distance))
    with pytest.raises(jaxtex.UserError, match="functions that return a Statistic"):
        parser.parse("own:k=3")


def check_line(error, message):
    assert message in str(error)
    assert "'own'" in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 300


# row -> a part of the message when the functions are called
CALLS = {
    "whole numbers": (own(lambda f: jnp.sum(f > 0, (0, 1))), "'summarize' must return numbers of"),
    "truth values": (own(lambda f: f.max((0, 1)) > 0), "got bool"),
    "complex": (own(lambda f: jnp.fft.fft2(f, axes=(0, 1))), "got complex"),
    "text": (own(lambda f: "a"), "must return arrays, got str"),
    "nothing": (own(lambda f: None), "must return arrays, got None"),
    "one whole number": (own(lambda f: {"mean": mean(f), "count": jnp.int32(3)}), "got int"),
    "a key of the summary": (own(distance=lambda t, s: s["men"]), "'distance' failed"),
    "no such key": (
        own(lambda f: {"mean": mean(f)}, lambda t, s: jnp.sum(t["mean"] - s["men"])),
        "'distance' failed: KeyError: there is no key 'men'",
    ),
    "no key of the target": (own(make_target=lambda s: {}["root"]), "'make_target' failed"),
    "an attribute": (own(lambda f: f.meen((0, 1))), "'summarize' failed: AttributeError"),
    "a vector": (own(distance=lambda t, s: (t - s) ** 2), "a scalar, got the shape [4]"),
    "a dict": (own(distance=lambda t, s: {"d": jnp.sum(t)}), "a scalar, got dict"),
    "no value": (own(distance=lambda t, s: None), "a scalar, got NoneType"),
    "zero": (own(distance=lambda t, s: 0), "floating type"),
    "half a size": (own(statistic_size=lambda c, p: c / 2), "a whole number, got float"),
    "two arguments": (own(statistic_size=lambda c: c), "'statistic_size' failed: TypeError"),
    "an average": (own(average=lambda f: f["a"]), "'average' failed"),
    "from averages": (own(average=mean, from_averages=lambda a: {}["m"]), "'from_averages' failed"),
}


@pytest.mark.parametrize("row, message", CALLS.values(), ids=CALLS)
def test_a_mistake_in_a_function_names_the_statistic(row, message, monkeypatch):
    monkeypatch.setitem(statistics.STATISTICS, "own", row)
    (term,) = parser.parse("own")
    statistic = term.statistic
    with pytest.raises(jaxtex.UserError) as caught:
        summary = statistic.summarize(FEATURES)
        if statistic.average:
            statistic.from_averages(statistic.average(FEATURES))
        statistic.distance(statistic.make_target(summary), summary)
        statistic.statistic_size(4, 30)
    check_line(caught.value, message)


def test_the_cause_keeps_its_traceback(monkeypatch):
    statistic = contracts.enforce("own", own(lambda f: f.meen())())
    with pytest.raises(jaxtex.UserError) as caught:
        statistic.summarize(FEATURES)
    assert isinstance(caught.value.__cause__, AttributeError)


@pytest.mark.slow
def test_a_summary_that_depends_on_the_size_names_the_statistic(exemplar, monkeypatch):
    monkeypatch.setitem(statistics.STATISTICS, "own", own(lambda features: features))
    choices = {"size": 32, "height": 48, "octaves": 1, "layers": "relu1_1", "num_steps": 1}
    with pytest.raises(jaxtex.UserError, match="statistic 'own': 'distance' failed: TypeError"):
        jaxtex.synthesize(exemplar, statistic="own", **choices)


def test_a_right_statistic_returns_what_it_returned_before():
    plain = own(average=mean)()
    checked = contracts.enforce("own", plain)
    np.testing.assert_array_equal(checked.summarize(FEATURES), plain.summarize(FEATURES))
    assert checked.targets_summary
    assert contracts.enforce("own", checked).summarize is checked.summarize


def test_memory_and_lines_for_users_are_passed_on():
    def fail(features):
        raise features

    statistic = contracts.enforce("own", own(fail)())
    for error in (MemoryError(), jaxtex.UserError("a line"), FloatingPointError()):
        with pytest.raises(type(error)) as caught:
            statistic.summarize(error)
        assert caught.value is error


def test_options_of_own_statistics_have_the_type_of_their_annotation_or_default(monkeypatch):
    def make(count: "int" = 1, rate: "float" = 0.5, name: "str" = "a", plain=0.5):
        received.update(count=count, rate=rate, name=name, plain=plain)
        return own()()

    received = {}
    monkeypatch.setitem(statistics.STATISTICS, "own", make)
    parser.parse("own:count=3:rate=0.25:name=x:plain=0.75")
    assert received == {"count": 3, "rate": 0.25, "name": "x", "plain": 0.75}


@pytest.mark.parametrize(
    "text",
    [f"{name}:{option}=9999999" for name, limits in parser.LIMITS.items() for option in limits]
    + ["1e13*gram", "1e-13*gram", "1e300*gram", "1e-320*gram", "nan*gram", "inf*gram", "-1*gram"]
    + ["joint:marginal=1e300", "pca_gram:k=²", "pca_gram:k=9999999", "pca_gram:k=0", "joint:auto=0"]
    + ["shifted_gram:shifts=" + "/".join(["1"] * 40), "shifted_gram:shifts=²", "histogram:bins=-1"],
)
def test_numbers_beyond_their_range_are_refused(text):
    with pytest.raises(jaxtex.UserError, match="--statistic"):
        parser.parse(text)
