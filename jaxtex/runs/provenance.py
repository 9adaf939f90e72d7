"""Provenance of a picture: the flags, input files and versions that it was made with.

Each `result.png` holds the JSON of its run's `run.json` as metadata, so `--from` can make it again.
"""

import dataclasses
import json
import os
import pathlib
import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import jax

from jaxtex import errors, images
from jaxtex.images import builtin
from jaxtex.runtime import files
from jaxtex.synthesis import config as configs
from jaxtex.weights import locations

# Flags that name image files: one path each, or several paths separated by commas.
PATH_FLAGS = ("content", "init")
PATH_LIST_FLAGS = ("style", "masks", "style_masks", "maps")

WEIGHTS = "weights"  # the key of the network's weights among the inputs; all others are paths
FLAG_TYPES: dict[str, Any] = {  # flag -> type
    "style": str,
    **{field.name: field.type for field in dataclasses.fields(configs.Config)},
}
LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy", "pillow")


def versions() -> dict:
    """Returns the versions of the libraries and the kind of device, as recorded in `run.json`."""
    numbers = {name: metadata.version(name) for name in LIBRARIES}
    numbers |= {"python": platform.python_version(), "jaxtex": metadata.version("jaxtex")}
    return {"versions": numbers, "device": jax.devices()[0].device_kind}


def hash_inputs(style: str, config: configs.Config) -> dict[str, str]:
    """Hashes every file that decides the result of a run.

    Args:
      style: paths or built-in names of the exemplars, separated by commas.
      config: choices of the run.

    Returns:
      SHA-256 by path as given, and that of the network's weights under the key `weights`.
      Names that are not files, such as `--init=noise`, are left out.
    """
    paths = [config.content, config.init, *configs.split_paths(style)]
    for text in (config.masks, config.style_masks, config.maps):
        paths += configs.split_paths(text)

    sources = {path: path for path in paths}
    sources[WEIGHTS] = config.weights or str(locations.find_file(config.network) or "")
    resolved = {name: pathlib.Path(builtin.resolve(path)) for name, path in sources.items()}
    return {name: _hash(path) for name, path in resolved.items() if path.is_file()}


def identity(style: str, config: configs.Config, inputs: Mapping[str, str] | None = None) -> dict:
    """Builds the identity of a run: everything that decides its result.

    Args:
      style: as for `hash_inputs`.
      config: choices of the run.
      inputs: result of `hash_inputs`; None: computed here.

    Returns:
      `flags`, all choices by name, and `inputs`, the hashes of the files.
    """
    if inputs is None:
        inputs = hash_inputs(style, config)
    return {"flags": {"style": style, **dataclasses.asdict(config)}, "inputs": dict(inputs)}


def has_flag_type(name: str, value: object) -> bool:
    """True if a choice of this name exists and takes a value of this type.

    Args:
      name: of the flag.
      value: as read from JSON, where a whole number may stand for a float.
    """
    kind = FLAG_TYPES.get(name)
    if kind is None:
        return False
    return isinstance(value, (int, float) if kind is float else kind)


def read(path: str | os.PathLike) -> dict:
    """Reads the provenance in the metadata of an image file.

    Raises:
      UserError: the file is not an image, or jaxtex did not record anything in it.
    """
    try:
        record = json.loads(images.read_metadata(path) or "{}")
        if all(isinstance(record[part], dict) for part in ("flags", "inputs")):
            return record
    except errors.UserError:
        raise
    except (ValueError, KeyError, TypeError):
        pass
    raise errors.UserError(
        f"--from={path}: no metadata of jaxtex in this file; expected a result.png, or a file "
        "written by --output without --strip_metadata"
    )


def flags_of(path: str | os.PathLike, given: Mapping[str, object]) -> dict:
    """Reads the flags that make a picture again.

    Args:
      path: of the image file.
      given: flags by name that replace the recorded ones. The files of a replaced flag are not
        checked.

    Returns:
      All flags by name, of valid types.

    Raises:
      UserError: as `read`; a flag is unknown or of the wrong type; an input file is missing or
        has changed.
    """
    record = read(path)
    flags = {**record["flags"], **given}
    for name, value in flags.items():
        if not has_flag_type(name, value):
            raise errors.UserError(
                f"--from={path}: recorded --{name}={value} is not valid in this version of jaxtex"
            )

    for name, digest in record["inputs"].items():
        if not _is_used(name, flags, record):
            continue
        file = _input_file(name, flags)
        if not os.path.isfile(builtin.resolve(file)):
            raise errors.UserError(f"--from={path}: input file '{file}' is missing")
        if _hash(builtin.resolve(file)) != digest:
            raise errors.UserError(
                f"--from={path}: input file '{file}' has changed since the picture was made"
            )
    return flags


def split_recorded(text: str, inputs: Mapping[str, str]) -> list[str]:
    """Splits a recorded list of paths.

    Unlike `configs.split_paths`, it does not depend on which files exist now.

    Args:
      text: value of the flag. A recorded input is one path even if its name has a comma.
      inputs: recorded hashes by path.
    """
    return [text] if text in inputs else [path for path in text.split(",") if path]


def _is_used(name: str, flags: Mapping, record: dict) -> bool:
    """True if a recorded input still decides the result when `flags` replace the recorded ones."""
    if name == WEIGHTS:
        before = record["flags"]
        return all(flags.get(flag) == before.get(flag) for flag in ("network", "weights"))
    if name in [flags.get(flag) for flag in PATH_FLAGS]:
        return True
    return any(
        name in split_recorded(flags.get(flag, ""), record["inputs"]) for flag in PATH_LIST_FLAGS
    )


def _input_file(name: str, flags: Mapping) -> str:
    """Returns the path of a recorded input, which may be missing now."""
    if name != WEIGHTS:
        return name
    network = str(flags.get("network", ""))
    return str(flags.get("weights") or locations.find_file(network) or f"{network}.h5")


def _hash(path: str | os.PathLike) -> str:
    return files.hash_file(path, "sha256")["sha256"]
