"""Features against a plain NumPy network, and their response to changes of the image."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import errors, networks
from jaxtex.networks import padding_pooling
from jaxtex.weights import random_init

WIDTHS = ((4, 5), (6,), (7,))


def network_and_variables(batch_norm, layers, **options):
    network = networks.select_layers(networks.VGG(WIDTHS, batch_norm, **options), layers)
    shapes = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((32, 32, 3)))
    rng = np.random.default_rng(1)
    kernel = lambda shape: rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
    number = lambda leaf: (
        kernel(leaf.shape) if len(leaf.shape) > 1 else rng.uniform(0.2, 1.2, leaf.shape)
    )
    return network, jax.tree.map(lambda leaf: number(leaf).astype(np.float32), shapes)


def image(height=19, width=14):
    return np.random.default_rng(2).random((height, width, 3), np.float32)


def naive_convolution(x, kernel, bias, mode):
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)), mode=mode)
    out = np.zeros((*x.shape[:2], kernel.shape[-1]))
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = np.tensordot(padded[i : i + 3, j : j + 3], kernel, 3)
    return out + bias


def naive_pool(x, reduce):
    blocks = [
        [reduce(x[i : i + 2, j : j + 2], axis=(0, 1)) for j in range(0, x.shape[1] - 1, 2)]
        for i in range(0, x.shape[0] - 1, 2)
    ]
    return np.array(blocks)


def naive_features(variables, x, pooling, mode):
    v = jax.tree.map(np.asarray, variables)
    x, features = (np.asarray(x) - v["preprocessing"]["mean"]) / v["preprocessing"]["deviation"], {}
    for block, widths in enumerate(WIDTHS, 1):
        for position in range(1, len(widths) + 1):
            name = f"{block}_{position}"
            x = features[f"conv{name}"] = naive_convolution(
                x, *(v["params"][f"conv{name}"][k] for k in ("kernel", "bias")), mode
            )
            if "batch_stats" in v:
                norm, stats = v["params"][f"bn{name}"], v["batch_stats"][f"bn{name}"]
                x = (x - stats["mean"]) / np.sqrt(stats["var"] + 1e-5) * norm["scale"] + norm[
                    "bias"
                ]
                features[f"bn{name}"] = x
            x = features[f"relu{name}"] = np.maximum(x, 0)
        x = features[f"pool{block}"] = naive_pool(x, {"max": np.max, "avg": np.mean}[pooling])
    return features


@pytest.mark.slow
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(
    "padding, mode, pooling",
    [
        ("zero", "constant", "max"),
        ("reflect", "reflect", "avg"),
        ("replicate", "edge", "max"),
        ("wrap", "wrap", "avg"),
    ],
)
def test_every_layer_equals_a_numpy_loop(batch_norm, padding, mode, pooling):
    layers = networks.layer_names(networks.VGG(WIDTHS, batch_norm))
    network, variables = network_and_variables(batch_norm, layers, padding=padding, pooling=pooling)
    features = network.apply(variables, image())
    expected = naive_features(variables, image(), pooling, mode)
    assert list(features) == list(layers) == list(expected)
    for layer in layers:
        np.testing.assert_allclose(features[layer], expected[layer], rtol=1e-4, atol=1e-4)


FOLDED = [
    ("relu1_2", "pool2"),
    ("bn1_1", "relu2_1"),
    ("conv1_2", "bn1_2", "relu3_1"),
    ("conv1_2", "relu1_2"),
]


@pytest.mark.parametrize("layers", FOLDED)
def test_folding_keeps_the_features(layers):
    network, variables = network_and_variables(True, layers)
    folded, fewer = networks.fold_batch_norm(network, variables)
    before, after = network.apply(variables, image()), folded.apply(fewer, image())
    assert len(jax.tree.leaves(fewer)) < len(jax.tree.leaves(variables))
    assert list(after) == list(layers)
    for layer in layers:
        np.testing.assert_allclose(after[layer], before[layer], rtol=1e-4, atol=1e-5)


def test_nothing_is_evaluated_beyond_the_deepest_requested_layer():
    network = networks.select_layers(networks.NETWORKS["vgg19"], ("pool1",))
    assert networks.evaluated_layers(network)[-1] == "pool1"


@pytest.mark.slow
def test_wrapped_features_move_with_the_image():
    network, variables = network_and_variables(False, ("relu3_1",), padding="wrap")
    x = image(32, 48)
    moved = network.apply(variables, jnp.roll(x, (8, 16), (0, 1)))["relu3_1"]
    np.testing.assert_allclose(
        moved, jnp.roll(network.apply(variables, x)["relu3_1"], (2, 4), (0, 1)), atol=1e-5
    )


@pytest.mark.slow
def test_a_pyramid_is_the_network_at_each_size():
    network, variables = network_and_variables(True, ("relu1_1", "pool1"), padding="reflect")
    features = networks.pyramid(network, 3).apply(variables, image(64, 48))
    assert list(features) == ["relu1_1", "pool1", "relu1_1/2", "pool1/2", "relu1_1/4", "pool1/4"]
    quarter = padding_pooling.halve(padding_pooling.halve(image(64, 48), "reflect"), "reflect")
    np.testing.assert_allclose(
        features["pool1/4"], network.apply(variables, quarter)["pool1"], atol=1e-4
    )


def test_names_of_the_main_network():
    names = networks.layer_names(networks.NETWORKS["vgg16_bn"])
    assert names[:4] == ("conv1_1", "bn1_1", "relu1_1", "conv1_2")
    assert sum(name.startswith("conv") for name in names) == 13
    assert names[-1] == "pool5"


def test_an_unknown_layer_is_named_with_the_nearest_one():
    with pytest.raises(
        errors.UserError, match=r"unknown layer 'relu1_3'; did you mean 'relu\d_\d'\?"
    ):
        networks.select_layers(networks.NETWORKS["vgg16"], ("relu1_3",))


@pytest.mark.slow
def test_large_kernels_equal_a_numpy_loop():
    network = networks.select_layers(networks.NETWORKS["shallow"], ("conv1_1",)).clone(
        widths=((4,),)
    )
    variables = network.init(jax.random.key(0), jnp.zeros((32, 32, 3)))
    padded = np.pad(image(), ((5, 5), (5, 5), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (11, 11), (0, 1))
    expected = np.einsum("hwcij,ijcd->hwd", windows, variables["params"]["conv1_1"]["kernel"])
    np.testing.assert_allclose(
        network.apply(variables, image())["conv1_1"], expected, rtol=1e-4, atol=1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "row, text",
    [
        (networks.VGG, "must be an instance of a module of Flax, .*, got VGG"),
        (lambda: networks.VGG(((64, 64),)), "must be an instance of .*, got <lambda>"),
        (5, "must be an instance of .*, got int"),
        (nn.Dense(3), "must have 'padding'"),
    ],
)
def test_a_row_that_is_no_network_is_named(row, text, monkeypatch):
    monkeypatch.setitem(networks.NETWORKS, "own", row)
    with pytest.raises(errors.UserError, match=f"^network 'own': {text}"):
        networks.choose_network("own")


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_every_network_has_the_same_interface(name):
    network = networks.NETWORKS[name]
    drawn = random_init.random_weights(name, network.shapes(), network.pooling).variables
    assert networks.available_layers(network, drawn) == networks.layer_names(network)
    assert set(network.defaults()) <= set(networks.layer_names(network))
    chosen = networks.select_layers(
        network.clone(pooling="max", padding="wrap"), (networks.layer_names(network)[0],)
    )
    folded, variables = networks.fold_batch_norm(chosen, drawn)
    features = jax.eval_shape(networks.pyramid(folded, 2).apply, variables, image(32, 48))
    assert [value.shape[:2] for value in features.values()] == [(32, 48), (16, 24)]


@pytest.mark.slow
@pytest.mark.parametrize("name", networks.NETWORKS)
def test_feature_shapes_are_those_of_the_features(name):
    network = networks.NETWORKS[name].clone(padding="wrap")
    variables = random_init.random_weights(name, network.shapes(), network.pooling).variables
    whole = networks.pyramid(
        networks.select_layers(network, networks.layer_names(network)), 2, maps=2
    )
    traced = jax.eval_shape(whole.apply, variables, jax.ShapeDtypeStruct((71, 86, 6), np.float32))
    assert networks.feature_shapes(whole, 71, 86) == {
        layer: features.shape for layer, features in traced.items()
    }


def test_halvings_count_evaluated_poolings():
    layers = {"vgg19": ("relu3_1", 2), "shallow": ("pool1", 1), "steerable": ("bands", 0)}
    for name, (layer, expected) in layers.items():
        assert networks.select_layers(networks.NETWORKS[name], (layer,)).halvings() == expected
    assert networks.select_layers(networks.NETWORKS["steerable"], ("parents",)).halvings() == 1


@pytest.mark.slow
@pytest.mark.parametrize("side", [3, 5])
def test_xlas_convolutions_pad_with_zeros_themselves(side):
    network, variables = network_and_variables(True, ("relu1_2", "bn2_1"), side=side)
    expected = network.clone(algorithms="cpu").apply(variables, image())
    program = lambda network: str(jax.make_jaxpr(network.apply)(variables, image()))
    assert " pad[" not in program(network)
    features = network.apply(variables, image())
    for name in expected:
        np.testing.assert_allclose(features[name], expected[name], rtol=1e-4, atol=1e-5)
    assert " pad[" in program(network.clone(padding="zero/wrap"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg_lite", "shallow", "steerable", "patches"])
@pytest.mark.parametrize("padding", ["zero", "reflect"])
def test_both_choices_of_algorithms_give_the_same_features_and_gradient(name, padding):
    network = networks.NETWORKS[name].clone(padding=padding)
    variables = random_init.random_weights(name, network.shapes(), network.pooling).variables
    network = networks.select_layers(network, network.defaults())

    def evaluate(algorithms):
        whole = networks.pyramid(network.clone(algorithms=algorithms), 2)
        features, pull = jax.vjp(lambda x: whole.apply(variables, x), image(40, 48))
        return features, pull(jax.tree.map(jnp.ones_like, features))

    ours, xlas = (jax.jit(evaluate, static_argnums=0)(one) for one in networks.ALGORITHMS)
    for one, other in zip(*map(jax.tree.leaves, (ours, xlas)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4 * float(abs(other).max()))


def test_the_gradient_of_a_relu_reads_its_output():
    x = jnp.array([-2.0, -0.0, 0.0, 1e-30, 3.0])
    value, pull = jax.vjp(networks.relu, x)
    np.testing.assert_array_equal(value, np.maximum(x, 0))
    np.testing.assert_array_equal(pull(jnp.arange(5.0))[0], [0, 0, 0, 3, 4])
    program = str(jax.make_jaxpr(jax.grad(lambda x: networks.relu(x).sum()))(x))
    # XLA would turn "greater than 0" into a condition on the input.
    assert " ne " in program and " gt " not in program
