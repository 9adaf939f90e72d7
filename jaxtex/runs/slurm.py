"""One array of Slurm for the runs of a sweep."""

import os
import pathlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from absl import logging

from jaxtex import errors
from jaxtex.runtime import files

WARNING = 120  # seconds before the end of its time in which a run can stop by itself

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


def write_script(
    folder: pathlib.Path, numbers: Sequence[int], command: Sequence[str], options: str
) -> pathlib.Path:
    """Writes the batch script `job.sh`.

    Args:
      folder: of the sweep.
      numbers: of the runs, which are the array's indices.
      command: what makes one of them, but for its number.
      options: further ones of sbatch, such as `--partition=gpu --time=2:00:00`.
    """
    log = (folder / "logs" / "slurm-%a.log").absolute()
    log.parent.mkdir(parents=True, exist_ok=True)
    here, name = shlex.quote(os.getcwd()), shlex.quote(folder.absolute().name)
    array, command = ",".join(map(str, numbers)), shlex.join(command)
    text = SCRIPT.format(
        name=name,
        array=array,
        here=here,
        log=shlex.quote(str(log)),
        warning=WARNING,
        options=options,
        command=command,
    )
    with files.atomic(folder / "job.sh") as part:
        part.write_text(text.replace("#SBATCH \n", ""))
        part.chmod(0o755)
    return folder / "job.sh"


def submit(script: pathlib.Path) -> str:
    """The id of the job that Slurm made of the script.

    Raises:
      UserError: there is no sbatch, or it refuses.
    """
    if not shutil.which("sbatch"):
        raise errors.UserError(
            f"--slurm: there is no sbatch on this machine; {script} waits for one: sbatch {script}"
        )
    done = subprocess.run(
        ["sbatch", "--parsable", str(script)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise errors.UserError(
            f"sbatch {script}: {done.stderr.strip() or f'exit status {done.returncode}'}"
        )
    return done.stdout.strip().partition(";")[0]


def is_task() -> bool:
    """Whether this process is a job's."""
    return "SLURM_JOB_ID" in os.environ


def requeue(retries: int) -> None:
    """Puts the job that this process is of back into the queue, unless that was done too often; then that is said."""
    count = int(os.environ.get("SLURM_RESTART_COUNT", 0))
    if count >= retries:
        logging.error("preempted %d times, which is enough: --retries=%d", count + 1, retries)
        return
    logging.info("back into the queue, for the %d. time", count + 1)
    sys.stderr.flush()  # Slurm may be quick to end this process
    subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=False)
