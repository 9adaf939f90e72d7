"""Slurm: the runs of a sweep as one job array."""

import logging
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from jaxtex import errors
from jaxtex.runtime import files

logger = logging.getLogger(__name__)

# Seconds between SIGUSR1 and the time limit: twice `workers.GRACE`, in which a run saves.
WARNING = 120

SCRIPT = """#!/bin/sh
#SBATCH --job-name={name}
#SBATCH --array={array}
#SBATCH --chdir={here}
#SBATCH --output={log}
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@{warning}
#SBATCH {options}
exec {command} --only="$SLURM_ARRAY_TASK_ID"
"""
LAST_WORD = SCRIPT.split()[-1].encode()  # of every such script


def write_script(
    folder: pathlib.Path, numbers: Sequence[int], command: Sequence[str], options: str
) -> pathlib.Path:
    """Writes the batch script `job.sh`.

    Args:
      folder: of the sweep.
      numbers: of the runs, which become the indices of the array.
      command: makes one run; `--only=NUMBER` is appended.
      options: further options of sbatch, such as `--partition=gpu --time=2:00:00`.

    Returns:
      Path of the script.

    Raises:
      UserError: the folder has another `job.sh`, or an option or a folder has a line break, after
        which the shell would run the rest.
    """
    script = folder / "job.sh"
    if script.exists() and not script.read_bytes().rstrip().endswith(LAST_WORD):
        raise errors.UserError(
            f"--folder={folder}: '{script}' is not of jaxtex-sweep and would be replaced; use "
            "another --folder, or move the file"
        )
    log = (folder / "logs" / "slurm-%a.log").absolute()
    for name, value in (("--sbatch", options), ("--folder", log), ("current folder", os.getcwd())):
        if len(str(value).splitlines()) > 1:
            raise errors.UserError(f"{name}={value}: must not have a line break with --slurm")
    log.parent.mkdir(parents=True, exist_ok=True)
    text = SCRIPT.format(
        name=shlex.quote(folder.absolute().name),
        array=",".join(map(str, numbers)),
        here=shlex.quote(os.getcwd()),
        log=shlex.quote(str(log)),
        warning=WARNING,
        options=options,
        command=shlex.join(command),
    )
    with files.atomic(script) as part:
        without_options = text.replace("#SBATCH \n", "")
        part.write_text(without_options, errors="surrogateescape")
        part.chmod(0o755)
    return script


def submit(script: pathlib.Path) -> str:
    """Submits a batch script; returns the id of the job.

    Raises:
      UserError: sbatch is not installed, or fails.
    """
    if not shutil.which("sbatch"):
        raise errors.UserError(
            f"--slurm: sbatch is not installed here; submit {script} elsewhere: sbatch {script}"
        )
    command = ["sbatch", "--parsable", str(script)]
    result = subprocess.run(command, capture_output=True, errors="replace", check=False)
    if result.returncode:
        reason = result.stderr.strip() or f"exit status {result.returncode}"
        raise errors.UserError(f"sbatch {script}: {reason}")
    return result.stdout.strip().partition(";")[0]  # "ID;CLUSTER" in a federation


def is_task() -> bool:
    """True if this process is part of a Slurm job."""
    return "SLURM_JOB_ID" in os.environ


def requeue(retries: int) -> None:
    """Puts the job of this process back into the queue; logs an error if its retries are used up.

    Args:
      retries: maximum number of restarts.
    """
    count = int(os.environ.get("SLURM_RESTART_COUNT", 0))
    if count >= retries:
        logger.error("preempted %d times, not requeued: --retries=%d", count + 1, retries)
        return
    logger.info("requeued, restart %d of %d", count + 1, retries)
    sys.stderr.flush()  # Slurm may end this process soon
    subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=False)
