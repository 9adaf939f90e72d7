"""Pictures that come with jaxtex, by their names: `--style=pebbles`. A file of that name comes first."""

import difflib
import os
import pathlib
import re

PACKED = pathlib.Path(__file__).parent / "data" / "exemplars"  # in a wheel, see setup.cfg
FOLDER = PACKED if PACKED.is_dir() else PACKED.parent.parent.parent / "images"  # in a checkout
ROW = re.compile(r"\| `(\w+)\.png` \| ([^|]*) \|")  # of the tables in images/README.md


def names() -> list[str]:
    """Those that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.png"))


def described() -> dict[str, str]:
    """What each shows, as the README beside them has it."""
    told = dict(ROW.findall((FOLDER / "README.md").read_text()))
    return {name: told.get(name, "") for name in names()}


def path_of(name: str | os.PathLike) -> str | os.PathLike:
    """The file that a name of a picture stands for: itself, or one that comes with jaxtex; folders do not count.

    >>> images.load(exemplars.path_of("pebbles"))
    """
    own = FOLDER / f"{os.fspath(name)}.png"
    if not re.fullmatch(r"\w+", os.fspath(name)) or not own.is_file() or (os.path.exists(name) and not os.path.isdir(name)):
        return name
    return own


def hint(name: str | os.PathLike) -> str:
    """What may be meant by a name that is no file: what is beside it, or comes with jaxtex. Begins with a semicolon."""
    folder, last = os.path.split(os.fspath(name))
    beside = [os.path.join(folder, each) for each in _beside(folder)]
    near = difflib.get_close_matches(os.fspath(name), beside, 1, 0.8)
    near = near or difflib.get_close_matches(last.partition(".")[0], names(), 1, 0.8)
    told = f"; did you mean '{near[0]}'?" if near else ""
    if "." in last or folder:
        return told
    return f"{told or ';'} By name there are: {', '.join(names())}"


def _beside(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")
    except (OSError, ValueError):
        return []
