"""Sections of `speed.py` about whole commands: memory, the first step, and batches."""

import functools
import json
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import cases
import timing

from jaxtex.runs import tables

BATCH = 8  # images
RUN = cases.FOLDER / "command"  # folder of the run


def build_commands(size: int, evaluations: int) -> dict[str, list[str]]:
    """Returns the command lines of PyTorch's loop and of jaxtex for the same work.

    Args:
      size: side of the image, in pixels.
      evaluations: number of evaluations of the network.
    """
    layers = ",".join(cases.LAYERS)
    flags = {
        **cases.PLAIN,
        "network": "vgg16_bn",
        "weights": cases.WEIGHTS,
        "layers": layers,
        "size": size,
        "num_steps": evaluations,
        "style": cases.EXEMPLAR,
        "workdir": RUN,
    }
    script = str(pathlib.Path(__file__).parent / "gatys.py")
    arguments = [str(cases.WEIGHTS), cases.EXEMPLAR, str(size), layers, str(evaluations)]
    return {
        "torch": [sys.executable, script, *arguments],
        "jaxtex": [
            *(sys.executable, "-m", "jaxtex", "--overwrite"),
            *(f"--{name}={value}" for name, value in flags.items()),
        ],
    }


def memory() -> Iterator[tables.Row]:
    """Peak memory of a command of three evaluations: of the device, or resident on a CPU."""
    for size in (256, 512):
        output = {
            name: subprocess.run(command, check=True, capture_output=True, text=True).stdout
            for name, command in build_commands(size, 3).items()
        }
        peaks = {
            "torch": int(output["torch"].split()[-1]),
            "jaxtex": json.loads((RUN / "DONE").read_text())["memory"],
        }
        for name, peak in peaks.items():
            yield {
                "what": f"{name}, {size} px",
                "MB": peak / 1e6,
                "over torch": peak / peaks["torch"],
            }


def first() -> Iterator[tables.Row]:
    """Time from the start of a command to the end of its first step.

    PyTorch's loop prints its first loss then; jaxtex writes it to `metrics.jsonl`.
    """
    functions = {
        "torch": run_torch_until_first_step,
        "jaxtex, cold": functools.partial(run_until_first_step, keep_programs=False),
        "jaxtex, cached": functools.partial(run_until_first_step, keep_programs=True),
    }
    seconds = timing.medians(functions, turns=5)
    for name, value in seconds.items():
        yield {"what": name, "seconds": value, "over torch": value / seconds["torch"]}


def run_torch_until_first_step() -> None:
    """Runs PyTorch's loop until it prints its first loss."""
    command = build_commands(256, 1)["torch"]
    _run_until(command, lambda process: process.stdout.readline())


def run_until_first_step(keep_programs: bool) -> None:
    """Runs jaxtex until it has written its first loss.

    Args:
      keep_programs: False deletes the cache of compiled programs before.
    """
    shutil.rmtree(RUN, ignore_errors=True)
    if not keep_programs:
        shutil.rmtree(cases.FOLDER / "cache", ignore_errors=True)
    command = build_commands(256, 1)["jaxtex"]
    metrics = RUN / "metrics.jsonl"

    def wait(process: subprocess.Popen) -> None:
        while not (metrics.exists() and metrics.stat().st_size):
            if process.poll():
                raise RuntimeError(f"exit status {process.returncode}: {' '.join(command)}")
            time.sleep(0.005)

    _run_until(command, wait)


def _run_until(command: list[str], wait: Callable[[subprocess.Popen], object]) -> None:
    """Starts a command, waits, and kills it."""
    environment = cases.environment(cases.FOLDER)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages have their bytecode
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        wait(process)
        process.kill()


def batch() -> Iterator[tables.Row]:
    """Eight textures of 128 px in one command and in eight, with compiled programs cached."""
    flags = ["--overwrite", f"--style={cases.EXEMPLAR}", "--size=128"]
    flags.append(f"--workdir={cases.FOLDER}/batch")

    def run(*further: str) -> None:
        command = [sys.executable, "-m", "jaxtex", *flags, *further]
        subprocess.run(command, check=True, capture_output=True)

    functions = {"one": run, "batch": functools.partial(run, f"--num_images={BATCH}")}
    seconds = timing.medians(functions, turns=3)
    yield {
        "what": f"{BATCH} of 128 px",
        **seconds,
        "throughput": BATCH * seconds["one"] / seconds["batch"],
    }
