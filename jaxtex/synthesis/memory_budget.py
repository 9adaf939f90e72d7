"""Whether it fits: the bytes of the features, and the strips that are taken where those of the whole are too many."""

import bisect
import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from jaxtex import errors, networks
from jaxtex.losses import targets as targeting
from jaxtex.networks import convolutions
from jaxtex.runtime import device_memory, sharding, xla_options
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images

MANY_BYTES = 2**29  # bytes of features: VGG-16's of 512 px


def validate_memory(
    loss: targeting.LossSpec,
    scene: input_images.Inputs,
    config: configs.Config,
    layout: sharding.Layout,
) -> None:
    """What surely does not fit is not begun: where the system ends a process that takes too much, it says nothing.

    Raises:
      UserError: it does not fit; the text says what would.
    """
    rows = sharding.row_devices(layout, scene.height)
    strip = choose_strip(
        loss, scene, config.strips.split(",")[-1], (scene.height, scene.width), rows
    )
    high = strip_window(loss, strip, scene.height) if strip else scene.height
    bytes_of = lambda height, width: feature_bytes(loss, height, width)
    result, exemplars = (
        bytes_of(high, scene.width) / rows,
        [bytes_of(*style.shape[:2]) for style in scene.styles],
    )
    if device_memory.exceeds_memory(needed := max([result, *exemplars])):
        what = "--height and --width" if needed == result else "--size"
        share = (device_memory.available_bytes() / device_memory.estimate_step_bytes(needed)) ** 0.5
        raise errors.UserError(
            f"out of memory: features of {needed / 1e9:.1f} GB, and {device_memory.available_bytes() / 1e9:.1f} GB are free: {what} "
            f"{share:.2f} times as large would fit; or, where it is the result, --strips=64"
        )


def parse_strips(text: str, scales: int) -> list[str]:
    """`--strips` for each scale: one for all of them, or, with commas, one for each; `"none,128"`.

    Raises:
      UserError: neither of it.
    """
    parts = text.split(",")
    if len(parts) not in (1, scales):
        raise errors.UserError(
            f"--strips={text}: {len(parts)} for {scales} scales; one for all, or one for each, please"
        )
    return parts if len(parts) > 1 else parts * scales


def choose_strip(
    loss: targeting.LossSpec,
    scene: input_images.Inputs,
    choice: str,
    size: tuple[int, int],
    rows: int,
) -> int:
    """Rows of the strips that the image is taken in, one after the other; 0: as a whole.

    Args:
      loss: whose features have to fit.
      scene: the pictures.
      choice: "none", a number of rows, or "auto": the most that fit into the memory that is free, where the whole does not.
      size: height and width of the image.
      rows: devices that share it.

    Raises:
      UserError: another choice, or strips of what cannot be had in strips.
    """
    if choice not in ("auto", "none") and not (choice.isdecimal() and 1 <= int(choice) <= 2**14):
        raise errors.UserError(f"--strips={choice}: auto, none, or a number of rows, please")
    fits = lambda high: device_memory.fits(feature_bytes(loss, min(size[0], high), size[1]))
    if choice == "none" or (choice == "auto" and (fits(size[0]) or _whole_only(loss, scene, rows))):
        return 0
    if reason := _whole_only(loss, scene, rows):
        raise errors.UserError(f"--strips={choice}: {reason}")
    step = size_multiple(loss.network)
    if choice != "auto":
        return round_up(int(choice), step)
    heights = range(step, max(size[0], step + 1), step)
    return heights[
        max(
            0,
            bisect.bisect(heights, 0, key=lambda high: not fits(strip_window(loss, high, size[0])))
            - 1,
        )
    ]


def _whole_only(loss: targeting.LossSpec, scene: input_images.Inputs, rows: int) -> str:
    """Why an image cannot be taken in strips; empty: it can."""
    if loss.network.maps > 1:
        return "maps are taken as a whole"
    if rows > 1:
        return "the rows lie on several devices, each of which has its own part"
    if not isinstance(loss.network.network, networks.VGG):
        return "fixed filters are taken as a whole"
    if scene.masks or any(source.part.statistic.average is None for source in loss.sources):
        return "in strips there are mean, gram, pca_gram, mean_and_covariance, bures, without masks"
    in_features = sorted({"content", "excitement"} & set(loss.terms))
    return f"the term '{in_features[0]}' is taken as a whole" if in_features else ""


def strip_window(loss: targeting.LossSpec, strip: int, height: int) -> int:
    """Rows that are looked at for a strip."""
    return min(height, strip + 2 * networks.halo_rows(loss.network.network))


def feature_bytes(loss: targeting.LossSpec, height: int, width: int) -> int:
    """Bytes of the features of all layers that the network runs through, in all octaves."""
    network, size = loss.network.network, 4
    if isinstance(network, networks.VGG):
        rectified = tuple(
            name for name in networks.evaluated_layers(network) if name.startswith("relu")
        )
        kind = convolutions.PRECISIONS[network.precision].kind
        size = 2 * jnp.dtype(kind).itemsize  # each stands for its convolution, too
        network = networks.select_layers(network, rectified or network.layers)
    shapes = networks.feature_shapes(loss.network.clone(network=network), height, width)
    return sum(math.prod(shape) for shape in shapes.values()) * size


def extraction_options(loss: targeting.LossSpec, pictures: Sequence[np.ndarray]) -> dict | None:
    """The `compiler_options` of a program that looks at pictures once: much to look at is worth compiling well.

    VGG-16 at 512 px, 2 cores: 0.04 s of compiling and 0.78 s of looking become 0.17 and 0.55 s; at 256 px 0.04 and 0.16 s
    would become 0.18 and 0.14 s, those of the built-in network, three scales, 0.24 and 0.13 s 0.75 and 0.07 s.
    """
    whole = sum(feature_bytes(loss, *picture.shape[:2]) for picture in pictures)
    return xla_options.compiler_options(often=whole >= MANY_BYTES)


def size_multiple(network: networks.Pyramid) -> int:
    """What height and width should be a multiple of, so that no pooling of any octave leaves out a row."""
    return 2 ** (network.network.halvings() + network.octaves - 1)


def padded_size(loss: targeting.LossSpec, height: int, width: int, rows: int) -> tuple[int, int]:
    """Height and width that every pooling divides, and the height the devices that share it."""
    step = size_multiple(loss.network)
    return round_up(height, math.lcm(rows, step)), round_up(width, step)


def round_up(side: int, multiple: int) -> int:
    """The least multiple that is no less than a side, in pixels."""
    return -(-side // multiple) * multiple
