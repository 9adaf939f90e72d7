"""Shifted copies of a regular exemplar, whose mean keeps what repeats: the start of its textures.

Each copy stands where it agrees most with those before. So rows and grids are continued without a
break, and what differs from tile to tile is averaged. In large results, the first copy is shifted
by about a multiple of the period: the pattern then meets the borders as in the exemplar. A part of
a tile that the exemplar does not have at its borders would change the statistics there.

References:
  Kwatra, Schoedl, Essa, Turk and Bobick, "Graphcut Textures: Image and Video Synthesis Using Graph
  Cuts", SIGGRAPH 2003: "entire patch matching" for the choice of shifts. Departures: copies are
  averaged, where theirs are cut and joined, since the steps that follow make the differences; they
  are compared by correlation.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxtex.synthesis.starts import spot_noise

COPIES = 2.0  # that cover each pixel, at least; a copy counts less at its borders, where it fades
REACHED = 0.25  # covered so far that the next copy can be compared there
AGREEING = 0.03  # below the best correlation: first shifts that are drawn from
SAMPLES = 16  # of the coverage along a side of a copy, at least
SAME = 8  # copies whose shifts differ by less than this fraction of a side are alike
TINY = 1e-12  # energy of plain images


def with_noise(
    source: spot_noise.Source,
    size: tuple[int, int],
    contrast: float,
    rng: np.random.Generator,
    tile: str = "",
    in_phase: bool = True,
) -> np.ndarray:
    """Returns the mean of shifted copies of an exemplar, and noise with its spectrum.

    Args:
      source: of the exemplar.
      size: height and width, in pixels.
      contrast: of the noise; 1 is that of the exemplar.
      rng: random numbers.
      tile: axes along which the result is periodic, as in `images.resize`.
      in_phase: as for `mean_of_copies`.

    Returns:
      `[*size, C]`, clipped to [0, 1].
    """
    noise = spot_noise.random_phase([source], [1.0], size, contrast, rng, tile)
    mean = mean_of_copies(source, size, rng, tile, in_phase)
    return np.clip(mean + noise, 0, 1).astype(np.float32)


def mean_of_copies(
    source: spot_noise.Source,
    size: tuple[int, int],
    rng: np.random.Generator,
    tile: str = "",
    in_phase: bool = True,
) -> np.ndarray:
    """Returns the mean of shifted copies of an exemplar, without the exemplar's mean.

    Args:
      source: of the exemplar.
      size: height and width of the result, in pixels.
      rng: random numbers, for the first shift.
      tile: axes along which the result is periodic, as in `images.resize`.
      in_phase: True if the pattern meets the upper and left border as in the exemplar.

    Returns:
      `[*size, C]`.
    """
    copy = _copy_of(source, size, tile)
    canvas = _Canvas(size, copy, tile)
    correlations = _correlate_shifts(size, copy, tile) if in_phase else None
    canvas.add(copy, _draw_corner(canvas, correlations, rng))
    matcher = _Matcher(copy, [side // 2 + 1 for side in copy.sides])
    while canvas.sampled.min() < COPIES:
        canvas.add(copy, matcher.best_corner(canvas, canvas.next_center()))
    return canvas.mean()


class _Copy(NamedTuple):
    """A copy of the exemplar, which fades at its borders."""

    spot: np.ndarray  # [h, w, C]: the exemplar without its mean, times the window
    window: np.ndarray  # [h, w]

    @property
    def sides(self) -> tuple[int, int]:
        """Returns the height and the width."""
        return self.window.shape[0], self.window.shape[1]


def _copy_of(source: spot_noise.Source, size: tuple[int, int], tile: str) -> _Copy:
    """Returns a copy that does not meet itself across the border of a periodic result."""
    sides = [
        min(side, 2 * length // 3) if axis in tile else side
        for axis, side, length in zip("yx", source.spot.shape[:2], size, strict=True)
    ]
    faded = spot_noise.window_of(*source.spot.shape[:2])
    picture = source.spot / faded[..., None] * np.sqrt(np.sum(faded**2))
    window = spot_noise.window_of(*sides)
    return _Copy(picture[: sides[0], : sides[1]] * window[..., None], window)


class _Canvas:
    """The copies so far, on the result and, unless it is periodic, a margin around it.

    Attributes:
      total: sum of the copies, `[rows, columns, C]`.
      weight: sum of their windows, `[rows, columns]`.
      inside: the part of `weight` that is the result's, `[*size]`.
      sampled: some rows and columns of it, from which its minimum is found.
      sides: height and width of a copy.
      corners: rows and columns of the upper left corners of the copies, the first one that of the
        exemplar in its own place.
    """

    def __init__(self, size: tuple[int, int], copy: _Copy, tile: str):
        """Makes a canvas without copies."""
        self.sides = copy.sides
        self._margins = [
            0 if axis in tile else side for axis, side in zip("yx", copy.sides, strict=True)
        ]
        shape = [length + 2 * margin for length, margin in zip(size, self._margins, strict=True)]
        self._result = tuple(
            slice(margin, margin + length)
            for margin, length in zip(self._margins, size, strict=True)
        )
        self.total = np.zeros((*shape, copy.spot.shape[2]))
        self.weight = np.zeros(shape)
        self.inside = self.weight[self._result]
        self._steps = [max(1, side // SAMPLES) for side in copy.sides]
        self.sampled = self.inside[:: self._steps[0], :: self._steps[1]]
        self.corners = [(self._margins[0], self._margins[1])]

    def add(self, copy: _Copy, corner: tuple[int, int]) -> None:
        """Adds a copy."""
        place = self.place(corner, copy.sides)
        self.total[place] += copy.spot
        self.weight[place] += copy.window
        self.corners.append(corner)

    def place(self, corner: Sequence[int], sides: Sequence[int]) -> tuple[np.ndarray, ...]:
        """Returns the indices of a rectangle, which wraps around."""
        return np.ix_(
            *(
                np.arange(start, start + side) % length
                for start, side, length in zip(corner, sides, self.weight.shape, strict=True)
            )
        )

    def free(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Returns which corners are not near to those of copies; all, if there are none.

        Args:
          rows: of the corners, `[R]`.
          columns: of the corners, `[C]`.

        Returns:
          bool `[R, C]`.
        """
        near_rows, near_columns = (
            _distance(positions, np.array(starts)[:, None], length) < side / SAME
            for positions, starts, length, side in zip(
                (rows, columns),
                zip(*self.corners, strict=True),
                self.weight.shape,
                self.sides,
                strict=True,
            )
        )
        both = near_rows.any(1) & near_columns.any(1)
        found = ~np.any(near_rows[both][:, :, None] & near_columns[both][:, None], 0)
        return found if found.any() else ~found

    def next_center(self) -> tuple[int, int]:
        """Returns the place that is covered least, of those that copies reach."""
        reached = np.where(self.sampled >= REACHED, self.sampled, np.inf)
        sample = np.unravel_index(np.argmin(reached), reached.shape)
        row, column = (
            margin + int(at) * step
            for margin, at, step in zip(self._margins, sample, self._steps, strict=True)
        )
        return row, column

    def mean(self) -> np.ndarray:
        """Returns the mean of the copies on the result."""
        return self.total[self._result] / self.inside[..., None]


class _Matcher:
    """Finds where a copy agrees most with those that are on the canvas."""

    def __init__(self, copy: _Copy, reach: Sequence[int]):
        """Prepares the Fourier transforms of a copy for so many rows and columns of corners."""
        self._sides = copy.sides
        self._reach = reach
        self._shape = [
            side + reach - 1 for side, reach in zip(copy.sides, self._reach, strict=True)
        ]
        energy = np.sum(copy.spot**2, -1) / copy.window
        self._spot, self._energy, self._window = (
            np.conj(np.fft.rfft2(each, self._shape, (0, 1)))
            for each in (copy.spot, energy, copy.window)
        )

    def best_corner(self, canvas: _Canvas, center: tuple[int, int]) -> tuple[int, int]:
        """Returns the corner of the copy that agrees most, of those with their middle near a place.

        Args:
          canvas: the copies so far; corners near to theirs are avoided, as far as others are left.
          center: row and column on the canvas, at most a quarter of a side from the copy's middle.
        """
        first = [at - 3 * side // 4 for at, side in zip(center, self._sides, strict=True)]
        agreement = self.agreement(canvas, first)
        rows, columns = (
            start + np.arange(count) for start, count in zip(first, self._reach, strict=True)
        )
        agreement = np.where(canvas.free(rows, columns), agreement, -np.inf)
        row, column = np.unravel_index(np.argmax(agreement), agreement.shape)
        return int(rows[row]), int(columns[column])

    def agreement(self, canvas: _Canvas, first: Sequence[int]) -> np.ndarray:
        """Returns the correlations of a copy with the canvas, at the corners from the first on."""
        place = canvas.place(first, self._shape)
        weight = canvas.weight[place]
        current = canvas.total[place] / np.maximum(weight, TINY)[..., None]
        covered = np.minimum(weight, 1)

        transform = np.fft.rfft2
        products = np.sum(transform(covered[..., None] * current, axes=(0, 1)) * self._spot, -1)
        of_copy = transform(covered) * self._energy
        of_canvas = transform(covered * np.sum(current**2, -1)) * self._window
        agreement, copy_energy, canvas_energy = (
            np.fft.irfft2(each, self._shape)[: self._reach[0], : self._reach[1]]
            for each in (products, of_copy, of_canvas)
        )
        energies = np.maximum(copy_energy, TINY) * np.maximum(canvas_energy, TINY)
        return agreement / np.sqrt(energies)


def _correlate_shifts(size: tuple[int, int], copy: _Copy, tile: str) -> np.ndarray:
    """Returns the correlations of the exemplar with itself, shifted by up to half of its sides.

    Args:
      size: height and width of the result.
      copy: of the exemplar.
      tile: axes along which the result is periodic.

    Returns:
      One for each shift, from up and left to down and right, `[h + 1, w + 1]`.
    """
    canvas = _Canvas(size, copy, tile)
    (own_place,) = canvas.corners
    canvas.add(copy, own_place)
    first = [at - side // 2 for at, side in zip(own_place, copy.sides, strict=True)]
    return _Matcher(copy, [side + 1 for side in copy.sides]).agreement(canvas, first)


def _draw_corner(
    canvas: _Canvas, correlations: np.ndarray | None, rng: np.random.Generator
) -> tuple[int, int]:
    """Draws the corner of the first copy, of which about half or more is on the result.

    Args:
      canvas: without copies.
      correlations: of the exemplar, as `_correlate_shifts` returns them; None: any corner.
      rng: random numbers.
    """
    (own_place,) = canvas.corners
    # Shifts up and left to half a side; down and right as far, or as the result has room.
    up, left = (side // 2 for side in canvas.sides)
    rows, columns = (
        np.arange(-half, min(length, side) - half + 1)
        for half, side, length in zip((up, left), canvas.sides, canvas.inside.shape, strict=True)
    )
    fits = canvas.free(own_place[0] + rows, own_place[1] + columns)
    if correlations is not None:
        agreement = correlations[np.ix_(rows + up, columns + left)]
        fits &= agreement >= agreement[fits].max() - AGREEING
    row, column = rng.choice(np.argwhere(fits))
    return own_place[0] + int(rows[row]), own_place[1] + int(columns[column])


def _distance(positions: np.ndarray, position: np.ndarray, period: int) -> np.ndarray:
    """Returns how far positions are from others, on an axis that wraps around."""
    return np.abs((positions - position + period // 2) % period - period // 2)
