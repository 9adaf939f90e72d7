"""Files of descriptions, HDF5.

Schema, version 1:

    /                             attributes
        format                    "jaxtex-description"
        version                   1
        choices                   JSON: the choices that decide the summaries
        height, width             of the exemplar, in pixels
        weights_sha256            hash of the network's weights
        arrangement_weight        chosen for the exemplar
        gray                      whether the exemplar is gray
    /mean                         [3], mean color of the exemplar
    /levels/N                     one for each scale, from coarse to fine; attributes height, width:
                                  of the result at that scale, in pixels
    /levels/N/noise/mean, spot    what the initial noise needs, see `spot_noise`
    /levels/N/examples/           of all levels but the first: what the details of the scale are
        neighborhoods, details    taken from, see `fine_details`; files of 1.0.0 lack them
    /levels/N/targets/T           one for each term; attribute term: its name
    /levels/N/targets/T/I         an array of its target; attribute path: its place

Datasets have the filter fletcher32.
"""

import json
import os
import pathlib
from typing import Any

import h5py
import numpy as np

from jaxtex import errors
from jaxtex.runtime import files
from jaxtex.synthesis.descriptions import contents
from jaxtex.synthesis.starts import fine_details, spot_noise

FORMAT = "jaxtex-description"
VERSION = 1


def save(path: str | os.PathLike, description: contents.Description) -> None:
    """Writes a description, see `Description.save`.

    Args:
      path: of the new file.
      description: is written.

    Raises:
      UserError: the suffix is not one of a description.
    """
    if pathlib.Path(str(path)).suffix.lower() not in contents.SUFFIXES:
        suffixes = " or ".join(contents.SUFFIXES)
        raise errors.UserError(f"description '{path}': suffix must be {suffixes}")
    with files.atomic(path) as part, h5py.File(part, "w") as file:
        file.attrs.update({"format": FORMAT, "version": VERSION})
        file.attrs["choices"] = json.dumps(dict(description.choices))
        for name in ("height", "width", "weights_sha256", "arrangement_weight", "composed", "gray"):
            file.attrs[name] = getattr(description, name)
        _write(file, "mean", description.mean)
        for number, level in enumerate(description.levels):
            group = file.create_group(f"levels/{number}")
            group.attrs.update({"height": level.height, "width": level.width})
            _write(group, "noise/mean", level.source.mean)
            _write(group, "noise/spot", level.source.spot)
            if level.examples is not None:
                for name, array in level.examples._asdict().items():
                    _write(group, f"examples/{name}", array)
            for index, (term, target) in enumerate(level.targets.items()):
                of_term = group.create_group(f"targets/{index}")
                of_term.attrs["term"] = term
                for leaf, (place, array) in enumerate(target.items()):
                    _write(of_term, str(leaf), array).attrs["path"] = place


def load(path: str | os.PathLike) -> contents.Description:
    """Reads a description.

    Raises:
      UserError: the file does not exist, is of another kind, or is damaged.
    """
    name = f"description '{os.fspath(path)}'"
    if reason := files.refuse_irregular(path):
        raise errors.UserError(f"{name}: {reason}")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise ValueError("not a description of jaxtex; jaxtex.describe makes one")
            if file.attrs["version"] != VERSION:
                raise ValueError(f"version {file.attrs['version']}; expected {VERSION}")
            return _read(file)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise errors.UserError(f"{name}: {text}") from error


def _write(group: h5py.Group, name: str, array: np.ndarray) -> h5py.Dataset:
    """Writes an array. HDF5 has checksums only of arrays with a shape."""
    checked = {"chunks": array.shape, "fletcher32": True} if array.size and array.ndim else {}
    return group.create_dataset(name, data=array, **checked)


def _read(file: h5py.File) -> contents.Description:
    """Reads an open file as `load`."""
    about = file.attrs
    choices = json.loads(about["choices"])
    if set(choices) != set(contents.DECISIVE):
        raise ValueError("its choices are not those of a description")
    return contents.Description(
        choices=choices,
        height=int(about["height"]),
        width=int(about["width"]),
        weights_sha256=str(about["weights_sha256"]),
        arrangement_weight=float(about["arrangement_weight"]),
        composed=bool(about.get("composed", False)),  # 1.0.0 did not write it
        gray=bool(about["gray"]),
        mean=_array(file, "mean"),
        levels=tuple(_read_level(file[f"levels/{n}"]) for n in range(len(file["levels"]))),
    )


def _read_level(group: h5py.Group) -> contents.Level:
    """Reads one scale."""
    targets = {}
    for arrays in group["targets"].values():
        target = {str(arrays[each].attrs["path"]): _array(arrays, each) for each in arrays}
        targets[str(arrays.attrs["term"])] = target
    source = spot_noise.Source(_array(group, "noise/mean"), _array(group, "noise/spot"))
    size = (int(group.attrs["height"]), int(group.attrs["width"]))
    examples = None
    if "examples" in group:
        arrays = (_array(group, f"examples/{name}") for name in fine_details.Examples._fields)
        examples = fine_details.Examples(*arrays)
    return contents.Level(*size, targets, source, examples)


def _array(group: h5py.Group, name: str) -> np.ndarray:
    """Reads an array of finite numbers, which must be in the file itself."""
    # External and virtual datasets could make this process read any file of the user.
    dataset: Any = group[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise ValueError(f"'{name}' is not stored in the file itself")
    array = np.asarray(dataset[()])
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        raise ValueError(f"'{name}' has values that are not finite numbers")
    return array
