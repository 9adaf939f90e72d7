"""The VGG family, and the table of all networks: an image to the features of its layers, a pure function of the weights.

Images are `[H, W, 3]`, RGB, in [0, 1], of 32 px or more on each side. Features are a dict from layer name to
activations `[H', W', C]`. Layers bear the papers' names: `conv1_1`, `bn1_1` (where there is batch norm), `relu1_1`, ...,
`pool1`. `network.apply(variables, image)` is all there is; batches come by `jax.vmap`. What the functions below ask of a
network: `padding`, `pooling`, `layers`, and the methods `names`, `defaults`, `shapes`, `halvings` and `extents`.

References:
  Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
  https://arxiv.org/abs/1409.1556.
  Ioffe and Szegedy, "Batch Normalization", ICML 2015, https://arxiv.org/abs/1502.03167. Always with stored statistics here.
"""

import re
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import ad_checkpoint, lax

from jaxtex import errors
from jaxtex.networks import convolutions, padding_pooling, steerable_pyramid

Features = dict[str, jax.Array]

EPSILON = (
    1e-5  # of the variance in batch norm: PyTorch's, which the published weights were trained with
)
PREPARED = "tiles"  # the collection of kernels in the form that `preparation.prepare` gives them
POOLED = "pooled"  # what `jax.checkpoint` may keep where memory is short: the rest is computed anew for the gradient
MIN_SIDE = 32  # pixels: five poolings leave one


class Convolution(nn.Module):
    """`[H, W, C]` -> `[H, W, width]`, with the weights of `nn.Conv`, or what `preparation` made of them."""

    width: int
    side: int = 3
    padding: str = "zero"
    precision: str = "float32"

    @nn.compact
    def __call__(self, features: jax.Array) -> jax.Array:
        prepared, shape = (
            self.get_variable(PREPARED, "kernel"),
            (self.side, self.side, features.shape[-1], self.width),
        )
        plain = prepared is None or self._has("kernel")
        kernel = self._weight("kernel", nn.initializers.lecun_normal(), shape) if plain else None
        bias = self._weight("bias", nn.initializers.zeros_init(), (self.width,))
        around = self.side // 2
        zeros = around if self.padding == "zero" else 0
        padded = features if zeros else padding_pooling.pad(features, self.padding, around)
        return convolutions.convolve(padded, kernel, self.precision, prepared, zeros) + bias.astype(
            features.dtype
        )

    def _weight(self, name: str, initialise: Callable, shape: tuple[int, ...]) -> jax.Array:
        """What is there is taken as it is: its shape was checked when it was read, Flax' check traces the initialiser."""
        return (
            self.get_variable("params", name)
            if self._has(name)
            else self.param(name, initialise, shape)
        )

    def _has(self, name: str) -> bool:
        return self.has_variable("params", name)


@jax.custom_jvp
def _relu(x: jax.Array) -> jax.Array:
    """`max(x, 0)`, whose gradient looks at what came out: cuDNN makes one kernel of a convolution, its bias and a ReLU so.

    That of `nn.relu` looks at what went in, which has to be kept then; as XLA would, were this one's question `> 0`.
    """
    return jnp.maximum(x, 0)


_relu.defjvps(lambda tangent, found, _: lax.select(found != 0, tangent, lax.full_like(tangent, 0)))
relu = jax.jit(_relu)  # traced once for a shape


class VGG(nn.Module):
    """A VGG network up to its deepest wanted layer.

    Attributes:
      widths: channels of each convolution, a tuple for each block; a pooling ends every block.
      batch_norm: whether a batch norm stands between each convolution and its ReLU.
      pooling: "max" or "avg".
      padding: what lies beyond the border: "zero", "reflect", "replicate" or "wrap".
      layers: whose features to return, in this order.
      folded: whether `fold` has merged the batch norms that no wanted layer needs into their convolutions.
      side: of the kernels, odd; 3 in all published networks.
      precision: a row of `convolutions.PRECISIONS`; features are of its type.
    """

    widths: tuple[tuple[int, ...], ...]
    batch_norm: bool = False
    pooling: str = "max"
    padding: str = "zero"
    layers: tuple[str, ...] = ()
    folded: bool = False
    side: int = 3
    precision: str = "float32"

    @nn.compact
    def __call__(self, image: jax.Array) -> Features:
        mean = self.variable("preprocessing", "mean", jnp.zeros, 3).value
        deviation = self.variable("preprocessing", "deviation", jnp.ones, 3).value
        x, features = (
            ((image - mean) / deviation).astype(convolutions.PRECISIONS[self.precision].kind),
            {},
        )
        for layer in evaluated_layers(self):
            features[layer] = x = self._layer(layer, x)
        merged = _folded(self)
        return {
            layer: features[layer.replace("bn", "conv") if layer in merged else layer]
            for layer in self.layers
        }

    def _layer(self, name: str, x: jax.Array) -> jax.Array:
        kind, block, position = parse_layer(name)
        if kind == "pool":
            return ad_checkpoint.checkpoint_name(padding_pooling.pool(x, self.pooling), POOLED)
        if kind == "relu":
            return relu(x)
        if kind == "bn":
            return nn.BatchNorm(
                use_running_average=True, epsilon=EPSILON, dtype=x.dtype, name=name
            )(x)
        width = self.widths[block - 1][position - 1]
        return Convolution(width, self.side, self.padding, self.precision, name=name)(x)

    def names(self) -> tuple[str, ...]:
        """Every layer, in the order of evaluation."""
        kinds, names = ("conv", "bn", "relu") if self.batch_norm else ("conv", "relu"), []
        for block, widths in enumerate(self.widths, 1):
            names += [
                f"{kind}{block}_{position + 1}" for position in range(len(widths)) for kind in kinds
            ]
            names += [f"pool{block}"]
        return tuple(names)

    def defaults(self) -> tuple[str, ...]:
        """Every ReLU of the first three blocks."""
        return tuple(name for name in self.names() if name.startswith(("relu1", "relu2", "relu3")))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The tensors of a weight file: `conv1_1/kernel`, ..., `bn1_1/var`, ..."""
        shapes, inputs = {}, 3
        for name in filter(lambda name: name.startswith("conv"), self.names()):
            _, block, position = parse_layer(name)
            outputs, norm = self.widths[block - 1][position - 1], name.replace("conv", "bn")
            shapes |= {
                f"{name}/kernel": (self.side, self.side, inputs, outputs),
                f"{name}/bias": (outputs,),
            }
            shapes |= {
                f"{norm}/{leaf}": (outputs,)
                for leaf in ("scale", "bias", "mean", "var")
                if self.batch_norm
            }
            inputs = outputs
        return shapes

    def halvings(self) -> int:
        """How many poolings it runs through."""
        return sum(name.startswith("pool") for name in evaluated_layers(self))

    def extents(self, height: int, width: int) -> dict[str, tuple[int, int, int]]:
        """Layer -> the shape of its features, `(H', W', C)`, of an image of this size."""
        found, channels = {}, 0
        for name in self.names():
            kind, block, position = parse_layer(name)
            if kind == "pool":
                height, width = height // 2, width // 2
            else:
                channels = self.widths[block - 1][position - 1]
            found[name] = height, width, channels
        return {layer: found[layer] for layer in self.layers}


Network = VGG | steerable_pyramid.Steerable


class Pyramid(nn.Module):
    """A network applied to an image at full, half, quarter, ... size, and to each map of a set; see `pyramid`."""

    network: Network
    octaves: int
    maps: int = 1

    def setup(self):
        nn.share_scope(self, self.network)  # the same variables as the network alone

    def __call__(self, image: jax.Array) -> Features:
        features = {}
        for octave, reduced in enumerate(octave_images(self, image)):
            maps = [self.network(each) for each in jnp.split(reduced, self.maps, -1)]
            for layer in maps[0]:
                seen = [features_of_one[layer] for features_of_one in maps]
                features[octave_name(layer, octave)] = (
                    seen[0] if self.maps == 1 else jnp.concatenate(seen, -1)
                )
        return features


def pyramid(network: Network, octaves: int, maps: int = 1) -> Pyramid:
    """A network that sees the image in several octaves, and so structures `2 ** (octaves - 1)` times as large.

    Args:
      network: any of the table.
      octaves: how many sizes, each half of the one before (see `grids.halve`); 1 is the network itself.
      maps: how many images of three channels lie in one of `[H, W, 3 maps]`; each layer has the features of all, in order.

    Returns:
      A network with the same variables, whose layers are called `relu1_1` at full size, `relu1_1/2` at half, ...
    """
    return Pyramid(network, octaves, maps)


def octave_images(network: Pyramid, image: jax.Array) -> list[jax.Array]:
    """The image as each octave sees it, the full size first."""
    images = [image]
    while len(images) < network.octaves:
        images.append(padding_pooling.halve(images[-1], network.network.padding))
    return images


def feature_shapes(network: Pyramid, height: int, width: int) -> dict[str, tuple[int, int, int]]:
    """Layer -> the shape of its features, `(H', W', C)`, of an image of this size. Tracing tells, too, in half a second."""
    of_octave = lambda octave: network.network.extents(height >> octave, width >> octave)
    return {
        octave_name(layer, octave): (high, wide, channels * network.maps)
        for octave in range(network.octaves)
        for layer, (high, wide, channels) in of_octave(octave).items()
    }


def octave_name(layer: str, octave: int) -> str:
    """`relu1_1`, `relu1_1/2`, `relu1_1/4` for octave 0, 1, 2."""
    return f"{layer}/{2**octave}" if octave else layer


def parse_layer(layer: str) -> tuple[str, int, int]:
    """`"conv3_1"` -> `("conv", 3, 1)`; `"pool2"` -> `("pool", 2, 0)`."""
    kind, block, position = re.fullmatch(r"([a-z]+)(\d+)(?:_(\d+))?", layer).groups(default="0")
    return kind, int(block), int(position)


def layer_names(network: Network) -> tuple[str, ...]:
    """Every layer that the network could return, in the order of evaluation."""
    return network.names()


def evaluated_layers(network: VGG) -> tuple[str, ...]:
    """The layers that the network runs through: all up to the deepest wanted, less those that are folded away."""
    names = layer_names(network)
    deepest = max((names.index(layer) for layer in network.layers), default=-1)
    return tuple(name for name in names[: deepest + 1] if name not in _folded(network))


def halo_rows(network: VGG) -> int:
    """How many rows beyond its own a row of the deepest wanted layer sees, rounded up to what the poolings divide by."""
    rows, stride = 0, 1
    for name in evaluated_layers(network):
        rows += stride * (network.side // 2) * name.startswith("conv")
        stride *= 2 if name.startswith("pool") else 1
    return -(-rows // stride) * stride


def available_layers(network: Network, variables: dict) -> tuple[str, ...]:
    """The layers that these variables have the numbers for: weights may end early, fixed filters need none."""
    names, numbers = layer_names(network), variables.get("params", {})
    missing = (
        i for i, name in enumerate(names) if name.startswith(("conv", "bn")) and name not in numbers
    )
    return names[: next(missing, len(names))]


def select_layers(network: Network, layers: tuple[str, ...]) -> Network:
    """The network with these layers as its output.

    Raises:
      UserError: the network has no layer of that name.
    """
    for layer in layers:
        if layer not in layer_names(network):
            raise errors.unknown("layer", layer, layer_names(network))
    return network.clone(layers=tuple(layers))


def fold_batch_norm(network: Network, variables: dict) -> tuple[Network, dict]:
    """Merges each batch norm into its convolution where no wanted layer needs the value between them.

    Args:
      network: of the table, its `layers` chosen; one without norms is returned as it is.
      variables: its weights, `{"params": ..., "batch_stats": ..., "preprocessing": ...}`.

    Returns:
      A network of the same features (to rounding) and its variables, with fewer operations and less memory.
    """
    if not (isinstance(network, VGG) and network.batch_norm):
        return network, variables
    network = network.clone(folded=True)
    params, stats = dict(variables["params"]), dict(variables.get("batch_stats", {}))
    for norm in _folded(network):
        conv = norm.replace("bn", "conv")
        if (
            conv in params and norm in params
        ):  # the weights may end early, or have come with the norms folded in
            params[conv] = _fold_one(params[conv], params.pop(norm), stats.pop(norm))
    return network, {**variables, "params": params, "batch_stats": stats}


def _folded(network: VGG) -> tuple[str, ...]:
    if not (isinstance(network, VGG) and network.folded and network.batch_norm):
        return ()
    norms = (name for name in layer_names(network) if name.startswith("bn"))
    return tuple(norm for norm in norms if norm.replace("bn", "conv") not in network.layers)


def _fold_one(conv: dict, norm: dict, stats: dict) -> dict:
    scale = norm["scale"] / np.sqrt(
        stats["var"] + EPSILON
    )  # in NumPy: there is nothing to compile for so little
    return {
        "kernel": conv["kernel"] * scale,
        "bias": (conv["bias"] - stats["mean"]) * scale + norm["bias"],
    }


VGG16 = ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)
VGG19 = ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4)
LITE = ((32,) * 2, (80,) * 2, (160,) * 3)

TRAINED = {
    "vgg_lite": VGG(LITE, batch_norm=True, pooling="avg"),
    "vgg16_bn": VGG(VGG16, batch_norm=True),
    "vgg16": VGG(VGG16),
    "vgg19": VGG(VGG19),
    "vgg19_bn": VGG(VGG19, batch_norm=True),
}
NETWORKS = {
    **TRAINED,
    "shallow": VGG(((128,),), pooling="avg", side=11),
    "steerable": steerable_pyramid.Steerable(),
}
