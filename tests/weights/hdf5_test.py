"""Tests weight files: round trips, and errors that name damaged or unexpected content."""

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import errors, networks, weights
from jaxtex.weights import hdf5, locations, random_init

WIDTHS = ((4,), (5,))


@pytest.fixture
def saved(tmp_path):
    shapes = networks.VGG(WIDTHS, True).shapes()
    variables = random_init.random_weights("tiny", shapes, "avg").variables
    path = tmp_path / "tiny.h5"
    weights.save(path, weights.Weights(variables, "tiny", "avg", {"source": "a test"}))
    return path, variables


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 0), (np.float16, 1e-3)])
def test_round_trip(saved, dtype, tolerance):
    path, variables = saved
    weights.save(path, weights.Weights(variables, "tiny", "avg", {"source": "a test"}), dtype)
    loaded = weights.load(path)
    weights.check_shapes(loaded, networks.VGG(WIDTHS, True).shapes())
    assert (loaded.network, loaded.pooling, loaded.about["source"]) == ("tiny", "avg", "a test")
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=tolerance), loaded.variables, variables
    )
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(loaded.variables))


@pytest.mark.parametrize("name", ["params", "preprocessing"])
def test_variables_that_lack_a_collection_are_not_written(saved, tmp_path, name):
    variables = {key: value for key, value in saved[1].items() if key != name}
    with pytest.raises(errors.UserError, match=f"the variables must have '{name}'"):
        weights.save(tmp_path / "a.h5", weights.Weights(variables, "tiny", "avg", {}))
    assert not (tmp_path / "a.h5").exists()


def edit(path, change):
    with h5py.File(path, "a") as file:
        change(file)


def replace(name, value):
    def change(file):
        del file[name]
        file[name] = value
        file[name].attrs["sha256"] = hdf5.tensor_hash(np.asarray(value))

    return change


def attribute(name, value):
    def change(file):
        file.attrs[name] = value
        file.attrs["sha256"] = hdf5.attributes_hash(file)

    return change


@pytest.mark.parametrize(
    "change, text",
    [
        (lambda file: file.attrs.update(format="other"), "not a jaxtex weight file"),
        (lambda file: file.attrs.update(pooling="max"), "attributes do not match"),
        (lambda file: file.attrs.update(mean=[0.0, 0.0, 1e-9]), "attributes do not match"),
        (lambda file: file.attrs.update(version=2), "expected version 1 of the format, got 2"),
        (attribute("deviation", [1.0, 0.0, 1.0]), "'deviation' must be three positive"),
        (
            lambda file: file.__delitem__("conv1_1/bias"),
            "'conv1_1': expected kernel, bias, got kernel",
        ),
        (lambda file: file.create_group("fc6"), "'fc6' is not a layer"),
        (
            lambda file: file["conv1_1/bias"].write_direct(np.ones(4, np.float32)),
            "'conv1_1/bias' is damaged",
        ),
        (replace("bn1_1/var", -np.ones(4, np.float32)), "negative variances"),
        (replace("bn1_1/var", np.full(4, np.nan, np.float32)), "'bn1_1/var' has values that"),
        (replace("conv1_1/bias", np.zeros(4, np.int32)), "int32"),
    ],
)
def test_a_file_that_violates_the_schema_is_rejected(saved, change, text):
    edit(saved[0], change)
    with pytest.raises(errors.UserError, match=text):
        weights.load(saved[0])


def test_links_to_other_files_are_rejected(saved):
    path, _ = saved

    def link(file):
        del file["conv1_1/bias"]
        file["conv1_1/bias"] = h5py.ExternalLink("other.h5", "secret")

    edit(path, link)
    with pytest.raises(errors.UserError, match="not stored in the file itself"):
        weights.load(path)


def test_data_outside_the_file_is_rejected(saved, tmp_path):
    (tmp_path / "secret").write_bytes(b"0123456789abcdef")

    def point(file):
        del file["conv1_1/bias"]
        file.create_dataset(
            "conv1_1/bias", (4,), "f4", external=[(str(tmp_path / "secret"), 0, 16)]
        )

    edit(saved[0], point)
    with pytest.raises(errors.UserError, match="not stored in the file itself"):
        weights.load(saved[0])


@pytest.mark.parametrize("content", [b"", b"no HDF5", None])
def test_the_error_names_a_file_that_is_missing_or_not_hdf5(tmp_path, content):
    path = tmp_path / "x.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.UserError, match="x.h5"):
        weights.load(path)


@pytest.mark.slow
def test_a_changed_byte_is_rejected_or_harmless(saved):
    path, _ = saved
    harmless = 0
    good, whole = weights.load(path), path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(whole)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            loaded = weights.load(path)
        except errors.UserError:
            continue
        harmless += 1
        for name in ("params", "batch_stats"):
            jax.tree.map(
                np.testing.assert_array_equal, loaded.variables[name], good.variables[name]
            )
    assert 0 < harmless < 60


def test_weights_of_another_network_do_not_fit(saved):
    text = r"'bn2_1/scale': expected the shape \(6,\), got \(5,\)"
    with pytest.raises(errors.UserError, match=text):
        weights.check_shapes(weights.load(saved[0]), networks.VGG(((4,), (6,)), True).shapes())
    with pytest.raises(errors.UserError, match="'bn1_1/scale', which the network does not have"):
        weights.check_shapes(weights.load(saved[0]), networks.VGG(WIDTHS).shapes())


def test_the_built_in_network_has_a_valid_file():
    path = locations.require_file("vgg_lite")
    loaded = weights.load(path)
    network = networks.NETWORKS["vgg_lite"]
    weights.check_shapes(loaded, network.shapes())
    assert path.stat().st_size < 4e6
    assert {"source", "licence", "residuals", "training", "images"} <= set(loaded.about)


@pytest.mark.slow
def test_the_built_in_batch_norms_hold_the_statistics_of_their_inputs(exemplar):
    loaded = weights.load(locations.require_file("vgg_lite"))
    network = networks.select_layers(networks.NETWORKS["vgg_lite"], ("bn1_1", "bn2_1", "bn3_1"))
    for features in network.apply(loaded.variables, exemplar).values():
        assert float(jnp.mean(jnp.abs(features))) < 10
