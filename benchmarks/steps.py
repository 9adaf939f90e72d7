"""Sections of `speed.py` about the step: loss and gradient, whole runs, and the overhead."""

import contextlib
import functools
import pathlib
import platform
import time
from collections.abc import Callable, Iterator
from concurrent import futures

import cases
import gatys
import jax
import jax.numpy as jnp
import numpy as np
import timed_runs
import timing
import torch_process

from jaxtex import networks
from jaxtex.networks import convolutions
from jaxtex.runs import run_folder, tables, writer
from jaxtex.runtime import device_memory, xla_options
from jaxtex.synthesis import api, compilation, config, loop, stepping

# Size in pixels and number of steps of the runs in `whole`.
RUNS_ON_CPU = ((256, 20), (512, 2))
RUNS_ELSEWHERE = ((256, 500), (1024, 100), (4096, 20))


def gradient() -> Iterator[tables.Row]:
    """Loss and gradient of VGG-16-BN, and the share of the measured matrix rate that they reach."""
    sizes = (256,) if jax.default_backend() == "cpu" else (256, 1024)
    for size in sizes:
        functions = {"torch": torch_gradient(size)}
        for precision in precisions():
            functions[precision] = own_gradient(
                cases.vgg16_from_file(size=size, precision=precision)
            )
        for precision in precisions():
            functions[f"{precision} products"] = matrix_product(precision)
        seconds = timing.medians(functions, warm_up=2)

        for precision in precisions():
            rate = 2 * matrix_side() ** 3 / seconds[f"{precision} products"]
            yield {
                "what": f"{size} px, {precision}",
                "torch": seconds["torch"],
                "jaxtex": seconds[precision],
                "over torch": seconds[precision] / seconds["torch"],
                "matrix rate, TFLOP/s": rate / 1e12,
                "share of it": count_operations(size) / seconds[precision] / rate,
            }


def peers() -> Iterator[tables.Row]:
    """Loss and gradient of VGG-16-BN at 256 px beside PyTorch in each form that users choose."""
    functions = {f"PyTorch {form}": torch_gradient(256, form) for form in gatys.FORMS}
    functions |= {
        f"jaxtex {precision}": own_gradient(cases.vgg16_from_file(size=256, precision=precision))
        for precision in precisions()
    }
    seconds = timing.medians(functions, warm_up=1)
    for name, value in seconds.items():
        yield {
            "what": name,
            "seconds": value,
            "jaxtex float32 over it": seconds["jaxtex float32"] / value,
            "processor": processor(),
        }


def processor() -> str:
    """Returns the name of the processor and what it has for bfloat16 (Linux)."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    fields = {name.strip(): value for name, value in fields.items()}
    units = [flag for flag in fields.get("flags", "").split() if flag.endswith("_bf16")]
    return " ".join([fields.get("model name", "").strip(), *units])


def pixels() -> Iterator[tables.Row]:
    """Loss and gradient of VGG-16-BN, in microseconds per pixel."""
    for size in (128, 256, 512, 1024):
        own = own_gradient(cases.vgg16_from_file(size=size))
        functions = {"torch": torch_gradient(size), "jaxtex": own}
        seconds = timing.medians(functions, turns=3, warm_up=1)
        per_pixel = {
            f"{name}, us per pixel": value / size**2 * 1e6 for name, value in seconds.items()
        }
        yield {
            "what": f"{size} px",
            **per_pixel,
            "over torch": seconds["jaxtex"] / seconds["torch"],
        }


def whole() -> Iterator[tables.Row]:
    """Runs of VGG-16-BN after compilation, with and without files; peak memory so far."""
    runs = RUNS_ON_CPU if jax.default_backend() == "cpu" else RUNS_ELSEWHERE
    for size, steps in runs:
        for precision in precisions():
            choices = cases.vgg16_from_file(size=size, num_steps=steps, precision=precision)
            plan = api.build_plan(torch_process.load_square(size, cases.EXEMPLAR), choices)
            chunks = timed_runs.compile_plan(plan)

            without_files = plan._replace(save_every=steps)
            for _ in range(2):  # the first run is slower on a GPU
                seconds, progress = timed_runs.timed_run(without_files, chunks)[-1]

            start = time.perf_counter()
            with build_writer() as run_writer:
                timed_runs.timed_run(plan, chunks, run_writer)
            yield {
                "what": f"{size} px, {steps} steps, {precision}",
                "seconds": seconds,
                "with snapshots and losses": time.perf_counter() - start,
                "loss": float(progress.infos.loss[-1]),
                "GB": device_memory.peak_bytes() / 1e9,
            }


def overhead() -> Iterator[tables.Row]:
    """Steps with their share of the files, relative to loss and gradient alone."""
    configs = {
        "vgg16_bn": cases.vgg16_from_file(size=256),
        "vgg_lite": config.Config(size=256, scales=1),
    }
    for name, choices in configs.items():
        plan = api.build_plan(torch_process.load_square(256, cases.EXEMPLAR), choices)
        losses = stepping.Info(np.ones(10), np.ones(10), {})
        progress = loop.Progress(10, 200, plan.start, losses)
        with build_writer() as run_writer:
            functions = {
                "gradient": own_gradient(choices),
                "step": repeated_step(plan),
                "saving": functools.partial(save, run_writer, progress),
            }
            seconds = timing.medians(functions, warm_up=1)
        total = seconds["step"] + seconds["saving"] / choices.save_every
        yield {
            "what": name,
            **seconds,
            "steps and saving over gradient": total / seconds["gradient"],
        }


def precisions() -> tuple[str, ...]:
    """Lists the precisions that differ in speed on this platform."""
    return ("float32",) if jax.default_backend() == "cpu" else tuple(convolutions.PRECISIONS)


def own_gradient(choices: config.Config) -> Callable[[], object]:
    """Compiles one evaluation of loss and gradient with the options of a step."""
    plan = api.build_plan(torch_process.load_square(choices.size, cases.EXEMPLAR), choices)
    problem = plan.problems[-1]
    image = jnp.asarray(plan.start)
    data = problem.data(0)
    evaluate = jax.jit(
        jax.value_and_grad(problem.loss_fn, has_aux=True),
        compiler_options=xla_options.compiler_options(often=True),
    )
    compiled = evaluate.lower(image, data, ()).compile()
    return lambda: jax.block_until_ready(compiled(image, data, ()))


def torch_gradient(size: int, form: str = "float32") -> Callable[[], object]:
    """Returns one evaluation of loss and gradient by PyTorch, for an image of `size` pixels.

    Args:
      size: side of the image, in pixels.
      form: a row of `gatys.FORMS`.
    """
    return functools.partial(
        torch_process.call,
        torch_process.gradient,
        str(cases.WEIGHTS),
        cases.LAYERS,
        cases.EXEMPLAR,
        size,
        form,
    )


def repeated_step(plan: stepping.Plan) -> Callable[[], object]:
    """Returns a function that advances a state of the plan's first problem by one step."""
    problem = plan.problems[0]
    chunk = compilation.build_chunk(plan, problem, looped=False)()
    data = problem.data(0)
    state = stepping.init_state(plan, problem)

    def step() -> None:
        nonlocal state  # the state passed in is donated
        state, _ = chunk(state, data, 1)

    return step


def save(run_writer: writer.RunWriter, progress: loop.Progress) -> None:
    """Writes losses and a snapshot, and waits, as if nothing ran at the same time."""
    run_writer(progress)
    run_writer.flush()


@contextlib.contextmanager
def build_writer() -> Iterator[writer.RunWriter]:
    """Yields a writer of snapshots and losses, as a command has."""
    folder = cases.FOLDER / "overhead"
    with (
        run_folder.claim(folder, {}, {}, overwrite=True) as metrics,
        futures.ThreadPoolExecutor(writer.MAX_PENDING) as executor,
    ):
        yield writer.RunWriter(folder, metrics, executor)


def matrix_product(precision: str) -> Callable[[], object]:
    """Returns a large matrix product with the dtype and precision of the convolutions."""
    chosen = convolutions.PRECISIONS[precision]
    key = jax.random.key(0)
    matrix = jax.random.normal(key, (matrix_side(), matrix_side())).astype(chosen.dtype)
    product = jax.jit(lambda x: jnp.matmul(x, x, precision=chosen.products))
    return lambda: product(matrix).block_until_ready()


def matrix_side() -> int:
    """Returns the side of the matrices whose product measures the machine's rate."""
    return 2048 if jax.default_backend() == "cpu" else 8192


def count_operations(size: int) -> float:
    """Counts operations of plain convolutions, forward and backward to the pixels.

    Winograd's algorithm needs fewer, so the share of the matrix rate can exceed 1.
    """
    network = networks.NETWORKS["vgg16_bn"]
    total = 0
    inputs = 3
    for block, widths in enumerate(network.widths):
        for outputs in widths:
            products = 9 * inputs * outputs * (size // 2**block) ** 2
            total += 2 * 2 * products  # multiply and add, forward and backward
            inputs = outputs
    return float(total)
