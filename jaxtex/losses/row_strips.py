"""Sums over the rows of an image's features and their exact gradient, strip by strip.

The features of a strip are computed from its rows and a halo of rows around them, as many as the
receptive fields reach; only the strip's own rows count. Memory is bounded by the strip. The
gradient needs a second pass: each strip is evaluated once for the sums, and again, forwards and
backwards, once the cotangents of the sums are known.
"""

import functools
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxtex import networks
from jaxtex.losses import rows
from jaxtex.networks import padding_pooling

# (features of some rows, targets, which rows) -> pytree of what they add to sums over all rows
SumRows = Callable[[networks.Features, Any, rows.Places], Any]


class StripLayout(NamedTuple):
    """Division of an image into strips.

    Attributes:
      height: rows of the image, with the rows added where it wraps.
      strip: rows of a strip, a multiple of the pooling factor, as `halo` and `first`.
      halo: rows needed above and below a strip.
      first: first row of the image itself.
      last: row behind the last one of the image itself.
      rest: rows of the image beyond a multiple of the pooling factor.
    """

    height: int
    strip: int
    halo: int
    first: int
    last: int
    rest: int = 0

    @property
    def window(self) -> int:
        """Rows from which the features of a strip are computed."""
        # With the rest, windows that are shifted into the image begin at a multiple as well.
        return min(self.height, self.strip + 2 * self.halo + self.rest)

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


def sum_strips(
    network: networks.Network, sum_rows: SumRows, strip: int
) -> Callable[[dict, Any, jax.Array], Any]:
    """Returns the sum of `sum_rows` over all strips of an image.

    Args:
      network: a network of the VGG family; not a pyramid, whose octaves are images of their own.
      sum_rows: linear, or at least a sum over rows, of the features of the rows that count.
      strip: rows of the image in a strip, a multiple of the pooling factor.

    Returns:
      A function of variables, targets and image `[H, W, 3]`. It is differentiable with respect to
      the image, in reverse mode; the gradient of all else is 0.
    """

    @functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
    def add_strips(layout: StripLayout, variables: dict, targets: Any, image: jax.Array) -> Any:
        evaluate = functools.partial(_strip_sums, network, sum_rows, layout, variables, targets)

        def add_strip(sums: Any, index: jax.Array) -> tuple[Any, None]:
            part = evaluate(_window(image, layout, index), index)
            return jax.tree.map(jnp.add, sums, part), None

        shapes = jax.eval_shape(evaluate, image[: layout.window], 0)
        zeros = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
        sums, _ = lax.scan(add_strip, zeros, jnp.arange(layout.num_strips))
        return sums

    def forward(layout: StripLayout, variables: dict, targets: Any, image: jax.Array):
        # Features are no residuals: they are computed again strip by strip.
        return add_strips(layout, variables, targets, image), (variables, targets, image)

    def backward(layout: StripLayout, residuals: tuple[dict, Any, jax.Array], cotangents: Any):
        variables, targets, image = residuals

        def add_strip(gradient: jax.Array, index: jax.Array) -> tuple[jax.Array, None]:
            def evaluate(window: jax.Array) -> Any:
                return _strip_sums(network, sum_rows, layout, variables, targets, window, index)

            _, pull_back = jax.vjp(evaluate, _window(image, layout, index))
            (part,) = pull_back(cotangents)

            # Windows overlap, so their gradients are added.
            start = layout.window_start(index)
            previous = lax.dynamic_slice_in_dim(gradient, start, layout.window)
            return lax.dynamic_update_slice_in_dim(gradient, previous + part, start, 0), None

        gradient, _ = lax.scan(add_strip, jnp.zeros_like(image), jnp.arange(layout.num_strips))
        return None, None, gradient

    add_strips.defvjp(forward, backward)

    def sum_image(variables: dict, targets: Any, image: jax.Array) -> Any:
        layout, image = _lay_out(network, strip, image)
        return add_strips(layout, variables, targets, image)

    return sum_image


def features(
    network: networks.Network,
    layers: Collection[str],
    strip: int,
    variables: dict,
    image: jax.Array,
) -> networks.Features:
    """Computes some layers of an image strip by strip; of the others no more than a strip.

    Args:
      network: as for `sum_strips`.
      layers: names of layers.
      strip: as for `sum_strips`.
      variables: weights of the network.
      image: `[H, W, 3]`.
    """
    layout, extended = _lay_out(network, strip, image)
    shapes = jax.eval_shape(network.apply, variables, image)

    def add_strip(found: networks.Features, index: jax.Array) -> tuple[networks.Features, None]:
        window = _window(extended, layout, index)
        own, places = _own_features(network, layout, variables, window, index)
        added = {}
        for layer, before in found.items():
            place = places[layer]
            indices = jnp.where(place.inside, place.indices, place.height)
            added[layer] = before.at[indices].set(own[layer], mode="drop")
        return added, None

    empty = {layer: jnp.zeros(shapes[layer].shape, shapes[layer].dtype) for layer in layers}
    return lax.scan(add_strip, empty, jnp.arange(layout.num_strips))[0]


def _lay_out(
    network: networks.Network, strip: int, image: jax.Array
) -> tuple[StripLayout, jax.Array]:
    """Returns the layout of strips, and the image, extended by the halo where its rows wrap."""
    halo, height = networks.halo_rows(network), image.shape[0]
    wraps = padding_pooling.split_padding(network.padding)[0] == "wrap"
    added = halo if wraps else 0
    if added:
        image = jnp.concatenate([image[height - added :], image, image[:added]])

    factor = 2 ** network.halvings()
    layout = StripLayout(
        height=height + 2 * added,
        strip=min(strip, height // factor * factor),
        halo=halo,
        first=added,
        last=height + added,
        rest=height % factor,
    )
    return layout, image


def _window(image: jax.Array, layout: StripLayout, index: jax.Array) -> jax.Array:
    """Returns the rows from which the features of a strip are computed."""
    return lax.dynamic_slice_in_dim(image, layout.window_start(index), layout.window)


def _strip_sums(
    network: networks.Network,
    sum_rows: SumRows,
    layout: StripLayout,
    variables: dict,
    targets: Any,
    window: jax.Array,
    index: jax.Array,
) -> Any:
    """Returns what one strip adds to the sums over the image."""
    own, places = _own_features(network, layout, variables, window, index)
    return sum_rows(own, targets, places)


def _own_features(
    network: networks.Network,
    layout: StripLayout,
    variables: dict,
    window: jax.Array,
    index: jax.Array,
) -> tuple[networks.Features, dict[str, rows.Rows]]:
    """Returns the features of a strip's own rows, and which rows of each layer these are."""
    own, places = {}, {}
    for layer, values in network.apply(variables, window).items():
        own[layer], places[layer] = _own_rows(values, layout, index)
    return own, places


def _own_rows(
    features: jax.Array, layout: StripLayout, index: jax.Array
) -> tuple[jax.Array, rows.Rows]:
    """Returns as many rows of features as a strip has, with zeros for rows that are not its own.

    Args:
      features: features of one layer in the strip's window, `[h, W, C]`.
      layout: the division into strips.
      index: index of the strip.
    """
    # Rows of the image per row of features, a power of 2.
    scale = 1 << ((layout.window // features.shape[0]).bit_length() - 1)
    first = layout.first_row(index)
    start = layout.window_start(index)

    # The last strip may extend below its window, which ends with the image: then the rows begin
    # earlier, and those of the strip before count as zeros.
    height = layout.strip // scale
    offset = jnp.minimum((first - start) // scale, features.shape[0] - height)

    indices = start // scale + offset + jnp.arange(height)
    inside = (indices >= first // scale) & (indices < layout.last // scale)
    own = lax.dynamic_slice_in_dim(features, offset, height)
    own = jnp.where(inside[:, None, None], own, 0)

    of_layer = rows.Rows(
        indices - layout.first // scale, inside, (layout.last - layout.first) // scale
    )
    return own, of_layer
