"""What the tests of meshes ask of a process with eight devices: lines of JSON, one for each question.

    python tests/on_eight.py

Loss and gradient are compared in double precision and with the same convolutions: a ReLU may turn over for a last bit.
"""

import collections
import json
import os
import re

os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"  # each runs once
)
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["NPROC"] = (
    "32"  # threads of XLA's: in JAX 0.11 devices that wait for each other on few of them wait for ever
)

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
OTHERS = {
    "vgg16_bn": "relu1_2,pool1,relu2_1",
    "vgg19": "relu1_1,pool1",
    "shallow": "relu1_1",
    "steerable": "bands,moduli",
}
MOVES = "all-gather|collective-permute|all-reduce|all-to-all"


def exemplar():
    rows, columns = np.mgrid[:64, :72]
    t = 0.5 + 0.5 * np.sin(rows / 2.1) * np.cos(columns / 3.3)
    return (t[..., None] * [0.8, 0.5, 0.2] + (1 - t[..., None]) * [0.1, 0.3, 0.6]).astype(
        np.float32
    )


def evaluate(choices, mesh):
    """Loss, gradient, and how often the compiled program moves numbers between devices."""
    plan = api.build_plan(exemplar(), config.Config(**choices, mesh=mesh))
    (problem,) = plan.problems
    image = jnp.asarray(np.random.default_rng(0).uniform(size=(problem.height, problem.width, 3)))
    function, spread = (
        jax.value_and_grad(problem.loss, has_aux=True),
        sharding.build_mesh(plan.layout, problem.rows),
    )
    given = image, problem.data(0), problem.critic
    if spread is None:
        (loss, _), gradient = jax.jit(function)(*given)
        return float(loss), np.asarray(gradient), {}
    rows = sharding.state_shardings(spread, image, image.shape, False)
    placed = rows, *(sharding.data_shardings(spread, part, 0, False) for part in given[1:])
    with sharding.use_mesh(spread):
        compiled = jax.jit(function, in_shardings=placed).lower(*given).compile()
    (loss, _), gradient = compiled(*sharding.put(given, placed))
    return float(loss), np.asarray(gradient), moved(compiled)


def compared(name, **choices):
    """One line: how far eight devices are from one."""
    (alone, slope, _), (together, other, moves) = (
        evaluate(QUICK | choices, mesh) for mesh in ("", "rows:8")
    )
    error = float(np.abs(slope - other).max() / np.abs(slope).max())
    print(
        json.dumps(
            {"what": name, "loss": abs(together / alone - 1), "gradient": error, "moves": moves}
        ),
        flush=True,
    )


def synthesised(name, mesh, style, **choices):
    """One line: how far a run on the mesh is from one on one device."""
    one, other = (
        jaxtex.synthesize(style, **(QUICK | choices | {"mesh": each})) for each in ("", mesh)
    )
    print(
        json.dumps({"what": name, "shape": other.shape, "image": float(np.abs(one - other).max())}),
        flush=True,
    )


def batch():
    """One line: a batch of three over two devices, each image by four."""
    found = []
    for mesh in ("", "images:2,rows:4"):
        plans = api.build_batch([[exemplar()]], config.Config(**QUICK, mesh=mesh), 3)
        made = dict(batches.run(plans, [lambda progress: None] * 3))
        found.append(np.stack([made[i] for i in range(3)]))
    print(
        json.dumps({"what": "batch", "image": float(np.abs(found[0] - found[1]).max())}), flush=True
    )


def halves():
    """One line: how often each half of a step moves numbers between devices."""
    plan = api.build_plan(exemplar(), config.Config(**QUICK, mesh="rows:8"))
    moves = {
        name: moved(half)
        for name, half in compilation.lower(plan, plan.problems[0]).compile()._asdict().items()
    }
    print(json.dumps({"what": "halves", **moves}), flush=True)


def loops():
    """One line: how far the devices' own loop is from ours, and how often it moves numbers between them."""
    plan, found = api.build_plan(exemplar(), config.Config(**QUICK, mesh="rows:8")), []
    (problem,) = plan.problems
    for looped in (False, True):
        state, data = compilation.put(
            plan, problem, stepping.init_state(plan, problem), problem.data(0)
        )
        state, infos = compilation.build_chunk(plan, problem, looped)()(state, data, 3)
        found.append((np.asarray(state.image), infos.loss))
    image, loss = (float(np.abs(one - other).max()) for one, other in zip(*found, strict=True))
    moves = moved(compilation.lower_loop(plan, problem).compile())
    print(json.dumps({"what": "loops", "image": image, "loss": loss, "moves": moves}), flush=True)


def moved(compiled):
    return dict(collections.Counter(re.findall(rf" ({MOVES})(?:-start)?\(", compiled.as_text())))


def partitioned():
    """Prints a line for convolution and for padding: true if XLA can partition it by rows."""
    convolution = lambda algorithms: (
        convolutions.choose_algorithm((66, 66, 160), (3, 3, 160, 160), algorithms=algorithms)
        is convolutions.direct
    )
    pad = lambda algorithms: lambda x: padding_pooling.pad(x, "reflect", algorithms=algorithms)
    padding = lambda algorithms: (
        "gather" not in str(jax.make_jaxpr(pad(algorithms))(jnp.zeros((64, 64, 3))))
    )
    for what, partitions in (("convolution", convolution), ("padding", padding)):
        alone, together = (partitions(networks.algorithms_for("cpu", count)) for count in (1, 8))
        print(json.dumps({"what": what, "alone": alone, "together": together}), flush=True)


if __name__ == "__main__":
    partitioned()
    sharding.MIN_ROWS = 16
    convolutions.choose_algorithm = lambda *shapes, **choices: convolutions.direct
    with jax.enable_x64(True):
        for name in statistics.STATISTICS:
            joint = {"network": "steerable", "layers": ""} if name == "joint" else {}
            compared(name, statistic=name, optimizer="adam", **joint)
        for name, layers in OTHERS.items():
            untrained = {} if name in ("shallow", "steerable") else {"weights": "random"}
            compared(name, network=name, layers=layers, **untrained)
        compared("octaves", octaves=2)
        compared(
            "deep", layers=",".join(networks.NETWORKS["vgg_lite"].defaults()), statistic="gram"
        )
        compared("tiles", tile="xy", tv_weight=0.1)
    halves()
    loops()
    maps = np.concatenate([exemplar(), exemplar()[..., ::-1]], -1)
    synthesised("scales", "rows:8", exemplar(), height=256, scales=2)
    synthesised("uneven", "rows:8", exemplar(), height=144, scales=1)
    synthesised("tiles at all scales", "rows:8", exemplar(), height=256, scales=2, tile="xy")
    synthesised("maps", "rows:8", maps, height=256, scales=2)
    batch()
