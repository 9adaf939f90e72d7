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
from collections.abc import Callable

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

FLAGS = flags.FlagValues()  # its own: jaxtex has flags of the same names
flags.DEFINE_string("teacher", "weights/vgg19.h5", "HDF5 of the teacher.", flag_values=FLAGS)
flags.DEFINE_multi_string(
    "images", [], "Folder of images to train on; may be given several times.", flag_values=FLAGS
)
flags.DEFINE_string(
    "held_out", None, "Folder of images to measure the residuals on.", flag_values=FLAGS
)
flags.DEFINE_string("output", "jaxtex/data/vgg_lite.h5", "The file to write.", flag_values=FLAGS)
flags.DEFINE_string(
    "workdir", "weights/distilled", "Where the state of the training is kept.", flag_values=FLAGS
)
flags.DEFINE_integer(
    "num_steps", 2000, "Steps in all; the learning rate falls to 0.", flag_values=FLAGS
)
flags.DEFINE_integer("batch_size", 4, "Crops in a step.", flag_values=FLAGS)
flags.DEFINE_integer("crop", 96, "Pixels on each side of a crop.", flag_values=FLAGS)
flags.DEFINE_float("learning_rate", 3e-4, "Of Adam.", flag_values=FLAGS)
flags.DEFINE_integer("seed", 0, "Decides everything.", flag_values=FLAGS)
flags.DEFINE_integer("save_every", 500, "Steps between two saved states.", flag_values=FLAGS)
flags.DEFINE_multi_integer(
    "widths", [32, 80, 160], "Channels of the student's three blocks.", flag_values=FLAGS
)
flags.DEFINE_string(
    "licence", "", "Licences of the teacher and the images, for the file.", flag_values=FLAGS
)

MEMORY = 0.99  # of the second moments, a step


def main(_):
    teacher, student = students.Teacher(FLAGS.teacher), students.student_network(FLAGS.widths)
    photographs = crops.load_images(FLAGS.images) or sys.exit(
        "--images: no folder with a PNG or JPEG is given"
    )
    batches = functools.partial(crops.batch, photographs, FLAGS.seed, FLAGS.batch_size, FLAGS.crop)
    state = train(
        teacher,
        student,
        batches,
        *(restore() or (0, students.begin(teacher, student, heads.measured(batches)))),
    )
    export(
        teacher, student, batches, state, f"{len(photographs)} images, listed in docs/network.md"
    )


def loss(
    params: dict,
    moments: dict,
    fixed: dict,
    student: networks.VGG,
    target: networks.Features,
    images: jax.Array,
):
    """The mean over layers of the unexplained share of the energy; the share of each layer, and the moments carried on."""
    features = jax.vmap(student.apply, (None, 0))(
        {"params": params, "preprocessing": fixed["preprocessing"]}, images
    )
    shares, carried = {}, {}
    for name in student.layers:
        wanted = target[name] / fixed["deviation"][name]
        fresh = jax.lax.stop_gradient(heads.second_moments(features[name], wanted))
        carried[name] = jax.tree.map(
            lambda old, new: MEMORY * old + (1 - MEMORY) * new, tuple(moments[name]), fresh
        )
        shares[name] = jnp.mean((wanted - features[name] @ heads.regression(*carried[name])) ** 2)
    return sum(shares.values()) / len(shares), (shares, carried)


def optimizer() -> optax.GradientTransformation:
    """Adam, clipped, its rate rising for 100 steps and then falling linearly to 0."""
    falling = optax.linear_schedule(FLAGS.learning_rate, 0.0, max(1, FLAGS.num_steps - 100))
    rate = optax.join_schedules(
        [optax.linear_schedule(0.0, FLAGS.learning_rate, 100), falling], [100]
    )
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate, b2=0.99))


def train(
    teacher: students.Teacher, student: networks.VGG, batches, first: int, start: dict
) -> dict:
    """Runs from step `first` to the last and returns the state."""
    transform, fixed = optimizer(), {**start["variables"], "deviation": start["deviation"]}
    params, moments = (
        fixed.pop("params"),
        {name: tuple(start["moments"][name]) for name in student.layers},
    )
    memory = transform.init(params)
    memory = flax.serialization.from_state_dict(
        memory, start.get("memory", flax.serialization.to_state_dict(memory))
    )
    step, changing = build_step(teacher, student, fixed, transform), (params, moments, memory)
    began, recent = time.time(), []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        coming = pool.submit(batches, first)
        for number in range(first, FLAGS.num_steps):
            images, coming = coming.result(), pool.submit(batches, number + 1)
            *changing, shares = step(*changing, images)
            recent.append(shares)
            if (number + 1) % 100 == 0:
                report(number + 1, first, began, recent)
                recent = []
            if (number + 1) % FLAGS.save_every == 0:
                save_state(number + 1, state_of(fixed, *changing))
    return state_of(fixed, *changing)


def build_step(
    teacher: students.Teacher, student: networks.VGG, fixed: dict, transform
) -> Callable:
    """`step(params, moments, memory of the optimiser, images)` -> the first three anew, and the shares of each layer."""

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(params, moments, memory, images):
        gradient, (shares, moments) = jax.grad(loss, has_aux=True)(
            params, moments, fixed, student, teacher(images), images
        )
        update, memory = transform.update(gradient, memory, params)
        return optax.apply_updates(params, update), moments, memory, shares

    return step


def state_of(fixed: dict, params: dict, moments: dict, memory) -> dict:
    """What a training goes on from, as `students.begin` has it, with the optimiser's memory."""
    variables = {"params": params, "preprocessing": fixed["preprocessing"]}
    return {
        "variables": variables,
        "moments": moments,
        "deviation": fixed["deviation"],
        "memory": memory,
    }


def report(number: int, first: int, began: float, recent: list[dict]) -> None:
    """One line: the step, the shares of energy unexplained over the last steps, and the time left."""
    means = {name[4:]: float(np.mean([shares[name] for shares in recent])) for name in recent[0]}
    pace = (time.time() - began) / (number - first)
    text = " ".join(f"{name} {value:.3f}" for name, value in means.items())
    logging.info(
        "%d: %s; %.2f s a step, %.0f min left",
        number,
        text,
        pace,
        pace * (FLAGS.num_steps - number) / 60,
    )


def save_state(number: int, state: dict) -> None:
    """Replaces the saved state in one move."""
    folder = pathlib.Path(FLAGS.workdir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state.tmp").write_bytes(
        flax.serialization.to_bytes({"step": number, "state": state})
    )
    os.replace(folder / "state.tmp", folder / "state.msgpack")


def restore() -> tuple[int, dict] | None:
    """The saved step and state, if there are any."""
    path = pathlib.Path(FLAGS.workdir) / "state.msgpack"
    if not path.exists():
        return None
    saved = flax.serialization.msgpack_restore(path.read_bytes())
    saved["state"]["moments"] = {
        name: [pair["0"], pair["1"]] for name, pair in saved["state"]["moments"].items()
    }
    return saved["step"], saved["state"]


def export(
    teacher: students.Teacher, student: networks.VGG, batches, state: dict, images: str
) -> None:
    """Measures the residuals and writes the student as a VGG-BN."""
    variables = jax.tree.map(
        lambda x: jnp.asarray(np.asarray(x, np.float16), jnp.float32), state["variables"]["params"]
    )
    variables = {"params": variables, "preprocessing": state["variables"]["preprocessing"]}
    about = {
        "source": f"distilled from {teacher.name} by weights/distill.py",
        "licence": FLAGS.licence,
        "images": images,
    }
    about["source_sha256"] = hashlib.sha256(pathlib.Path(teacher.path).read_bytes()).hexdigest()
    about["training"] = json.dumps(
        {
            name: FLAGS[name].value
            for name in ("num_steps", "batch_size", "crop", "learning_rate", "seed")
        }
    )
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
