"""Lines on maps: parallels and meridians, and any others, as far as they are visible."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from deepsphere.report.projections import Projection
from deepsphere.samplings.coordinates import unit_vectors

Float = NDArray[np.float64]

GRATICULE_STEP = 30
"""Degrees between the parallels, and between the meridians, of :func:`graticule`."""

_LINE_STEP = 0.5
# Lines go on beyond a border of the paper on its other side, farther away than this.
_LARGEST_JUMP = 0.5


def visible_pieces(positions: Float, projection: Projection) -> Iterator[Float]:
    """Yield what is seen of a line, in pieces where it is hidden in between or leaves the paper.

    Parameters
    ----------
    positions : ndarray
        Unit vectors along the line, shape (points, 3), close enough for straight lines between
        them.
    projection : Projection
        How the sphere is seen.

    Yields
    ------
    ndarray
        Points on paper, float64, shape (some, 2).
    """
    points, visible = projection.project_points(positions)
    jumps = np.linalg.norm(np.diff(points, axis=0), axis=1) > _LARGEST_JUMP
    breaks = np.flatnonzero(jumps | (np.diff(visible))) + 1
    for piece, shown in zip(np.split(points, breaks), np.split(visible, breaks), strict=True):
        if shown[0]:
            yield piece


def graticule(projection: Projection) -> Iterator[Float]:
    """Yield the visible pieces of parallels and meridians every 30°, each of shape (points, 2)."""
    around = np.arange(0, 360 + _LINE_STEP, _LINE_STEP)
    up = np.arange(-90, 90 + _LINE_STEP, _LINE_STEP)
    lines = [
        (around, np.full(len(around), float(latitude)))
        for latitude in range(-60, 90, GRATICULE_STEP)
    ]
    lines += [
        (np.full(len(up), float(longitude)), up) for longitude in range(0, 360, GRATICULE_STEP)
    ]
    for longitudes, latitudes in lines:
        yield from visible_pieces(unit_vectors(longitudes, latitudes), projection)
