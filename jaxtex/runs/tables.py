"""Tables of results on the terminal, in Markdown and in CSV."""

import csv
import pathlib
from collections.abc import Sequence

import rich.console
import rich.markup
import rich.table

from jaxtex.runtime import files

Row = dict[str, object]  # column -> value; rows may lack columns


def header(rows: Sequence[Row]) -> list[str]:
    """Lists the columns of all rows, in order of first occurrence."""
    return list(dict.fromkeys(name for row in rows for name in row))


def markdown(rows: Sequence[Row]) -> str:
    """Formats rows as a Markdown table; a missing value is an empty cell."""
    names = header(rows)
    lines = [names, ["---"] * len(names)]
    lines += [[text(row.get(name, "")) for name in names] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def text(value: object) -> str:
    """Formats a cell; floats get three significant digits."""
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def save(folder: pathlib.Path, rows: Sequence[Row], title: str = "") -> None:
    """Writes `table.md` and, with all digits, `table.csv`.

    Args:
      folder: existing folder.
      rows: of the table.
      title: paragraph above the table in `table.md`.
    """
    files.write_text(folder / "table.md", (f"{title}\n\n" if title else "") + markdown(rows))
    save_csv(folder / "table.csv", rows)


def save_csv(path: str | pathlib.Path, rows: Sequence[Row]) -> None:
    """Writes comma-separated values with all digits.

    Args:
      path: of the file.
      rows: of the table.
    """
    with (
        files.atomic(path) as part,
        open(part, "w", newline="", errors="surrogateescape") as file,
    ):
        writer = csv.DictWriter(file, header(rows))
        writer.writeheader()
        writer.writerows(rows)


def show(cells: Sequence[Sequence[str]]) -> None:
    """Prints a table; plain columns, never shortened, if stdout is not a terminal.

    Args:
      cells: rows of equal length, the header first. The first column is aligned to the left, the
        others to the right.
    """
    console = rich.console.Console()
    if not console.is_terminal:
        _show_plainly(cells)
        return
    names, *rows = cells
    first = rich.table.Column(names[0], overflow="fold")
    table = rich.table.Table(first, box=None, padding=(0, 2, 0, 0))
    for name in names[1:]:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*map(rich.markup.escape, row))
    console.print(table)


def _show_plainly(cells: Sequence[Sequence[str]]) -> None:
    """Prints columns padded with spaces."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for first, *others in cells:
        right = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *right]))
