"""HTML report of runs in one file that loads no other file. Needs Jinja (extra `report`)."""

import base64
import hashlib
import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from jaxtex import errors
from jaxtex.viewer import charts, run_view

FOLDER = pathlib.Path(__file__).parent / "data"
STYLES = ("page/colors.css", "report.css")
MARK = b'<meta name="generator" content="jaxtex">'  # of every report, near its beginning
MAX_FULL_SIZE = 4  # runs on a page whose snapshots are not reduced


class Column(NamedTuple):
    """Column of the table of runs."""

    name: str
    values: list  # one for each run; None if a run has none
    is_text: bool  # some value is not a number


def render(views: Sequence[run_view.RunView]) -> str:
    """Renders the report of one run, or of several with a table of them.

    All texts from the runs are escaped. The page runs only its own script and loads no file.

    Args:
      views: the runs, in order.

    Returns:
      The HTML text.

    Raises:
      UserError: Jinja is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise errors.UserError(
            "Jinja is not installed; run pip install 'jaxtex[report]'"
        ) from error

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = format_value

    style = "".join((FOLDER / name).read_text() for name in STYLES)
    script = (FOLDER / "report.js").read_text()
    return environment.get_template("report.html").render(
        runs=views,
        columns=build_columns(views),
        sparklines=draw_sparklines(views),
        style=style,
        script=script,
        policy=security_policy(style, script),
    )


def security_policy(style: str, script: str) -> str:
    """Returns a Content Security Policy that admits one style, one script and embedded pictures.

    Args:
      style: text of the style element.
      script: text of the script element.
    """
    rules = (
        "default-src 'none'",
        f"style-src 'sha256-{_digest(style)}'",
        f"script-src 'sha256-{_digest(script)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)


def _digest(text: str) -> str:
    """Returns the SHA-256 of a text in base64."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def build_columns(views: Sequence[run_view.RunView]) -> list[Column]:
    """Returns the columns of the table: flags that differ, the outcome, and the measures."""
    flags = [{**view.tables.flags, **view.tables.default_flags} for view in views]
    columns = [_column(name, flags, missing="") for name in _names(flags) if _differs(name, flags)]

    outcomes = [view.tables.outcome for view in views]
    columns += [_column(name, outcomes) for name in _names(outcomes)]

    measures = [view.tables.measures for view in views]
    columns += [_column(name, measures) for name in _names(measures)]
    return columns


def _names(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """Returns the names in some rows, each once, in order."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _differs(name: str, rows: Iterable[Mapping[str, object]]) -> bool:
    """True if the rows that have a name disagree on its value."""
    return len({row[name] for row in rows if name in row}) > 1


def _column(name: str, rows: Iterable[Mapping[str, object]], missing: str | None = None) -> Column:
    """Returns one column of some rows."""
    values = [row.get(name, missing) for row in rows]
    return Column(name, values, is_text=not all(_is_number(value) for value in values))


def _is_number(value: object) -> bool:
    """True for a number, its text, or no value."""
    if not value:
        return True
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def draw_sparklines(views: Sequence[run_view.RunView]) -> list[charts.Chart | None]:
    """Draws the loss of each run over its own steps, all with the same range of values."""
    curves = {str(i): view.loss.points for i, view in enumerate(views)}
    common = charts.bounds(curves)
    return [_draw_sparkline(view.loss.points, common) for view in views]


def _draw_sparkline(points: charts.Points, common: charts.Frame | None) -> charts.Chart | None:
    """Draws one curve over its own steps within a common range of values."""
    own = charts.bounds({"loss": points})
    if own is None or common is None:
        return None
    return charts.draw({"loss": points}, own._replace(low=common.low, high=common.high))


def format_value(value: object) -> str:
    """Formats a cell: four significant digits for a float, nothing for None."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4g}" if math.isfinite(value) else "not finite"
