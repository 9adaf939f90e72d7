"""Two processes over loopback make the picture that one makes."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest

import jaxtex
from jaxtex import errors, images
from jaxtex.runtime import distributed

FLAGS = [
    "--size=64",
    "--layers=relu1_1,relu2_1",
    "--octaves=1",
    "--num_steps=6",
    "--save_every=3",
    "--scales=1",
]


def begin(rank, address, folder, *flags):
    """A process of two, which JAX takes for OpenMPI's."""
    names = {"RANK": rank, "LOCAL_RANK": rank, "SIZE": 2, "LOCAL_SIZE": 2}
    found = {f"OMPI_COMM_WORLD_{name}": str(value) for name, value in names.items()}
    told = {
        "OMPI_MCA_orte_hnp_uri": "0.0;tcp://127.0.0.1:1",
        "JAX_COORDINATOR_ADDRESS": address,
        "JAX_PLATFORMS": "cpu",
    }
    command = [
        sys.executable,
        "-m",
        "jaxtex",
        "--distributed=auto",
        f"--workdir={folder}",
        *FLAGS,
        *flags,
    ]
    return subprocess.Popen(
        command, env=os.environ | found | told, stderr=subprocess.PIPE, text=True
    )


def free_address():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{server.getsockname()[1]}"


def both(folder, *flags):
    address = free_address()
    processes = [begin(rank, address, folder, *flags) for rank in (0, 1)]
    told = [process.communicate(timeout=240)[1] for process in processes]
    return [process.returncode for process in processes], told


def test_two_processes_share_the_rows(exemplar, tmp_path):
    images.save(tmp_path / "a.png", np.tile(exemplar, (2, 1, 1)))
    codes, told = both(tmp_path / "both", f"--style={tmp_path / 'a.png'}", "--mesh=rows:2")
    assert codes == [0, 0], told
    found = images.load(tmp_path / "both" / "result.png")
    choices = {
        "size": 64,
        "layers": "relu1_1,relu2_1",
        "octaves": 1,
        "num_steps": 6,
        "save_every": 3,
        "scales": 1,
    }
    alone = jaxtex.synthesize(images.load(tmp_path / "a.png"), **choices)
    np.testing.assert_allclose(found, alone, atol=0.01)
    assert sorted(path.name for path in (tmp_path / "both" / "steps").iterdir()) == [
        "000003.png",
        "000006.png",
    ]


def test_a_batch_and_what_is_refused(exemplar, tmp_path):
    images.save(tmp_path / "a.png", exemplar)
    codes, told = both(
        tmp_path / "batch", f"--style={tmp_path / 'a.png'}", "--mesh=images:2", "--num_images=3"
    )
    assert codes == [0, 0], told
    assert [(tmp_path / "batch" / f"a-{seed}" / "DONE").is_file() for seed in range(3)] == [
        True
    ] * 3
    codes, told = both(tmp_path / "none", f"--style={tmp_path / 'a.png'}")
    assert (
        codes == [2, 2] and "--distributed wants --mesh: rows:2, or images:2 of a batch" in told[0]
    )


def test_alone_there_is_nobody_to_join():
    with pytest.raises(errors.UserError, match="--distributed=auto: JAX finds no other processes"):
        distributed.initialize("auto")
    with pytest.raises(errors.UserError, match="unknown distributed 'on'"):
        distributed.initialize("on")
    distributed.initialize("off")
    assert distributed.is_writer()
