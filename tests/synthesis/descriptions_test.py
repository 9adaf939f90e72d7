"""Descriptions: a synthesis from the file equals that from the exemplar."""

import copy

import h5py
import numpy as np
import pytest

import jaxtex
from jaxtex import errors
from jaxtex.synthesis import api
from jaxtex.synthesis import config as configs
from jaxtex.synthesis.descriptions import making, reuse, storage

SMALL = {"size": 64, "scales": 2, "octaves": 1, "layers": "relu1_1"}
FREE = {"num_steps": 4, "seed": 3}


@pytest.fixture
def described(tmp_path, exemplar):
    """The path of a description with all terms."""
    choices = SMALL | {"arrangement_weight": 0.1, "spectrum_weight": 0.01}
    jaxtex.describe(exemplar, **choices).save(tmp_path / "blobs.h5")
    return tmp_path / "blobs.h5"


@pytest.mark.slow
def test_a_result_equals_that_of_the_exemplar(described, exemplar):
    weights = {"arrangement_weight": 0.1, "spectrum_weight": 0.01}
    expected = jaxtex.synthesize(exemplar, **SMALL, **FREE, **weights)
    found = jaxtex.synthesize(described, spectrum_weight=0.01, **FREE)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "choices",
    [{"init": "noise"}, {"tile": "xy"}, {"optimizer": "adam", "noise": 0.3}],
    ids=["noise", "tile", "adam"],
)
def test_results_equal_with_other_choices_and_gray(tmp_path, exemplar, choices):
    gray = np.repeat(exemplar[..., :1], 3, -1)
    jaxtex.describe(gray, statistic="gram", **SMALL).save(tmp_path / "a.h5")
    expected = jaxtex.synthesize(gray, statistic="gram", **SMALL, **FREE, **choices)
    found = jaxtex.synthesize(str(tmp_path / "a.h5"), **FREE, **choices)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("share", [0.5, 0.6, 0.7])  # of large areas: 0.6 is near the limit
def test_the_start_is_that_of_the_exemplar(tmp_path, share):
    rows, columns = np.mgrid[:96, :96]
    disc = (rows - 48) ** 2 + (columns - 48) ** 2 > 45**2
    squares = (rows // 3 + columns // 3) % 2
    gray = share * disc + (1 - share) * squares
    exemplar = np.repeat(gray[..., None], 3, 2).astype(np.float32)
    choices = {"arrangement_weight": 0.1, **SMALL, "size": 96}
    jaxtex.describe(exemplar, **choices).save(tmp_path / "a.h5")
    expected = api.build_plan(exemplar, configs.Config(num_steps=1, **choices)).start
    found = reuse.build_plan(storage.load(tmp_path / "a.h5"), {"num_steps": 1}).start
    np.testing.assert_array_equal(found, expected)


def test_what_contradicts_the_description_is_one_line(described, exemplar):
    for choices, text in (
        ({"octaves": 2}, "--octaves=2: the description was made with octaves=1"),
        ({"height": 80}, "--height=80: the description was made with height=''"),
        ({"network": "shallow"}, "--network=shallow: the description was made with network=vgg"),
        ({"content": exemplar}, "--content: cannot be used with a description"),
        ({"masks": "a.png"}, "--masks: cannot be used with a description"),
        ({"init": "style"}, "--init=style: with a description it must be"),
    ):
        with pytest.raises(errors.UserError, match=text):
            jaxtex.synthesize(described, **choices)

    with h5py.File(described, "r+") as file:
        file.attrs["weights_sha256"] = "0" * 64
    with pytest.raises(errors.UserError, match="other weights of 'vgg_lite' .hash 000000000000"):
        jaxtex.synthesize(described)


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        ({"statistic": "sorted"}, "--statistic=sorted: compares samples of the exemplar"),
        ({"statistic": "discriminator"}, "--statistic=discriminator: compares samples"),
        ({"alpha": "keep"}, "--alpha=keep: a description has no transparency"),
        ({"excite": "relu1_1:3"}, "--excite: cannot be used with a description"),
    ],
)
def test_what_cannot_be_described_is_one_line(exemplar, choices, text):
    with pytest.raises(errors.UserError, match=text):
        jaxtex.describe(exemplar, **choices)


def test_a_file_that_is_no_description_is_one_line(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"nothing")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.attrs["format"] = "jaxtex-weights"
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file.attrs.update({"format": storage.FORMAT, "version": 2})
    for name, text in (
        ("a.h5", "a.h5'"),
        ("b.h5", "b.h5': not a description of jaxtex"),
        ("c.h5", "c.h5': version 2; expected 1"),
        ("d.h5", "d.h5'"),
    ):
        with pytest.raises(errors.UserError, match=f"description '.*{text}"):
            jaxtex.synthesize(tmp_path / name)


def test_stored_arrays_that_a_target_lacks_are_left_out():
    stored = {"['a']": np.ones((2, 3)), "['a/2']": np.ones(5)}
    found = making.restore("term", {"a": np.zeros((2, 3))}, stored)
    np.testing.assert_array_equal(found["a"], np.ones((2, 3)))
    for target in ({"a": np.zeros(3)}, {"b": np.zeros((2, 3))}):
        with pytest.raises(errors.UserError, match="another target of 'term'"):
            making.restore("term", target, stored)


def test_a_description_equals_only_itself(described):
    description = storage.load(described)
    assert description == description != copy.deepcopy(description)
    assert len({description, description}) == 1
