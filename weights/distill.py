"""Trains the built-in network: a small VGG with batch norm that predicts a teacher's features.

    python weights/distill.py --teacher=weights/vgg19.h5 --images=PHOTOS --held_out=OTHERS

The student begins as the teacher with channels left out. Each layer keeps the channels from which
the others follow best (pivoted Cholesky), and regression on the kept channels replaces the others
in the next layer.

Adam then trains the student so that the teacher's features follow linearly from its own. The loss
is the mean over layers of the share of energy that the best linear head leaves unexplained. Every
channel of the teacher counts alike; otherwise the faint channels of fine detail are lost, and
textures show a grid. The heads are not trained but solved for, at every step, from running second
moments, and are not part of the result. Finally every channel is scaled to unit energy and batch
norms with the statistics of their inputs are added, so the file holds an ordinary VGG with batch
norm.

Each batch is a function of seed and step: an interrupted training resumes with the same numbers.

References:
  He, Zhang and Sun, "Channel Pruning for Accelerating Very Deep Neural Networks", ICCV 2017,
  https://arxiv.org/abs/1707.06168 (regression on the kept channels, which LASSO chooses there).
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
from collections.abc import Callable
from typing import Any

import crops
import flax.serialization
import heads
import jax
import jax.numpy as jnp
import numpy as np
import optax
import students
from absl import flags, logging

from jaxtex import networks, weights

FLAGS = flags.FlagValues()  # separate, because jaxtex has flags of the same names
flags.DEFINE_string("teacher", "weights/vgg19.h5", "Weight file of the teacher.", flag_values=FLAGS)
flags.DEFINE_multi_string(
    "images", [], "Folder of images to train on; may be given several times.", flag_values=FLAGS
)
flags.DEFINE_string(
    "held_out", None, "Folder of images to measure the residuals on.", flag_values=FLAGS
)
flags.DEFINE_string(
    "output", "jaxtex/weights/data/vgg_lite.h5", "Weight file to write.", flag_values=FLAGS
)
flags.DEFINE_string(
    "workdir", "weights/distilled", "Folder for the state of the training.", flag_values=FLAGS
)
flags.DEFINE_integer(
    "num_steps", 2000, "Training steps; the learning rate falls to 0.", flag_values=FLAGS
)
flags.DEFINE_integer("batch_size", 4, "Crops per step.", flag_values=FLAGS)
flags.DEFINE_integer("crop", 96, "Pixels on each side of a crop.", flag_values=FLAGS)
flags.DEFINE_float("learning_rate", 3e-4, "Learning rate of Adam.", flag_values=FLAGS)
flags.DEFINE_integer("seed", 0, "Seed of all random choices.", flag_values=FLAGS)
flags.DEFINE_integer("save_every", 500, "Steps between two saved states.", flag_values=FLAGS)
flags.DEFINE_multi_integer(
    "widths", [32, 80, 160], "Channels of the student's three blocks.", flag_values=FLAGS
)
flags.DEFINE_string(
    "licence", "", "Licenses of the teacher and the images, kept in the file.", flag_values=FLAGS
)

MEMORY = 0.99  # share of the running second moments that a step keeps
WARMUP = 100  # steps in which the learning rate rises
LOG_EVERY = 100  # steps

Batches = Callable[[int], np.ndarray]  # step -> [N, H, W, 3]


def main(_: Any) -> None:
    """Trains and exports the student; resumes a saved training."""
    teacher = students.Teacher(FLAGS.teacher)
    student = students.student_network(FLAGS.widths)
    photographs = crops.load_images(FLAGS.images)
    if not photographs:
        sys.exit("--images must name a folder with PNG or JPEG files")
    batches = functools.partial(crops.batch, photographs, FLAGS.seed, FLAGS.batch_size, FLAGS.crop)

    saved = restore()
    first, start = saved or (0, students.begin(teacher, student, heads.measured(batches)))
    state = train(teacher, student, batches, first, start)
    images = f"{len(photographs)} images, listed in docs/development/training.md"
    export(teacher, student, batches, state, images)


def loss(
    params: dict,
    moments: dict,
    fixed: dict,
    student: networks.VGG,
    target: networks.Features,
    images: jax.Array,
) -> tuple[jax.Array, tuple[dict, dict]]:
    """Computes the unexplained share of the teacher's energy, averaged over layers.

    Args:
      params: the student's parameters.
      moments: layer -> running second moments.
      fixed: the student's preprocessing, and the deviation of the teacher's features.
      student: the student's network.
      target: the teacher's features of the images.
      images: `[N, H, W, 3]`.

    Returns:
      The loss, the share of each layer, and the updated moments.
    """
    features = jax.vmap(student.apply, (None, 0))(
        {"params": params, "preprocessing": fixed["preprocessing"]}, images
    )
    shares, updated = {}, {}
    for name in student.layers:
        expected = target[name] / fixed["deviation"][name]
        current = jax.lax.stop_gradient(heads.second_moments(features[name], expected))
        updated[name] = jax.tree.map(
            lambda old, new: MEMORY * old + (1 - MEMORY) * new, tuple(moments[name]), current
        )
        predicted = features[name] @ heads.regression(*updated[name])
        shares[name] = jnp.mean((expected - predicted) ** 2)
    return sum(shares.values()) / len(shares), (shares, updated)


def optimizer() -> optax.GradientTransformation:
    """Returns Adam with clipped gradients and a learning rate that rises, then falls to 0."""
    rise = optax.linear_schedule(0.0, FLAGS.learning_rate, WARMUP)
    fall = optax.linear_schedule(FLAGS.learning_rate, 0.0, max(1, FLAGS.num_steps - WARMUP))
    rate = optax.join_schedules([rise, fall], [WARMUP])
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate, b2=0.99))


def train(
    teacher: students.Teacher, student: networks.VGG, batches: Batches, first: int, start: dict
) -> dict:
    """Trains the student.

    Args:
      teacher: the teacher.
      student: the student's network.
      batches: step -> images.
      first: number of the first step.
      start: the state before it, as `students.begin` or this function returns it.

    Returns:
      The state after the last step, see `state_of`.
    """
    transform = optimizer()
    fixed = {**start["variables"], "deviation": start["deviation"]}
    params = fixed.pop("params")
    moments = {name: tuple(start["moments"][name]) for name in student.layers}
    memory = transform.init(params)
    memory = flax.serialization.from_state_dict(
        memory, start.get("memory", flax.serialization.to_state_dict(memory))
    )
    step = build_step(teacher, student, fixed, transform)

    changing = (params, moments, memory)
    start_time, recent = time.time(), []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pending = pool.submit(batches, first)
        for number in range(first, FLAGS.num_steps):
            images, pending = pending.result(), pool.submit(batches, number + 1)
            *changing, shares = step(*changing, images)
            recent.append(shares)
            if (number + 1) % LOG_EVERY == 0:
                report(number + 1, first, start_time, recent)
                recent = []
            if (number + 1) % FLAGS.save_every == 0:
                save_state(number + 1, state_of(fixed, *changing))
    return state_of(fixed, *changing)


def build_step(
    teacher: students.Teacher,
    student: networks.VGG,
    fixed: dict,
    transform: optax.GradientTransformation,
) -> Callable:
    """Builds the jitted training step.

    Args:
      teacher: the teacher.
      student: the student's network.
      fixed: as in `loss`.
      transform: the optimizer.

    Returns:
      `step(params, moments, optimizer state, images)`, which returns the first three arguments
      updated, and the unexplained share of each layer.
    """

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(params, moments, memory, images):
        gradient, (shares, moments) = jax.grad(loss, has_aux=True)(
            params, moments, fixed, student, teacher(images), images
        )
        update, memory = transform.update(gradient, memory, params)
        return optax.apply_updates(params, update), moments, memory, shares

    return step


def state_of(fixed: dict, params: dict, moments: dict, memory: Any) -> dict:
    """Returns the state of a training: as `students.begin`, and the optimizer's under "memory".

    Args:
      fixed: as in `loss`.
      params: the student's parameters.
      moments: layer -> running second moments.
      memory: the optimizer's state.
    """
    variables = {"params": params, "preprocessing": fixed["preprocessing"]}
    return {
        "variables": variables,
        "moments": moments,
        "deviation": fixed["deviation"],
        "memory": memory,
    }


def report(number: int, first: int, start_time: float, recent: list[dict]) -> None:
    """Logs the step, the unexplained shares averaged over recent steps, and the remaining time.

    Args:
      number: steps done.
      first: number of the step that this process began with.
      start_time: when it began, as `time.time()`.
      recent: the shares of each layer, for each recent step.
    """
    means = {name[4:]: float(np.mean([shares[name] for shares in recent])) for name in recent[0]}
    pace = (time.time() - start_time) / (number - first)
    text = " ".join(f"{name} {value:.3f}" for name, value in means.items())
    minutes = pace * (FLAGS.num_steps - number) / 60
    logging.info("step %d: %s; %.2f s per step, %.0f min left", number, text, pace, minutes)


def save_state(number: int, state: dict) -> None:
    """Writes the state of a training to the work folder, atomically.

    Args:
      number: steps done.
      state: as `state_of` returns it.
    """
    folder = pathlib.Path(FLAGS.workdir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state.tmp").write_bytes(
        flax.serialization.to_bytes({"step": number, "state": state})
    )
    os.replace(folder / "state.tmp", folder / "state.msgpack")


def restore() -> tuple[int, dict] | None:
    """Reads the saved step and state; None if there is no saved state."""
    path = pathlib.Path(FLAGS.workdir) / "state.msgpack"
    if not path.exists():
        return None
    saved = flax.serialization.msgpack_restore(path.read_bytes())
    saved["state"]["moments"] = {
        name: [pair["0"], pair["1"]] for name, pair in saved["state"]["moments"].items()
    }
    return saved["step"], saved["state"]


def export(
    teacher: students.Teacher, student: networks.VGG, batches: Batches, state: dict, images: str
) -> None:
    """Measures the residuals and writes the student with batch norm to `--output`.

    Args:
      teacher: the teacher.
      student: the student's network.
      batches: step -> images.
      state: the final state.
      images: description of the training images, for the file.
    """
    params = jax.tree.map(
        # The file is float16; residuals and statistics are those of the rounded weights.
        lambda x: jnp.asarray(np.asarray(x, np.float16), jnp.float32),
        state["variables"]["params"],
    )
    variables = {"params": params, "preprocessing": state["variables"]["preprocessing"]}
    settings = ("num_steps", "batch_size", "crop", "learning_rate", "seed")
    about = {
        "source": f"distilled from {teacher.name} by weights/distill.py",
        "licence": FLAGS.licence,
        "images": images,
        "source_sha256": hashlib.sha256(pathlib.Path(teacher.path).read_bytes()).hexdigest(),
        "training": json.dumps({name: FLAGS[name].value for name in settings}),
    }
    if FLAGS.held_out:
        fitted = heads.refit(teacher, student, variables, batches)
        shares = heads.residuals(teacher, student, variables, fitted, FLAGS.held_out)
        logging.info("residuals: %s", shares)
        about["residuals"] = json.dumps({name: round(share, 4) for name, share in shares.items()})
    variables = students.with_batch_norm(student, variables, heads.measured(batches))
    weights.save(FLAGS.output, weights.Weights(variables, "vgg_lite", "avg", about), np.float16)


if __name__ == "__main__":
    logging.set_verbosity(logging.INFO)
    main(FLAGS(sys.argv))
