"""Regions of several styles: the positions of each layer that see only what a mask covers.

A position of a layer depends on its receptive field, which in deep layers and coarse octaves is as
wide as a small image. Where the field crosses the border of a region, the features are those of the
step between two textures. No exemplar has such features, and in deep layers they cost more than
the rest of the image: the optimization would remove the step by giving up the colors of a region.
So a region is narrower in deeper layers, and a layer in which nothing is left is not compared.

References:
  Gatys, Ecker, Bethge, Hertzmann and Shechtman, "Controlling Perceptual Factors in Neural Style
  Transfer", CVPR 2017, https://arxiv.org/abs/1611.07865: statistics of the neurons whose receptive
  field is inside the region. Departure: a share of the field is enough, see `INSIDE`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxtex import errors, images, networks
from jaxtex.images import arrays
from jaxtex.networks import receptive_fields

MAX_PROPORTION_ERROR = 0.02  # by which proportions may differ unsaid
WHITE = 0.5  # from this brightness on, a mask counts as white

# Shares of a receptive field that must be inside, see docs/development/performance.md.
INSIDE = 0.995  # of a style
INSIDE_CONTENT = 0.9  # of the content, which is lost where it is not compared
MIXED = 0.5  # of a band of a mix, whose neighbors are alike
TOUCHED = 0.1  # of a hole, whose border is compared with what is on both sides of it

Shares = Mapping[str, np.ndarray]  # layer -> share of each receptive field, [H, W] in [0, 1]
Positions = dict[str, np.ndarray | None]  # layer -> bool [H, W]; None: everywhere


class Regions(NamedTuple):
    """Positions that a texture term compares at one scale. All have the same layers.

    Attributes:
      result: positions in the result.
      styles: positions in each style of the term.
    """

    result: Positions
    styles: Sequence[Positions]


def load_masks(
    flag: str, masks: Sequence[str | np.ndarray], shapes: Sequence[tuple[int, ...]]
) -> list[np.ndarray]:
    """Loads one mask, `[H, W]` in [0, 1], for each image.

    Args:
      flag: name of the flag, for messages.
      masks: paths, or arrays `[H, W]`.
      shapes: of the images, height and width first.

    Raises:
      UserError: the numbers of masks and images differ, or the proportions of one.
    """
    if len(masks) != len(shapes):
        text = ",".join(mask if isinstance(mask, str) else "array" for mask in masks)
        raise errors.UserError(f"--{flag}={text}: {len(masks)} masks for {len(shapes)} styles")
    return [_load_mask(flag, mask, shape) for mask, shape in zip(masks, shapes, strict=True)]


def _load_mask(flag: str, given: str | np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Loads a mask and compares its proportions with those of its image."""
    if isinstance(given, str):
        name, mask = f"'{given}'", images.load(given).mean(-1)
    else:
        name, mask = "an array", arrays.check_mask(given, f"--{flag}: a mask")
    check_proportions(flag, name, mask.shape, shape)
    if not (mask >= WHITE).any():
        raise errors.UserError(f"--{flag}: {name} has no white pixel (brightness {WHITE} or more)")
    return mask


def check_proportions(flag: str, name: str, found: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Raises a `UserError` if a mask has not the proportions of its image.

    Args:
      flag: name of the flag, for messages.
      name: of the mask, for messages.
      found: height and width of the mask.
      shape: of the image, height and width first.
    """
    ratio = found[0] * shape[1] / (found[1] * shape[0])
    if abs(ratio - 1) > MAX_PROPORTION_ERROR:
        raise errors.UserError(
            f"--{flag}: {name} has {found[1]} x {found[0]} pixels, its image "
            f"{shape[1]} x {shape[0]}: the proportions must be the same"
        )


def covered_shares(
    network: networks.Pyramid, mask: np.ndarray | None, height: int, width: int
) -> Shares | None:
    """Returns the share of each receptive field that a mask covers; None without a mask.

    Args:
      network: its layers selected.
      mask: `[H, W]` in [0, 1], of any size, with a white pixel; None: everywhere.
      height: of the image, in pixels.
      width: of the image, in pixels.
    """
    if mask is None:
        return None
    return receptive_fields.covered_shares(network, white_pixels(mask, height, width))


def white_pixels(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns where a mask is white at another size, bool `[height, width]`; never empty.

    Args:
      mask: `[H, W]` in [0, 1], with a white pixel.
      height: in pixels.
      width: in pixels.
    """
    resized = images.resize(np.repeat(mask[..., None], 3, -1), height, width)[..., 0]
    # A white line may be gray when it is reduced.
    return resized >= min(WHITE, resized.max())


def inside(image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Returns the pixels of an image inside a mask, as an image of one row.

    Args:
      image: `[H, W, C]`.
      mask: as in `white_pixels`; None returns the image unchanged.

    Returns:
      `[1, N, C]` with N pixels inside the mask.
    """
    return image if mask is None else image[white_pixels(mask, *image.shape[:2])][None]


def blend_shares(
    mixtures: Sequence[Sequence[float]],
    masks: Sequence[np.ndarray] | None,
    height: int,
    width: int,
) -> np.ndarray:
    """Returns how much each style counts in each pixel.

    Where there is no mask, the mixtures of all masks count.

    Args:
      mixtures: for each mask the weight of each of K styles.
      masks: as in `white_pixels`; None: the only mixture counts everywhere.
      height: in pixels.
      width: in pixels.

    Returns:
      `[K, height, width, 1]`; only ratios matter.
    """
    white = np.ones((len(mixtures), height, width), bool)
    if masks:
        white = np.stack([white_pixels(mask, height, width) for mask in masks])
        white[:, ~white.any(0)] = True
    return np.einsum("mk,mhw->khw", np.asarray(mixtures), white)[..., None]


def choose_regions(
    layers: Sequence[str],
    result: Shares | None,
    styles: Sequence[Shares | None],
    least: float = INSIDE,
) -> Regions:
    """Chooses layers and positions of a texture term.

    Args:
      layers: layers of the term.
      result: result of `covered_shares` for the mask of the result.
      styles: the same for each style of the term.
      least: share of a receptive field that the mask of the result covers at a compared position.

    Returns:
      Regions without the layers that have no position in the result or in a style. If that is each
      layer, the one whose receptive fields are inside to the largest share remains.
    """
    needed = [(result, least), *((shares, INSIDE) for shares in styles)]
    masked = [(shares, share) for shares, share in needed if shares is not None]
    # Of the share that is needed, the part that the best position of a layer has.
    largest = {
        layer: min((shares[layer].max() / share for shares, share in masked), default=1.0)
        for layer in layers
    }
    left = [layer for layer in layers if largest[layer] >= 1]
    if not left:
        left = [max(layers, key=largest.__getitem__)]

    def positions(shares: Shares | None, share: float) -> Positions:
        if shares is None:
            return dict.fromkeys(left)
        return {layer: shares[layer] >= min(share, shares[layer].max()) for layer in left}

    of_result, *of_styles = (positions(shares, share) for shares, share in needed)
    return Regions(of_result, of_styles)


def content_positions(
    network: networks.Pyramid, masks: Sequence[np.ndarray] | None, height: int, width: int
) -> Positions:
    """Returns the positions that see a single region, with the rest of the result as another one.

    At the others the content term would smooth the step from one style to the next.

    Args:
      network: its layers selected; the content is compared in the first octave only.
      masks: as in `white_pixels`, one for each style; None for one region.
      height: of the result, in pixels.
      width: of the result, in pixels.

    Returns:
      Layer -> bool `[H, W]`, at least one position of each layer; empty for one region.
    """
    if not masks:
        return {}
    network = network.clone(octaves=1)
    white = [white_pixels(mask, height, width) for mask in masks]
    rest = ~np.any(white, 0)
    parts = [part for part in (*white, rest) if part.any()]
    shares = [receptive_fields.covered_shares(network, part) for part in parts]
    positions: Positions = {}
    for layer in shares[0]:
        largest = np.max([one[layer] for one in shares], 0)
        positions[layer] = largest >= min(INSIDE_CONTENT, largest.max())
    return positions


def warn_left_out(left_out: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Logs which layers a term leaves out, in one line.

    Args:
      left_out: name of a term, and the layers that it does not compare.
    """
    parts = [f"{', '.join(layers)} ({name})" for name, layers in left_out if layers]
    if parts:
        errors.warn_once(
            f"masks: layers that see beyond the region of their style are left out: "
            f"{'; '.join(parts)}; larger regions or a larger --size keep them"
        )
