"""Program with eight CPU devices; the tests of meshes read its answers, one line of JSON each.

    python tests/support/on_eight.py

Loss and gradient are compared in double precision and with the same convolutions: otherwise the
last bit could decide whether a ReLU is active.
"""

import collections
import json
import os
import re

# Every program runs once, so it is not optimized.
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
)
os.environ["JAX_PLATFORMS"] = "cpu"
# XLA's threads. In JAX 0.11, devices that wait for each other deadlock if there are too few.
os.environ["NPROC"] = "32"

import jax
import jax.numpy as jnp
import numpy as np

import jaxtex
from jaxtex import networks, statistics
from jaxtex.networks import convolutions, padding_pooling
from jaxtex.runtime import sharding
from jaxtex.synthesis import api, batches, compilation, config, stepping

QUICK = {
    "layers": "relu1_1,relu2_1",
    "octaves": 1,
    "scales": 1,
    "size": 64,
    "height": 128,
    "num_steps": 4,
    "save_every": 4,
}
LAYERS = {
    "vgg16_bn": "relu1_2,pool1,relu2_1",
    "vgg19": "relu1_1,pool1",
    "shallow": "relu1_1",
    "steerable": "bands,moduli",
}
COLLECTIVES = "all-gather|collective-permute|all-reduce|all-to-all"


def answer(name, **values):
    print(json.dumps({"what": name, **values}), flush=True)


def exemplar():
    rows, columns = np.mgrid[:64, :72]
    t = 0.5 + 0.5 * np.sin(rows / 2.1) * np.cos(columns / 3.3)
    image = t[..., None] * [0.8, 0.5, 0.2] + (1 - t[..., None]) * [0.1, 0.3, 0.6]
    return image.astype(np.float32)


def count_collectives(compiled):
    """How often a compiled program moves numbers between devices, by operation."""
    operations = re.findall(rf" ({COLLECTIVES})(?:-start)?\(", compiled.as_text())
    return dict(collections.Counter(operations))


def evaluate(choices, mesh):
    """Loss, gradient, and collectives of the compiled program."""
    plan = api.build_plan(exemplar(), config.Config(**choices, mesh=mesh))
    (problem,) = plan.problems
    function = jax.value_and_grad(problem.loss_fn, has_aux=True)
    image = jnp.asarray(np.random.default_rng(0).uniform(size=(problem.height, problem.width, 3)))
    arguments = (image, problem.data(0), problem.critics)

    devices = sharding.build_mesh(plan.layout, problem.row_devices)
    if devices is None:
        (loss, _), gradient = jax.jit(function)(*arguments)
        return float(loss), np.asarray(gradient), {}

    rows = sharding.state_shardings(devices, image, image.shape, False)
    replicated = (sharding.data_shardings(devices, part, 0, False) for part in arguments[1:])
    shardings = (rows, *replicated)
    with sharding.use_mesh(devices):
        compiled = jax.jit(function, in_shardings=shardings).lower(*arguments).compile()
    (loss, _), gradient = compiled(*sharding.put(arguments, shardings))
    return float(loss), np.asarray(gradient), count_collectives(compiled)


def compare_gradients(name, **choices):
    """Answers the relative differences between eight devices and one."""
    loss, gradient, _ = evaluate(QUICK | choices, "")
    loss_on_eight, gradient_on_eight, collectives = evaluate(QUICK | choices, "rows:8")
    error = np.abs(gradient - gradient_on_eight).max() / np.abs(gradient).max()
    answer(name, loss=abs(loss_on_eight / loss - 1), gradient=float(error), collectives=collectives)


def compare_images(name, style, **choices):
    """Answers the difference between a whole run on eight devices and on one."""
    one, other = (
        jaxtex.synthesize(style, **(QUICK | choices | {"mesh": mesh})) for mesh in ("", "rows:8")
    )
    answer(name, shape=other.shape, image=float(np.abs(one - other).max()))


def compare_batches():
    """Answers the difference between a batch on one device and on two by four."""
    results = []
    for mesh in ("", "images:2,rows:4"):
        plans = api.build_batch([[exemplar()]], config.Config(**QUICK, mesh=mesh), 3)
        images = dict(batches.run(plans, [lambda progress: None] * 3))
        results.append(np.stack([images[i] for i in range(3)]))
    answer("batch", image=float(np.abs(results[0] - results[1]).max()))


def compare_loops():
    """Answers the collectives of a step, and how a device loop differs from a Python loop."""
    plan = api.build_plan(exemplar(), config.Config(**QUICK, mesh="rows:8"))
    (problem,) = plan.problems
    answer("step", collectives=count_collectives(compilation.lower(plan, problem).compile()))

    images, losses = [], []
    for looped in (False, True):
        state, data = compilation.put(
            plan, problem, stepping.init_state(plan, problem), problem.data(0)
        )
        chunk = compilation.build_chunk(plan, problem, looped)()
        state, infos = chunk(state, data, 3)
        images.append(np.asarray(state.image))
        losses.append(infos.loss)
    answer(
        "loops",
        image=float(np.abs(images[0] - images[1]).max()),
        loss=float(np.abs(losses[0] - losses[1]).max()),
        collectives=count_collectives(compilation.lower_loop(plan, problem).compile()),
    )


def partitions_convolution(algorithms):
    """True if the convolution is XLA's own, whose rows XLA can exchange between devices."""
    shapes = (66, 66, 160), (3, 3, 160, 160)
    return convolutions.choose_algorithm(*shapes, algorithms=algorithms) is convolutions.direct


def partitions_padding(algorithms):
    """True if padding does not gather rows, which XLA cannot exchange one by one."""
    pad = lambda x: padding_pooling.pad(x, "reflect", algorithms=algorithms)
    return "gather" not in str(jax.make_jaxpr(pad)(jnp.zeros((64, 64, 3))))


def answer_partitions():
    for name, partitions in (
        ("convolution", partitions_convolution),
        ("padding", partitions_padding),
    ):
        alone, together = (
            partitions(networks.algorithms_for("cpu", devices)) for devices in (1, 8)
        )
        answer(name, alone=alone, together=together)


if __name__ == "__main__":
    answer_partitions()
    sharding.MIN_ROWS = 16
    convolutions.choose_algorithm = lambda *shapes, **choices: convolutions.direct
    with jax.enable_x64(True):
        for name in statistics.STATISTICS:
            joint = {"network": "steerable", "layers": ""} if name == "joint" else {}
            compare_gradients(name, statistic=name, optimizer="adam", **joint)
        for name, layers in LAYERS.items():
            untrained = {} if name in ("shallow", "steerable") else {"weights": "random"}
            compare_gradients(name, network=name, layers=layers, **untrained)
        compare_gradients("octaves", octaves=2)
        defaults = networks.NETWORKS["vgg_lite"].defaults()
        compare_gradients("deep", layers=",".join(defaults), statistic="gram")
        compare_gradients("tiles", tile="xy", tv_weight=0.1)
    compare_loops()
    compare_images("scales", exemplar(), height=256, scales=2)
    compare_images("uneven", exemplar(), height=144, scales=1)
    compare_images("tiles at all scales", exemplar(), height=256, scales=2, tile="xy")
    maps = np.concatenate([exemplar(), exemplar()[..., ::-1]], -1)
    compare_images("maps", maps, height=256, scales=2)
    compare_batches()
