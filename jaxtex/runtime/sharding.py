"""Several devices: the images of a batch and the rows of an image, divided over a mesh.

One program runs on all devices. It declares where its arguments are placed, and XLA's partitioner
does the rest: devices exchange the rows that convolutions need from their neighbors, and sum
statistics and gradients.

References:
  Xu et al., "GSPMD: General and Scalable Parallelization for ML Computation Graphs", 2021,
  https://arxiv.org/abs/2105.04663.
"""

import contextlib
import math
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import sharding

from jaxtex import errors

MIN_ROWS = 32  # rows of an image on a device; with fewer, exchanging rows outweighs computing them
MAX_DEVICES = 2**20  # a larger number is a typing error


class Layout(NamedTuple):
    """Number of parts that the images of a batch, and the rows of each image, are divided into."""

    images: int = 1
    rows: int = 1


def parse_mesh(text: str) -> Layout:
    """Parses `--mesh`: `"images:2,rows:4"` -> `Layout(2, 4)`; empty -> `Layout(1, 1)`.

    Raises:
      UserError: the text is not of this form.
    """
    parts: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        name, _, count = (word.strip() for word in part.partition(":"))
        valid = name in Layout._fields and name not in parts and count.isdecimal()
        if not (valid and 1 <= int(count) <= MAX_DEVICES):
            raise errors.UserError(
                f"--mesh={text}: '{part}' must be of the form rows:4, images:8 or images:2,rows:4"
            )
        parts[name] = int(count)
    return Layout(**parts)


def validate_layout(layout: Layout) -> None:
    """Validates that a layout fits the devices of this process, or of all processes.

    Raises:
      UserError: there are fewer devices, or several processes that do not use all of them.
    """
    wanted = math.prod(layout)
    available = jax.device_count()
    text = ",".join(f"{name}:{count}" for name, count in layout._asdict().items() if count > 1)
    if jax.process_count() > 1 and wanted == 1:
        raise errors.UserError(
            f"--distributed needs --mesh: rows:{available}, or images:{available} for a batch"
        )
    if wanted > available:
        raise errors.UserError(f"--mesh={text}: needs {wanted} devices, but there are {available}")
    if jax.process_count() > 1 and wanted != available:
        raise errors.UserError(f"--mesh={text}: several processes must use all {available} devices")


def row_devices(layout: Layout, height: int) -> int:
    """Returns the number of devices that share the rows of an image.

    Args:
      layout: has the largest number.
      height: rows of the image.

    Returns:
      `layout.rows`, or its largest divisor that leaves each device `MIN_ROWS` rows.
    """
    divisors = [d for d in range(1, layout.rows + 1) if layout.rows % d == 0]
    return max(d for d in divisors if d == 1 or height >= d * MIN_ROWS)


def build_mesh(layout: Layout, rows: int) -> sharding.Mesh | None:
    """Builds the mesh for images whose rows are shared by `rows` devices.

    Args:
      layout: images and rows, as requested.
      rows: devices that share the rows; the other `layout.rows // rows` groups do the same work.

    Returns:
      A mesh with the axes "images", "rows" and "copies"; None for one device.
    """
    if math.prod(layout) == 1:
        return None
    shape = (layout.images, rows, layout.rows // rows)
    devices = np.array(jax.devices()[: math.prod(layout)]).reshape(shape)
    axis_types = (sharding.AxisType.Auto,) * 3
    return sharding.Mesh(devices, ("images", "rows", "copies"), axis_types=axis_types)


def use_mesh(mesh: sharding.Mesh | None) -> contextlib.AbstractContextManager:
    """Returns a context in which functions are traced for a mesh; None changes nothing."""
    return contextlib.nullcontext() if mesh is None else jax.set_mesh(mesh)


def state_shardings(
    mesh: sharding.Mesh, tree: Any, shape: tuple[int, int, int], batch: bool
) -> Any:
    """Returns the shardings of an optimizer's state: pixels by rows, a batch by images.

    Args:
      mesh: the devices.
      tree: arrays, or their shapes. Those of `[..., H, W, C]` or `[..., H W C]` hold pixels.
      shape: `(H, W, C)` of the image.
      batch: True if arrays have a first axis of images.
    """

    def shard(leaf) -> sharding.NamedSharding:
        axes: list[str | None] = [None] * leaf.ndim
        if leaf.shape[-3:] == shape:
            axes[-3] = "rows"
        elif leaf.shape[-1:] == (math.prod(shape),):
            axes[-1] = "rows"
        if batch:
            axes[0] = "images"
        return sharding.NamedSharding(mesh, sharding.PartitionSpec(*axes))

    return jax.tree.map(shard, tree)


def data_shardings(mesh: sharding.Mesh, tree: Any, batch_axes: Any, batch: bool) -> Any:
    """Returns the shardings of a problem's data: by images where it has an axis of them.

    Args:
      mesh: the devices.
      tree: arrays, or their shapes.
      batch_axes: a prefix of the tree; None for what all images share.
      batch: True if there is a batch.
    """

    def shard(axis: int | None, part: Any) -> Any:
        by_image = batch and axis is not None
        spec = sharding.PartitionSpec("images") if by_image else sharding.PartitionSpec()
        return jax.tree.map(lambda _: sharding.NamedSharding(mesh, spec), part)

    return jax.tree.map(shard, batch_axes, tree, is_leaf=lambda axis: axis is None)


def replicated(mesh: sharding.Mesh) -> sharding.NamedSharding:
    """Returns the sharding of an array that every device has whole."""
    return sharding.NamedSharding(mesh, sharding.PartitionSpec())


def put(tree: Any, shardings: Any) -> Any:
    """Places arrays on the devices.

    Args:
      tree: arrays that every process has whole.
      shardings: one for each array.
    """
    if jax.process_count() == 1:
        return jax.device_put(tree, shardings)

    def put_one(leaf, where):
        return jax.make_array_from_callback(
            np.shape(leaf), where, lambda index: np.asarray(leaf)[index]
        )

    return jax.tree.map(put_one, tree, shardings)


def fetch(array: jax.Array, mesh: sharding.Mesh | None) -> np.ndarray:
    """Returns the whole array, in every process.

    Args:
      array: an array on the devices.
      mesh: the mesh that it is divided over; None for one device.
    """
    if mesh is None or array.is_fully_addressable:
        return np.asarray(array)
    return np.asarray(jax.jit(lambda x: x, out_shardings=replicated(mesh))(array))
