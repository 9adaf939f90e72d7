"""jaxtex-sweep makes many runs: a grid or a list of jaxtex's flags, some at once on this machine, or by Slurm.

    jaxtex-sweep --style=images/pebbles.png --vary=seed=0,1,2 --vary=statistic=gram,sorted --size=128
    jaxtex-sweep --folder=runs/layers --style=images/bricks.png --vary='layers=relu1_1,relu2_1;relu3_1'
    jaxtex-sweep --list=FILE              (a line of flags for each run)
    jaxtex-sweep --experiment=q1,q2 --vary=seed=0,1 --network=vgg_lite
    jaxtex-sweep ... --slurm --sbatch='--partition=gpu --gres=gpu:1 --time=2:00:00'
    jaxtex-sweep --folder=FOLDER          (goes on with it; or --status, --gather; a live page of it: --serve=8080)

Commas separate the values of --vary, or, where one stands, semicolons alone. Any flag of jaxtex may be given, and holds for
every run. The folder gets manifest/ (a flagfile for each run: jaxtex --flagfile=...), logs/, a folder for each run; last
sheet.png, table.md, table.csv. The same command again makes what is not done yet; a grid may grow.
"""

import collections
import functools
import itertools
import pathlib
import signal
import sys
from typing import NamedTuple

import jax
from absl import flags

from jaxtex import errors
from jaxtex.cli import flag_parsing
from jaxtex.cli import main as single
from jaxtex.runs import execution, results, run_folder, slurm, sweeps, tables, workers
from jaxtex.runtime import preemption
from jaxtex.viewer import server

FLAGS = flags.FlagValues()
MODES = ("slurm", "status", "gather")


class Shown(NamedTuple):
    """How the results are shown: a `results.Wanted`."""

    question: str
    columns: int
    steps: tuple[int, ...] = ()
    curve: tuple[str, str] | None = None


def define_flags() -> None:
    """The command's own, and those of jaxtex that a sweep may give."""
    text = functools.partial(flags.DEFINE_string, flag_values=FLAGS)
    number = functools.partial(flags.DEFINE_integer, lower_bound=0, flag_values=FLAGS)
    yes = functools.partial(flags.DEFINE_boolean, default=False, flag_values=FLAGS)
    text("folder", "runs/sweep", "Of the sweep.")
    help_text = "A flag and its values: seed=0,1,2. Several: every combination."
    flags.DEFINE_multi_string("vary", [], help_text, flag_values=FLAGS)
    text("list", "", "A file with a line of flags for each run.")
    number("workers", 1, "Runs at once. On a GPU one each, or they lack memory.")
    number(
        "retries",
        3,
        f"How often a run that was preempted (exit status {preemption.EXIT_STATUS}) is begun again.",
    )
    text("only", "", "Numbers of the runs to be made, with commas. Empty: all.")
    number(
        "serve",
        None,
        "A live page at this port of 127.0.0.1, while the runs go; 0: any.",
        upper_bound=65535,
    )
    yes("slurm", help="Writes job.sh, one array of all that is not done, and submits it.")
    text("sbatch", "", "Further options of sbatch.")
    yes("dry_run", help="Writes the manifest, and with --slurm job.sh, but begins nothing.")
    yes("status", help="Shows what is done, running, failed, waiting.")
    yes("gather", help="Makes sheet and table of what is done until now.")
    sweeps.copy_flags(single.FLAGS, FLAGS)


def main(_: list[str]) -> None:
    """Writes or reads the manifest, and does with its runs what is asked."""
    jax.config.update("jax_platforms", "cpu")  # the GPU is the runs'
    modes = [mode for mode in MODES if FLAGS[mode].value]
    if len(modes) > 1:
        raise errors.UserError(f"--{modes[0]} and --{modes[1]}: one of them, please")
    if modes and FLAGS.serve is not None:
        also = f"jaxtex --serve={FLAGS.serve} --workdir={FLAGS.folder} shows what others make"
        raise errors.UserError(f"--{modes[0]} and --serve: one of them, please; {also}")
    folder = pathlib.Path(FLAGS.folder)
    made = manifest(folder)
    todo = {"status": show, "gather": gather, "slurm": submit}[modes[0]] if modes else perform
    todo(folder, made)


def manifest(folder: pathlib.Path) -> results.Runs:
    """The runs: those of the flags, or, without any, those that are there."""
    fixed = [FLAGS[name].serialize() for name in sweeps.ALLOWED if FLAGS[name].present]
    if fixed or FLAGS.vary or FLAGS.list:
        wanted = sweeps.expand_runs(single.FLAGS, sweeps.flag_points(fixed, FLAGS.vary, FLAGS.list))
        sweeps.write_manifest(folder, wanted, sweeps.read_manifest(folder, single.FLAGS))
    if not (made := sweeps.read_manifest(folder, single.FLAGS)):
        raise errors.UserError(
            f"--folder={folder}: no sweep is there, and --vary, which begins one, is missing"
        )
    return made


def chosen(made: results.Runs) -> results.Runs:
    """Those of --only."""
    numbers = {sweeps.number_of(name): name for name in made}
    wanted = [number.strip() for number in FLAGS.only.split(",") if number.strip()]
    for number in wanted:
        if not number.isdecimal() or int(number) not in numbers:
            raise errors.UserError(
                f"--only={FLAGS.only}: there is no run '{number}'; between 0 and {max(numbers)}, please"
            )
    return {name: made[name] for name in map(numbers.get, map(int, wanted))} if wanted else made


def log_of(folder: pathlib.Path, name: str) -> pathlib.Path:
    """What a run says; its lock, too."""
    return folder / "logs" / f"{name}.log"


def perform(folder: pathlib.Path, made: results.Runs) -> None:
    """The runs on this machine, then sheet and table."""
    jobs = [job(folder, name, run) for name, run in chosen(made).items()]
    if not FLAGS.workers:
        raise errors.UserError("--workers=0: one or more, please")
    if FLAGS.dry_run:
        return print(f"{folder}: {counts(states(folder, made))}")
    try:
        with server.serve_during(FLAGS.serve, folder):
            failed = workers.run_jobs(jobs, FLAGS.workers, FLAGS.retries)
    except workers.Stopped as stopped:
        leave(stopped.args[0])
    if not FLAGS.only:
        gather(folder, made)
    for line in failed:
        print(f"jaxtex-sweep: not done: {line}", file=sys.stderr)
    if failed:
        sys.exit(1)


def job(folder: pathlib.Path, name: str, run: execution.Run) -> workers.Job:
    """The run by a command of its own."""
    line = (sys.executable, "-m", "jaxtex", f"--flagfile={sweeps.flagfile(folder, name)}")
    return workers.Job(name, line, log_of(folder, name), functools.partial(execution.is_done, run))


def leave(number: int) -> None:
    """After a signal; a task of Slurm whose time is nearly over asks for more."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    print("jaxtex-sweep: stopped; the same command goes on", file=sys.stderr)
    if number == signal.SIGUSR1 and slurm.is_task():
        slurm.requeue(FLAGS.retries)
    sys.exit(preemption.EXIT_STATUS)


def submit(folder: pathlib.Path, made: results.Runs) -> None:
    """An array of what is neither done nor running."""
    found = states(folder, chosen(made))
    numbers = [
        sweeps.number_of(name) for name, state in found.items() if state not in ("done", "running")
    ]
    if not numbers:
        return print(f"{folder}: nothing to submit: {counts(found)}")
    line = [
        sys.executable,
        "-m",
        "jaxtex.cli.sweep_main",
        f"--folder={folder}",
        f"--retries={FLAGS.retries}",
    ]
    script = slurm.write_script(folder, numbers, line, FLAGS.sbatch)
    if FLAGS.dry_run:
        return print(f"{script}: {len(numbers)} runs; sbatch {script} submits them")
    print(
        f"{folder}: job {slurm.submit(script)} makes {len(numbers)} runs; --status shows them, --gather is the end"
    )


def states(folder: pathlib.Path, made: results.Runs) -> dict[str, str]:
    """`done`: as these very runs; `running`: a process holds the log; `failed`: the last try did; else `waiting`."""
    found = {}
    for name, run in made.items():
        log = log_of(folder, name)
        last = (
            "running"
            if workers.is_running(log)
            else "failed"
            if workers.read_failure(log)
            else "waiting"
        )
        found[name] = "done" if execution.is_done(run) else last
    return found


def counts(found: dict[str, str]) -> str:
    """`"12 runs: 7 done, 2 running, 1 failed, 2 waiting"`."""
    count = collections.Counter(found.values())
    each = [
        f"{count[state]} {state}"
        for state in ("done", "running", "failed", "waiting")
        if state in count
    ]
    return f"{len(found)} run{'s' * (len(found) != 1)}: {', '.join(each)}"


def show(folder: pathlib.Path, made: results.Runs) -> None:
    """A line for each run, and why the failed ones failed."""
    found = states(folder, chosen(made))
    rows = [[name, state, *progress(made[name])] for name, state in found.items()]
    tables.show([["run", "state", "steps", "loss", "seconds"], *rows])
    for name in [name for name, state in found.items() if state == "failed"]:
        print(f"{name} failed: {workers.read_failure(log_of(folder, name))}")
    print(f"{folder}: {counts(found)}")


def progress(run: execution.Run) -> tuple[str, str, str]:
    """Steps of how many, loss and seconds, as `metrics.jsonl` has them now."""
    lines = workers.read_tail(run.folder / run_folder.METRICS, 4096)
    last = next(run_folder.parse_metrics(reversed(lines)), None)
    if last is None:
        return f"0/{run.config.num_steps}", "", ""
    return f"{last['step']}/{run.config.num_steps}", f"{last['loss']:.3g}", f"{last['seconds']:.1f}"


def gather(folder: pathlib.Path, made: results.Runs) -> None:
    """Sheet and table; of what is not done the name, and blanks."""
    found = states(folder, made)
    done = {name: run for name, run in made.items() if found[name] == "done"}
    unfinished = {name: run for name, run in made.items() if name not in done}
    title = f"{folder}: {counts(found)}"
    results.write_results(folder, done, list(made), Shown(title, columns(made)), unfinished)
    print(f"{title}; {folder / 'sheet.png'}, {folder / 'table.md'}" if done else title)


def columns(made: results.Runs) -> int:
    """Runs in a row of the sheet: those that share a value of what varies slowest, if they are some."""
    chosen = [results.run_choices(run) for run in made.values()]
    share = lambda key: sum(
        1 for _ in itertools.takewhile(lambda each: each[key] == chosen[0][key], chosen)
    )
    longest = max(map(share, results.differing_choices(made)), default=1)
    return longest if 1 < longest <= 12 else 5


def entry() -> None:
    """The console script."""
    flag_parsing.run_command("jaxtex-sweep", lambda: f"{__doc__}\n{FLAGS.get_help()}", FLAGS, main)


define_flags()

if __name__ == "__main__":
    entry()
