"""What the statistics aim at, for one scale: exemplars and masks -> targets, drawn anew where chance is part of them."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxtex import errors, images, networks, statistics
from jaxtex.losses import base
from jaxtex.runtime import background
from jaxtex.statistics import parser

INSIDE = 0.5  # from this brightness on, a mask is white


class TextureTerm(NamedTuple):
    """One texture term: a statistic at some layers, and which styles it aims at."""

    name: str
    part: parser.StatisticTerm
    layers: tuple[str, ...]
    styles: tuple[int, ...]  # several are blended
    weights: tuple[float, ...]  # of the styles
    mask: np.ndarray | None  # where in the result, [H, W] in [0, 1]


class LossSpec(NamedTuple):
    """A loss without its pictures: terms by name, the sources of those of texture, the network that they look at."""

    network: networks.Pyramid  # for the result
    plain: networks.Pyramid  # for the exemplars, which have a border where the result may have none
    variables: dict  # as they were loaded, for programs that run once
    prepared: Callable[
        [], background.Ahead
    ]  # -> those for programs that run often, see `preparation`
    sources: list[TextureTerm]
    terms: dict[str, base.Term]


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
      jit: compiles what looks at the exemplars, `(function, arguments)`.
    """

    def __init__(
        self,
        network: networks.Pyramid,
        variables: dict,
        sources: Sequence[TextureTerm],
        styles: Sequence[np.ndarray],
        style_masks: Sequence[np.ndarray | None],
        size: tuple[int, int],
        seed: int,
        jit: Callable[[Callable, tuple], jax.stages.Wrapped],
    ):
        self.sources, self.seed = sources, seed
        self.extents = networks.feature_shapes(network, *size)
        of_styles = [networks.feature_shapes(network, *style.shape[:2]) for style in styles]
        drawn = {source.name: self._pools(source, of_styles, style_masks) for source in sources}

        def look(variables, styles, drawn):
            features = [network.apply(variables, style) for style in styles]
            return {
                source.name: _summarize_term(source, features, drawn[source.name])
                for source in sources
            }

        looked_at = variables, tuple(styles), drawn
        self._seen = background.run(jit(look, looked_at), *looked_at)
        self._fixed = functools.cache(functools.partial(self._aims_of, directions={}))

    def __call__(self, epoch: int) -> dict[str, Any]:
        """Name of the term -> its target."""
        return self._targets(epoch, self._aims) if epoch else self._first

    @functools.cached_property
    def _first(self) -> dict[str, Any]:
        """Asked for more than once: by `shapes`, too, and by each image of a batch."""
        return self._targets(0, self._aims)

    @property
    def shapes(self) -> dict[str, Any]:
        """Those of the targets: before these are there, if they are what is seen of the exemplars and no more."""
        used = [source.part.statistic for source in self.sources]
        if self.stochastic or not all(statistic.targets_summary for statistic in used):
            return background.shapes(self(0))
        return background.shapes(
            self._targets(0, lambda number, views: self._seen.shapes[self.sources[number].name])
        )

    @property
    def stochastic(self) -> bool:
        """Whether anything is drawn."""
        return any(source.part.statistic.stochastic for source in self.sources)

    def _targets(self, epoch: int, aims: Callable[[int, dict], dict]) -> dict[str, Any]:
        found = {}
        for number, source in enumerate(self.sources):
            views = self._views(number, epoch)
            aimed = aims(number, views)
            found[source.name] = {
                layer: {"target": aimed[layer], "sample": views[layer]} for layer in source.layers
            }
        return found

    def _views(self, number: int, epoch: int) -> dict[str, dict[str, np.ndarray]]:
        source, rng = self.sources[number], np.random.default_rng([self.seed, epoch, number])
        of_layer = lambda shape: base.draw_sample(
            source.part.statistic, shape, mask_at(source.mask, shape), rng
        )
        return {layer: of_layer(self.extents[layer]) for layer in source.layers}

    def _aims(self, number: int, views: dict) -> dict[str, Any]:
        if not self.sources[number].part.statistic.directions:
            return self._fixed(number)
        return self._aims_of(number, {layer: view["directions"] for layer, view in views.items()})

    def _aims_of(self, number: int, directions: dict) -> dict[str, Any]:
        """Of what was seen of the exemplars; of a statistic that draws this is rows."""
        source, statistic = self.sources[number], self.sources[number].part.statistic
        seen = self._seen.result()[source.name]
        summaries = (
            base.summarize(statistic, seen, source.weights, directions)
            if statistic.stochastic
            else seen
        )
        return base.make_targets(statistic, summaries)

    def _pools(
        self, source: TextureTerm, of_styles: list[dict], masks: Sequence[np.ndarray | None]
    ) -> list[dict]:
        """For each style of a term the positions of each layer that are looked at."""
        samples = statistics.POOL_SIZE if source.part.statistic.stochastic else 0
        statistic, rng = (
            source.part.statistic._replace(samples=samples, directions=0),
            np.random.default_rng(self.seed),
        )
        pool = lambda shape, mask: base.draw_sample(statistic, shape, mask_at(mask, shape), rng)
        return [
            {layer: pool(of_styles[i][layer], masks[i]) for layer in source.layers}
            for i in source.styles
        ]


def _summarize_term(
    source: TextureTerm, features: list[networks.Features], drawn: list[dict]
) -> Any:
    """The summaries of a term; of one that draws, the rows to draw from."""
    rows = [
        {layer: base.sample(features[i][layer], pool[layer]) for layer in source.layers}
        for i, pool in zip(source.styles, drawn, strict=True)
    ]
    return (
        rows
        if source.part.statistic.stochastic
        else base.summarize(source.part.statistic, rows, source.weights, {})
    )


def mask_at(mask: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray | None:
    """A mask at the size of a layer: `[H, W]`, true where it is white.

    Raises:
      UserError: nothing of it is left at that size.
    """
    if mask is None:
        return None
    white = images.resize(np.repeat(mask[..., None], 3, -1), *shape[:2])[..., 0] >= INSIDE
    if not white.any():
        raise errors.UserError(
            f"a mask leaves nothing of a layer of {shape[0]} x {shape[1]} positions: paint larger areas"
        )
    return white
