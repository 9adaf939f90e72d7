"""Comparisons of eight devices with one, for the tests of sharding: a line of JSON for each.

    python tests/support/on_eight.py

Loss and gradient are compared in double precision and with the same convolutions: in float32 the
last bit of a sum decides whether a ReLU is active.
"""

import collections
import json
import os
import re
import sys

# Each program runs once, so compiling it well does not pay.
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
)
os.environ["JAX_PLATFORMS"] = "cpu"
# Threads of XLA: in JAX 0.11 devices that wait for each other on a few threads never end.
os.environ["NPROC"] = "32"

import jax
import jax.numpy as jnp
import numpy as np

import jaxtex
from jaxtex import networks, statistics
from jaxtex.networks import convolutions, padding_pooling
from jaxtex.runtime import sharding
from jaxtex.synthesis import api, batches, compilation, stepping
from jaxtex.synthesis import config as configs

QUICK = {
    "layers": "relu1_1,relu2_1",
    "octaves": 1,
    "scales": 1,
    "size": 64,
    "height": 128,
    "num_steps": 4,
    "arrangement_weight": "0",  # Fourier transforms need all rows
    "save_every": 4,
}
# Loops on a device run convolutions slowly on a CPU: quick tests have smaller images.
SMALL = QUICK | {"layers": "relu1_1", "size": 32, "height": 64, "mesh": "rows:4"}
OTHER_NETWORKS = {
    "vgg16_bn": "relu1_2,pool1,relu2_1",
    "vgg19": "relu1_1,pool1",
    "shallow": "relu1_1",
    "steerable": "bands,moduli",
    "patches": "patches",
}
TRANSFERS = "all-gather|collective-permute|all-reduce|all-to-all"


def report(what, **values):
    print(json.dumps({"what": what, **values}), flush=True)


def build_exemplar():
    rows, columns = np.mgrid[:64, :72]
    blend = 0.5 + 0.5 * np.sin(rows / 2.1) * np.cos(columns / 3.3)
    image = blend[..., None] * [0.8, 0.5, 0.2] + (1 - blend[..., None]) * [0.1, 0.3, 0.6]
    return image.astype(np.float32)


def count_transfers(compiled):
    """Returns how often a program moves numbers between devices, by the kind of transfer."""
    return dict(
        collections.Counter(re.findall(rf" ({TRANSFERS})(?:-start)?\(", compiled.as_text()))
    )


def max_difference(a, b):
    return float(np.abs(a - b).max())


def evaluate(choices, mesh_flag):
    """Returns loss and gradient of a random image, and the transfers between devices."""
    config = configs.Config(**choices, mesh=mesh_flag)
    plan = api.build_plan(build_exemplar(), config)
    (problem,) = plan.problems
    image = jnp.asarray(np.random.default_rng(0).uniform(size=(problem.height, problem.width, 3)))
    arguments = (image, problem.data(0), problem.critics)
    function = jax.value_and_grad(problem.loss_fn, has_aux=True)
    mesh = sharding.build_mesh(plan.layout, problem.row_devices)
    if mesh is None:
        (loss, _), gradient = jax.jit(function)(*arguments)
        return float(loss), np.asarray(gradient), {}

    shardings = (
        sharding.state_shardings(mesh, image, image.shape, False),
        *(sharding.data_shardings(mesh, part, 0, False) for part in arguments[1:]),
    )
    with sharding.use_mesh(mesh):
        compiled = jax.jit(function, in_shardings=shardings).lower(*arguments).compile()
    (loss, _), gradient = compiled(*sharding.put(arguments, shardings))
    return float(loss), np.asarray(gradient), count_transfers(compiled)


def compare_evaluations(what, **choices):
    """Reports the relative differences of loss and gradient on eight devices from those on one."""
    alone, gradient, _ = evaluate(QUICK | choices, "")
    divided, divided_gradient, transfers = evaluate(QUICK | choices, "rows:8")
    report(
        what,
        loss=abs(divided / alone - 1),
        gradient=max_difference(gradient, divided_gradient) / float(np.abs(gradient).max()),
        transfers=transfers,
    )


def compare_results(what, mesh_flag, style, **choices):
    """Reports the difference of the result of a run on a mesh from that on one device."""
    alone = jaxtex.synthesize(style, **(QUICK | choices))
    divided = jaxtex.synthesize(style, **(QUICK | choices), mesh=mesh_flag)
    report(what, shape=divided.shape, image=max_difference(alone, divided))


def compare_batches():
    """Reports the difference of a batch of three: two images at a time, each on four devices."""
    results = []
    for mesh_flag in ("", "images:2,rows:4"):
        config = configs.Config(**QUICK, mesh=mesh_flag)
        plans = api.build_batch([[build_exemplar()]], config, 3)
        images = dict(batches.run(plans, [lambda progress: None] * 3))
        results.append(np.stack([images[i] for i in range(3)]))
    report("batch", image=max_difference(*results))


def compare_loops(**choices):
    """Reports the difference of the loop on the devices from that in Python."""
    plan = api.build_plan(build_exemplar(), configs.Config(**choices))
    (problem,) = plan.problems
    images, losses = [], []
    for looped in (False, True):
        state = stepping.init_state(plan, problem)
        state, data = compilation.put(plan, problem, state, problem.data(0))
        chunk = compilation.build_chunk(plan, problem, looped)()
        state, infos = chunk(state, data, 3)
        images.append(np.asarray(state.image))
        losses.append(infos.loss)
    report(
        "loops",
        image=max_difference(*images),
        loss=max_difference(*losses),
        step=count_transfers(compilation.lower(plan, problem).compile()),
        loop=count_transfers(compilation.lower_loop(plan, problem).compile()),
    )


def report_algorithms():
    """Reports whether XLA can divide convolutions and padding by rows, for one device and eight."""

    def is_plain_convolution(algorithms):
        chosen = convolutions.choose_algorithm(
            (66, 66, 160), (3, 3, 160, 160), algorithms=algorithms
        )
        return chosen is convolutions.direct

    def pads_without_gather(algorithms):
        def pad(image):
            return padding_pooling.pad(image, "reflect", algorithms=algorithms)

        return "gather" not in str(jax.make_jaxpr(pad)(jnp.zeros((64, 64, 3))))

    for what, divisible in (
        ("convolution", is_plain_convolution),
        ("padding", pads_without_gather),
    ):
        alone, divided = (divisible(networks.algorithms_for("cpu", count)) for count in (1, 8))
        report(what, alone=alone, divided=divided)


def main(quick):
    """Reports all comparisons, or only those of quick tests."""
    report_algorithms()
    sharding.MIN_ROWS = 16
    convolutions.choose_algorithm = lambda *shapes, **choices: convolutions.direct
    with jax.enable_x64(True):
        compare_evaluations("gram", statistic="gram", optimizer="adam")
        if not quick:
            compare_all_evaluations()

    exemplar = build_exemplar()
    if quick:
        compare_loops(**SMALL)
        compare_results("uneven", "rows:4", exemplar, height=72, width=40)
        return
    compare_loops(**QUICK, mesh="rows:8")
    compare_results("uneven", "rows:8", exemplar, height=144, width=72)
    maps = np.concatenate([exemplar, exemplar[..., ::-1]], -1)
    tall = {"height": 256, "width": 72, "scales": 2}
    compare_results("scales", "rows:8", exemplar, **tall)
    compare_results("tiles at all scales", "rows:8", exemplar, **tall, tile="xy")
    compare_results("maps", "rows:8", maps, **tall)
    compare_batches()


def compare_all_evaluations():
    """Reports the losses and gradients of all other statistics and networks."""
    compare_evaluations("arrangement", arrangement_weight="0.1")
    for name in statistics.STATISTICS.keys() - {"gram"}:
        network = {"network": "steerable", "layers": ""} if name == "joint" else {}
        compare_evaluations(name, statistic=name, optimizer="adam", **network)
    for name, layers in OTHER_NETWORKS.items():
        weights = {} if name in ("shallow", "steerable", "patches") else {"weights": "random"}
        compare_evaluations(name, network=name, layers=layers, **weights)
    compare_evaluations("octaves", octaves=2)
    deep = ",".join(networks.NETWORKS["vgg_lite"].defaults())
    compare_evaluations("deep", layers=deep, statistic="gram")
    compare_evaluations("tiles", tile="xy", tv_weight=0.1)


if __name__ == "__main__":
    main(quick="quick" in sys.argv)
