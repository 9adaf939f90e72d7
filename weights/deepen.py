"""Trains blocks 4 and 5 of the built-in network on top of its first three, which stay as they are.

    python weights/deepen.py --teacher=vgg19_distilled.npz --images=PHOTOS --held_out=OTHERS

The teacher is a VGG-19 distilled to a sixteenth of its size. The new layers learn the teacher's
features at `relu4_1` and `relu5_1` themselves, channel by channel: how alike two positions are, as
the structure of a content is compared, then is as with the teacher. (A network from whose features
the teacher's follow only linearly, as in distill.py, judges likeness by other channels.)

The features of the first three blocks and of the teacher do not change, so they are computed once,
for all crops. Finally each layer is scaled to unit energy, and batch norms with the statistics of
their inputs are added.

References:
  Wang et al., "Collaborative Distillation for Ultra-Resolution Universal Style Transfer", CVPR
  2020, https://arxiv.org/abs/2003.08436 (the teacher, MIT license).
"""

import functools
import hashlib
import json
import pathlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import crops
import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import flags, logging

from jaxtex import networks, weights

FLAGS = flags.FlagValues()  # separate, because jaxtex has flags of the same names
flags.DEFINE_string("teacher", None, "Weight file of the teacher (.npz).", flag_values=FLAGS)
flags.DEFINE_multi_string("images", [], "Folder of images to train on.", flag_values=FLAGS)
flags.DEFINE_string("held_out", None, "Folder of images to measure on.", flag_values=FLAGS)
flags.DEFINE_string(
    "network", "jaxtex/weights/data/vgg_lite.h5", "File to read, and to write.", flag_values=FLAGS
)
flags.DEFINE_integer("num_crops", 6000, "Crops to train on.", flag_values=FLAGS)
flags.DEFINE_integer("num_steps", 3000, "Training steps.", flag_values=FLAGS)
flags.DEFINE_integer("batch_size", 16, "Crops per step.", flag_values=FLAGS)
flags.DEFINE_integer("crop", 128, "Pixels on each side of a crop.", flag_values=FLAGS)
flags.DEFINE_float("learning_rate", 1e-3, "Learning rate of Adam.", flag_values=FLAGS)
flags.DEFINE_integer("seed", 0, "Seed of all random choices.", flag_values=FLAGS)

CHUNK = 8  # crops whose features are computed at once
LOG_EVERY = 100  # steps
TARGETS = ("relu4_1", "relu5_1")  # layers of the teacher that the student predicts
FIRST_NEW = 3  # index of the first new block
POOLED = "pool3"  # input of the new layers

Tensors = dict[str, dict[str, jax.Array]]  # layer -> kernel and bias


class Examples(NamedTuple):
    """Features of all crops, float16.

    Attributes:
      inputs: of the first three blocks, `[N, H, W, C]`.
      targets: layer -> the teacher's, `[N, H', W', D]`.
    """

    inputs: np.ndarray
    targets: dict[str, np.ndarray]


def main(_: Any) -> None:
    """Trains the new layers, and writes the network with them."""
    photographs = crops.load_images(FLAGS.images)
    if not photographs or not FLAGS.teacher:
        sys.exit("--images must name a folder with PNG or JPEG files, --teacher a file")
    loaded = weights.load(FLAGS.network)
    teacher = Teacher(FLAGS.teacher)
    first = functools.partial(first_blocks(), loaded.variables)
    batch = functools.partial(crops.batch, photographs, FLAGS.seed, CHUNK, FLAGS.crop)
    examples = collect(first, teacher, (batch(i) for i in range(FLAGS.num_crops // CHUNK)))
    logging.info("features of %d crops", len(examples.inputs))

    params = normalized(train(examples), examples.inputs)
    residuals = measure(first, teacher, params)
    logging.info("residuals: %s", residuals)
    export(loaded, params, examples.inputs, residuals, len(photographs))


class Teacher:
    """The teacher's features at `TARGETS`: `[N, H, W, 3]` in [0, 1] -> `[N, H', W', D]`."""

    def __init__(self, path: str):
        with np.load(path) as file:
            tensors = {name: file[name] for name in file.files}
        self.tensors = {name: jnp.asarray(tensor) for name, tensor in tensors.items()}

    def __call__(self, images: jax.Array) -> dict[str, jax.Array]:
        tensors = self.tensors
        x = images @ tensors["preprocess/kernel"][0, 0] + tensors["preprocess/bias"]
        features = {}
        for block, count in enumerate((2, 2, 4, 4, 1), 1):
            for number in range(1, count + 1):
                conv = f"conv{block}_{number}"
                x = convolve(x, tensors[f"{conv}/kernel"], tensors[f"{conv}/bias"])
                x = jax.nn.relu(x)
                features[f"relu{block}_{number}"] = x
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return {name: features[name] for name in TARGETS}


def convolve(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """Convolves `[N, H, W, C]` with reflect padding."""
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
    dimensions = ("NHWC", "HWIO", "NHWC")
    x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=dimensions)
    return x + bias


def average(x: jax.Array) -> jax.Array:
    """Returns the means of blocks of 2 x 2 positions."""
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4


def first_blocks() -> Callable[[dict, jax.Array], jax.Array]:
    """Returns `(variables, images [N, H, W, 3]) -> features of POOLED`."""
    network = networks.select_layers(networks.NETWORKS["vgg_lite"], (POOLED,)).clone(
        padding="reflect", algorithms=networks.algorithms_for(jax.default_backend())
    )
    apply = jax.vmap(network.apply, (None, 0))
    return lambda variables, images: apply(variables, images)[POOLED]


def new_widths() -> tuple[tuple[int, ...], ...]:
    """Returns the channels of the new layers, for each block."""
    return networks.NETWORKS["vgg_lite"].widths[FIRST_NEW:]


def apply_new(params: Tensors, inputs: jax.Array) -> dict[str, jax.Array]:
    """Returns the features of the new layers: `conv4_1`, `relu4_1`, ... -> `[N, H', W', C]`.

    Args:
      params: of the new layers.
      inputs: features of `POOLED`, `[N, H, W, C]`.
    """
    x, features = inputs, {}
    for name, conv in params.items():
        if name != f"conv{FIRST_NEW + 1}_1" and name.endswith("_1"):
            x = average(x)
        features[name] = convolve(x, conv["kernel"], conv["bias"])
        x = jax.nn.relu(features[name])
        features[name.replace("conv", "relu")] = x
    return features


def collect(first: Callable, teacher: Teacher, batches: Iterator[np.ndarray]) -> Examples:
    """Computes the inputs of the new layers and the teacher's features."""

    @jax.jit
    def both(images):
        half = functools.partial(jnp.asarray, dtype=jnp.float16)
        return half(first(images)), jax.tree.map(half, teacher(images))

    parts = [jax.tree.map(np.asarray, both(images)) for images in batches]
    joined = jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
    return Examples(*joined)


def begin(inputs: np.ndarray) -> Tensors:
    """Draws He's normal kernels for the new layers."""
    rng = np.random.default_rng(FLAGS.seed)
    channels, params = inputs.shape[-1], {}
    for block, widths in enumerate(new_widths(), FIRST_NEW + 1):
        for number, width in enumerate(widths, 1):
            deviation = np.sqrt(2 / (9 * channels))
            kernel = deviation * rng.standard_normal((3, 3, channels, width))
            params[f"conv{block}_{number}"] = {
                "kernel": jnp.asarray(kernel, jnp.float32),
                "bias": jnp.zeros(width),
            }
            channels = width
    return params


def train(examples: Examples) -> Tensors:
    """Trains the new layers with Adam, whose learning rate falls to 0 like a cosine."""
    params = begin(examples.inputs)
    warmup = min(100, FLAGS.num_steps // 2)
    rate = optax.warmup_cosine_decay_schedule(0, FLAGS.learning_rate, warmup, FLAGS.num_steps)
    transform = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate, b2=0.99))
    energy = {
        name: float(np.mean(target[::8].astype(np.float32) ** 2))
        for name, target in examples.targets.items()
    }

    def loss(params, inputs, targets):
        features = apply_new(params, inputs.astype(jnp.float32))
        shares = {
            name: jnp.mean((features[name] - targets[name] / energy[name] ** 0.5) ** 2)
            for name in TARGETS
        }
        return sum(shares.values()), shares

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(params, memory, inputs, targets):
        gradient, shares = jax.grad(loss, has_aux=True)(params, inputs, targets)
        update, memory = transform.update(gradient, memory, params)
        return optax.apply_updates(params, update), memory, shares

    rng = np.random.default_rng(FLAGS.seed)
    memory = transform.init(params)
    recent = []
    for number in range(FLAGS.num_steps):
        chosen = rng.choice(len(examples.inputs), FLAGS.batch_size, replace=False)
        targets = {
            name: target[chosen].astype(np.float32) for name, target in examples.targets.items()
        }
        params, memory, shares = step(params, memory, examples.inputs[chosen], targets)
        recent.append(shares)
        if (number + 1) % LOG_EVERY == 0:
            means = {name: float(np.mean([s[name] for s in recent])) for name in TARGETS}
            logging.info("step %d: %s", number + 1, means)
            recent = []
    return params


def normalized(params: Tensors, inputs: np.ndarray) -> Tensors:
    """Scales each layer to unit energy, and rounds to float16 as the file does."""
    features = jax.jit(apply_new)(params, jnp.asarray(inputs[::16], jnp.float32))
    scaled, previous = {}, 1.0
    for name, conv in params.items():
        scale = 1 / jnp.sqrt(jnp.mean(features[name.replace("conv", "relu")] ** 2))
        scaled[name] = {"kernel": conv["kernel"] * scale / previous, "bias": conv["bias"] * scale}
        previous = scale
    rounded: Tensors = jax.tree.map(
        lambda x: jnp.asarray(np.asarray(x, np.float16), jnp.float32), scaled
    )
    return rounded


def measure(first: Callable, teacher: Teacher, params: Tensors) -> Mapping[str, float]:
    """Measures the share of the teacher's energy that is missed on held-out images.

    The scale of a whole layer is free.
    """

    @jax.jit
    def sums(image):
        theirs, ours = teacher(image[None]), apply_new(params, first(image[None]))
        products = {}
        for name in TARGETS:
            x, y = theirs[name], ours[name]
            products[name] = jnp.stack([jnp.sum(x * y), jnp.sum(x * x), jnp.sum(y * y)])
        return products

    totals = dict.fromkeys(TARGETS, np.zeros(3))
    for image in crops.load_images([FLAGS.held_out] if FLAGS.held_out else []):
        height, width = (side // 16 * 16 for side in image.shape[:2])
        found = sums(np.asarray(image[:height, :width], np.float32) / 255)
        totals = {name: totals[name] + np.asarray(found[name]) for name in TARGETS}
    return {
        name: round(1 - float(mixed**2 / (ours * theirs)), 4)
        for name, (mixed, ours, theirs) in totals.items()
        if theirs
    }


def export(
    loaded: weights.Weights,
    params: Tensors,
    inputs: np.ndarray,
    residuals: Mapping[str, float],
    count: int,
) -> None:
    """Writes the network with the new layers, whose batch norms change nothing.

    Args:
      loaded: the network before.
      params: of the new layers.
      inputs: of the new layers, to measure the statistics of batch norms on.
      residuals: as `measure` returns them.
      count: number of training images.
    """
    variables = {
        key: {name: value for name, value in loaded.variables[key].items() if not is_new(name)}
        for key in ("params", "batch_stats")
    }
    features = jax.jit(apply_new)(params, jnp.asarray(inputs[::16], jnp.float32))
    for name, conv in params.items():
        norm = name.replace("conv", "bn")
        mean, variance = features[name].mean((0, 1, 2)), features[name].var((0, 1, 2))
        variables["params"][name] = conv
        variables["params"][norm] = {"scale": jnp.sqrt(variance + networks.EPSILON), "bias": mean}
        variables["batch_stats"][norm] = {"mean": mean, "var": variance}
    variables["preprocessing"] = loaded.variables["preprocessing"]

    settings = ("num_crops", "num_steps", "batch_size", "crop", "learning_rate", "seed")
    about = {
        **loaded.about,
        "deep_source": "blocks 4 and 5: a distilled VGG-19 (Wang et al. 2020), weights/deepen.py",
        "deep_source_sha256": hashlib.sha256(pathlib.Path(FLAGS.teacher).read_bytes()).hexdigest(),
        "deep_licence": "MIT for the teacher; weights: CC BY 4.0",
        "deep_images": f"{count} images, listed in docs/development/training.md",
        "deep_training": json.dumps({name: FLAGS[name].value for name in settings}),
        "deep_residuals": json.dumps(residuals),
    }
    whole = weights.Weights(variables, loaded.network, loaded.pooling, about)
    weights.save(FLAGS.network, whole, np.float16)


def is_new(name: str) -> bool:
    """Returns True for the layers of the new blocks, as "conv4_1"."""
    return int(name.lstrip("convb").partition("_")[0]) > FIRST_NEW


if __name__ == "__main__":
    logging.set_verbosity(logging.INFO)
    main(FLAGS(sys.argv))
