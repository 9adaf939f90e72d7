"""Tests of the order in which the metrics of style transfers rank images."""

import pytest

from support.metrics_benchmark import benchmark

SIZE = 128  # pixels: at 96, bricks are as fine as noise


def judge(pairs):
    """Returns the wrong orders by the name of the pair."""
    judged = {name: benchmark.judge_transfer(content, style) for name, content, style in pairs}
    for rows in judged.values():
        assert rows["structure"]["content"] == rows["gram"]["style"] == 0
        assert abs(rows["light"]["content"]) < 1e-9 and rows["layout"]["style"] > 0.999
        assert rows["layout"]["content"] < 0.5
    return {
        name: wrong for name, rows in judged.items() if (wrong := benchmark.wrong_transfer(rows))
    }


@pytest.mark.slow
def test_images_are_ranked_as_a_person_does():
    assert judge(benchmark.load_pairs(benchmark.built_in_pairs()[:1], SIZE)) == {}


@pytest.mark.slow
def test_built_in_images_are_ranked_as_a_person_does():
    assert judge(benchmark.load_pairs(benchmark.built_in_pairs(), SIZE)) == {}


@pytest.mark.slow
def test_photographs_and_paintings_are_ranked_as_a_person_does():
    pairs = benchmark.shared_pairs()
    if not pairs:
        pytest.skip(f"needs photographs and paintings in {benchmark.SHARED}")
    assert judge(benchmark.load_pairs(pairs, SIZE)) == {}


def test_the_benchmark_names_wrong_orders_of_transfers():
    columns = dict.fromkeys(benchmark.TRANSFER_COLUMNS, 0.5)
    rows = {name: columns for name in benchmark.TRANSFER_ORDER}
    rows["light"] = columns | {"content": 0.0, "style": 0.9, "noise": 1.0}
    assert benchmark.wrong_transfer(rows)[:4] == [
        "structure: content >= blend",
        "structure: blend >= style",
        "structure: blend >= noise",
        "layout: content >= blend",
    ]
