"""Stress tests that take too long for the suite: `make ordeal` interrupts runs and makes hundreds.

    python tests/support/ordeal.py kill term soak commands          (or some of them)

Each section prints a table; exit status 1 and a line name those that fail. Interruptions are drawn
at random over a whole run: imports, compilation, steps, checkpoints, changes of scale, results.
"""

import concurrent.futures
import gc
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import jaxtex
from jaxtex.runs import tables
from jaxtex.runtime import device_memory, preemption

ROOT = pathlib.Path(__file__).parent.parent.parent
TIMES = int(os.environ.get("TIMES", 60))  # interrupted runs of each signal
WORKERS = 2  # runs at a time
SEED = 0
RUN = [
    "--style=images/pebbles.png",
    "--size=128",
    "--scales=3",
    "--num_steps=90",
    "--renew_every=7",
    "--statistic=mean_and_covariance+0.3*sliced_wasserstein@relu2_1",
]
SHORT = {"size": 48, "scales": 1, "octaves": 1, "layers": "relu1_1", "num_steps": 4}


def command(folder, *flags):
    """Starts a run; returns its process."""
    line = [sys.executable, "-m", "jaxtex", *RUN, *flags, f"--workdir={folder}"]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    own = {"OMP_NUM_THREADS": "1", "JAX_COMPILATION_CACHE_DIR": str(folder.parent / "xla")}
    return subprocess.Popen(line, cwd=ROOT, env=os.environ | own, **pipes)


def contents(folder):
    """Returns the bytes of the result, the losses without times, and the names of all files."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    losses = [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
    return {"picture": (folder / "result.png").read_bytes(), "losses": losses, "files": names}


def phase(folder):
    """Returns the phase of a run, judged by its folder."""
    if not (folder / "metrics.jsonl").exists():
        return "loading"
    if any(folder.rglob(".*.part")):
        return "writing"
    snapshots = len(list((folder / "steps").glob("*.png")))
    if not snapshots:
        return "first compiling"
    return "steps" if snapshots < 9 else "report"


def interrupt(place, number, with_signal):
    """Sends a signal to a run at a random moment and resumes it; repeats if it was done by then."""
    folder = place / str(number)
    whole, seconds = reference(place)
    rng = random.Random(SEED + number)
    while True:
        process = command(folder, "--overwrite")
        time.sleep(rng.uniform(0.2, seconds))
        row = {"phase": phase(folder)}
        signaled = time.monotonic()
        if process.poll() is None:
            break
    process.send_signal(with_signal)
    error = process.communicate()[1]
    row |= {"status": process.returncode, "seconds": time.monotonic() - signaled}
    again = command(folder)
    error += again.communicate()[1]
    row |= {
        "same": again.returncode == 0 and contents(folder) == whole,
        "traceback": "Traceback" in error,
    }
    shutil.rmtree(folder, ignore_errors=True)
    return row


def reference(place, known={}):  # noqa: B006
    """Returns the contents of an uninterrupted run, and its seconds with `WORKERS` at a time."""
    if place not in known:
        for _ in ("compiles", "loads compiled programs"):
            start = time.monotonic()
            twins = [command(place / f"whole{i}", "--overwrite") for i in range(WORKERS)]
            assert not any(process.wait() for process in twins)
        known[place] = contents(place / "whole0"), time.monotonic() - start
    return known[place]


def interrupt_often(place, with_signal, is_good):
    """Yields a row for each phase and status of interrupted runs."""
    reference(place)
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        rows = list(pool.map(lambda number: interrupt(place, number, with_signal), range(TIMES)))
    groups = sorted({(row["phase"], row["status"]) for row in rows})
    for where, status in groups:
        group = [row for row in rows if (row["phase"], row["status"]) == (where, status)]
        same = sum(row["same"] for row in group)
        yield {
            "phase": where,
            "status": status,
            "runs": len(group),
            "same in the end": same,
            "slowest, s": max(row["seconds"] for row in group),
            "holds": same == len(group)
            and all(map(is_good, group))
            and not any(row["traceback"] for row in group),
        }


def kill(place):
    """SIGKILL: the run resumes to the same image, losses and files."""
    yield from interrupt_often(
        place, signal.SIGKILL, lambda row: row["status"] in (-signal.SIGKILL, 0)
    )


def term(place):
    """SIGTERM: as SIGKILL, and the run exits within 5 s with status 75, unless it was done."""

    def is_good(row):
        done = row["status"] == 0 and row["phase"] in ("report", "writing")
        return row["seconds"] < 5 and (row["status"] == preemption.EXIT_STATUS or done)

    yield from interrupt_often(place, signal.SIGTERM, is_good)


def soak(place):
    """Two hundred short runs in one process: memory and open files do not grow."""
    exemplar = jaxtex.load_image(ROOT / "images" / "pebbles.png")
    usage = []
    for seed in range(200):
        jaxtex.synthesize(exemplar, **SHORT, seed=seed)
        gc.collect()
        usage.append((device_memory.resident_bytes() / 1e6, len(os.listdir("/proc/self/fd"))))
    for number in (20, 50, 100, 150, 200):
        memory, files = usage[number - 1]
        yield {
            "runs": number,
            "MB": memory,
            "open files": files,
            "holds": memory < 1.1 * usage[19][0] and files <= usage[19][1],
        }


def commands(place):
    """Fifty commands in a row: each succeeds and leaves no temporary files."""
    flags = [f"--{name}={value}" for name, value in SHORT.items()]
    for number in range(50):
        before = set(os.listdir(tempfile.gettempdir()))
        start = time.monotonic()
        status = command(place / "one", *flags, f"--seed={number}", "--overwrite").wait()
        stray = set(os.listdir(tempfile.gettempdir())) - before
        memory = json.loads((place / "one" / "DONE").read_text())["memory"] / 1e6
        if number % 10 == 9 or status or stray:
            yield {
                "command": number + 1,
                "status": status,
                "s": time.monotonic() - start,
                "MB": memory,
                "stray": len(stray),
                "holds": not status and not stray,
            }


def main():
    """Runs the sections that are named, or all."""
    sections = {section.__name__: section for section in (kill, term, soak, commands)}
    failed = []
    for name in sys.argv[1:] or sections:
        with tempfile.TemporaryDirectory() as place:
            rows = list(sections[name](pathlib.Path(place)))
        print(f"\n{sections[name].__doc__}\n\n{tables.markdown(rows)}", flush=True)
        if not all(row["holds"] for row in rows):
            failed.append(name)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
