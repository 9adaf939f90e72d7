"""Tests of the parser of `--statistic`."""

import pytest

from jaxtex import errors
from jaxtex.statistics import parser


def test_a_name():
    (part,) = parser.parse("gram")
    assert (part.name, part.weight, part.layers) == ("gram", 1.0, ())


def test_a_sum_with_weights_options_and_layers():
    first, second = parser.parse(
        "pca_gram:k=32:norm=gatys@relu1_1,relu1_2 + 0.5*sorted:samples=100"
    )
    assert (first.name, first.weight, first.layers) == ("pca_gram", 1.0, ("relu1_1", "relu1_2"))
    assert (second.name, second.weight, second.statistic.samples) == ("sorted", 0.5, 100)


def test_repeated_names_are_numbered():
    assert [part.name for part in parser.parse("gram@relu1_1+gram@relu2_1+mean")] == [
        "gram.0",
        "gram.1",
        "mean",
    ]


@pytest.mark.parametrize(
    "text, message",
    [
        ("gramm", "unknown statistic 'gramm'; did you mean 'gram'?"),
        ("", "unknown statistic ''"),
        ("gram+", "unknown statistic ''"),
        ("pca_gram:n=3", "unknown option of pca_gram 'n'; did you mean 'norm'? There are: k, norm"),
        ("pca_gram:k=few", "'k=few' of pca_gram: expected a whole number, got 'few'"),
        ("pca_gram:k=0", "'k=0' of pca_gram: must be 1 or more"),
        ("gram:norm=l3", "unknown norm 'l3'"),
        ("shifted_gram:shifts=1/x", "expected whole numbers, such as shifts=0/2/4"),
        ("0*gram", "expected a positive number, got '0'"),
        ("x*gram", "expected a positive number, got 'x'"),
    ],
)
def test_messages_name_the_mistake(text, message):
    with pytest.raises(errors.UserError) as error:
        parser.parse(text)
    assert message in str(error.value)
