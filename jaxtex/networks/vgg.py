"""Networks of the VGG family: features of an image as a pure function of the weights.

Images are `[H, W, 3]`, RGB, in [0, 1], at least 32 pixels on each side. Features are a dict from
layer name to activations `[H', W', C]`. Layers have the names of the papers: `conv1_1`, `bn1_1`
(with batch norm), `relu1_1`, ..., `pool1`. Call `network.apply(variables, image)`; use `jax.vmap`
for batches.

A network of `networks.NETWORKS` is a Flax module with the attributes `padding`, `pooling`, `layers`
and `algorithms`, and the methods `names`, `defaults`, `shapes`, `halvings` and `feature_shapes`.

References:
  Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
  ICLR 2015, https://arxiv.org/abs/1409.1556.
  Ioffe and Szegedy, "Batch Normalization", ICML 2015, https://arxiv.org/abs/1502.03167. Here always
  with stored statistics.
"""

import re
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import ad_checkpoint, lax

from jaxtex.networks import convolutions, padding_pooling, pixel_patches, steerable_pyramid

Features = dict[str, jax.Array]

EPSILON = 1e-5  # added to the variance in batch norm; PyTorch's, as in training
PREPARED = "tiles"  # collection of the kernels of `winograd.transform_kernel`
POOLED = "pooled"  # checkpoint name: all else may be recomputed for the gradient
MIN_SIDE = 32  # pixels: five poolings leave one


class Convolution(nn.Module):
    """Convolution `[H, W, C]` -> `[H, W, width]` with the parameters of `nn.Conv`.

    Attributes:
      width: output channels.
      side: of the square kernel, odd.
      padding: a row of `padding_pooling.PADDINGS`, or two.
      precision: a row of `convolutions.PRECISIONS`.
      algorithms: "cpu" or "xla"; see `networks.algorithms_for`.
    """

    width: int
    side: int = 3
    padding: str = "zero"
    precision: str = "float32"
    algorithms: str = "xla"

    @nn.compact
    def __call__(self, features: jax.Array) -> jax.Array:
        # A transformed kernel may have replaced the plain one, or be there beside it.
        prepared = self.get_variable(PREPARED, "kernel")
        kernel = None
        if prepared is None or self.has_variable("params", "kernel"):
            shape = (self.side, self.side, features.shape[-1], self.width)
            kernel = self._parameter("kernel", nn.initializers.lecun_normal(), shape)
        bias = self._parameter("bias", nn.initializers.zeros_init(), (self.width,))

        # XLA's own convolution pads with zeros at no cost.
        border = self.side // 2
        zeros = border if self.padding == "zero" else 0
        if not zeros:
            features = padding_pooling.pad(features, self.padding, border, self.algorithms)

        outputs = convolutions.convolve(
            features, kernel, self.precision, prepared, zeros, self.algorithms
        )
        return outputs + bias.astype(features.dtype)[None, None]

    def _parameter(
        self, name: str, initializer: Callable[..., jax.Array], shape: tuple[int, ...]
    ) -> jax.Array:
        """Returns a parameter. An existing one is not validated: Flax would trace `initializer`."""
        if self.has_variable("params", name):
            return self.get_variable("params", name)
        return self.param(name, initializer, shape)


@jax.custom_jvp
def _relu(x: jax.Array) -> jax.Array:
    """Returns `max(x, 0)`, with a gradient that reads the output.

    cuDNN can then fuse convolution, bias and ReLU. The gradient of `nn.relu` reads the input, which
    has to be kept for it; with the condition `output > 0` instead of `!= 0` XLA would do the same.
    """
    return jnp.maximum(x, 0)


def _relu_jvp(tangent: jax.Array, output: jax.Array, _: jax.Array) -> jax.Array:
    """Returns the tangent where the output is not 0."""
    return lax.select(output != 0, tangent, lax.full_like(tangent, 0))


_relu.defjvps(_relu_jvp)
relu = jax.jit(_relu)  # traced once per shape


class VGG(nn.Module):
    """VGG network, evaluated up to its deepest requested layer.

    Attributes:
      widths: output channels of each convolution, a tuple for each block. A pooling ends a block.
      batch_norm: True if there is a batch norm between each convolution and its ReLU.
      pooling: "max" or "avg".
      padding: values beyond the border: "zero", "reflect", "replicate" or "wrap", or two of them,
        such as "reflect/wrap", for rows and for columns.
      layers: names of the layers to return, in this order.
      folded: True if `fold_batch_norm` has merged batch norms into convolutions.
      side: of the square kernels, odd; 3 in all published networks.
      precision: a row of `convolutions.PRECISIONS`; features are of its dtype.
      algorithms: "cpu" or "xla"; see `networks.algorithms_for`.
    """

    widths: tuple[tuple[int, ...], ...]
    batch_norm: bool = False
    pooling: str = "max"
    padding: str = "zero"
    layers: tuple[str, ...] = ()
    folded: bool = False
    side: int = 3
    precision: str = "float32"
    algorithms: str = "xla"

    @nn.compact
    def __call__(self, image: jax.Array, layers: Sequence[str] | None = None) -> Features:
        """Returns the features of the requested layers, or of some of them."""
        layers = self.layers if layers is None else layers
        mean = self.variable("preprocessing", "mean", jnp.zeros, 3).value
        deviation = self.variable("preprocessing", "deviation", jnp.ones, 3).value
        image, mean, deviation = jnp.asarray(image), mean[None, None], deviation[None, None]
        with jax.numpy_dtype_promotion("standard"):  # of an image wider or narrower than float32
            x = (image - mean) / deviation
        x = x.astype(convolutions.PRECISIONS[self.precision].dtype)

        features = {}
        for layer in evaluated_layers(self, layers):
            x = self._layer(layer, x)
            features[layer] = x

        # A merged batch norm is the output of its convolution.
        for norm in _merged_norms(self):
            if norm in layers:
                features[norm] = features[norm.replace("bn", "conv")]
        return {layer: features[layer] for layer in layers}

    def _layer(self, name: str, x: jax.Array) -> jax.Array:
        """Applies one layer."""
        kind, block, position = parse_layer(name)
        if kind == "pool":
            return ad_checkpoint.checkpoint_name(padding_pooling.pool(x, self.pooling), POOLED)
        if kind == "relu":
            return relu(x)
        if kind == "bn":
            norm = nn.BatchNorm(use_running_average=True, epsilon=EPSILON, dtype=x.dtype, name=name)
            return norm(x)
        width = self.widths[block - 1][position - 1]
        convolution = Convolution(
            width, self.side, self.padding, self.precision, self.algorithms, name=name
        )
        return convolution(x)

    def names(self) -> tuple[str, ...]:
        """Returns the names of all layers, in the order of evaluation."""
        kinds = ("conv", "bn", "relu") if self.batch_norm else ("conv", "relu")
        names = []
        for block, widths in enumerate(self.widths, 1):
            for position in range(1, len(widths) + 1):
                names += [f"{kind}{block}_{position}" for kind in kinds]
            names.append(f"pool{block}")
        return tuple(names)

    def defaults(self) -> tuple[str, ...]:
        """Returns the layers used by default: each ReLU of the first three blocks."""
        return tuple(name for name in self.names() if name.startswith(("relu1", "relu2", "relu3")))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Returns the shapes of a weight file's tensors: `conv1_1/kernel`, ..., `bn1_1/var`, ..."""
        shapes: dict[str, tuple[int, ...]] = {}
        inputs = 3
        for name in self.names():
            kind, block, position = parse_layer(name)
            if kind != "conv":
                continue
            outputs = self.widths[block - 1][position - 1]
            shapes[f"{name}/kernel"] = (self.side, self.side, inputs, outputs)
            shapes[f"{name}/bias"] = (outputs,)
            if self.batch_norm:
                norm = name.replace("conv", "bn")
                for leaf in ("scale", "bias", "mean", "var"):
                    shapes[f"{norm}/{leaf}"] = (outputs,)
            inputs = outputs
        return shapes

    def halvings(self) -> int:
        """Returns the number of poolings up to the deepest requested layer."""
        return sum(name.startswith("pool") for name in evaluated_layers(self))

    def feature_shapes(self, height: int, width: int) -> dict[str, tuple[int, int, int]]:
        """Returns the shape `(H', W', C)` of each requested layer.

        Args:
          height: of the image, in pixels.
          width: of the image, in pixels.
        """
        shapes = {}
        channels = 0
        for name in self.names():
            kind, block, position = parse_layer(name)
            if kind == "pool":
                height, width = height // 2, width // 2
            else:
                channels = self.widths[block - 1][position - 1]
            shapes[name] = (height, width, channels)
        return {layer: shapes[layer] for layer in self.layers}


Network = VGG | steerable_pyramid.Steerable | pixel_patches.PixelPatches


def parse_layer(layer: str) -> tuple[str, int, int]:
    """Splits the name of a layer: `("conv", 3, 1)` for "conv3_1", `("pool", 2, 0)` for "pool2"."""
    match = re.fullmatch(r"([a-z]+)(\d+)(?:_(\d+))?", layer)
    if match is None:
        raise ValueError(f"expected a layer such as conv3_1 or pool2, got {layer!r}")
    kind, block, position = match.groups(default="0")
    return kind, int(block), int(position)


def evaluated_layers(network: Network, layers: Sequence[str] | None = None) -> tuple[str, ...]:
    """Returns all layers up to the deepest requested one, without the batch norms merged away.

    Args:
      network: its `layers` selected.
      layers: some of them; None for all.
    """
    names = network.names()
    layers = network.layers if layers is None else layers
    deepest = max((names.index(layer) for layer in layers), default=-1)
    merged = _merged_norms(network)
    return tuple(name for name in names[: deepest + 1] if name not in merged)


def halo_rows(network: VGG) -> int:
    """Returns the rows of the image that the deepest requested layer reads beyond each of its own.

    Rounded up to a multiple of the stride of that layer.
    """
    rows, stride = 0, 1
    for name in evaluated_layers(network):
        if name.startswith("conv"):
            rows += stride * (network.side // 2)
        if name.startswith("pool"):
            stride *= 2
    return -(-rows // stride) * stride


def fold_batch_norm(network: Network, variables: dict) -> tuple[Network, dict]:
    """Merges each batch norm into its convolution, unless a requested layer is between them.

    Args:
      network: its `layers` selected; a network without batch norm is returned unchanged.
      variables: its weights, `{"params": ..., "batch_stats": ..., "preprocessing": ...}`.

    Returns:
      A network with the same features, up to rounding, and its variables: fewer operations, less
      memory.
    """
    if not (isinstance(network, VGG) and network.batch_norm):
        return network, variables

    folded = network.clone(folded=True)
    params = dict(variables["params"])
    stats = dict(variables.get("batch_stats", {}))
    for norm in _merged_norms(folded):
        conv = norm.replace("bn", "conv")
        # The weights may end at an earlier layer, or be of a file with merged norms.
        if conv in params and norm in params:
            params[conv] = _fold_one(params[conv], params.pop(norm), stats.pop(norm))
    return folded, {**variables, "params": params, "batch_stats": stats}


def _merged_norms(network: Network) -> tuple[str, ...]:
    """Returns the batch norms that are merged: those whose convolution is not requested."""
    if not (isinstance(network, VGG) and network.folded and network.batch_norm):
        return ()
    norms = [name for name in network.names() if name.startswith("bn")]
    return tuple(norm for norm in norms if norm.replace("bn", "conv") not in network.layers)


def _fold_one(conv: dict, norm: dict, stats: dict) -> dict:
    """Merges a batch norm into its convolution, in NumPy: there is little to compute."""
    scale = norm["scale"] / np.sqrt(stats["var"] + EPSILON)
    bias = (conv["bias"] - stats["mean"]) * scale + norm["bias"]
    return {"kernel": conv["kernel"] * scale, "bias": bias}
