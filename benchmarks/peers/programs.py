"""The peers' repositories: fetched by git into a folder of the user's cache, never committed."""

import pathlib
import subprocess
from typing import NamedTuple

import platformdirs

CACHE = platformdirs.user_cache_path("jaxtex") / "peers"


class Program(NamedTuple):
    """A repository at a commit.

    Attributes:
      url: of the repository.
      commit: the pinned commit.
      iterations: whether the number of iterations can be chosen.
    """

    url: str
    commit: str
    iterations: bool = False


PROGRAMS = {
    "neural-style-pt": Program(
        "https://github.com/ProGamerGov/neural-style-pt",
        "72514050755394270abf526252cb9ff95c20dcf2",
        iterations=True,
    ),
    "style-transfer-pytorch": Program(
        "https://github.com/crowsonkb/style-transfer-pytorch",
        "e7e2c7134e3937be05ff9f5fcc0873fe5ceb6060",
        iterations=True,
    ),
    "strotss": Program(
        "https://github.com/futscdav/strotss",
        "796900cb69153aa6ab9b4264ddebf52e78f9d42b",
    ),
    "strotss-original": Program(
        "https://github.com/nkolkin13/STROTSS",
        "9a1543a36901cf744d3afbba6d8576a64de73f17",
    ),
    "nnst": Program(
        "https://github.com/nkolkin13/NeuralNeighborStyleTransfer",
        "290976abad7f7a2465900b0567584a3e9a682a4a",
    ),
    "gpdm": Program(
        "https://github.com/ariel415el/GPDM",
        "27a5bf42c87181ae40cf3b117fcc0ccdc7d48768",
    ),
    "sliced-wasserstein": Program(
        "https://github.com/tchambon/A-Sliced-Wasserstein-Loss-for-Neural-Texture-Synthesis",
        "491ee6db2c72e1d2b76f765323e9df60e698ff86",
        iterations=True,
    ),
}


def fetch(name: str) -> pathlib.Path:
    """Returns the folder of a repository, fetched if it is not there.

    Args:
      name: a row of `PROGRAMS`.

    Raises:
      CalledProcessError: git failed, for example without a network.
    """
    program = PROGRAMS[name]
    folder = CACHE / f"{name}-{program.commit[:12]}"
    if not folder.exists():
        part = folder.with_suffix(".part")
        part.mkdir(parents=True, exist_ok=True)
        _git(part, "init", "--quiet")
        _git(part, "fetch", "--quiet", "--depth=1", program.url, program.commit)
        _git(part, "checkout", "--quiet", "FETCH_HEAD")
        part.rename(folder)
    return folder


def _git(folder: pathlib.Path, *arguments: str) -> None:
    """Runs git in a folder."""
    subprocess.run(["git", *arguments], cwd=folder, check=True)
