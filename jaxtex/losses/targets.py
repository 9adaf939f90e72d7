"""Targets of the texture terms at one scale: exemplars and masks -> summaries to match."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxtex import networks, statistics
from jaxtex.losses import base, octave_strips, regions, rows, sampling, summaries
from jaxtex.runtime import malloc

Shapes = Mapping[str, tuple[int, int, int]]  # layer -> (H, W, C)


class TextureTerm(NamedTuple):
    """A statistic at some layers, and the styles that it matches.

    Attributes:
      name: of the term, in logs.
      statistic: compared at each layer.
      weight: of the statistic in the sum of `--statistic`.
      layers: names, with octaves.
      styles: indices of the styles; several are blended.
      style_weights: one for each of `styles`.
      mask: where the result follows this term, `[H, W]` in [0, 1]; None: everywhere.
      least: see `regions.choose_regions`.
    """

    name: str
    statistic: statistics.Statistic
    weight: float
    layers: tuple[str, ...]
    styles: tuple[int, ...]
    style_weights: tuple[float, ...]
    mask: np.ndarray | None
    least: float = regions.INSIDE


class LossSpec(NamedTuple):
    """A loss without its images.

    Attributes:
      network: evaluated on the result.
      exemplar_network: evaluated on the exemplars, which have borders even where the result is
        periodic.
      variables: weights as loaded, for programs that run once.
      step_variables: returns the weights for programs that run often; see
        `weights.kernel_transforms`.
      texture_terms: what `TextureTargets` are built from.
      terms: name -> term; the texture terms and all others.
    """

    network: networks.Pyramid
    exemplar_network: networks.Pyramid
    variables: dict
    step_variables: Callable[[], dict]
    texture_terms: Sequence[TextureTerm]
    terms: dict[str, base.Term]


@dataclasses.dataclass(frozen=True)
class TextureTargets:
    """Exemplars at one scale, from which `draw_targets` makes the targets of all texture terms.

    Attributes:
      terms: the texture terms.
      regions: of each term; a term has targets at the layers of its regions.
      shapes: shapes of the result's features.
      reaches: longest shifts at each layer, see `sampling.reaches`.
      seed: decides all draws.
      extract: returns for each term a summary of the exemplars, or for a stochastic statistic the
        feature vectors to draw from. Computed on the first call.
      constant: the same for a term without random directions: index -> targets of each layer.
    """

    terms: Sequence[TextureTerm]
    regions: Sequence[regions.Regions]
    shapes: Shapes
    reaches: Mapping[str, int]
    seed: int
    extract: Callable[[], dict[str, Any]]
    constant: Callable[[int], dict[str, Any]]

    @property
    def stochastic(self) -> bool:
        """True if the targets change with the number of draws."""
        return any(term.statistic.stochastic for term in self.terms)

    def left_out(self) -> list[tuple[str, list[str]]]:
        """Returns the name of each term, and its layers that no position of a region is inside."""
        return [
            (term.name, [layer for layer in term.layers if layer not in places.result])
            for term, places in zip(self.terms, self.regions, strict=True)
        ]


def build_targets(
    spec: LossSpec,
    styles: Sequence[np.ndarray],
    style_masks: Sequence[np.ndarray | None],
    size: tuple[int, int],
    seed: int,
    compiler_options: dict | None,
    strip: int = 0,
) -> TextureTargets:
    """Builds the targets of one scale. The exemplars' features are computed when they are needed.

    Args:
      spec: the loss.
      styles: exemplars at this scale, `[H, W, 3]` in [0, 1].
      style_masks: for each style where it is used, `[H, W]` in [0, 1]; None: everywhere.
      size: height and width of the result at this scale.
      seed: decides all draws.
      compiler_options: of the program that looks at the exemplars.
      strip: rows of the exemplars that are evaluated at once; 0 for whole exemplars.
    """
    network = spec.exemplar_network
    style_shapes = [networks.feature_shapes(network, *style.shape[:2]) for style in styles]
    shapes = networks.feature_shapes(spec.network, *size)  # patches that wrap are more
    reaches = sampling.reaches([shapes, *style_shapes])
    term_regions = _choose_regions(spec, styles, style_masks, size)
    samples = {
        term.name: _exemplar_samples(term, style_shapes, reaches, places.styles, seed)
        for term, places in zip(spec.texture_terms, term_regions, strict=True)
    }
    in_strips = strip and all(octave_strips.divides(network, style.shape[0]) for style in styles)

    def extract(variables: dict, styles: tuple, samples: dict) -> dict[str, Any]:
        if in_strips:
            return _summarize_strips(spec, strip, variables, styles, samples)
        features = [network.apply(variables, style) for style in styles]
        return {
            term.name: _summarize_term(term, features, samples[term.name])
            for term in spec.texture_terms
        }

    @functools.cache
    def extracted() -> dict[str, Any]:
        program = jax.jit(extract, compiler_options=compiler_options)
        result = jax.block_until_ready(program(spec.variables, tuple(styles), samples))
        malloc.trim()  # memory of compiling and of the features
        return result

    @functools.cache
    def constant(index: int) -> dict[str, Any]:
        term = spec.texture_terms[index]
        return _make_targets(term, extracted()[term.name], {})

    terms = spec.texture_terms
    return TextureTargets(terms, term_regions, shapes, reaches, seed, extracted, constant)


def _choose_regions(
    spec: LossSpec,
    styles: Sequence[np.ndarray],
    style_masks: Sequence[np.ndarray | None],
    size: tuple[int, int],
) -> list[regions.Regions]:
    """Chooses layers and positions of each term; the arguments are those of `build_targets`."""
    of_styles = [
        regions.covered_shares(spec.exemplar_network, mask, *style.shape[:2])
        for style, mask in zip(styles, style_masks, strict=True)
    ]
    return [
        regions.choose_regions(
            term.layers,
            regions.covered_shares(spec.network, term.mask, *size),
            [of_styles[style] for style in term.styles],
            term.least,
        )
        for term in spec.texture_terms
    ]


def draw_targets(targets: TextureTargets, draws: int) -> dict[str, Any]:
    """Returns the target of each texture term, by name; the same for the same number of draws.

    Args:
      targets: the exemplars at one scale.
      draws: how often samples have been drawn before.

    Returns:
      Name -> layer -> `{"target": ..., "sample": ...}`, see `losses.base.texture`.
    """
    drawn = {}
    for index, term in enumerate(targets.terms):
        samples = _draw_samples(targets, index, draws)
        if term.statistic.directions:
            directions = {layer: sample["directions"] for layer, sample in samples.items()}
            made = _make_targets(term, targets.extract()[term.name], directions)
        else:
            made = targets.constant(index)
        drawn[term.name] = {
            layer: {"target": made[layer], "sample": sample} for layer, sample in samples.items()
        }
    return drawn


def _draw_samples(
    targets: TextureTargets, index: int, draws: int
) -> dict[str, dict[str, np.ndarray]]:
    """Draws the positions and directions of each layer of the result that a term compares."""
    term, samples = targets.terms[index], {}
    rng = np.random.default_rng([targets.seed, draws, index])
    for layer, inside in targets.regions[index].result.items():
        shape, reach = targets.shapes[layer], targets.reaches[layer]
        samples[layer] = sampling.draw_sample(term.statistic, shape, inside, rng, reach)
    return samples


def _exemplar_samples(
    term: TextureTerm,
    style_shapes: Sequence[Shapes],
    reaches: Mapping[str, int],
    positions: Sequence[regions.Positions],
    seed: int,
) -> list[dict[str, dict[str, np.ndarray]]]:
    """Draws, for each style of a term, the positions of each layer that represent the style."""
    pool = statistics.POOL_SIZE if term.statistic.stochastic else 0
    statistic = term.statistic._replace(samples=pool, directions=0)
    rng = np.random.default_rng(seed)
    samples = []
    for style, of_layers in zip(term.styles, positions, strict=True):
        shapes = style_shapes[style]
        samples.append(
            {
                layer: sampling.draw_sample(statistic, shapes[layer], inside, rng, reaches[layer])
                for layer, inside in of_layers.items()
            }
        )
    return samples


def _summarize_term(
    term: TextureTerm, features: Sequence[networks.Features], samples: Sequence[dict]
) -> Any:
    """Returns the blended summary of a term's styles; of a stochastic one the sampled features."""
    sampled = []
    for style, of_style in zip(term.styles, samples, strict=True):
        layers = features[style]
        sampled.append(
            {layer: sampling.sample(layers[layer], drawn) for layer, drawn in of_style.items()}
        )
    if term.statistic.stochastic:
        return sampled
    return summaries.summarize(term.statistic, sampled, term.style_weights, {})


def _summarize_strips(
    spec: LossSpec, strip: int, variables: dict, styles: Sequence[jax.Array], samples: dict
) -> dict[str, Any]:
    """Returns, for each term, the result of `_summarize_term`, computed in strips of rows."""
    extracted: dict[str, list] = {term.name: [] for term in spec.texture_terms}
    for index, style in enumerate(styles):
        terms = [term for term in spec.texture_terms if index in term.styles]
        of_style = {term.name: samples[term.name][term.styles.index(index)] for term in terms}

        def sum_rows(
            features: networks.Features,
            drawn: dict[str, Any],
            places: rows.Places,
            terms: Sequence[TextureTerm] = terms,
        ) -> dict[str, dict[str, Any]]:
            return {
                term.name: {
                    layer: summaries.sum_rows(term.statistic, features[layer], each, places[layer])
                    for layer, each in drawn[term.name].items()
                    if layer in features
                }
                for term in terms
            }

        sums = octave_strips.sum_octaves(
            spec.exemplar_network, sum_rows, strip, variables, of_style, style
        )
        for term in terms:
            extracted[term.name].append(sums[term.name])

    return {term.name: _blend_sums(term, extracted[term.name]) for term in spec.texture_terms}


def _blend_sums(term: TextureTerm, of_styles: Sequence[dict[str, Any]]) -> Any:
    """Returns the result of `_summarize_term` from each style's sums over rows."""
    if term.statistic.stochastic:
        return [{layer: drawn[:, None] for layer, drawn in each.items()} for each in of_styles]
    summarized = [summaries.summarize_sums(term.statistic, each, {}) for each in of_styles]
    return summaries.blend_layers(term.statistic, summarized, term.style_weights)


def _make_targets(term: TextureTerm, extracted: Any, directions: dict) -> dict[str, Any]:
    """Returns the target of each layer from what was extracted of the exemplars."""
    summary = extracted
    if term.statistic.stochastic:
        summary = summaries.summarize(term.statistic, extracted, term.style_weights, directions)
    return summaries.make_targets(term.statistic, summary)
