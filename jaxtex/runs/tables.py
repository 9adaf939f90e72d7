"""Rows of values as text: on a terminal, Markdown and CSV."""

import csv
import pathlib
from collections.abc import Sequence

import rich.console
import rich.markup
import rich.table

from jaxtex.runtime import files

Row = dict[str, object]


def header(rows: Sequence[Row]) -> list[str]:
    """The names of all columns, in the order in which they come up."""
    return list(dict.fromkeys(name for row in rows for name in row))


def markdown(rows: Sequence[Row]) -> str:
    """A Markdown table; numbers with three digits, nothing where a row has no value."""
    names = header(rows)
    lines = [
        names,
        ["---"] * len(names),
        *([text(row.get(name, "")) for name in names] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def text(value: object) -> str:
    """A cell: three significant digits of a number that is not whole."""
    return (
        f"{value:.3g}"
        if isinstance(value, float)
        else str(value).replace("|", "\\|").replace("\n", " ")
    )


def save(folder: pathlib.Path, rows: Sequence[Row], title: str = "") -> None:
    """Writes `table.md` and, with all digits, `table.csv`."""
    with files.atomic(folder / "table.md") as part:
        part.write_text(f"{title}\n\n{markdown(rows)}" if title else markdown(rows))
    save_csv(folder / "table.csv", rows)


def save_csv(path: str | pathlib.Path, rows: Sequence[Row]) -> None:
    """Writes comma-separated values with all digits."""
    with files.atomic(path) as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, header(rows))
        writer.writeheader()
        writer.writerows(rows)


def show(cells: Sequence[Sequence[str]]) -> None:
    """Prints a table, a header first; where there is no terminal, plain columns that nothing shortens.

    The first column is to the left, the others, of numbers, to the right.
    """
    console = rich.console.Console()
    if not console.is_terminal:
        return _show_plainly(cells)
    header, *rows = cells
    table = rich.table.Table(
        rich.table.Column(header[0], overflow="fold"), box=None, padding=(0, 2, 0, 0)
    )
    for name in header[1:]:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*map(rich.markup.escape, row))
    console.print(table)


def _show_plainly(cells: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for first, *numbers in cells:
        print("  ".join([first.ljust(widths[0]), *map(str.rjust, numbers, widths[1:])]))
