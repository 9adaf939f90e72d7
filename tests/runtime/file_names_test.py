"""Tests of names that are made from those of input files: always usable, short and different."""

import os
import pathlib

import numpy as np
import pytest

from jaxtex.runtime import file_names
from support.nasty_names import NASTY, is_usable, random_names


@pytest.mark.parametrize("path", NASTY)
def test_a_folder_can_have_the_name(path, tmp_path):
    name = file_names.fit(file_names.stem(path))
    assert is_usable(name)
    (tmp_path / name).mkdir()
    assert os.listdir(tmp_path) == [name]


def test_names_of_awkward_characters_are_usable():
    for name in random_names():
        assert is_usable(file_names.fit(file_names.stem(name))), ascii(name)


@pytest.mark.parametrize("path", ["leaf.jpg", "a/b/leaf.tar.gz", ".hidden", "leaf.", "my leaf.png"])
def test_the_stem_of_a_usual_path_is_that_of_pathlib(path):
    assert file_names.stem(path) == pathlib.PurePosixPath(path).stem


def test_long_names_stay_different():
    names = {file_names.fit("x" * 300 + end, 40) for end in ("", "a", "b")}
    assert len(names) == 3 and all(len(name) == 40 for name in names)
    assert file_names.fit("short", 5) == "short"


@pytest.mark.parametrize(
    "names, expected",
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a-2", "a-3"]),
        (["a", "a", "a-2"], ["a", "a-3", "a-2"]),
        (["a", "A"], ["a", "A-2"]),
        ([], []),
    ],
)
def test_repeated_names_are_numbered(names, expected):
    assert file_names.unique(names) == expected


def test_numbered_names_differ():
    rng = np.random.default_rng(0)
    for _ in range(100):
        names = list(rng.choice(["a", "A", "a-2", "a-3", "b", "B-2"], rng.integers(0, 12)))
        result = file_names.unique(names)
        assert len({name.casefold() for name in result}) == len(names)
        first = {name: result[names.index(name)] for name in names if name.islower()}
        assert all(result[names.index(name)].startswith(name) for name in first)


def test_natural_order():
    names = ["f10.png", "f9.png", "f1b2", "f01.png", "f1.png", "a", "f1b10", "10", "9"]
    assert sorted(names, key=file_names.natural_key) == [
        "9",
        "10",
        "a",
        "f01.png",
        "f1.png",
        "f1b2",
        "f1b10",
        "f9.png",
        "f10.png",
    ]
