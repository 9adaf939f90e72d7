"""Trains the built-in network: a small VGG-BN from which a teacher's features can be read off linearly.

    python weights/distill.py --teacher=weights/vgg19.h5 --images=PHOTOS --images=MORE --held_out=OTHERS

The student begins as the teacher with channels left out: at each layer those are kept from which the others follow best
(pivoted Cholesky), and what the left-out ones gave to the next layer is given by linear regression on the kept ones.
Then all of it is trained by Adam to have features from which the teacher's follow linearly: the loss is the mean over the
layers of the share of energy that the best linear head leaves unexplained, every teacher's channel counting alike (else
the faint channels of fine detail are forgotten, and a grid shows in the textures). The heads are solved for, at
every step, from running second moments, and thrown away at the end (Adam on the heads was tried: its noise undid the
first weights, the residuals doubled in 200 steps). Every channel is scaled to
unit energy and the batch norms are given the statistics of their inputs, so that the file holds an ordinary VGG-BN.

Each batch is a function of seed and step: an interrupted training continues with the same numbers.

References:
  He, Zhang and Sun, "Channel Pruning for Accelerating Very Deep Neural Networks", ICCV 2017,
  https://arxiv.org/abs/1707.06168 (regression on the kept channels; they choose by LASSO, we by pivots).
  Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015, https://arxiv.org/abs/1412.6550.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import sys
import time

import drawn
import flax.serialization
import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import flags, logging
from PIL import Image

from jaxtex import networks, weights

FLAGS = flags.FlagValues()  # its own: jaxtex has flags of the same names
flags.DEFINE_string("teacher", "weights/vgg19.h5", "HDF5 of the teacher.", flag_values=FLAGS)
flags.DEFINE_multi_string("images", [], "Folder of images to train on; may be given several times.", flag_values=FLAGS)
flags.DEFINE_string("held_out", None, "Folder of images to measure the residuals on.", flag_values=FLAGS)
flags.DEFINE_string("output", "jaxtex/data/vgg_lite.h5", "The file to write.", flag_values=FLAGS)
flags.DEFINE_string("workdir", "weights/distilled", "Where the state of the training is kept.", flag_values=FLAGS)
flags.DEFINE_integer("num_steps", 2000, "Steps in all; the learning rate falls to 0.", flag_values=FLAGS)
flags.DEFINE_integer("batch_size", 4, "Crops in a step.", flag_values=FLAGS)
flags.DEFINE_integer("crop", 96, "Pixels on each side of a crop.", flag_values=FLAGS)
flags.DEFINE_float("learning_rate", 3e-4, "Of Adam.", flag_values=FLAGS)
flags.DEFINE_integer("seed", 0, "Decides everything.", flag_values=FLAGS)
flags.DEFINE_integer("save_every", 500, "Steps between two saved states.", flag_values=FLAGS)
flags.DEFINE_multi_integer("widths", [32, 80, 160], "Channels of the student's three blocks.", flag_values=FLAGS)
flags.DEFINE_string("licence", "", "Licences of the teacher and the images, for the file.", flag_values=FLAGS)

STAGES = (2, 2, 3)
DEVIATION = 0.25  # the student's, of an image in [0, 1]
RIDGE = 1e-5  # of the mean energy of the inputs, in the regressions
MEMORY = 0.99  # of the second moments, a step
CALIBRATION = 10**9  # number of the first batch that serves measurements, not steps
FITS = 100  # batches that the last heads are fitted to
LARGEST = 768  # pixels: photographs are reduced to this on loading


def main(_):
    teacher, student = Teacher(FLAGS.teacher), student_network(FLAGS.widths)
    photographs = load_images(FLAGS.images) or sys.exit("--images: no folder with a PNG or JPEG is given")
    batches = functools.partial(batch, photographs, FLAGS.seed, FLAGS.batch_size, FLAGS.crop)
    state = train(teacher, student, batches, *(restore() or (0, begin(teacher, student, batches))))
    export(teacher, student, batches, state, f"{len(photographs)} images, listed in docs/network.md")


class Teacher:
    """The teacher's features at every ReLU that the student has a counterpart of, `[N, H, W, C]`."""

    def __init__(self, path: str):
        loaded = weights.load(path)
        network = networks.select(networks.NETWORKS[loaded.network], relus()).clone(pooling="avg", padding="reflect")
        self.network, self.variables = networks.fold(network, loaded.variables)
        self.path, self.name = path, loaded.network

    def __call__(self, images: jax.Array) -> networks.Features:
        return jax.vmap(self.network.apply, (None, 0))(self.variables, images)


def relus() -> tuple[str, ...]:
    """The layers that are compared: `relu1_1` ... `relu3_3`."""
    return tuple(f"relu{b}_{i + 1}" for b, n in enumerate(STAGES, 1) for i in range(n))


def student_network(widths: list[int]) -> networks.VGG:
    """The student as it is trained, without batch norm; `export` puts it in."""
    stages = tuple((width,) * n for width, n in zip(widths, STAGES, strict=True))
    return networks.VGG(stages, pooling="avg", padding="reflect", layers=relus())


# Images.


def load_images(folders: list[str]) -> list[np.ndarray]:
    """Every PNG and JPEG below the folders, uint8 RGB, at most `LARGEST` pixels on a side."""
    paths = sorted(p for f in folders for p in pathlib.Path(f).rglob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    return [_load(path) for path in paths]


def _load(path: pathlib.Path) -> np.ndarray:
    image = Image.open(path).convert("RGB")
    image.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return np.asarray(image)


def batch(photographs: list[np.ndarray], seed: int, batch_size: int, crop: int, step: int) -> np.ndarray:
    """The images of one step, `[batch_size, crop, crop, 3]` in [0, 1]: crops, drawn images and blends with noise."""
    rng = np.random.default_rng((seed, step))
    images = [
        photograph(rng, photographs, crop) if rng.random() < 0.8 else drawn.draw(rng, crop) for _ in range(batch_size)
    ]
    return np.stack([_faded(rng, image) if rng.random() < 0.3 else image for image in images])


def photograph(rng: np.random.Generator, photographs: list[np.ndarray], crop: int) -> np.ndarray:
    """A crop of a photograph, reduced by up to 4, turned and mirrored."""
    image = photographs[rng.integers(len(photographs))]
    side = int(crop * np.exp(rng.uniform(0, np.log(max(1, min(4, min(image.shape[:2]) / crop))))))
    side = min(side, *image.shape[:2])
    top, left = rng.integers(image.shape[0] - side + 1), rng.integers(image.shape[1] - side + 1)
    cut = Image.fromarray(image[top : top + side, left : left + side]).resize((crop, crop), Image.Resampling.BICUBIC)
    turned = np.rot90(np.asarray(cut, np.float32) / 255, rng.integers(4))
    return turned[:, ::-1] if rng.random() < 0.5 else turned


def _faded(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """A blend with noise, or with the image's own mean: what an optimiser passes through."""
    other = (
        drawn.noise(rng, len(image)) if rng.random() < 0.5 else image.mean((0, 1)) + 0.02 * rng.standard_normal(image.shape)
    )
    return np.clip(image + rng.uniform(0, 1) * (other - image), 0, 1).astype(np.float32)


# The student's first weights.


def begin(teacher: Teacher, student: networks.VGG, batches) -> dict:
    """The teacher with channels left out, and the second moments that the heads are solved from.

    Returns:
      `{"variables": the student's, "moments": {relu: as of `second_moments`}, "deviation": {relu: the teacher's, [C]}}`.
    """
    images = np.concatenate([batches(CALIBRATION + i) for i in range(8)])
    target = jax.jit(teacher)(images)
    deviation = {name: jnp.sqrt(jnp.mean(value**2, (0, 1, 2)) + 1e-6) for name, value in target.items()}
    params, previous = {}, None
    preprocessing = teacher.variables["preprocessing"]
    variables = {"params": params, "preprocessing": preprocessing | {"deviation": jnp.full(3, DEVIATION)}}
    moments = {}
    for block, position in [(b, i + 1) for b, n in enumerate(STAGES, 1) for i in range(n)]:
        name, width = f"{block}_{position}", student.widths[block - 1][position - 1]
        source = teacher.variables["params"][f"conv{name}"]
        first = source["kernel"] * (DEVIATION / preprocessing["deviation"])[:, None] if previous is None else None
        kernel = first if previous is None else jnp.einsum("sc,hwco->hwso", previous, source["kernel"])
        kept = pivots(_rows(target[f"relu{name}"] / deviation[f"relu{name}"]), width)
        params[f"conv{name}"] = {"kernel": kernel[..., kept], "bias": source["bias"][kept]}
        own = jax.jit(jax.vmap(student.clone(layers=(f"relu{name}",)).apply, (None, 0)))(variables, images)[f"relu{name}"]
        energy = jnp.mean(own**2, (0, 1, 2))
        alive = energy > 1e-6 * energy.mean()
        scale = jnp.sqrt(jnp.where(alive, energy, energy.mean()) + 1e-12)  # every channel to unit energy
        params[f"conv{name}"] = {"kernel": kernel[..., kept] / scale, "bias": source["bias"][kept] / scale}
        moments[f"relu{name}"] = second_moments(own / scale, target[f"relu{name}"])
        previous = regression(*moments[f"relu{name}"])
    moments = {name: [gram, mixed / deviation[name]] for name, (gram, mixed) in moments.items()}
    return {"variables": variables, "moments": moments, "deviation": deviation}


def pivots(rows: np.ndarray, count: int) -> np.ndarray:
    """The `count` columns of `rows` `[M, C]` from which, greedily, the others follow best by regression."""
    residual = np.asarray(rows, np.float64)
    gram, chosen = residual.T @ residual, []
    for _ in range(count):
        gain = (gram**2).sum(0) / np.maximum(np.diag(gram), 1e-9 * np.trace(gram) + 1e-30)
        gain[chosen] = -1
        chosen.append(best := int(gain.argmax()))
        gram = gram - np.outer(gram[best], gram[best]) / max(gram[best, best], 1e-12)
    return np.sort(chosen)


def second_moments(inputs: jax.Array, outputs: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The means of `x x^T` `[C, C]` and `x y^T` `[C, D]` over all positions of `[..., C]` and `[..., D]`."""
    x, y = inputs.reshape(-1, inputs.shape[-1]), outputs.reshape(-1, outputs.shape[-1])
    return x.T @ x / len(x), x.T @ y / len(x)


def regression(gram: jax.Array, mixed: jax.Array) -> jax.Array:
    """The matrix `[C, D]` that predicts `y` from `x` with the least squares, from their second moments."""
    ridge = RIDGE * jnp.trace(gram) / len(gram) * jnp.eye(len(gram))
    return jax.scipy.linalg.solve(gram + ridge, mixed, assume_a="pos")


def _rows(features: jax.Array) -> np.ndarray:
    """Feature vectors `[M, C]` of a batch `[N, H, W, C]`, at most some 40,000 of them."""
    rows = features.reshape(-1, features.shape[-1])
    return np.asarray(rows[:: max(1, len(rows) // 40000)])


# Training.


def loss(params: dict, moments: dict, fixed: dict, student: networks.VGG, target: networks.Features, images: jax.Array):
    """The mean over layers of the unexplained share of the energy; the share of each layer, and the moments carried on."""
    features = jax.vmap(student.apply, (None, 0))({"params": params, "preprocessing": fixed["preprocessing"]}, images)
    shares, carried = {}, {}
    for name in student.layers:
        wanted = target[name] / fixed["deviation"][name]
        fresh = jax.lax.stop_gradient(second_moments(features[name], wanted))
        carried[name] = jax.tree.map(lambda old, new: MEMORY * old + (1 - MEMORY) * new, tuple(moments[name]), fresh)
        shares[name] = jnp.mean((wanted - features[name] @ regression(*carried[name])) ** 2)
    return sum(shares.values()) / len(shares), (shares, carried)


def optimizer() -> optax.GradientTransformation:
    """Adam, clipped, its rate rising for 100 steps and then falling linearly to 0."""
    falling = optax.linear_schedule(FLAGS.learning_rate, 0.0, max(1, FLAGS.num_steps - 100))
    rate = optax.join_schedules([optax.linear_schedule(0.0, FLAGS.learning_rate, 100), falling], [100])
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate, b2=0.99))


def train(teacher: Teacher, student: networks.VGG, batches, first: int, start: dict) -> dict:
    """Runs from step `first` to the last and returns the state."""
    params, moments = start["variables"]["params"], {name: tuple(start["moments"][name]) for name in student.layers}
    fixed = {"preprocessing": start["variables"]["preprocessing"], "deviation": start["deviation"]}
    transform = optimizer()
    memory = transform.init(params)
    memory = flax.serialization.from_state_dict(memory, start.get("memory", flax.serialization.to_state_dict(memory)))

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(params, moments, memory, images):
        gradient, (shares, moments) = jax.grad(loss, has_aux=True)(params, moments, fixed, student, teacher(images), images)
        update, memory = transform.update(gradient, memory, params)
        return optax.apply_updates(params, update), moments, memory, shares

    def state():
        variables = {"params": params, "preprocessing": fixed["preprocessing"]}
        return {"variables": variables, "moments": moments, "deviation": fixed["deviation"], "memory": memory}

    began, recent = time.time(), []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        coming = pool.submit(batches, first)
        for number in range(first, FLAGS.num_steps):
            images, coming = coming.result(), pool.submit(batches, number + 1)
            params, moments, memory, shares = step(params, moments, memory, images)
            recent.append(shares)
            if (number + 1) % 100 == 0:
                report(number + 1, first, began, recent)
                recent = []
            if (number + 1) % FLAGS.save_every == 0:
                save_state(number + 1, state())
    return state()


def report(number: int, first: int, began: float, recent: list[dict]) -> None:
    """One line: the step, the shares of energy unexplained over the last steps, and the time left."""
    means = {name[4:]: float(np.mean([shares[name] for shares in recent])) for name in recent[0]}
    pace = (time.time() - began) / (number - first)
    text = " ".join(f"{name} {value:.3f}" for name, value in means.items())
    logging.info("%d: %s; %.2f s a step, %.0f min left", number, text, pace, pace * (FLAGS.num_steps - number) / 60)


def save_state(number: int, state: dict) -> None:
    """Replaces the saved state in one move."""
    folder = pathlib.Path(FLAGS.workdir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state.tmp").write_bytes(flax.serialization.to_bytes({"step": number, "state": state}))
    os.replace(folder / "state.tmp", folder / "state.msgpack")


def restore() -> tuple[int, dict] | None:
    """The saved step and state, if there are any."""
    path = pathlib.Path(FLAGS.workdir) / "state.msgpack"
    if not path.exists():
        return None
    saved = flax.serialization.msgpack_restore(path.read_bytes())
    saved["state"]["moments"] = {name: [pair["0"], pair["1"]] for name, pair in saved["state"]["moments"].items()}
    return saved["step"], saved["state"]


# What comes out.


def residuals(teacher: Teacher, student: networks.VGG, variables: dict, heads: dict, folder: str) -> dict[str, float]:
    """The share of the teacher's energy that is left unexplained on whole images of a folder."""
    left, energy = dict.fromkeys(relus(), 0.0), dict.fromkeys(relus(), 0.0)

    @jax.jit
    def sums(image):
        target, own = teacher(image[None]), student.apply(variables, image)
        return {n: (jnp.sum((target[n][0] - own[n] @ heads[n]) ** 2), jnp.sum(target[n] ** 2)) for n in relus()}

    for image in load_images([folder]):
        for name, (a, b) in sums(np.asarray(image, np.float32) / 255).items():
            left[name], energy[name] = left[name] + float(a), energy[name] + float(b)
    return {name: left[name] / energy[name] for name in relus()}


def refit(teacher: Teacher, student: networks.VGG, variables: dict, batches) -> dict[str, jax.Array]:
    """Heads by least squares on training images."""

    @jax.jit
    def moments(images):
        target, own = teacher(images), jax.vmap(student.apply, (None, 0))(variables, images)
        return {name: second_moments(own[name], target[name]) for name in relus()}

    parts = [moments(batches(CALIBRATION + i)) for i in range(FITS)]
    means = jax.tree.map(lambda *leaves: sum(leaves) / len(leaves), *parts)
    return {name: regression(*means[name]) for name in relus()}


def export(teacher: Teacher, student: networks.VGG, batches, state: dict, images: str) -> None:
    """Measures the residuals and writes the student as a VGG-BN."""
    variables = jax.tree.map(lambda x: jnp.asarray(np.asarray(x, np.float16), jnp.float32), state["variables"]["params"])
    variables = {"params": variables, "preprocessing": state["variables"]["preprocessing"]}
    about = {"source": f"distilled from {teacher.name} by weights/distill.py", "licence": FLAGS.licence, "images": images}
    about["source_sha256"] = hashlib.sha256(pathlib.Path(teacher.path).read_bytes()).hexdigest()
    about["training"] = json.dumps(
        {name: FLAGS[name].value for name in ("num_steps", "batch_size", "crop", "learning_rate", "seed")}
    )
    if FLAGS.held_out:
        shares = residuals(teacher, student, variables, refit(teacher, student, variables, batches), FLAGS.held_out)
        logging.info("residuals: %s", shares)
        about["residuals"] = json.dumps({name: round(share, 4) for name, share in shares.items()})
    measured = np.concatenate([batches(CALIBRATION + i) for i in range(8)])
    variables = with_batch_norm(student, variables, measured)
    weights.save(FLAGS.output, weights.Weights(variables, "vgg_lite", "avg", about), np.float16)


def with_batch_norm(student: networks.VGG, variables: dict, images: np.ndarray) -> dict:
    """The same function as a VGG-BN whose norms hold the statistics of their inputs; each channel of unit energy."""
    names = [relu.replace("relu", "") for relu in relus()]
    layers = tuple(f"conv{name}" for name in names) + relus()
    features = jax.jit(jax.vmap(student.clone(layers=layers).apply, (None, 0)))(variables, images)
    params, stats, previous = {}, {}, None
    for name in names:
        conv, x = variables["params"][f"conv{name}"], features[f"conv{name}"]
        energy, before = jnp.mean(features[f"relu{name}"] ** 2, (0, 1, 2)), jnp.mean(x**2, (0, 1, 2))
        scale = 1 / jnp.sqrt(jnp.where(energy > 1e-4 * before, energy, before) + 1e-6)  # a dead channel has no energy
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        kernel = conv["kernel"] if previous is None else conv["kernel"] / previous[:, None]
        params[f"conv{name}"] = {"kernel": kernel, "bias": conv["bias"]}
        params[f"bn{name}"] = {"scale": scale * jnp.sqrt(var + networks.EPSILON), "bias": scale * mean}
        stats[f"bn{name}"] = {"mean": mean, "var": var}
        previous = scale
    return {"params": params, "batch_stats": stats, "preprocessing": variables["preprocessing"]}


if __name__ == "__main__":
    logging.set_verbosity(logging.INFO)
    main(FLAGS(sys.argv))
