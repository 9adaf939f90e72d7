"""Built-in images, used by name: `--style=pebbles`. A file of the same name takes precedence."""

import os
import pathlib
import re

from jaxtex import errors

PACKED = pathlib.Path(__file__).parent / "exemplars"  # in a wheel, see setup.cfg
CHECKOUT = pathlib.Path(__file__).parents[2] / "images"  # in a checkout
FOLDER = PACKED if PACKED.is_dir() else CHECKOUT
ROW = re.compile(r"\| `(\w+)\.png` \| ([^|]*) \|")  # of the tables in images/README.md
CLOSE = 0.8  # similarity in [0, 1], see difflib, from which a name is suggested


def names() -> list[str]:
    """Returns the names of all built-in images, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.png"))


def descriptions() -> dict[str, str]:
    """Returns a description of each built-in image by its name, from images/README.md."""
    rows = dict(ROW.findall((FOLDER / "README.md").read_text()))
    return {name: rows.get(name, "") for name in names()}


def resolve(name: str | os.PathLike) -> str | os.PathLike:
    """Returns the path of a built-in image, or the argument itself if it names a file or nothing.

    A folder of the same name does not take precedence.

    >>> images.load(builtin.resolve("pebbles"))
    """
    text = os.fspath(name)
    is_file = os.path.exists(text) and not os.path.isdir(text)
    if is_file or not re.fullmatch(r"\w+", os.fsdecode(text)):
        return name
    stem = os.fsdecode(text)
    return FOLDER / f"{stem}.png" if stem in names() else name


def suggest(name: str | os.PathLike) -> str:
    """Returns a hint to append to "no such file": a similar name, or the names of built-in images.

    Args:
      name: path that does not exist.
    """
    name = os.fsdecode(name)
    if "://" in name:
        return "; URLs are not supported, download the file first"
    expanded = os.path.expanduser(name)
    if name.startswith("~") and os.path.isfile(expanded):
        return f"; the shell did not expand '~', use '{expanded}'"

    folder, last = os.path.split(name)
    siblings = [os.path.join(folder, sibling) for sibling in _list_folder(folder)]
    stem = last.partition(".")[0]
    similar = errors.nearest(name, siblings, CLOSE) or errors.nearest(stem, names(), CLOSE)
    hint = f"; did you mean '{similar}'?" if similar else ""

    if folder or "." in last:  # meant as a path, not as a name
        return hint
    return f"{hint or '.'} Built-in images: {', '.join(names())}"


def _list_folder(folder: str) -> list[str]:
    """Returns the names in a folder; none if it cannot be read."""
    try:
        return os.listdir(folder or ".")
    except (OSError, ValueError):
        return []
