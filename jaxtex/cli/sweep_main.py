"""jaxtex-sweep makes many runs: a grid or a list of flags of jaxtex, on this machine or with Slurm.

    jaxtex-sweep --style=pebbles --vary=seed=0,1,2 --vary=statistic=gram,sorted --size=128
    jaxtex-sweep --style=bricks --vary='layers=relu1_1,relu2_1;relu3_1' --folder=runs/layers
    jaxtex-sweep --list=FILE              (one line of flags per run)
    jaxtex-sweep --experiment=q1,q2 --vary=seed=0,1 --network=vgg_lite
    jaxtex-sweep ... --slurm --sbatch='--partition=gpu --gres=gpu:1 --time=2:00:00'
    jaxtex-sweep --folder=FOLDER          (resumes a sweep; with --status, --gather or --serve=8080)

Commas separate the values of --vary; if there is a semicolon, only semicolons do. Flags of jaxtex
apply to every run. The folder contains manifest/ (a flagfile per run: jaxtex --flagfile=...),
logs/, a folder for each run and, at the end, sheet.png, table.md and table.csv. The same command
makes the runs that are not done; a grid may grow.
"""

import dataclasses
import functools
import pathlib
import signal
import sys
from typing import NoReturn

import jax
from absl import flags

from jaxtex import errors
from jaxtex.cli import flag_fields, flag_parsing, help_page, sweep_status
from jaxtex.cli import flags as jaxtex_flags
from jaxtex.runs import execution, results, slurm, sweeps, workers
from jaxtex.runtime import preemption
from jaxtex.viewer import server

MODES = ("slurm", "status", "gather")  # flags that exclude each other; without one, runs are made


@dataclasses.dataclass(frozen=True)
class Options:
    """Flags that only `jaxtex-sweep` has."""

    folder: str = flag_fields.flag("runs/sweep", "Folder of the sweep.")
    vary: tuple[str, ...] = flag_fields.flag(
        (), "Flag and its values, such as seed=0,1,2, to make every combination"
    )
    list_: str = flag_fields.flag("", "File with a line of flags for each run.")
    workers: int = flag_fields.flag(
        1,
        "Number of runs at a time. On a GPU use one, or memory runs out.",
        lower_bound=0,
    )
    retries: int = flag_fields.flag(
        3,
        f"How often a preempted run (exit status {preemption.EXIT_STATUS}) is restarted.",
        lower_bound=0,
    )
    only: str = flag_fields.flag(
        "", "Numbers of the runs to make, separated by commas. Empty makes all."
    )
    serve: int | None = flag_fields.port_flag(
        "Port of 127.0.0.1 for a live page while the runs last; 0 uses any free port."
    )
    slurm: bool = flag_fields.flag(
        False, "Writes job.sh, one job array of all runs that are not done, and submits it."
    )
    sbatch: str = flag_fields.flag("", "Further options of sbatch.")
    dry_run: bool = flag_fields.flag(
        False, "Writes the manifest and, with --slurm, job.sh, but starts nothing."
    )
    status: bool = flag_fields.flag(
        False, "Prints which runs are done, running, failed or waiting, and exits."
    )
    gather: bool = flag_fields.flag(
        False, "Writes the sheet and the table of the runs that are done, and exits."
    )


def define_flags() -> flags.FlagValues:
    """Returns the flags of `jaxtex-sweep`: its own, and those of `jaxtex` that apply to runs."""
    return jaxtex_flags.define_run_flags(flag_fields.define(Options, flags.FlagValues()))


def main(values: flags.FlagValues, arguments: list[str]) -> None:
    """Writes or reads the manifest, then makes, submits or shows its runs.

    Args:
      values: parsed flags.
      arguments: none.

    Raises:
      UserError: a flag or a run is not valid, or the sweep does not exist.
      SystemExit: runs failed, or a signal stopped the sweep.
    """
    del arguments
    options = flag_fields.read(Options, values)
    jax.config.update("jax_platforms", "cpu")  # leaves the GPU to the runs
    validate_modes(options)
    folder = pathlib.Path(options.folder)
    runs = load_runs(options, given_flags(values))

    if options.status:
        sweep_status.show(folder, select_runs(options, runs))
    elif options.gather:
        sweep_status.gather(folder, runs)
    elif options.slurm:
        submit(options, folder, runs)
    else:
        make_runs(options, folder, runs)


def validate_modes(options: Options) -> None:
    """Validates that at most one mode is chosen.

    Raises:
      UserError: two modes, or one and `--serve`.
    """
    modes = [mode for mode in MODES if getattr(options, mode)]
    if len(modes) > 1:
        raise errors.UserError(f"--{modes[0]} and --{modes[1]} exclude each other")
    if modes and options.serve is not None:
        raise errors.UserError(
            f"--{modes[0]} and --serve exclude each other; jaxtex --serve={options.serve} "
            f"--workdir={options.folder} shows the runs of other processes"
        )


def given_flags(values: flags.FlagValues) -> list[str]:
    """Returns the flags of `jaxtex` that the user gave, as arguments."""
    return [values[name].serialize() for name in sweeps.ALLOWED if values[name].present]


def load_runs(options: Options, fixed: list[str]) -> results.Runs:
    """Reads the manifest, after adding the runs of the flags.

    Args:
      options: flags of the command.
      fixed: flags of all runs; without these, `--vary` and `--list` the manifest is only read.

    Returns:
      Runs by name.

    Raises:
      UserError: a flag or a run is not valid, or there is no sweep.
    """
    folder = pathlib.Path(options.folder)
    if fixed or options.vary or options.list_:
        points = sweeps.flag_points(fixed, options.vary, options.list_)
        requested = sweeps.expand_runs(jaxtex_flags.parse_run, points)
        sweeps.write_manifest(folder, requested, jaxtex_flags.parse_run)

    runs = sweeps.read_manifest(folder, jaxtex_flags.parse_run)
    if not runs:
        raise errors.UserError(f"--folder={folder}: no sweep in this folder; --vary starts one")
    return runs


def select_runs(options: Options, runs: results.Runs) -> results.Runs:
    """Returns the runs of `--only`; all, if it is empty.

    Args:
      options: flags of the command.
      runs: all runs of the sweep.

    Raises:
      UserError: a number does not exist.
    """
    names = {sweeps.number_of(name): name for name in runs}
    numbers = [number.strip() for number in options.only.split(",") if number.strip()]
    for number in numbers:
        if not number.isdecimal() or int(number) not in names:
            raise errors.UserError(
                f"--only={options.only}: no run has number '{number}'; expected 0 to {max(names)}"
            )
    if not numbers:
        return runs
    return {names[int(number)]: runs[names[int(number)]] for number in numbers}


def make_runs(options: Options, folder: pathlib.Path, runs: results.Runs) -> None:
    """Makes the runs on this machine, then writes the sheet and the table.

    Args:
      options: flags of the command.
      folder: of the sweep.
      runs: all runs of the sweep.

    Raises:
      UserError: there are no workers.
      SystemExit: runs failed, or a signal stopped the sweep.
    """
    jobs = [build_job(folder, name, run) for name, run in select_runs(options, runs).items()]
    if not options.workers:
        raise errors.UserError("--workers=0: must be at least 1")
    if options.dry_run:
        print(f"{folder}: {sweep_status.summarize(sweep_status.read_states(folder, runs))}")
        return

    try:
        with server.serve_during(options.serve, folder):
            failures = workers.run_jobs(jobs, options.workers, options.retries)
    except workers.Stopped as stopped:
        exit_stopped(options, stopped.args[0])

    if not options.only:
        sweep_status.gather(folder, runs)
    for failure in failures:
        print(f"jaxtex-sweep: not done: {failure}", file=sys.stderr)
    if failures:
        sys.exit(1)


def build_job(folder: pathlib.Path, name: str, run: execution.Run) -> workers.Job:
    """Returns the job that makes a run by a process of `jaxtex`.

    Args:
      folder: of the sweep.
      name: of the run.
      run: the run.
    """
    flagfile = sweeps.flagfile(folder, name)
    own = (f"--flagfile={flagfile}", f"--workdir={run.folder}")  # the sweep may have been renamed
    command = (sys.executable, "-m", "jaxtex", *own, "--nokeep_state")
    is_done = functools.partial(execution.is_done, run)
    return workers.Job(name, command, sweep_status.log_path(folder, name), is_done)


def exit_stopped(options: Options, number: int) -> NoReturn:
    """Exits after a signal; a Slurm task that is about to exceed its time is requeued.

    Args:
      options: flags of the command.
      number: of the signal.
    """
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    print("jaxtex-sweep: stopped by a signal; the same command resumes", file=sys.stderr)
    if number == signal.SIGUSR1 and slurm.is_task():
        slurm.requeue(options.retries)
    sys.exit(preemption.EXIT_STATUS)


def submit(options: Options, folder: pathlib.Path, runs: results.Runs) -> None:
    """Submits a job array of the runs that are neither done nor running.

    Args:
      options: flags of the command.
      folder: of the sweep.
      runs: all runs of the sweep.
    """
    states = sweep_status.read_states(folder, select_runs(options, runs))
    numbers = [
        sweeps.number_of(name) for name, state in states.items() if state in ("failed", "waiting")
    ]
    if not numbers:
        print(f"{folder}: nothing to submit: {sweep_status.summarize(states)}")
        return

    command = [sys.executable, "-m", "jaxtex.cli.sweep_main"]
    command += [f"--folder={folder}", f"--retries={options.retries}"]
    script = slurm.write_script(folder, numbers, command, options.sbatch)
    if options.dry_run:
        print(f"{script}: {len(numbers)} runs; sbatch {script} submits them")
        return
    print(
        f"{folder}: job {slurm.submit(script)} makes {len(numbers)} runs; --status shows them, "
        "--gather writes the results"
    )


def describe_flags(full: bool) -> str:
    """Returns a help page: the flags of the command and, if it is full, those of `jaxtex`."""
    own = flag_fields.define(Options, flags.FlagValues())
    page = help_page.plain_page(__doc__ or "", own)
    if not full:
        return f"{page}\n--helpfull also lists the flags of jaxtex, which apply to every run."
    of_runs = jaxtex_flags.define_run_flags(flags.FlagValues())
    return f"{page}\nFlags of jaxtex:\n\n{help_page.grouped_flags(of_runs, common=False)}"


COMMAND = flag_parsing.Command(
    name="jaxtex-sweep",
    define_flags=define_flags,
    help_page=lambda _: describe_flags(full=False),
    main=main,
    full_help_page=lambda _: describe_flags(full=True),
)


def entry() -> None:
    """Runs the console script."""
    flag_parsing.run_as_script(COMMAND)


if __name__ == "__main__":
    entry()
