"""Autocovariances: what is found at a distance, and the statistic of it at long distances."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex.networks import padding_pooling
from jaxtex.statistics import base


def at_lags(centered: Any, down: int, right: int, tile: str = "") -> Any:
    """Returns mean products of values at each lag from each other, over pairs inside the layer.

    They are computed by FFT with zero padding, which is faster than shifting and multiplying.

    Args:
      centered: maps less their means, `[H, W, C]`; of NumPy or of JAX.
      down: longest lag along columns, less than H.
      right: longest lag along rows, less than W.
      tile: axes along which pairs go on at the opposite border: "", "x", "y" or "xy".

    Returns:
      `[down + 1, 2 right + 1, C]`, of NumPy or of JAX: lags of 0 to `down` rows, and of `-right` to
      `right` columns. The other half plane has the same values.
    """
    library = np if isinstance(centered, np.ndarray) else jnp
    height, width = centered.shape[:2]
    # Zeros of the length of the longest lag keep opposite borders apart.
    rows = height if "y" in tile else padding_pooling.next_fast_length(height + down)
    columns = width if "x" in tile else padding_pooling.next_fast_length(width + right)
    spectrum = library.fft.rfft2(centered, (rows, columns), axes=(0, 1))
    power = spectrum.real**2 + spectrum.imag**2
    half = library.fft.ifft(power, axis=0)[: down + 1]
    sums = library.fft.irfft(half, columns, axis=1)
    sums = library.concatenate([sums[:, columns - right :], sums[:, : right + 1]], 1)

    lacking = library.arange(down + 1), abs(library.arange(-right, right + 1))
    along_columns = height - lacking[0] * int("y" not in tile)
    along_rows = width - lacking[1] * int("x" not in tile)
    pairs = along_columns[:, None] * along_rows[None]
    return sums / pairs[..., None].astype(centered.dtype)


def autocorrelation(reach: int = 16) -> base.Statistic:
    """Autocovariances of a layer at all lags of a window, as a mean over its channels.

    It knows at which distances a texture repeats itself, such as courses of bricks, and nothing of
    what is repeated: add it to another statistic, as in
    `--statistic=mean_and_covariance+0.1*autocorrelation`.

    Args:
      reach: longest lag along both axes, in positions of the layer; half of a smaller layer.

    References:
      Sendik and Cohen-Or, "Deep Correlations for Texture Synthesis", ACM Transactions on Graphics
      36, 2017. Departures: one mean over channels, where they compare each channel; lags up to a
      reach, where they use half of the layer; the mean of each channel is subtracted.
    """

    def summarize(features: jax.Array) -> base.Summary:
        features = features.astype(base.accumulation_dtype(features))
        height, width = features.shape[:2]
        centered = features - features.mean((0, 1), keepdims=True)
        found = at_lags(centered, min(reach, height // 2), min(reach, width // 2)).mean(-1)
        # A layer that is smaller than the window has no pairs at the longest lags.
        missing = reach + 1 - found.shape[0], (2 * reach + 1 - found.shape[1]) // 2
        return jnp.pad(found, ((0, missing[0]), (missing[1], missing[1])))[..., None]

    def statistic_size(channels: int, positions: int) -> int:
        del channels, positions
        return reach + 1 + reach * (2 * reach + 1)

    return base.Statistic(
        summarize, base.compare("relative"), spatial=True, statistic_size=statistic_size
    )
