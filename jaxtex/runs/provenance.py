"""What a picture was made with, and what it takes to make it again: its file holds the JSON of its run's `run.json`."""

import json
import os
import platform
from importlib import metadata

import jax

from jaxtex import errors, images
from jaxtex.images import builtin
from jaxtex.runtime import files
from jaxtex.weights import locations

PATHS = (
    "style",
    "content",
    "init",
    "masks",
    "style_masks",
)  # flags that name pictures, with commas between them
LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy", "pillow")


def versions() -> dict:
    """What else is needed to do a run again: the versions and the device."""
    found = {name: metadata.version(name) for name in LIBRARIES}
    found |= {"python": platform.python_version(), "jaxtex": metadata.version("jaxtex")}
    return {"versions": found, "device": jax.devices()[0].device_kind}


def read(path: str | os.PathLike) -> dict:
    """The note in a picture.

    Raises:
      UserError: it is no picture, or there is no note in it.
    """
    try:
        found = json.loads(images.read_metadata(path) or "{}")
        if all(isinstance(found[part], dict) for part in ("flags", "inputs")):
            return found
    except errors.UserError:
        raise
    except (ValueError, KeyError, TypeError):
        pass
    raise errors.UserError(
        f"--from={path}: says nothing of how it was made; jaxtex writes that into each result.png"
    )


def flags_of(path: str | os.PathLike, given: dict) -> dict:
    """The flags that make a picture again, as they were, but for those that are given.

    Args:
      path: of the picture.
      given: flags by their names; what they replace is not looked at.

    Raises:
      UserError: as `read`; or a file that went into it is not there, or not the same.
    """
    noted = read(path)
    flags = noted["flags"] | given
    for name, digest in noted["inputs"].items():
        where = (
            str(flags.get("weights") or locations.find_file(flags.get("network", "")))
            if name == "weights"
            else name
        )
        if _is_used(name, flags, noted["flags"]) and (reason := _differs(where, digest)):
            raise errors.UserError(f"--from={path}: '{where}', which it was made from, {reason}")
    return flags


def _is_used(name: str, flags: dict, before: dict) -> bool:
    """Whether a file goes into the picture still."""
    if name == "weights":
        return all(flags.get(each) == before.get(each) for each in ("network", "weights"))
    return any(name in str(flags.get(each, "")).split(",") for each in PATHS)


def _differs(where: str, digest: str) -> str:
    path = builtin.resolve(where)
    if not os.path.isfile(path):
        return "is not there"
    return "" if files.hash_file(path, "sha256")["sha256"] == digest else "has changed since then"
