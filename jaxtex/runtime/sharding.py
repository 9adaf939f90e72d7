"""Which device makes what: the images of a batch and the rows of an image, spread over a mesh of devices.

One program runs on all. It is told where its arguments lie, and XLA's partitioner does the rest: it exchanges the rows
that convolutions need from their neighbours, sums statistics over the devices, and treats gradients likewise.

Reference:
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

MIN_ROWS = 32  # rows of an image on a device: with fewer it would exchange more than it keeps


class Layout(NamedTuple):
    """In how many parts the images of a batch, and the rows of each, are; 1 and 1: on one device."""

    images: int = 1
    rows: int = 1


def parse_mesh(text: str) -> Layout:
    """`"images:2,rows:4"` -> `Layout(2, 4)`; empty: on one device.

    Raises:
      UserError: it names something else, or more devices than there are.
    """
    found = {}
    for part in filter(None, text.split(",")):
        name, _, count = (word.strip() for word in part.partition(":"))
        if (
            name not in Layout._fields
            or name in found
            or not count.isdecimal()
            or not 1 <= int(count) <= 2**20
        ):
            raise errors.UserError(
                f"--mesh={text}: '{part}' is none of rows:4, images:8, images:2,rows:4"
            )
        found[name] = int(count)
    layout, there = Layout(**found), jax.device_count()
    if jax.process_count() > 1 and not text:
        raise errors.UserError(
            f"--distributed wants --mesh: rows:{there}, or images:{there} of a batch"
        )
    if math.prod(layout) > there:
        raise errors.UserError(
            f"--mesh={text}: {math.prod(layout)} devices are wanted, there are {there}"
        )
    if jax.process_count() > 1 and math.prod(layout) != there:
        raise errors.UserError(f"--mesh={text}: of several processes it takes all {there} devices")
    return layout


def row_devices(layout: Layout, height: int) -> int:
    """Over how many devices the rows of an image of this height go: all, or fewer that leave each enough rows."""
    return max(
        d
        for d in range(1, layout.rows + 1)
        if layout.rows % d == 0 and (d == 1 or height >= d * MIN_ROWS)
    )


def build_mesh(layout: Layout, rows: int) -> sharding.Mesh | None:
    """The devices for images of which `rows` devices share the rows; what is left of them does the same once more.

    Returns:
      A mesh with the axes "images", "rows", and "copies"; None for one device.
    """
    if math.prod(layout) == 1:
        return None
    shape = layout.images, rows, layout.rows // rows
    devices = np.array(jax.devices()[: math.prod(layout)]).reshape(shape)
    return sharding.Mesh(
        devices, ("images", "rows", "copies"), axis_types=(sharding.AxisType.Auto,) * 3
    )


def use_mesh(spread: sharding.Mesh | None) -> contextlib.AbstractContextManager:
    """While functions are traced: lets `over_rows` know."""
    return contextlib.nullcontext() if spread is None else jax.set_mesh(spread)


def over_rows() -> bool:
    """Whether the rows of the image that is being traced lie on several devices."""
    return sharding.get_abstract_mesh().shape.get("rows", 1) > 1


def on_one_cpu() -> bool:
    """Whether what is being traced runs on a CPU and has all rows there: where programs of our own beat XLA's."""
    return jax.default_backend() == "cpu" and not over_rows()


def state_shardings(
    spread: sharding.Mesh, tree: Any, shape: tuple[int, int, int], batch: bool
) -> Any:
    """The shardings of a state: what holds pixels `[..., H, W, C]` or `[..., C H W]` by rows, a batch by images.

    Args:
      spread: the mesh.
      tree: arrays, or their shapes.
      shape: of the image, `(H, W, C)`.
      batch: whether arrays have a first axis of images.
    """

    def one(leaf) -> sharding.NamedSharding:
        axes = [None] * leaf.ndim
        if leaf.shape[-3:] == shape:
            axes[-3] = "rows"
        elif leaf.shape[-1:] == (math.prod(shape),):
            axes[-1] = "rows"
        if batch:
            axes[0] = "images"
        return sharding.NamedSharding(spread, sharding.PartitionSpec(*axes))

    return jax.tree.map(one, tree)


def data_shardings(spread: sharding.Mesh, tree: Any, axes: Any, batch: bool) -> Any:
    """The shardings of a problem's data: what a batch has for each image lies with it, all else is everywhere."""
    along = lambda axis: (
        sharding.PartitionSpec("images") if batch and axis is not None else sharding.PartitionSpec()
    )
    place = lambda axis, part: jax.tree.map(
        lambda _: sharding.NamedSharding(spread, along(axis)), part
    )
    return jax.tree.map(place, axes, tree, is_leaf=lambda axis: axis is None)


def replicated(spread: sharding.Mesh) -> sharding.NamedSharding:
    """The same on every device."""
    return sharding.NamedSharding(spread, sharding.PartitionSpec())


def put(tree: Any, shardings: Any) -> Any:
    """Lays arrays that every process has whole onto the devices."""
    if jax.process_count() == 1:
        return jax.device_put(tree, shardings)
    lay = lambda leaf, where: jax.make_array_from_callback(
        np.shape(leaf), where, lambda index: np.asarray(leaf)[index]
    )
    return jax.tree.map(lay, tree, shardings)


def fetch(array: jax.Array, spread: sharding.Mesh | None) -> np.ndarray:
    """The whole array, in every process."""
    if spread is None or array.is_fully_addressable:
        return np.asarray(array)
    return np.asarray(jax.jit(lambda x: x, out_shardings=replicated(spread))(array))
