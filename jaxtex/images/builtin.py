"""Pictures that come with jaxtex, by their names: `--style=pebbles`. A file of that name comes first."""

import os
import pathlib
import re

from jaxtex import errors

PACKED = pathlib.Path(__file__).parent / "exemplars"  # in a wheel, see setup.cfg
FOLDER = PACKED if PACKED.is_dir() else PACKED.parent.parent.parent / "images"  # in a checkout
ROW = re.compile(r"\| `(\w+)\.png` \| ([^|]*) \|")  # of the tables in images/README.md


def names() -> list[str]:
    """Those that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.png"))


def descriptions() -> dict[str, str]:
    """What each shows, as the README beside them has it."""
    told = dict(ROW.findall((FOLDER / "README.md").read_text()))
    return {name: told.get(name, "") for name in names()}


def resolve(name: str | os.PathLike) -> str | os.PathLike:
    """The file that a name of a picture stands for: itself, or one that comes with jaxtex; folders do not count.

    >>> images.load(exemplars.path_of("pebbles"))
    """
    own = FOLDER / f"{os.fsdecode(name)}.png"
    taken = os.path.exists(name) and not os.path.isdir(name)
    return own if not taken and re.fullmatch(r"\w+", os.fsdecode(name)) and own.is_file() else name


def suggestion(name: str | os.PathLike) -> str:
    """What may be meant by a name that is no file: what is beside it, or comes with jaxtex. To follow "no such file"."""
    name = os.fsdecode(name)
    folder, last = os.path.split(name)
    if "://" in name:
        return "; a file, please, so download it first"
    if name.startswith("~") and os.path.isfile(whole := os.path.expanduser(name)):
        return f"; the shell leaves '~' as it is there: '{whole}', please"
    beside = [os.path.join(folder, each) for each in _beside(folder)]
    near = errors.nearest(name, beside, 0.8) or errors.nearest(last.partition(".")[0], names(), 0.8)
    told = f"; did you mean '{near}'?" if near else ""
    return (
        told if "." in last or folder else f"{told or '.'} By name there are: {', '.join(names())}"
    )


def _beside(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")
    except (OSError, ValueError):
        return []
