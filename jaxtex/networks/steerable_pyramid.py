"""Banks of fixed filters: a steerable pyramid, whose numbers are made here and were never learned.

Images are `[H, W, 3]`, RGB, in [0, 1]. The filters see one octave of the image; `networks.pyramid` gives the others.

References:
  Freeman and Adelson, "The Design and Use of Steerable Filters", IEEE PAMI 13, 1991: even and odd filters in quadrature.
  Simoncelli and Freeman, "The Steerable Pyramid", ICIP 1995: the bands, polar-separable in the frequency domain.
  Portilla and Simoncelli, "A Parametric Texture Model Based on Joint Statistics of Complex Wavelet Coefficients",
  IJCV 40, 2000, https://www.cns.nyu.edu/~lcv/texture/: what is made of them.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxtex.networks import padding_pooling

ORIENTATIONS = 4
RADIUS = 8  # pixels: filters of 17 x 17
CENTER = np.pi / 2  # radians a pixel: waves of four pixels
FLOOR = 1e-4  # of a modulus, in units of the image: keeps its gradient finite
COLORS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt(
    [[3], [2], [6]]
)  # orthonormal rows
LAYERS = ("colours", "bands", "moduli", "phases", "parents")


class Steerable(nn.Module):
    """A steerable pyramid of complex filters on decorrelated colours.

        colours   [H, W, 3]    brightness, red against blue, green against both: the axes that natural colours nearly have
                               (Ohta, Kanade and Sakai, "Color Information for Region Segmentation", 1980)
        bands     [H, W, 24]   each colour by four even and four odd filters; with `histogram` this is FRAME
        moduli    [H, W, 12]   the root of even squared plus odd squared: how much of an orientation there is
        phases    [H', W', 48] bands, and those of the next coarser octave with their phases doubled: whether lines or
                               edges, light or dark, stand in both
        parents   [H', W', 24] moduli, and those of the next coarser octave

    H', W' are H and W, made even. A coarser octave is enlarged by linear interpolation.

    Departs from Portilla and Simoncelli: the octaves are those of `networks.pyramid`, whose smoothing lets some aliasing
    pass, and filters are cut to a window, so that any padding can be had; even filters have the angular form cos^2,
    which four orientations steer exactly as they do the odd ones (there, cos^3 cut in half is steered by neither);
    colours are there once for all, not the exemplar's principal axes.

    Attributes:
      padding: what lies beyond the border: "zero", "reflect", "replicate" or "wrap".
      layers: whose features to return, in this order.
      pooling: not looked at, there is none.
    """

    padding: str = "zero"
    layers: tuple[str, ...] = ()
    pooling: str = "avg"

    def __call__(self, image: jax.Array) -> dict[str, jax.Array]:
        found = {}
        even, odd = quadrature(decorrelate(image), self.padding)
        found["colours"], found["bands"] = decorrelate(image), jnp.concatenate([even, odd], -1)
        found["moduli"] = modulus(even, odd)
        if self.halvings():
            coarse = decorrelate(padding_pooling.halve(image, self.padding))
            parents = [
                padding_pooling.double(part, self.padding)
                for part in quadrature(coarse, self.padding)
            ]
            height, width, _ = parents[0].shape
            beside = lambda fine, *others: jnp.concatenate([fine[:height, :width], *others], -1)
            found["phases"] = beside(found["bands"], *double_phase(*parents))
            found["parents"] = beside(found["moduli"], modulus(*parents))
        return {layer: found[layer] for layer in self.layers}

    def names(self) -> tuple[str, ...]:
        """Every layer."""
        return LAYERS

    def defaults(self) -> tuple[str, ...]:
        """What Portilla and Simoncelli measure."""
        return "colours", "phases", "parents"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The tensors of a weight file: there is none."""
        return {}

    def halvings(self) -> int:
        """How often the image is halved, for the coarser octave."""
        return int(bool(set(self.layers) & {"phases", "parents"}))

    def extents(self, height: int, width: int) -> dict[str, tuple[int, int, int]]:
        """Layer -> the shape of its features, `(H', W', C)`, of an image of this size."""
        own, even = (height, width), (height - height % 2, width - width % 2)
        fine = {"colours": (*own, 3), "bands": (*own, 24), "moduli": (*own, 12)}
        found = {**fine, "phases": (*even, 48), "parents": (*even, 24)}
        return {layer: found[layer] for layer in self.layers}


def decorrelate(image: jax.Array) -> jax.Array:
    """`[H, W, 3]`, RGB in [0, 1] -> the colours of `Steerable`, of a grey image 0 but the first, of mid-grey all 0."""
    return jnp.matmul(image - 0.5, COLORS.T, precision="highest")


def modulus(even: jax.Array, odd: jax.Array) -> jax.Array:
    """The root of the sum of squares, rounded off near 0."""
    return jnp.sqrt(even**2 + odd**2 + FLOOR**2)


def double_phase(even: jax.Array, odd: jax.Array) -> tuple[jax.Array, jax.Array]:
    """z = even + i odd -> the real and imaginary parts of z^2 / |z|: waves of the next finer octave, so to say."""
    size = modulus(even, odd)
    return (even**2 - odd**2) / size, 2 * even * odd / size


def quadrature(channels: jax.Array, padding: str) -> tuple[jax.Array, jax.Array]:
    """Every channel by every filter, by way of Fourier: `[H, W, C]` -> even and odd responses, `[H, W, 4 C]` each.

    On two CPU cores this took a third of the time of XLA's convolution with its gradient (3 channels of 192 px).
    """
    height, width, _ = channels.shape
    padded = padding_pooling.pad(channels, padding, RADIUS)
    size = tuple(padding_pooling.next_fast_length(side) for side in padded.shape[:2])
    spectrum = jnp.fft.rfft2(padded, size, axes=(0, 1))
    filters = filter_bank(tuple(np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS))[
        :, ::-1, ::-1
    ]  # turned: a cross-correlation
    parts = []
    for kernels in filters:
        by_filter = jnp.fft.rfft2(kernels, size, axes=(0, 1))
        product = spectrum[..., :, None] * by_filter[..., None, :]
        whole = jnp.fft.irfft2(product, size, axes=(0, 1))
        responses = whole[2 * RADIUS :, 2 * RADIUS :][:height, :width]
        parts.append(responses.reshape(height, width, -1))
    return parts[0], parts[1]


@functools.cache
def filter_bank(angles: tuple[float, ...]) -> np.ndarray:
    """Filters that answer most to waves running in these directions (radians, from right to down).

    Returns:
      `[2, 17, 17, len(angles)]`, float32: even and odd. A wave of four pixels and amplitude 1 has a modulus of .92.
    """
    side = 8 * RADIUS
    y, x = np.meshgrid(*2 * [2 * np.pi * np.fft.fftfreq(side)], indexing="ij")
    radius, angle = np.hypot(x, y), np.arctan2(y, x)[..., None] - np.array(angles)
    radial = radial_form(radius)[..., None]
    even, odd = radial * np.cos(angle) ** 2, 1j * radial * odd_form(angle)
    return np.stack([_cut(np.fft.ifft2(each, axes=(0, 1)).real) for each in (even, odd)]).astype(
        np.float32
    )


def radial_form(radius: np.ndarray) -> np.ndarray:
    """How much of a frequency passes: a cosine over two octaves about `CENTRE`, so that the squares of octaves add to 1."""
    octaves = np.log2(np.maximum(radius, 1e-9) / CENTER)
    return np.where(np.abs(octaves) < 1, np.cos(np.pi / 2 * octaves), 0.0)


def odd_form(angle: np.ndarray) -> np.ndarray:
    """cos^2 with the sign of cos, less its harmonics beyond the third, which four orientations could not steer."""
    return 8 / (3 * np.pi) * np.cos(angle) + 8 / (15 * np.pi) * np.cos(3 * angle)


def _cut(filters: np.ndarray) -> np.ndarray:
    """`[N, N, D]` about the origin -> `[17, 17, D]`, faded out in a circle, so that they steer still, and of zero mean."""
    filters = np.fft.fftshift(filters, (0, 1))
    middle = slice(len(filters) // 2 - RADIUS, len(filters) // 2 + RADIUS + 1)
    places = np.arange(-RADIUS, RADIUS + 1)
    distance = np.hypot(places, places[:, None]) / (RADIUS + 1)
    window = np.where(distance < 1, np.cos(np.pi / 2 * distance) ** 2, 0.0)[..., None]
    filters = filters[middle, middle] * window
    return filters - window * filters.sum((0, 1)) / window.sum()
