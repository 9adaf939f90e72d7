"""What takes too long for the suite: `make ordeal` kills runs, tells them to leave, and makes hundreds in a row.

    python tests/ordeal.py kill term soak commands          (or some of them; all that fails is named, status 1)

Each prints a table. Moments are drawn over the whole of a run: imports, compiling, steps, saves, changes of scale, report.
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
TIMES, WORKERS, SEED = int(os.environ.get("TIMES", 60)), 2, 0
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
    """A run, begun."""
    line = [sys.executable, "-m", "jaxtex", *RUN, *flags, f"--workdir={folder}"]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    own = {"OMP_NUM_THREADS": "1", "JAX_COMPILATION_CACHE_DIR": str(folder.parent / "xla")}
    return subprocess.Popen(line, cwd=ROOT, env=os.environ | own, **pipes)


def left(folder):
    """What a run left, without the times: the picture's bytes, the losses, the names of all files."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    losses = [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
    return {"picture": (folder / "result.png").read_bytes(), "losses": losses, "files": names}


def phase(folder):
    """Where a run is, as its folder shows."""
    if not (folder / "metrics.jsonl").exists():
        return "loading"
    if any(folder.rglob(".*.part")):
        return "writing"
    reached = len(list((folder / "steps").glob("*.png")))
    return "first compiling" if not reached else "steps" if reached < 9 else "report"


def cut_off(place, number, with_signal):
    """A run that gets a signal at a moment of its own, and is then begun again; one that is done by then is another one."""
    folder, whole, lasts = place / str(number), *reference(place)
    chance = random.Random(SEED + number)
    while True:
        process = command(folder, "--overwrite")
        time.sleep(chance.uniform(0.2, lasts))
        row, told = {"phase": phase(folder)}, time.monotonic()
        if process.poll() is None:
            break
    process.send_signal(with_signal)
    error = process.communicate()[1]
    row |= {"status": process.returncode, "seconds": time.monotonic() - told}
    again = command(folder)
    error += again.communicate()[1]
    row |= {
        "same": again.returncode == 0 and left(folder) == whole,
        "traceback": "Traceback" in error,
    }
    shutil.rmtree(folder, ignore_errors=True)
    return row


def reference(place, known={}):  # noqa: B006
    """What an uninterrupted run leaves, and how long it lasts among others like it."""
    if place not in known:
        for _ in ("compiles", "finds it compiled"):
            began = time.monotonic()
            twins = [command(place / f"whole{i}", "--overwrite") for i in range(WORKERS)]
            assert not any(process.wait() for process in twins)
        known[place] = left(place / "whole0"), time.monotonic() - began
    return known[place]


def cut_off_often(place, with_signal, good):
    reference(place)
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        rows = list(pool.map(lambda number: cut_off(place, number, with_signal), range(TIMES)))
    groups = sorted({(row["phase"], row["status"]) for row in rows})
    for where, status in groups:
        those = [row for row in rows if (row["phase"], row["status"]) == (where, status)]
        same, slowest = sum(row["same"] for row in those), max(row["seconds"] for row in those)
        yield {
            "phase": where,
            "status": status,
            "runs": len(those),
            "same in the end": same,
            "slowest, s": slowest,
            "holds": same == len(those)
            and all(map(good, those))
            and not any(row["traceback"] for row in those),
        }


def kill(place):
    """SIGKILL: it goes on to the same picture, losses and files."""
    yield from cut_off_often(
        place, signal.SIGKILL, lambda row: row["status"] in (-signal.SIGKILL, 0)
    )


def term(place):
    """SIGTERM: likewise; and it has left within 5 s with status 75, or was done."""
    done = lambda row: row["status"] == 0 and row["phase"] in ("report", "writing")
    good = lambda row: row["seconds"] < 5 and (row["status"] == preemption.EXIT_STATUS or done(row))
    yield from cut_off_often(place, signal.SIGTERM, good)


def soak(place):
    """Two hundred short runs in one process: memory and open files stay as they are."""
    exemplar = jaxtex.load_image(ROOT / "images" / "pebbles.png")
    seen = []
    for seed in range(200):
        jaxtex.synthesize(exemplar, **SHORT, seed=seed)
        gc.collect()
        seen.append((device_memory.resident_bytes() / 1e6, len(os.listdir("/proc/self/fd"))))
    for number in (20, 50, 100, 150, 200):
        held, files = seen[number - 1]
        yield {
            "runs": number,
            "MB": held,
            "open files": files,
            "holds": held < 1.1 * seen[19][0] and files <= seen[19][1],
        }


def commands(place):
    """Fifty commands in a row: the time, and what each leaves behind, stay as they are."""
    flags = [f"--{name}={value}" for name, value in SHORT.items()]
    for number in range(50):
        before, began = set(os.listdir(tempfile.gettempdir())), time.monotonic()
        status = command(place / "one", *flags, f"--seed={number}", "--overwrite").wait()
        stray = set(os.listdir(tempfile.gettempdir())) - before
        held = json.loads((place / "one" / "DONE").read_text())["memory"] / 1e6
        if number % 10 == 9 or status or stray:
            yield {
                "command": number + 1,
                "status": status,
                "s": time.monotonic() - began,
                "MB": held,
                "stray": len(stray),
                "holds": not status and not stray,
            }


def main():
    """The sections that are named, or all."""
    sections, failed = {each.__name__: each for each in (kill, term, soak, commands)}, []
    for name in sys.argv[1:] or sections:
        with tempfile.TemporaryDirectory() as place:
            rows = list(sections[name](pathlib.Path(place)))
        print(f"\n{sections[name].__doc__}\n\n{tables.markdown(rows)}", flush=True)
        failed += [] if all(row["holds"] for row in rows) else [name]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
