"""Polygons on paper, for the cells of a map."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepsphere.samplings.polygons import Flat

Float = NDArray[np.float64]

# Great arcs become chains of straight lines, each for an arc of at most about this angle.
_LARGEST_STEP = math.radians(2.0)
# Cells that only touch a border have parts behind it of an area of rounding.
_SMALLEST_AREA = 1e-12


class Shapes(NamedTuple):
    """Cells on paper.

    Attributes
    ----------
    polygons : list of ndarray
        Corners, float64, shape (corners, 2): to the right and up.
    pixels : ndarray
        The pixel of each polygon, int64, shape (polygons,). A pixel that is cut has several
        polygons, a hidden one none.
    """

    polygons: list[Float]
    pixels: NDArray[np.int64]


def with_short_sides(polygons: Flat) -> Flat:
    """Return polygons with corners added along their sides, so that these bend on paper.

    Parameters
    ----------
    polygons : tuple of ndarray
        A flat batch on the sphere, see :mod:`~deepsphere.samplings.polygons`.

    Returns
    -------
    tuple of ndarray
        The same polygons, with a corner about every 2°.
    """
    corners, owners = polygons
    if not len(corners):
        return polygons
    following = _following(owners)
    sides = corners[following] - corners
    counts = np.ceil(np.linalg.norm(sides, axis=1) / _LARGEST_STEP).astype(np.int64)
    counts = np.maximum(counts, 1)
    ends = np.cumsum(counts)
    steps = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
    fractions = steps / np.repeat(counts, counts)
    points = np.repeat(corners, counts, axis=0)
    points += fractions[:, np.newaxis] * np.repeat(sides, counts, axis=0)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points, np.repeat(owners, counts)


def join_corners(corners: Float, owners: NDArray[np.int64]) -> Shapes:
    """Return the polygons of a flat batch on paper, but for those without area.

    Parameters
    ----------
    corners : ndarray
        On paper, shape (corners, 2), counter-clockwise.
    owners : ndarray
        The pixel of each corner, ascending int64, shape (corners,).
    """
    if not len(corners):
        return Shapes([], owners)
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    x, y = corners.T
    following = _following(owners)
    areas = np.add.reduceat(x * y[following] - x[following] * y, starts) / 2
    polygons = np.split(corners, starts[1:])
    kept = np.flatnonzero(areas > _SMALLEST_AREA)
    return Shapes([polygons[index] for index in kept], owners[starts[kept]])


def _following(owners: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each corner of a flat batch the next one of its polygon."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    following = np.arange(1, len(owners) + 1)
    following[np.append(starts[1:], len(owners)) - 1] = starts
    return following
