"""jaxtex beside a plain PyTorch loop, in one run: times as medians of interleaved turns, and their ratios.

    python benchmarks/speed.py [SECTION ...]           (extra `bench`; runs/bench/SECTION.json; without a section: all)

VGG-16-BN has drawn weights here, which cost what trained ones do; `loss` and `quality` want the trained ones of VGG-19, and
say so where there are none. Sections: gradient, whole, memory, overhead, first, pixels, batch; precision, loss, quality of
`goals`.
"""

import contextlib
import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent import futures

import cases
import jax
import jax.numpy as jnp
import numpy as np
import peers
from cases import FOLDER, LAYERS, PLAIN
from descents import built, descend
from goals import loss, precision, quality

from jaxtex import errors, networks
from jaxtex import weights as weight_files
from jaxtex.cli import flag_parsing
from jaxtex.networks import convolutions
from jaxtex.runs import run_folder, tables, writer
from jaxtex.runtime import device_memory as memories
from jaxtex.runtime import malloc, xla_options
from jaxtex.synthesis import settings as parsing
from jaxtex.synthesis import api, compilation, config, loop, stepping

EXEMPLAR, DRAWN = "images/pebbles.png", FOLDER / "vgg16_bn.h5"
TURNS, BATCH = 15, 8


def vgg16(**choices) -> config.Config:
    """That of `cases`, from a file, as PyTorch has it."""
    return cases.vgg16(**({"weights": str(DRAWN)} | choices))


def medians(
    functions: dict[str, Callable], turns: int = TURNS, before: int = 0
) -> dict[str, float]:
    """Seconds of each, in turns, after a turn that is not counted.

    Args:
      functions: by name.
      turns: how many.
      before: calls that are not counted before each that is: a loop finds the caches as it left them itself.
    """
    taken = {name: [] for name in functions}
    for turn in range(turns + 1):
        for name, function in functions.items():
            for _ in range(before):
                function()
            began = time.perf_counter()
            function()
            taken[name] += [time.perf_counter() - began] if turn else []
    return {name: float(np.median(seconds)) for name, seconds in taken.items()}


def our_gradient(settings: config.Config) -> Callable:
    """One evaluation of loss and gradient, compiled as in a step."""
    plan = api.build_plan(peers.square(settings.size, EXEMPLAR), settings)
    problem, image = plan.problems[-1], jnp.asarray(plan.start)
    data = problem.data(0)
    evaluate = jax.jit(
        jax.value_and_grad(problem.loss, has_aux=True),
        compiler_options=xla_options.compiler_options(often=True),
    )
    compiled = evaluate.lower(image, data, ()).compile()
    return lambda: jax.block_until_ready(compiled(image, data, ()))


def torch_gradient(size: int) -> Callable:
    """The same in PyTorch."""
    return functools.partial(peers.elsewhere, peers.gradient, str(DRAWN), LAYERS, EXEMPLAR, size)


def gradient():
    """Loss and gradient of a VGG-16-BN, and what share of the measured matrix rate its convolutions reach."""
    for size in (256,) if len(here()) == 1 else (256, 1024):
        ours = {name: our_gradient(vgg16(size=size, precision=name)) for name in here()}
        every = {
            "torch": torch_gradient(size),
            **ours,
            **{f"{name} products": products(name) for name in here()},
        }
        found = medians(every, before=2)
        for name in here():
            rate = 2 * side() ** 3 / found[f"{name} products"]
            share, ratio = operations(size) / found[name] / rate, found[name] / found["torch"]
            row = {
                "what": f"{size} px, {name}",
                "torch": found["torch"],
                "jaxtex": found[name],
                "over torch": ratio,
            }
            yield row | {"matrix rate, TFLOP/s": rate / 1e12, "share of it": share}


def whole():
    """Whole runs of a VGG-16-BN when all is compiled, without and with what is written, and the most memory held so far."""
    small = jax.default_backend() == "cpu"
    for size, steps in ((256, 20), (512, 2)) if small else ((256, 500), (1024, 100), (4096, 20)):
        for name in here():
            plan = api.build_plan(
                peers.square(size, EXEMPLAR), vgg16(size=size, num_steps=steps, precision=name)
            )
            chunks, alone = built(plan), plan._replace(save_every=steps)
            for _ in range(2):  # the first is slower on a GPU
                seconds, progress = descend(alone, chunks)[-1]
            began = time.perf_counter()
            with reporting() as told:
                descend(plan, chunks, told)
            written = time.perf_counter() - began
            row = {
                "what": f"{size} px, {steps} steps, {name}",
                "seconds": seconds,
                "with snapshots and losses": written,
            }
            yield row | {"loss": float(progress.infos.loss[-1]), "GB": memories.peak_bytes() / 1e9}


def here() -> tuple[str, ...]:
    """The precisions that differ in speed."""
    return ("float32",) if jax.default_backend() == "cpu" else tuple(convolutions.PRECISIONS)


def products(precision: str) -> Callable:
    """A large product of matrices as the convolutions take theirs."""
    chosen = convolutions.PRECISIONS[precision]
    left = jax.random.normal(jax.random.key(0), (side(), side())).astype(chosen.kind)
    product = jax.jit(lambda x: jnp.matmul(x, x, precision=chosen.products))
    return lambda: product(left).block_until_ready()


def side() -> int:
    """Of the matrices whose product tells the machine's rate."""
    return 2048 if jax.default_backend() == "cpu" else 8192


def operations(size: int) -> float:
    """Of the plain convolutions, forwards and backwards to the pixels: Winograd's need fewer, and can pass 1."""
    network, total, inputs = networks.NETWORKS["vgg16_bn"], 0, 3
    for block, widths in enumerate(network.widths):
        for outputs in widths:
            total += 2 * 2 * 9 * inputs * outputs * (size // 2**block) ** 2
            inputs = outputs
    return float(total)


def commands(size: int, evaluations: int) -> dict[str, list[str]]:
    """The same work as a command of PyTorch and one of ours, with all its files."""
    layers = ",".join(LAYERS)
    flags = {
        **PLAIN,
        "network": "vgg16_bn",
        "weights": DRAWN,
        "layers": layers,
        "size": size,
        "num_steps": evaluations,
    }
    ours = [
        f"--{name}={value}"
        for name, value in (flags | {"style": EXEMPLAR, "workdir": FOLDER / "command"}).items()
    ]
    peer = [
        str(pathlib.Path(__file__).parent / "gatys.py"),
        str(DRAWN),
        EXEMPLAR,
        str(size),
        layers,
        str(evaluations),
    ]
    return {
        "torch": [sys.executable, *peer],
        "jaxtex": [sys.executable, "-m", "jaxtex", "--overwrite", *ours],
    }


def memory():
    """The most memory of a command of three evaluations, in MB: the device's; on CPU resident."""
    for size in (256, 512):
        told = {
            name: subprocess.run(
                command, check=True, capture_output=True, text=True
            ).stdout.split()[-1]
            for name, command in commands(size, 3).items()
        }
        found = {
            "torch": int(told["torch"]),
            "jaxtex": json.loads((FOLDER / "command" / "DONE").read_text())["memory"],
        }
        for name, most in found.items():
            yield {
                "what": f"{name}, {size} px",
                "MB": most / 1e6,
                "over torch": most / found["torch"],
            }


def overhead():
    """A step with and without the optimiser, and a whole run with pictures and logs, over loss and gradient alone."""
    for name, settings in {
        "vgg16_bn": vgg16(size=256),
        "vgg_lite": config.Config(size=256, scales=1),
    }.items():
        plan = api.build_plan(peers.square(256, EXEMPLAR), settings)
        chunk, state = (
            compilation.build_chunk(plan, plan.problems[0], False)(),
            stepping.init_state(plan, plan.problems[0]),
        )
        box, data = [state], plan.problems[0].data(0)

        def step(box=box, chunk=chunk, data=data):
            box[0], _ = chunk(box[0], data, 1)

        shown = loop.Progress(10, 200, plan.start, stepping.Info(np.ones(10), np.ones(10), {}))
        with reporting() as told:
            saving = lambda told=told, shown=shown: (
                told(shown),
                told.settle(),
            )  # as if nothing overlapped
            found = medians(
                {"gradient": our_gradient(settings), "step": step, "saving": saving}, before=1
            )
        every = config.Config().save_every
        whole = found["step"] + found["saving"] / every
        yield {"what": name, **found, "steps and saving over gradient": whole / found["gradient"]}


@contextlib.contextmanager
def reporting() -> Iterator[writer.RunWriter]:
    """What a command does with its snapshots and losses."""
    folder = FOLDER / "overhead"
    with (
        run_folder.claim(folder, {}, {}, overwrite=True) as metrics,
        futures.ThreadPoolExecutor(writer.MAX_PENDING) as executor,
    ):
        yield writer.RunWriter(folder, metrics, executor)


def first():
    """From the command to the end of the first step: when PyTorch says its loss, and when ours has noted it."""
    told, there = commands(256, 1), cases.keeping(FOLDER)
    there.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # what pip installs is there as bytecode, as PyTorch is
    noted = FOLDER / "command" / "metrics.jsonl"

    def run(name: str, stepped: Callable) -> None:
        with subprocess.Popen(
            told[name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=there
        ) as process:
            stepped(process)
            process.kill()

    def ours(*gone: str) -> None:
        for name in ("command", *gone):
            shutil.rmtree(FOLDER / name, ignore_errors=True)
        run("jaxtex", noting)

    def noting(process: subprocess.Popen) -> None:
        while not (noted.exists() and noted.stat().st_size):
            if process.poll():
                raise RuntimeError(f"status {process.returncode}: {' '.join(told['jaxtex'])}")
            time.sleep(0.005)

    theirs = functools.partial(run, "torch", lambda process: process.stdout.readline())
    found = medians(
        {"torch": theirs, "jaxtex, cold": functools.partial(ours, "cache"), "jaxtex, cached": ours},
        5,
    )
    for name, seconds in found.items():
        yield {"what": name, "seconds": seconds, "over torch": seconds / found["torch"]}


def pixels():
    """Loss and gradient of a VGG-16-BN, microseconds for each pixel."""
    for size in (128, 256, 512, 1024):
        found = medians(
            {"torch": torch_gradient(size), "jaxtex": our_gradient(vgg16(size=size))}, 3, before=1
        )
        each = {f"{name}, us a pixel": seconds / size**2 * 1e6 for name, seconds in found.items()}
        yield {"what": f"{size} px", **each, "over torch": found["jaxtex"] / found["torch"]}


def batch():
    """Eight textures of 128 px in one command and in eight, with the built-in network and kept programs."""
    flags = ["--overwrite", f"--style={EXEMPLAR}", "--size=128", f"--workdir={FOLDER}/batch"]
    command = [sys.executable, "-m", "jaxtex", *flags]
    run = lambda *flags: subprocess.run([*command, *flags], check=True, capture_output=True)
    found = medians({"one": run, "batch": lambda: run(f"--num_images={BATCH}")}, 3)
    yield {
        "what": f"{BATCH} of 128 px",
        **found,
        "throughput": BATCH * found["one"] / found["batch"],
    }


def main(names: list[str]) -> None:
    """Prints a table for each section, and keeps its rows."""
    wanted = {name: errors.choose("section", name, SECTIONS) for name in names or SECTIONS}
    FOLDER.mkdir(parents=True, exist_ok=True)
    weight_files.save(DRAWN, weight_files.load_weights(parsing.network_choice(vgg16(weights="random"))))
    with peers.process():
        for name, section in wanted.items():
            print(f"\n{section.__doc__}\n", flush=True)
            try:
                rows = list(section())
            except errors.UserError as error:  # what was not asked for holds nothing up
                if names:
                    raise
                print(f"Left out: {error}", flush=True)
            else:
                print(tables.markdown(rows), flush=True)
                (FOLDER / f"{name}.json").write_text(json.dumps(rows, indent=1))


SECTIONS = {
    f.__name__: f
    for f in (gradient, whole, memory, overhead, first, pixels, batch, precision, loss, quality)
}

if __name__ == "__main__":
    malloc.keep_freed_memory()  # as the command does
    os.environ.setdefault(
        "XLA_PYTHON_CLIENT_PREALLOCATE", "false"
    )  # commands and PyTorch want some of a GPU's memory, too
    flag_parsing.handle_errors("speed.py", main, sys.argv[1:])
