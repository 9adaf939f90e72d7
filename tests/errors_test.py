"""Tests of error messages: one line with the thing, the value and the choice."""

import pytest

from jaxtex import errors

NAMES = ["gram", "mean", "mean_and_covariance", "num_steps"]


@pytest.mark.parametrize(
    "name, expected",
    [
        ("gramm", "gram"),  # a typing error
        ("mean_and", "mean_and_covariance"),  # the beginning
        ("steps", "num_steps"),  # the end
        ("me", "mean"),  # several begin so: the first
        ("zebra", ""),
        ("", ""),
    ],
)
def test_nearest_by_hand(name, expected):
    assert errors.nearest(name, iter(NAMES)) == expected


def test_nearest_needs_the_given_similarity():
    assert errors.nearest("gramophone", NAMES, cutoff=0.5) == "gram"
    assert errors.nearest("gramophone", NAMES, cutoff=0.9) == ""


def test_choose_returns_the_row_or_names_the_choices():
    table = {"gram": 1, "mean": 2}
    assert errors.choose("statistic", "mean", table) == 2
    with pytest.raises(errors.UserError) as raised:
        errors.choose("statistic", "gramm", table)
    assert str(raised.value) == (
        "unknown statistic 'gramm'; did you mean 'gram'? There are: gram, mean"
    )
    with pytest.raises(errors.UserError) as raised:
        errors.choose("statistic", "zebra", table)
    assert str(raised.value) == "unknown statistic 'zebra'. There are: gram, mean"


def test_preempted_is_not_caught_as_an_exception():
    assert not issubclass(errors.Preempted, Exception)


def test_a_warning_can_be_written_to_every_log(caplog):
    errors.warn_once("--content_layers=\udcff has no effect")
    assert caplog.messages == ["--content_layers=\\udcff has no effect"]
