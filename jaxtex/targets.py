"""What the statistics aim at, for one scale: exemplars and masks -> targets, drawn anew where chance is part of them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxtex import comparisons, compilation, errors, expressions, images, losses, networks, traces

INSIDE = 0.5  # from this brightness on, a mask is white


class Source(NamedTuple):
    """One texture term: a statistic at some layers, and which styles it aims at."""

    name: str
    part: expressions.Part
    layers: tuple[str, ...]
    styles: tuple[int, ...]  # several are blended
    weights: tuple[float, ...]  # of the styles
    mask: np.ndarray | None  # where in the result, [H, W] in [0, 1]


class Loss(NamedTuple):
    """A loss without its pictures: terms by name, the sources of those of texture, the network that they look at."""

    network: networks.Pyramid  # for the result
    plain: networks.Pyramid  # for the exemplars, which have a border where the result may have none
    variables: dict  # as they were loaded, for programs that run once
    prepared: Callable[[], dict]  # -> those for programs that run often, see `preparation`
    sources: list[Source]
    terms: dict[str, losses.Term]


class Targets:
    """The targets of all texture terms at one scale; `self(epoch)` gives them, the same for the same epoch.

    Args:
      network: whose features are compared.
      variables: of the network.
      sources: the terms.
      styles: exemplars at this scale, `[H, W, 3]`.
      style_masks: for each style where it is looked at, `[H, W]`, or None.
      size: height and width of the result at this scale.
      seed: of what is drawn.
      made_of: all that the network and the sources are made of, as in `traces.jit`.
    """

    def __init__(
        self,
        network: networks.Pyramid,
        variables: dict,
        sources: Sequence[Source],
        styles: Sequence[np.ndarray],
        style_masks: Sequence[np.ndarray | None],
        size: tuple[int, int],
        seed: int,
        made_of: str = "",
    ):
        self.sources, self.seed, self._fixed = sources, seed, {}
        self.shapes = networks.extents(network, *size)
        of_styles = [networks.extents(network, *style.shape[:2]) for style in styles]
        drawn = {source.name: self._pools(source, of_styles, style_masks) for source in sources}

        def look(variables, styles, drawn):
            features = [network.apply(variables, style) for style in styles]
            return {source.name: _seen(source, features, drawn[source.name]) for source in sources}

        looked_at = variables, tuple(styles), drawn
        seen = traces.jit(look, looked_at, made_of, compiler_options=compilation.options(often=False))(*looked_at)
        self.seen = {s.name: seen[s.name] if _draws(s) else losses.aims(s.part.statistic, seen[s.name]) for s in sources}

    def __call__(self, epoch: int) -> dict[str, Any]:
        """Name of the term -> its target."""
        return {source.name: self._target(source, epoch) for source in self.sources}

    @property
    def chance(self) -> bool:
        """Whether anything is drawn."""
        return any(_draws(source) for source in self.sources)

    def _target(self, source: Source, epoch: int) -> dict[str, Any]:
        statistic, rng = source.part.statistic, np.random.default_rng([self.seed, epoch, self.sources.index(source)])
        views = {
            layer: losses.draw(statistic, self.shapes[layer], inside(source.mask, self.shapes[layer]), rng)
            for layer in source.layers
        }
        if not _draws(source):
            aims = self.seen[source.name]
        elif statistic.directions or source.name not in self._fixed:
            directions = {layer: views[layer]["directions"] for layer in source.layers} if statistic.directions else {}
            aims = self._fixed[source.name] = _aims(source, self.seen[source.name], directions)
        else:
            aims = self._fixed[source.name]
        return {layer: {"aim": aims[layer], "view": views[layer]} for layer in source.layers}

    def _pools(self, source: Source, of_styles: list[dict], masks: Sequence[np.ndarray | None]) -> list[dict]:
        """For each style of a term the positions of each layer that are looked at."""
        samples = comparisons.POOL if _draws(source) else 0
        statistic, rng = source.part.statistic._replace(samples=samples, directions=0), np.random.default_rng(self.seed)
        pool = lambda shape, mask: losses.draw(statistic, shape, inside(mask, shape), rng)
        return [{layer: pool(of_styles[i][layer], masks[i]) for layer in source.layers} for i in source.styles]


def _draws(source: Source) -> bool:
    return bool(source.part.statistic.samples or source.part.statistic.directions)


def _seen(source: Source, features: list[networks.Features], drawn: list[dict]) -> Any:
    """The summaries of a term; of one that draws, the rows to draw from."""
    rows = [
        {layer: losses.view(features[i][layer], pool[layer]) for layer in source.layers}
        for i, pool in zip(source.styles, drawn, strict=True)
    ]
    return rows if _draws(source) else losses.summarise(source.part.statistic, rows, source.weights, {})


def _aims(source: Source, rows: list[networks.Features], directions: dict) -> dict[str, Any]:
    summaries = losses.summarise(source.part.statistic, rows, source.weights, directions)
    return losses.aims(source.part.statistic, summaries)


def inside(mask: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray | None:
    """A mask at the size of a layer: `[H, W]`, true where it is white.

    Raises:
      UserError: nothing of it is left at that size.
    """
    if mask is None:
        return None
    white = images.resize(np.repeat(mask[..., None], 3, -1), *shape[:2])[..., 0] >= INSIDE
    if not white.any():
        raise errors.UserError(f"a mask leaves nothing of a layer of {shape[0]} x {shape[1]} positions: paint larger areas")
    return white


