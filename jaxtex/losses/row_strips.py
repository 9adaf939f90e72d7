"""Averages of features over an image and their exact gradient, in strips of rows: bounded memory.

The features of a strip are computed from its rows and a halo of rows around them, as many as the
receptive fields reach; only the strip's own rows count. The gradient needs a second pass: each
strip is evaluated once for the averages, and again, forwards and backwards, once the cotangents of
the averages are known.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxtex import networks
from jaxtex.networks import padding_pooling

# features of some rows -> pytree of averages over their positions, linear in the positions
Average = Callable[[networks.Features], Any]


class StripLayout(NamedTuple):
    """Division of an image into strips; all fields are rows, multiples of the pooling factor.

    Attributes:
      height: rows of the image, with the rows added where it wraps.
      strip: rows of a strip.
      halo: rows needed above and below a strip.
      first: first row of the image itself.
      last: row behind the last one of the image itself.
    """

    height: int
    strip: int
    halo: int
    first: int
    last: int

    @property
    def window(self) -> int:
        """Rows from which the features of a strip are computed."""
        return min(self.height, self.strip + 2 * self.halo)

    @property
    def num_strips(self) -> int:
        """Number of strips; the last one may extend below the image."""
        return -(-(self.last - self.first) // self.strip)

    def first_row(self, index: jax.Array) -> jax.Array:
        """Returns the first row of a strip."""
        return self.first + index * self.strip

    def window_start(self, index: jax.Array) -> jax.Array:
        """Returns the first row of the window of a strip; windows are shifted into the image."""
        return jnp.clip(self.first_row(index) - self.halo, 0, self.height - self.window)


def averages(
    network: networks.Network, average: Average, strip: int
) -> Callable[[dict, jax.Array], Any]:
    """Returns `average(network.apply(variables, image))`, computed strip by strip.

    Args:
      network: a network of the VGG family; not a pyramid, whose octaves are images of their own.
      average: averages the features of some rows, layer -> `[h, W, C]`; must be 0 for rows of
        zeros.
      strip: rows of the image in a strip, a multiple of the pooling factor.

    Returns:
      A function of variables and image `[H, W, 3]`. It is differentiable with respect to the
      image, in reverse mode; the gradient of the variables is 0.
    """

    @functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
    def average_strips(layout: StripLayout, variables: dict, image: jax.Array) -> Any:
        evaluate = functools.partial(_strip_averages, network, average, layout, variables)

        def add_strip(sums: Any, index: jax.Array) -> tuple[Any, None]:
            part = evaluate(_window(image, layout, index), index)
            return jax.tree.map(jnp.add, sums, part), None

        shapes = jax.eval_shape(evaluate, image[: layout.window], 0)
        zeros = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
        sums, _ = lax.scan(add_strip, zeros, jnp.arange(layout.num_strips))
        return sums

    def forward(layout: StripLayout, variables: dict, image: jax.Array):
        # The image is the only residual: features are computed again strip by strip.
        return average_strips(layout, variables, image), (variables, image)

    def backward(layout: StripLayout, residuals: tuple[dict, jax.Array], cotangents: Any):
        variables, image = residuals

        def add_strip(gradient: jax.Array, index: jax.Array) -> tuple[jax.Array, None]:
            def evaluate(window: jax.Array) -> Any:
                return _strip_averages(network, average, layout, variables, window, index)

            _, pull_back = jax.vjp(evaluate, _window(image, layout, index))
            (part,) = pull_back(cotangents)

            # Windows overlap, so their gradients are added.
            start = layout.window_start(index)
            previous = lax.dynamic_slice_in_dim(gradient, start, layout.window)
            return lax.dynamic_update_slice_in_dim(gradient, previous + part, start, 0), None

        gradient, _ = lax.scan(add_strip, jnp.zeros_like(image), jnp.arange(layout.num_strips))
        return jax.tree.map(jnp.zeros_like, variables), gradient

    average_strips.defvjp(forward, backward)

    def average_image(variables: dict, image: jax.Array) -> Any:
        layout, image = _lay_out(network, strip, image)
        return average_strips(layout, variables, image)

    return average_image


def _lay_out(
    network: networks.Network, strip: int, image: jax.Array
) -> tuple[StripLayout, jax.Array]:
    """Returns the layout of strips, and the image, extended by the halo where its rows wrap."""
    halo, height = networks.halo_rows(network), image.shape[0]
    wraps = padding_pooling.split_padding(network.padding)[0] == "wrap"
    added = halo if wraps else 0
    if added:
        image = jnp.concatenate([image[height - added :], image, image[:added]])

    layout = StripLayout(
        height=height + 2 * added,
        strip=min(strip, height),
        halo=halo,
        first=added,
        last=height + added,
    )
    return layout, image


def _window(image: jax.Array, layout: StripLayout, index: jax.Array) -> jax.Array:
    """Returns the rows from which the features of a strip are computed."""
    return lax.dynamic_slice_in_dim(image, layout.window_start(index), layout.window)


def _strip_averages(
    network: networks.Network,
    average: Average,
    layout: StripLayout,
    variables: dict,
    window: jax.Array,
    index: jax.Array,
) -> Any:
    """Returns the contribution of one strip to the averages over the image."""
    features = network.apply(variables, window)
    own = {layer: _own_rows(values, layout, index) for layer, values in features.items()}

    share = layout.strip / (layout.last - layout.first)
    return jax.tree.map(lambda mean: mean * share, average(own))


def _own_rows(features: jax.Array, layout: StripLayout, index: jax.Array) -> jax.Array:
    """Returns as many rows of features as a strip has, with zeros for rows that are not its own.

    Args:
      features: features of one layer in the strip's window, `[h, W, C]`.
      layout: the division into strips.
      index: index of the strip.
    """
    scale = layout.window // features.shape[0]  # rows of the image per row of features
    first = layout.first_row(index)
    start = layout.window_start(index)

    # The last strip may extend below its window, which ends with the image: then the rows begin
    # earlier, and those of the strip before count as zeros.
    height = layout.strip // scale
    offset = jnp.minimum((first - start) // scale, features.shape[0] - height)

    rows = start // scale + offset + jnp.arange(height)
    inside = (rows >= first // scale) & (rows < layout.last // scale)
    own = lax.dynamic_slice_in_dim(features, offset, height)
    return jnp.where(inside[:, None, None], own, 0)
