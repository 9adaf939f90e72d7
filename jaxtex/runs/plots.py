"""Curves, by Matplotlib (extra `plots`)."""

import pathlib

from jaxtex import errors
from jaxtex.runtime import files

Curves = dict[str, tuple[list, list]]  # label -> abscissae and ordinates


def save(path: pathlib.Path, curves: Curves, across: str, up: str, joined: bool = True) -> None:
    """Draws curves into a file, both axes logarithmic.

    Args:
      path: where to.
      curves: what.
      across: the name of the horizontal axis.
      up: that of the vertical one.
      joined: whether the points of a curve follow each other, and are joined by a line.

    Raises:
      UserError: Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise errors.UserError(f"{path}: a curve wants pip install 'jaxtex[plots]'") from error
    figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=across, ylabel=up, xscale="log", yscale="log")
    for label, (xs, ys) in curves.items():
        axes.plot(xs, ys, "-" if joined else "o", label=label)
    axes.legend()
    with files.atomic(path) as part:
        figure.savefig(part, format=path.suffix[1:])
