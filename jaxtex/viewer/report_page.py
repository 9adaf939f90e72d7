"""Runs -> one HTML page that needs nothing else: no network, no other file. By Jinja (extra `report`)."""

import base64
import hashlib
import math
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from jaxtex import errors
from jaxtex.viewer import charts, run_view

FOLDER = pathlib.Path(__file__).parent / "data"
STYLES = ("page/colours.css", "report.css")
MAX_FULL_SIZE = 4  # runs whose snapshots are shown at full size


def render(shown: Sequence[run_view.RunView]) -> str:
    """The text of the page. Whatever the runs say is escaped, and the page runs no code and loads no file but its own.

    Raises:
      UserError: Jinja is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise errors.UserError("a report wants pip install 'jaxtex[report]'") from error
    loader, options = jinja2.FileSystemLoader(FOLDER), {"trim_blocks": True, "lstrip_blocks": True}
    page = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, **options
    )
    page.filters["number"] = number
    *styles, script = ((FOLDER / name).read_text() for name in (*STYLES, "report.js"))
    style = "".join(styles)
    return page.get_template("report.html").render(
        shown=shown,
        columns=columns(shown),
        sparklines=sparklines(shown),
        style=style,
        script=script,
        policy=policy(style, script),
    )


def policy(style: str, script: str) -> str:
    """What a browser may do with the page: this style, this script, pictures that are in it."""
    digest = lambda text: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    allowed = (
        f"style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(script)}'; img-src data:"
    )
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


class Column(NamedTuple):
    """One of a table."""

    name: str
    values: list  # one for each run; None: it has none
    is_text: bool  # and no numbers


def columns(shown: Sequence[run_view.RunView]) -> list[Column]:
    """What tells several runs apart: flags that differ, what came out, measures."""
    chosen = [{**each.chosen, **each.usual} for each in shown]
    names = dict.fromkeys(name for flags in chosen for name in flags)
    differing = [
        name for name in names if len({flags[name] for flags in chosen if name in flags}) > 1
    ]
    found = [(name, [flags.get(name, "") for flags in chosen]) for name in differing]
    for rows in ([each.cells for each in shown], [each.measures for each in shown]):
        found += [
            (name, [row.get(name) for row in rows])
            for name in dict.fromkeys(name for row in rows for name in row)
        ]
    return [Column(name, values, not all(map(_is_number, values))) for name, values in found]


def _is_number(value: object) -> bool:
    try:
        float(value or 0)
    except ValueError:
        return False
    return True


def sparklines(shown: Sequence[run_view.RunView]) -> list[charts.Chart | None]:
    """The course of each loss over its own steps, all on the same scale."""
    every = charts.bounds({str(i): each.points for i, each in enumerate(shown)})
    own = [charts.bounds({"loss": each.points}) for each in shown]
    span = lambda found: found and every and (*found[:2], *every[2:])
    return [
        charts.draw({"loss": each.points}, span(found))
        for each, found in zip(shown, own, strict=True)
    ]


def number(value: object) -> str:
    """A cell: four significant digits; nothing where there is no value."""
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "not finite"
    return "" if value is None else str(value)
