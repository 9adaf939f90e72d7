"""Tests of several processes: two, connected over loopback, give the result of one."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest

import jaxtex
from jaxtex import errors, images
from jaxtex.runtime import distributed

CHOICES = {
    "size": 64,
    "layers": "relu1_1,relu2_1",
    "octaves": 1,
    "num_steps": 6,
    "save_every": 3,
    "scales": 1,
}
TIMEOUT = 240  # seconds


def start_process(rank, address, folder, *flags):
    """Starts one of two processes, which JAX takes for processes of OpenMPI."""
    names = {"RANK": rank, "LOCAL_RANK": rank, "SIZE": 2, "LOCAL_SIZE": 2}
    ranks = {f"OMPI_COMM_WORLD_{name}": str(value) for name, value in names.items()}
    environment = {
        "OMPI_MCA_orte_hnp_uri": "0.0;tcp://127.0.0.1:1",
        "JAX_COORDINATOR_ADDRESS": address,
        "JAX_PLATFORMS": "cpu",
    }
    choices = [f"--{name}={value}" for name, value in CHOICES.items()]
    command = [sys.executable, "-m", "jaxtex", "--distributed=auto", f"--workdir={folder}"]
    return subprocess.Popen(
        [*command, *choices, *flags],
        env=os.environ | ranks | environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_address():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{server.getsockname()[1]}"


def run_two_processes(folder, *flags):
    """Returns the exit statuses of both processes, and what they print to stderr."""
    address = free_address()
    processes = [start_process(rank, address, folder, *flags) for rank in (0, 1)]
    texts = [process.communicate(timeout=TIMEOUT)[1] for process in processes]
    return [process.returncode for process in processes], texts


@pytest.mark.slow
def test_two_processes_share_the_rows(exemplar, tmp_path):
    images.save(tmp_path / "a.png", np.tile(exemplar, (2, 1, 1)))
    folder = tmp_path / "both"
    statuses, texts = run_two_processes(folder, f"--style={tmp_path / 'a.png'}", "--mesh=rows:2")
    assert statuses == [0, 0], texts
    alone = jaxtex.synthesize(images.load(tmp_path / "a.png"), **CHOICES)
    np.testing.assert_allclose(images.load(folder / "result.png"), alone, atol=0.01)
    snapshots = sorted(path.name for path in (folder / "steps").iterdir())
    assert snapshots == ["000003.png", "000006.png"]


@pytest.mark.slow
def test_two_processes_share_a_batch(exemplar, tmp_path):
    images.save(tmp_path / "a.png", exemplar)
    flags = [f"--style={tmp_path / 'a.png'}", "--mesh=images:2", "--num_images=3"]
    statuses, texts = run_two_processes(tmp_path / "batch", *flags)
    assert statuses == [0, 0], texts
    for seed in range(3):
        assert (tmp_path / "batch" / f"a-{seed}" / "DONE").is_file()


@pytest.mark.slow
def test_two_processes_need_a_mesh(exemplar, tmp_path):
    images.save(tmp_path / "a.png", exemplar)
    statuses, texts = run_two_processes(tmp_path / "none", f"--style={tmp_path / 'a.png'}")
    assert statuses == [2, 2]
    assert "--distributed needs --mesh: rows:2, or images:2 for a batch" in texts[0]


def test_a_single_process_finds_no_others():
    with pytest.raises(errors.UserError, match="--distributed=auto: JAX finds no other processes"):
        distributed.initialize("auto")


def test_an_unknown_choice_is_an_error():
    with pytest.raises(errors.UserError, match="unknown --distributed 'on'"):
        distributed.initialize("on")


def test_off_leaves_a_single_process_that_writes():
    distributed.initialize("off")
    assert distributed.is_writer() and distributed.is_single_process()
    assert distributed.broadcast_flag(True) is True
    assert distributed.broadcast_flag(False) is False
