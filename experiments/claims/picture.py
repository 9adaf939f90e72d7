"""Figure of docs/theory.md."""

import pathlib

import numpy as np

from claims import distributions
from claims.measures import PAIR, Seen, gram_of, moments_of, tilted
from jaxtex import errors
from jaxtex.runtime import files


def draw(seen: Seen, path: pathlib.Path) -> None:
    """Draws two channels of bricks (gray), the models of four statistics (orange), and a critic.

    The critic's panel is blue where it expects bricks, and red where it expects the Gaussian.
    """
    rng, rows = np.random.default_rng(0), seen.bricks[::4, PAIR]
    tilt = np.asarray(tilted(seen.bricks.mean(0), seen.pebbles)[1])
    normal = lambda gaussian: rng.multivariate_normal(*gaussian, len(rows))
    free = normal(moments_of(rows))
    models = {
        "P: two channels of bricks": rows[:0],
        "mean: pebbles, tilted": seen.pebbles[rng.choice(len(tilt), len(rows), p=tilt)][:, PAIR],
        "gram: N(0, G)": normal(gram_of(rows)),
        "mean_and_covariance: N(m, S)": free,
        "sorted: the product of the marginals": rng.permuted(rows, axis=0),
        "critic: P (blue) or N(m, S) (red)": free[:0],
    }
    panels = figures().Figure(figsize=(10.8, 7.4), layout="constrained").subplots(2, 3)
    for panel, (name, drawn) in zip(panels.flat, models.items(), strict=True):
        panel.plot(*rows.T, ".", color="0.6", markersize=1.5)
        panel.plot(*drawn.T, ".", color="C1", markersize=1.5)
        panel.set(title=name, xlim=(-3.5, 7), ylim=(-3.5, 7), aspect="equal")
    line = np.linspace(-3.5, 7, 201)
    places = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    logit = distributions.taught("mlp", rows[::2], free[::2])(places).reshape(201, 201)
    panel.contourf(line, line, logit, np.linspace(-6, 6, 13), cmap="RdBu", extend="both", zorder=0)
    with files.atomic(path) as part:
        panel.figure.savefig(part, format="png", dpi=110)


def figures():
    """Returns the module of figures of Matplotlib.

    Raises:
      UserError: Matplotlib is not installed.
    """
    try:
        from matplotlib import figure
    except ImportError as error:
        raise errors.UserError(
            "--experiment=theory needs matplotlib: pip install 'jaxtex[plots]'"
        ) from error
    return figure
