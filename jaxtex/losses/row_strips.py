"""Averages of features over an image, and their gradient, a strip of rows after the other: in bounded memory, and exact.

A strip is computed with so many rows around it as its features see, and only its own rows count. The gradient takes each
strip once more, when all averages are known: two passes, the second of them forwards and back. So a step costs a third
more than the whole image at once, and what the rows around the strips cost.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxtex import networks
from jaxtex.networks import padding_pooling

Average = Callable[
    [networks.Features], Any
]  # features of some rows -> averages over their positions, linear in them


class StripLayout(NamedTuple):
    """How an image is cut. All are rows of it, and multiples of what the poolings divide by."""

    height: int  # of the image, with the rows that were added where it wraps
    strip: int
    halo: int  # rows around a strip
    first: int  # of the image's own rows
    last: int  # one behind them

    @property
    def window(self) -> int:
        """Rows that are looked at for a strip."""
        return min(self.height, self.strip + 2 * self.halo)

    @property
    def number(self) -> int:
        """Of strips."""
        return -(-(self.last - self.first) // self.strip)


def averages(
    network: networks.Network, average: Average, strip: int
) -> Callable[[dict, jax.Array], Any]:
    """`average(network.apply(variables, image))`, strip by strip, and so its gradient with respect to the image.

    Args:
      network: of the VGG family; not a pyramid of octaves, each of which is an image of its own.
      average: takes the features `[h, W, C]` of some rows; of rows of zeros it gives zeros.
      strip: rows of the image in a strip, a multiple of what the poolings divide by.

    Returns:
      A function of variables and image, `[H, W, 3]`. Its gradient is the image's alone.
    """

    @functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
    def whole(cut, variables, image):
        part = functools.partial(_strip_averages, network, average, cut, variables)
        add = lambda sums, number: (
            jax.tree.map(jnp.add, sums, part(_window(image, cut, number), number)),
            None,
        )
        shapes = jax.eval_shape(part, image[: cut.window], 0)
        zeros = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
        return lax.scan(add, zeros, jnp.arange(cut.number))[0]

    def backward(cut, residuals, cotangents):
        variables, image = residuals

        def add(gradient, number):
            part = lambda window: _strip_averages(network, average, cut, variables, window, number)
            (given,) = jax.vjp(part, _window(image, cut, number))[1](cotangents)
            start = _start(cut, number)
            known = lax.dynamic_slice_in_dim(gradient, start, cut.window)
            return lax.dynamic_update_slice_in_dim(gradient, known + given, start, 0), None

        gradient = lax.scan(add, jnp.zeros_like(image), jnp.arange(cut.number))[0]
        return jax.tree.map(jnp.zeros_like, variables), gradient

    whole.defvjp(
        lambda cut, variables, image: (whole(cut, variables, image), (variables, image)), backward
    )

    def of_whole(variables, image):
        cut, image = _cut(network, strip, image)
        return whole(cut, variables, image)

    return of_whole


def _cut(network: networks.Network, strip: int, image: jax.Array) -> tuple[StripLayout, jax.Array]:
    """Where rows wrap there is no border: so many are added that every strip has its halo."""
    halo, height = networks.halo_rows(network), image.shape[0]
    around = halo if padding_pooling.split_padding(network.padding)[0] == "wrap" else 0
    image = jnp.concatenate([image[height - around :], image, image[:around]]) if around else image
    return StripLayout(
        height + 2 * around, min(strip, height), halo, around, height + around
    ), image


def _start(cut: StripLayout, number: jax.Array) -> jax.Array:
    return jnp.clip(cut.first + number * cut.strip - cut.halo, 0, cut.height - cut.window)


def _window(image: jax.Array, cut: StripLayout, number: jax.Array) -> jax.Array:
    return lax.dynamic_slice_in_dim(image, _start(cut, number), cut.window)


def _strip_averages(
    network, average: Average, cut: StripLayout, variables, window: jax.Array, number: jax.Array
) -> Any:
    """What the rows of one strip add to the averages over all."""
    begin = cut.first + number * cut.strip
    features = {
        layer: _own_rows(x, cut, begin, _start(cut, number))
        for layer, x in network.apply(variables, window).items()
    }
    return jax.tree.map(lambda mean: mean * (cut.strip / (cut.last - cut.first)), average(features))


def _own_rows(
    features: jax.Array, cut: StripLayout, begin: jax.Array, start: jax.Array
) -> jax.Array:
    """The rows of the strip; zeros in place of those that are behind the image's last."""
    scale = cut.window // features.shape[0]
    high = cut.strip // scale
    at = jnp.minimum((begin - start) // scale, features.shape[0] - high)
    rows = start // scale + at + jnp.arange(high)
    counts = (rows >= begin // scale) & (rows < cut.last // scale)
    return jnp.where(counts[:, None, None], lax.dynamic_slice_in_dim(features, at, high), 0)
