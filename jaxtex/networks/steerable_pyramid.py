"""Steerable pyramid: a bank of fixed filters, computed here and never trained.

Images are `[H, W, 3]`, RGB, in [0, 1]. The filters cover one octave of frequencies;
`networks.pyramid` adds the others.

References:
  Freeman and Adelson, "The Design and Use of Steerable Filters", IEEE PAMI 13, 1991: even and odd
  filters in quadrature.
  Simoncelli and Freeman, "The Steerable Pyramid", ICIP 1995: the bands, polar-separable in the
  frequency domain.
  Portilla and Simoncelli, "A Parametric Texture Model Based on Joint Statistics of Complex Wavelet
  Coefficients", IJCV 40, 2000, https://www.cns.nyu.edu/~lcv/texture/: the layers.
"""

import functools
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxtex.networks import padding_pooling

ORIENTATIONS = 4
RADIUS = 8  # pixels: filters of 17 x 17
CENTER = np.pi / 2  # radians per pixel: waves of four pixels
FLOOR = 1e-4  # of a modulus, in units of the image: keeps its gradient finite
# Orthonormal rows: brightness, red against blue, green against both.
COLORS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
LAYERS = ("colours", "bands", "moduli", "phases", "parents")


class Steerable(nn.Module):
    """Steerable pyramid of complex filters on decorrelated colors.

    | layer     | shape          | features                                                      |
    |-----------|----------------|---------------------------------------------------------------|
    | `colours` | `[H, W, 3]`    | brightness, red against blue, green against both: nearly the  |
    |           |                | principal axes of natural colors (Ohta, Kanade and Sakai,     |
    |           |                | "Color Information for Region Segmentation", 1980)            |
    | `bands`   | `[H, W, 24]`   | each color filtered by four even and four odd filters; with   |
    |           |                | the statistic `histogram` this is FRAME                       |
    | `moduli`  | `[H, W, 12]`   | root of even squared plus odd squared: energy per orientation |
    | `phases`  | `[H', W', 48]` | bands, and those of the next coarser octave with their phases |
    |           |                | doubled: tells lines from edges, and light from dark ones     |
    | `parents` | `[H', W', 24]` | moduli, and those of the next coarser octave                  |

    H' and W' are H and W, rounded down to even numbers. The coarser octave is enlarged by linear
    interpolation.

    Departures from Portilla and Simoncelli: the octaves are those of `networks.pyramid`, whose
    smoothing leaves some aliasing; filters are cut to a window, so that any padding is possible;
    the angular form of even filters is cos^2, which four orientations steer exactly, as they do the
    odd ones (they steer no part of the paper's cos^3 cut in half); the color axes are fixed, not
    the principal axes of the exemplar.

    Attributes:
      padding: values beyond the border: "zero", "reflect", "replicate" or "wrap", or two of them
        for rows and for columns.
      layers: names of the layers to return, in this order.
      pooling: ignored; there is no pooling.
      algorithms: "cpu" or "xla"; see `networks.algorithms_for`.
    """

    padding: str = "zero"
    layers: tuple[str, ...] = ()
    pooling: str = "avg"
    algorithms: str = "xla"

    def __call__(
        self, image: jax.Array, layers: Sequence[str] | None = None
    ) -> dict[str, jax.Array]:
        """Returns the features of the requested layers, or of some of them."""
        image = jnp.asarray(image, jnp.float32)  # as the features of the other networks
        features = {}
        even, odd = quadrature(decorrelate(image), self.padding, self.algorithms)
        features["colours"] = decorrelate(image)
        features["bands"] = jnp.concatenate([even, odd], -1)
        features["moduli"] = modulus(even, odd)

        if self.halvings():
            coarse = decorrelate(padding_pooling.halve(image, self.padding, self.algorithms))
            parents = [
                padding_pooling.double(part, self.padding, self.algorithms)
                for part in quadrature(coarse, self.padding, self.algorithms)
            ]
            # An odd last row or column has no counterpart in the coarser octave.
            height, width, _ = parents[0].shape
            bands = features["bands"][:height, :width]
            features["phases"] = jnp.concatenate([bands, *double_phase(*parents)], -1)
            moduli = features["moduli"][:height, :width]
            features["parents"] = jnp.concatenate([moduli, modulus(*parents)], -1)
        return {layer: features[layer] for layer in (self.layers if layers is None else layers)}

    def names(self) -> tuple[str, ...]:
        """Returns the names of all layers."""
        return LAYERS

    def defaults(self) -> tuple[str, ...]:
        """Returns the layers used by default: those that Portilla and Simoncelli measure."""
        return "colours", "phases", "parents"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Returns the shapes of a weight file's tensors; this network has no weights."""
        return {}

    def halvings(self) -> int:
        """Returns 1 if a requested layer needs the coarser octave, else 0."""
        return int(bool(set(self.layers) & {"phases", "parents"}))

    def feature_shapes(self, height: int, width: int) -> dict[str, tuple[int, int, int]]:
        """Returns the shape `(H', W', C)` of each requested layer.

        Args:
          height: of the image, in pixels.
          width: of the image, in pixels.
        """
        even_height, even_width = height - height % 2, width - width % 2
        shapes = {
            "colours": (height, width, 3),
            "bands": (height, width, 24),
            "moduli": (height, width, 12),
            "phases": (even_height, even_width, 48),
            "parents": (even_height, even_width, 24),
        }
        return {layer: shapes[layer] for layer in self.layers}


def decorrelate(image: jax.Array) -> jax.Array:
    """Returns the layer `colours` of an image.

    Args:
      image: `[H, W, 3]`, RGB, in [0, 1].

    Returns:
      `[H, W, 3]`; all 0 for mid-gray, and only the first channel differs from 0 for other grays.
    """
    return jnp.matmul(image - 0.5, COLORS.T.astype(image.dtype), precision="highest")


def modulus(even: jax.Array, odd: jax.Array) -> jax.Array:
    """Returns the size of complex responses, with a finite slope where both parts are 0.

    Args:
      even: real part, of any shape.
      odd: imaginary part, of the same shape.

    Returns:
      The root of the sum of their squares and of `FLOOR` squared: `FLOOR` or more.
    """
    return jnp.sqrt(even**2 + odd**2 + FLOOR**2)


def double_phase(even: jax.Array, odd: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Doubles the phase of complex responses, which makes them comparable with a finer octave.

    Args:
      even: real part, of any shape.
      odd: imaginary part, of the same shape.

    Returns:
      Real and imaginary part of `z^2 / |z|`.
    """
    size = modulus(even, odd)
    return (even**2 - odd**2) / size, 2 * even * odd / size


def quadrature(
    channels: jax.Array, padding: str, algorithms: str = "xla"
) -> tuple[jax.Array, jax.Array]:
    """Filters each channel with each filter, by Fourier transforms.

    Args:
      channels: `[H, W, C]`.
      padding: as `padding_pooling.pad` takes it.
      algorithms: "cpu" or "xla"; see `networks.algorithms_for`.

    Returns:
      Responses of the even and of the odd filters, `[H, W, 4 C]` each.
    """
    height, width, _ = channels.shape
    padded = padding_pooling.pad(channels, padding, RADIUS, algorithms)
    size = tuple(padding_pooling.next_fast_length(side) for side in padded.shape[:2])
    spectrum = jnp.fft.rfft2(padded, size, axes=(0, 1))

    # Filters are flipped: the product of spectra is a convolution, not a cross-correlation.
    angles = tuple(np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS)
    filters = filter_bank(angles)[:, ::-1, ::-1]

    responses = []
    for kernels in filters:
        transfer = jnp.fft.rfft2(kernels, size, axes=(0, 1))
        product = spectrum[..., :, None] * transfer[..., None, :]
        whole = jnp.fft.irfft2(product, size, axes=(0, 1))
        valid = whole[2 * RADIUS :, 2 * RADIUS :][:height, :width]
        responses.append(valid.reshape(height, width, -1))
    even, odd = responses
    return even, odd


@functools.cache
def filter_bank(angles: tuple[float, ...]) -> np.ndarray:
    """Builds even and odd filters for waves in these directions.

    Args:
      angles: directions in radians, from right to down.

    Returns:
      `[2, 17, 17, len(angles)]`, float32: even and odd. A wave of four pixels with amplitude 1
      gives a modulus of 0.92.
    """
    side = 8 * RADIUS  # a grid of frequencies finer than the filters need
    frequencies = 2 * np.pi * np.fft.fftfreq(side)
    y, x = np.meshgrid(frequencies, frequencies, indexing="ij")
    radius = np.hypot(x, y)
    angle = np.arctan2(y, x)[..., None] - np.array(angles)

    radial = radial_form(radius)[..., None]
    even = radial * np.cos(angle) ** 2
    odd = 1j * radial * odd_form(angle)
    filters = [_cut(np.fft.ifft2(spectrum, axes=(0, 1)).real) for spectrum in (even, odd)]
    return np.stack(filters).astype(np.float32)


def radial_form(radius: np.ndarray) -> np.ndarray:
    """Returns the gain at a radial frequency: a cosine over two octaves around `CENTER`.

    The squared gains of successive octaves add up to 1.

    Args:
      radius: radians per pixel, of any shape.
    """
    octaves = np.log2(np.maximum(radius, 1e-9) / CENTER)
    return np.where(np.abs(octaves) < 1, np.cos(np.pi / 2 * octaves), 0.0)


def odd_form(angle: np.ndarray) -> np.ndarray:
    """Returns the angular gain of odd filters: cos^2 with the sign of cos, to the third harmonic.

    Four orientations cannot steer higher harmonics.

    Args:
      angle: radians from the direction of the filter, of any shape.
    """
    return 8 / (3 * np.pi) * np.cos(angle) + 8 / (15 * np.pi) * np.cos(3 * angle)


def _cut(filters: np.ndarray) -> np.ndarray:
    """Cuts filters to a window, with a mean of zero.

    Args:
      filters: `[N, N, D]`, centered at the origin.

    Returns:
      `[17, 17, D]`, faded out in a circle, which keeps them steerable.
    """
    filters = np.fft.fftshift(filters, (0, 1))
    middle = slice(len(filters) // 2 - RADIUS, len(filters) // 2 + RADIUS + 1)

    positions = np.arange(-RADIUS, RADIUS + 1)
    distance = np.hypot(positions, positions[:, None]) / (RADIUS + 1)
    window = np.where(distance < 1, np.cos(np.pi / 2 * distance) ** 2, 0.0)[..., None]

    filters = filters[middle, middle] * window
    return filters - window * filters.sum((0, 1)) / window.sum()
