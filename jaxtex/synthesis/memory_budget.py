"""Memory of a step: bytes of its features, strips of rows, and rematerialization.

References:
  Chen, Xu, Zhang and Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016,
  https://arxiv.org/abs/1604.06174.
"""

import bisect
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import errors, networks
from jaxtex.losses import diversity, evaluation, octave_strips, summaries, targets
from jaxtex.networks import convolutions
from jaxtex.runtime import device_memory, sharding, xla_options

WELL_COMPILED_BYTES = 2**29  # of features: from here on, compiling well saves more than it costs


def _fits_not(feature_bytes: float) -> bool:
    """Returns True if a step exceeds the free memory of the device."""
    return device_memory.estimate_step_bytes(feature_bytes) > device_memory.free_bytes()


REMATS: dict[str, Callable[[float], bool]] = {
    "auto": _fits_not,
    "none": lambda feature_bytes: False,
    "all": lambda feature_bytes: True,
}


def rematerialize(loss_fn: Callable, remat: str, feature_bytes: float) -> Callable:
    """Returns the loss, or one that recomputes all but the pooled features for its gradient.

    Args:
      loss_fn: to be differentiated.
      remat: a row of `REMATS`.
      feature_bytes: bytes of the features of all layers.
    """
    if not REMATS[remat](feature_bytes):
        return loss_fn
    policy = jax.checkpoint_policies.save_only_these_names(networks.POOLED)
    return jax.checkpoint(loss_fn, policy=policy)


def evaluate_after(gradient: jax.Array, values: Any, step: jax.Array) -> Any:
    """Returns values unchanged, in a form that XLA can only evaluate after the gradient.

    XLA orders operations by what the results of a program read. If the loss comes first, features
    before and after each ReLU stay in memory until it is complete.

    Args:
      gradient: of the loss, in the shape of the image.
      values: arrays that do not depend on the gradient.
      step: number of the step. It is never negative, which XLA does not know.
    """
    total = jnp.sum(gradient)
    return jax.tree.map(lambda leaf: jnp.where(step < 0, total.astype(leaf.dtype), leaf), values)


def validate_memory(
    spec: targets.LossSpec,
    styles: Sequence[np.ndarray],
    size: tuple[int, int],
    strip: int,
    row_devices: int,
) -> None:
    """Raises if the run cannot fit in memory; the OOM killer would give no message.

    Args:
      spec: the loss.
      styles: exemplars, `[H, W, 3]`.
      size: height and width of the result.
      strip: rows of a strip at full size; 0 for the whole image.
      row_devices: devices that share the rows of the result.

    Raises:
      UserError: the features alone exceed memory; the message says what would fit.
    """
    height, width = size
    rows = evaluated_rows(spec, strip, height)
    of_result = feature_bytes(spec, rows, width) / row_devices
    of_styles = []
    for style in styles:
        style_rows, style_columns = style.shape[:2]
        if strip and octave_strips.divides(spec.exemplar_network, style_rows):
            style_rows = strip_window(spec, strip, style_rows)
        of_styles.append(feature_bytes(spec, style_rows, style_columns))
    needed = max([of_result, *of_styles])
    if not device_memory.exceeds_memory(needed):
        return

    available = device_memory.available_bytes()
    share = (available / device_memory.estimate_step_bytes(needed)) ** 0.5
    flags = "--height and --width" if needed == of_result else "--size or --style_scale"
    raise errors.UserError(
        f"out of memory: the features need {needed / 1e9:.1f} GB, and {available / 1e9:.1f} GB are "
        f"free: {flags} {share:.2f} times as large would fit; or, for the result, --strips=64"
    )


def choose_strip(
    spec: targets.LossSpec,
    strip: int | None,
    size: tuple[int, int],
    row_devices: int,
    state_bytes: float = 0,
) -> int:
    """Returns the rows of the strips that an image is evaluated in; 0 for the whole image.

    Args:
      spec: the loss.
      strip: rows as requested; 0: the whole image; None: the most that fit into the available
        memory, if the whole image does not.
      size: height and width of the image.
      row_devices: devices that share the rows.
      state_bytes: of the optimizer, which strips leave as they are.

    Raises:
      UserError: strips were requested for a loss that needs the whole image.
    """
    height, width = size

    if strip == 0 or (strip is None and device_memory.fits(feature_bytes(spec, *size))):
        return 0
    reason = _whole_image_reason(spec, row_devices)
    if reason and strip is None:
        return 0
    if reason:
        raise errors.UserError(f"--strips={strip}: {reason}; use --strips=none")

    step = size_multiple(spec.network)
    if strip is not None:
        return round_up(strip, step)
    shapes = networks.feature_shapes(spec.network, height, width)
    kept = state_bytes + sum(4 * math.prod(shapes[name]) for name in evaluation.target_layers(spec))

    def fits_not(rows: int) -> bool:
        of_strip = feature_bytes(spec, strip_window(spec, rows, height), width)
        return not device_memory.fits(of_strip, kept)

    heights = range(step, max(height, step + 1), step)
    too_high = bisect.bisect(heights, 0, key=fits_not)
    return heights[max(0, too_high - 1)]


def _whole_image_reason(spec: targets.LossSpec, row_devices: int) -> str:
    """Returns why the loss cannot be evaluated in strips; empty if it can."""
    if spec.network.maps > 1:
        return "texture maps need the whole image"
    if row_devices > 1:
        return "the rows are divided among devices already"
    if not isinstance(spec.network.network, networks.VGG):
        return "fixed filters and patches need the whole image"
    if diversity.NAME in spec.terms:
        return "--diversity compares whole images"
    whole = [term.name for term in spec.texture_terms if not summaries.has_sums(term.statistic)]
    if whole:
        return (
            "strips support mean, gram, pca_gram, mean_and_covariance, bures, and statistics of "
            f"samples, such as relaxed_emd; '{whole[0]}' needs the whole image"
        )
    return ""


def strip_window(spec: targets.LossSpec, strip: int, height: int) -> int:
    """Returns the rows that are computed for a strip: its own and those its features see.

    Args:
      spec: the loss.
      strip: rows of the strip.
      height: rows of the image.
    """
    return min(height, strip + 2 * networks.halo_rows(spec.network.network))


def evaluated_rows(spec: targets.LossSpec, strip: int, height: int) -> int:
    """Returns the rows that are in memory at once.

    Args:
      spec: the loss.
      strip: rows of a strip; 0 for the whole image.
      height: rows of the image.
    """
    return strip_window(spec, strip, height) if strip else height


def feature_bytes(spec: targets.LossSpec, height: int, width: int) -> int:
    """Returns the bytes of the features of all layers that the network computes, in all octaves.

    Args:
      spec: the loss.
      height: rows of the image.
      width: columns of the image.
    """
    network = spec.network.network
    value_bytes = 4
    if isinstance(network, networks.VGG):  # each ReLU counts for its convolution, too
        value_bytes = 2 * jnp.dtype(convolutions.PRECISIONS[network.precision].dtype).itemsize
    numbers = 0
    for octave in range(spec.network.octaves):
        layers = networks.layers_of(spec.network, octave)
        if isinstance(network, networks.VGG):
            evaluated = networks.evaluated_layers(network, layers)
            layers = tuple(name for name in evaluated if name.startswith("relu")) or layers
        of_octave = networks.select_layers(network, layers)
        shapes = of_octave.feature_shapes(height >> octave, width >> octave)
        numbers += sum(math.prod(shape) for shape in shapes.values()) * spec.network.maps
    return numbers * value_bytes


def extraction_options(spec: targets.LossSpec, pictures: Sequence[np.ndarray]) -> dict | None:
    """Returns the `compiler_options` of a program that extracts features of images once.

    Args:
      spec: the loss.
      pictures: images, `[H, W, C]`. Large ones are worth a program that is compiled well.
    """
    total = sum(feature_bytes(spec, *picture.shape[:2]) for picture in pictures)
    return xla_options.compiler_options(often=total >= WELL_COMPILED_BYTES)


def size_multiple(network: networks.Pyramid) -> int:
    """Returns what height and width must be a multiple of, so that no pooling drops a row."""
    halvings = [
        octave + network.network.clone(layers=networks.layers_of(network, octave)).halvings()
        for octave in range(network.octaves)
    ]
    return 2 ** max(halvings)


def padded_size(
    spec: targets.LossSpec, height: int, width: int, row_devices: int
) -> tuple[int, int]:
    """Returns the least height and width that every pooling, and the devices, divide.

    Args:
      spec: the loss.
      height: rows of the image.
      width: columns of the image.
      row_devices: devices that share the rows.
    """
    step = size_multiple(spec.network)
    return round_up(height, math.lcm(row_devices, step)), round_up(width, step)


def round_up(side: int, multiple: int) -> int:
    """Returns a side rounded up to a multiple.

    Args:
      side: in pixels.
      multiple: of what.
    """
    return -(-side // multiple) * multiple


def validate_tiling(
    spec: targets.LossSpec, size: tuple[int, int], tile: str, layout: sharding.Layout
) -> None:
    """Validates that a periodic result needs no extra rows: they could not be cut off afterwards.

    Args:
      spec: the loss.
      size: height and width of the result.
      tile: axes along which the result is periodic.
      layout: devices that share the rows.

    Raises:
      UserError: a side is not a multiple of what the poolings divide by.
    """
    height, width = size
    column_step = size_multiple(spec.network)
    row_step = math.lcm(column_step, sharding.row_devices(layout, height))
    row_step = row_step if "y" in tile else 1
    column_step = column_step if "x" in tile else 1
    for name, side, step in (("height", height, row_step), ("width", width, column_step)):
        if side % step:
            # Both sides are named, since one alone would change the other in proportion.
            sizes = [
                (height - height % row_step, width - width % column_step),
                (round_up(height, row_step), round_up(width, column_step)),
            ]
            choices = " or ".join(f"--height={h} --width={w}" for h, w in sizes if h and w)
            raise errors.UserError(
                f"--tile={tile}: {name} {side} must be a multiple of {step}: {choices}"
            )
