"""Table and sheet of style transfers: pairs x tools."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxtex import images, metrics
from jaxtex.images import contact_sheet
from jaxtex.runs import tables

MEASURES = ("structure", "light", "layout", "gram", "patches")
CELL = 256  # pixels, the side of a cell of a sheet


class Pair(NamedTuple):
    """A content and a style, as files of the benchmark's size.

    Attributes:
      name: of the pair, and of its folder.
      content: path of the content.
      style: path of the style.
    """

    name: str
    content: pathlib.Path
    style: pathlib.Path


def row(pair: Pair, tool: str, path: pathlib.Path) -> dict[str, Any]:
    """Returns the row of a result: its measures, and its record where it has one."""
    result, content, style = (images.load(file) for file in (path, pair.content, pair.style))
    found: dict[str, Any] = {"pair": pair.name, "tool": tool}
    found |= metrics.measure(style, result, MEASURES, network="vgg19", content=content)
    record = path.with_suffix(".json")
    if record.exists():
        values = json.loads(record.read_text())
        found["seconds"] = values["seconds"]
        found["processor seconds"] = values["processor_seconds"]
        found["MB"] = values["memory"] / 1e6
        found["share"] = values["share"]
    return found


def report(
    folder: pathlib.Path,
    name: str,
    pairs: Sequence[Pair],
    results: dict[str, dict[str, pathlib.Path]],
) -> None:
    """Writes a table and a sheet.

    Args:
      folder: of both files.
      name: of both files.
      pairs: in the order of the rows.
      results: by tool, then by name of a pair, the path of the result.
    """
    rows = [
        row(pair, tool, results[tool][pair.name])
        for pair in pairs
        for tool in results
        if pair.name in results[tool]
    ]
    medians: list[dict[str, Any]] = []
    for tool in results:
        own = [found for found in rows if found["tool"] == tool]
        if len(own) > 1:
            medians.append({"pair": f"median of {len(own)}", "tool": tool})
            for key in (key for key in own[0] if key not in ("pair", "tool")):
                values = [found[key] for found in own if key in found]
                medians[-1][key] = float(np.median(values))
    (folder / f"{name}.md").write_text(tables.markdown(rows + medians))
    print(tables.markdown(rows + medians))

    columns = []
    for pair in pairs:
        shown = {"content": pair.content, "style": pair.style}
        shown |= {tool: found.get(pair.name) for tool, found in results.items()}
        cells = []
        for label, path in shown.items():
            cells += [contact_sheet.caption(label, CELL), cell(path)]
        columns.append(cells)
    images.save(folder / f"{name}.jpg", contact_sheet.grid(columns, len(columns)))


def cell(path: pathlib.Path | None) -> np.ndarray:
    """Returns a picture in a white square of `CELL` pixels; an empty one without a path."""
    square = np.ones((CELL, CELL, 3), np.float32)
    if path is not None:
        image = images.load(path)
        ratio = CELL / max(image.shape[:2])
        height, width = (round(side * ratio) for side in image.shape[:2])
        square[:height, :width] = images.resize(image, height, width)
    return square
