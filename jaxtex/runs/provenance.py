"""Provenance of a picture: the flags, input files and versions that it was made with.

Each `result.png` holds the JSON of its run's `run.json` as metadata, so `--from` can make it again.
"""

import dataclasses
import functools
import json
import os
import pathlib
import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import jax

from jaxtex import errors, images
from jaxtex.images import builtin, file_checks
from jaxtex.runs import run_folder
from jaxtex.runtime import files
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images, scales, settings
from jaxtex.synthesis.shorthands import mixes
from jaxtex.synthesis.starts import initialization
from jaxtex.weights import loading, locations

# Flags that name image files: one path each, or several paths separated by commas.
PATH_FLAGS = ("content", "init", "mix", "fill", "previous_content")
PATH_LIST_FLAGS = ("style", "masks", "style_masks", "guide", "maps")

WEIGHTS = "weights"  # the key of the network's weights among the inputs; all others: `input_key`
FRAME_FLAGS = ("previous_content", "temporal_weight")  # recorded of frames after the first only
FLAG_TYPES: dict[str, Any] = {  # flag -> type
    "style": str,
    **{field.name: field.type for field in dataclasses.fields(configs.Config)},
}
MAX_WEIGHTS_BYTES = 4 << 30  # of a file of weights; VGG-19 has 0.1 GB
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
      SHA-256 by `input_key` of each path, and that of the network's weights under `weights`.
      Names that are not files, such as `--init=noise`, are left out.
    """
    paths = [config.content, config.previous_content, *configs.split_paths(style)]
    if config.init not in initialization.KINDS:
        paths.append(config.init)
    if config.mix not in mixes.DIRECTIONS:
        paths.append(config.mix)
    if config.fill != configs.BORDERS:
        paths.append(config.fill)
    for text in (config.masks, config.style_masks, config.guide, config.maps):
        paths += configs.split_paths(text)

    sources = {input_key(path): path for path in paths}
    if not loading.RANDOM_WEIGHTS.fullmatch(config.weights):
        sources[WEIGHTS] = config.weights or str(locations.find_file(config.network) or "")
    resolved = {name: pathlib.Path(builtin.resolve(path)) for name, path in sources.items()}
    return {name: _hash(name, path) for name, path in resolved.items() if _is_file(path)}


def input_key(path: str) -> str:
    """Returns the key of a path among the inputs: the path, except for a file named `weights`."""
    return f"./{path}" if path == WEIGHTS else path


def flags(style: str, config: configs.Config) -> dict:
    """Returns all choices of a run by the names of their flags; those without effect are defaults.

    Args:
      style: as for `hash_inputs`.
      config: choices of the run.
    """
    choices = {"style": style, **dataclasses.asdict(_with_octaves(style, config))}
    if not config.previous_content:  # the identity of a run that older versions made
        choices = {name: value for name, value in choices.items() if name not in FRAME_FLAGS}
    return run_folder.reset_unused(choices)


def _with_octaves(style: str, config: configs.Config) -> configs.Config:
    """Returns the config with the octaves of its run in place of 0.

    0 stays if scales have different numbers, or if the run will fail.
    """
    if config.octaves:
        return config
    try:
        choices = settings.parse_settings(config)
        style_side = input_images.style_side(config, 0)
        sides = (config.size, style_side, config.height, config.width)
        side = min(filter(None, sides), default=0)
        if not (style and config.size) or bool(config.height) != bool(config.width):
            # Some sides follow from the proportions of the images.
            inputs = input_images.load_inputs(configs.split_paths(style), choices)
            side = inputs.shortest_side
        transfer = bool(
            style and config.content and config.content_weight and config.texture_weight
        )
        numbers = set(scales.scale_octaves(choices, side, transfer))
    except (errors.UserError, OSError):
        return config
    return dataclasses.replace(config, octaves=numbers.pop()) if len(numbers) == 1 else config


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
    return {"flags": flags(style, config), "inputs": dict(inputs)}


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
    except errors.UserError as error:
        raise errors.UserError(f"--from: {error}") from error
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
        has changed; or the picture depends on others of its batch.
    """
    record = read(path)
    beside = record.get(run_folder.BESIDE)
    if isinstance(beside, dict) and not {"seed", "diversity"} & set(given):
        raise errors.UserError(
            f"--from={path}: was made in a batch whose images keep away from each other: "
            f"--seed={beside.get('seed')} --num_images={beside.get('num_images')} makes all of "
            "them again, --diversity=0 this one alone"
        )
    chosen = {**run_folder.complete_flags(record["flags"]), **given}
    for name, value in chosen.items():
        if not has_flag_type(name, value):
            raise errors.UserError(
                f"--from={path}: recorded --{name}={value} is not valid in this version of jaxtex"
            )

    for name, digest in record["inputs"].items():
        if not _is_used(name, chosen, record):
            continue
        file = _input_file(name, chosen)
        if not os.path.isfile(builtin.resolve(file)):
            raise errors.UserError(f"--from={path}: input file '{file}' is missing")
        if _hash(name, builtin.resolve(file)) != digest:
            raise errors.UserError(
                f"--from={path}: input file '{file}' has changed since the picture was made"
            )
    return chosen


def split_recorded(text: str, inputs: Mapping[str, str]) -> list[str]:
    """Splits a recorded list of paths.

    Unlike `configs.split_paths`, it does not depend on which files exist now.

    Args:
      text: value of the flag. A recorded input is one path even if its name has a comma.
      inputs: recorded hashes by `input_key`.
    """
    if input_key(text) in inputs:
        return [text]
    return [path for path in text.split(",") if path]


def _is_used(name: str, chosen: Mapping, record: dict) -> bool:
    """True if a recorded input still decides the result when `chosen` replaces the flags."""
    if name == WEIGHTS:
        before = record["flags"]
        return all(chosen.get(flag) == before.get(flag) for flag in ("network", "weights"))
    paths = [str(chosen.get(flag, "")) for flag in PATH_FLAGS]
    for flag in PATH_LIST_FLAGS:
        paths += split_recorded(str(chosen.get(flag, "")), record["inputs"])
    return name in map(input_key, paths)


def _input_file(name: str, chosen: Mapping) -> str:
    """Returns the path of a recorded input, which may be missing now."""
    if name != WEIGHTS:
        return name
    network = str(chosen.get("network", ""))
    return str(chosen.get("weights") or locations.find_file(network) or f"{network}.h5")


def _is_file(path: pathlib.Path) -> bool:
    """True for an existing file; False also for a path that the file system does not accept."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _hash(name: str, path: str | os.PathLike) -> str:
    """Returns the SHA-256 of an input file, which is read again only if it has changed.

    Of a file that is too large for an input it returns the size: loading it will be refused.
    """
    status = os.stat(path)
    if status.st_size > (MAX_WEIGHTS_BYTES if name == WEIGHTS else file_checks.MAX_BYTES):
        return f"{status.st_size} bytes"
    version = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return _hash_version(os.path.abspath(path), version)


@functools.lru_cache(maxsize=4096)
def _hash_version(path: str, version: tuple[int, ...]) -> str:
    """Hashes a file; `version` is a key of the cache."""
    del version
    digest = files.hash_file(path, "sha256")["sha256"]
    return locations.EXTENDED.get(digest, digest)
