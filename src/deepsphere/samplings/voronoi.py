"""Spherical Delaunay triangles and Voronoi cells of arbitrary points.

For samplings whose cells follow no rule, such as stations and spirals; families with cells of
their own need none of this. The triangles are the facets of the convex hull, which Qhull finds, and
the corners of the Voronoi cells are the outward normals of these facets. That also holds where all
points are in one hemisphere: some facets then face away from the sphere's centre, the circles
around them are larger than a hemisphere, and cells reach around the sphere.

Points within 1e-6 radians of each other (6 m on Earth) are at one place: the cell of the place is
the polygon of each, and its area is shared equally. Points on one circle, as three places always
are, have no triangles, but their cells are lunes between the two poles of the circle.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.delaunay import hull_triangles, places_of, principal_frame
from deepsphere.samplings.dual import Dual

_SUM_TOLERANCE = 1e-6


def triangulate(positions: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the spherical Delaunay triangles of points.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, float64, shape (points, 3).

    Returns
    -------
    ndarray
        Indices of the corners, int64, shape (2 · places - 4, 3), counter-clockwise seen from
        outside the convex hull. The first of the points at one place stands for it. Polygons of
        four or more points on an empty circle are split in one of the possible ways.

    Raises
    ------
    DeepsphereError
        If the positions are not unit vectors, or all points are on one circle.
    """
    places = places_of(positions)
    frame = principal_frame(places.positions)
    if frame.flat:
        raise DeepsphereError(
            f"{len(places.first)} places on one circle have no triangles; "
            "give at least 4 places that are not on one circle"
        )
    return places.first[hull_triangles(places.positions, frame)]


def voronoi_areas(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the areas of the Voronoi cells of points.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, float64, shape (points, 3).

    Returns
    -------
    ndarray
        Steradians, float64, shape (points,); 4π in all.

    Raises
    ------
    DeepsphereError
        If the positions are not unit vectors.
    """
    places = places_of(positions)
    areas = _cells(places.positions).areas()
    error = areas.sum() / (4 * np.pi) - 1
    if not abs(error) < _SUM_TOLERANCE:
        raise DeepsphereError(
            f"the Voronoi cells of {len(areas)} places do not add up to the sphere, with a "
            f"relative error of {error:.1e}; merge the places that nearly coincide"
        )
    areas /= (1 + error) * np.bincount(places.of_points)
    return areas[places.of_points]


def voronoi_cells(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the corners of the Voronoi cells of points.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, float64, shape (points, 3).

    Returns
    -------
    ndarray
        Unit vectors, float64, shape (points, corners, 3), counter-clockwise seen from outside, the
        last corner repeated. Sides longer than 120° have corners in between. The cell of a single
        place is the sphere, cut open along half a circle.

    Raises
    ------
    DeepsphereError
        If the positions are not unit vectors.
    """
    places = places_of(positions)
    return _cells(places.positions).corners()[places.of_points]


def voronoi_neighbours(positions: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the points whose Voronoi cells share a side or are the same.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, float64, shape (points, 3).

    Returns
    -------
    ndarray
        Shape (points, most), int64, ascending, padded with -1 at the end. The relation is
        symmetric. Cells that only share a corner are no neighbours.

    Raises
    ------
    DeepsphereError
        If the positions are not unit vectors.
    """
    places = places_of(positions)
    points, count = len(places.of_points), len(places.first)
    one, other = _cells(places.positions).sides()
    near = csr_array((np.ones(len(one)), (one, other)), shape=(count, count)) + eye_array(count)
    at = csr_array((np.ones(points), (np.arange(points), places.of_points)), shape=(points, count))
    pairs = (at @ near @ at.T).tocoo()
    rows, columns = pairs.coords
    different = rows != columns
    return _padded(rows[different], columns[different], points)


@dataclass(frozen=True, eq=False)
class _Lunes:
    """The cells of points on one circle, in order around its axis, the last row of ``axes``."""

    points: NDArray[np.float64]
    axes: NDArray[np.float64]

    def areas(self) -> NDArray[np.float64]:
        """Return 2α for each lune, whose angle α is half of the gaps on both sides of its point."""
        areas = np.empty(len(self.points))
        areas[self._order] = self._gaps + np.roll(self._gaps, 1)
        return areas

    def corners(self) -> NDArray[np.float64]:
        """Return 4 corners for each cell: to the west, the south pole, to the east, the north."""
        east = self._on_equator(self._angles + self._gaps / 2)
        pole = np.broadcast_to(self.axes[2], east.shape)
        corners = np.empty((len(east), 4, 3))
        corners[self._order] = np.stack([np.roll(east, 1, axis=0), -pole, east, pole], axis=1)
        return corners

    def sides(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the two points of each side between cells, in both orders, shape (sides,) each."""
        east = np.roll(self._order, -1)
        return np.concatenate([self._order, east]), np.concatenate([east, self._order])

    @cached_property
    def _azimuths(self) -> NDArray[np.float64]:
        along = self.points @ self.axes.T
        return np.arctan2(along[:, 1], along[:, 0])

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        return np.argsort(self._azimuths)

    @cached_property
    def _angles(self) -> NDArray[np.float64]:
        """Angles around the axis, ascending."""
        return self._azimuths[self._order]

    @cached_property
    def _gaps(self) -> NDArray[np.float64]:
        """Angles from each point to the next."""
        return np.diff(self._angles, append=self._angles[0] + 2 * np.pi)

    def _on_equator(self, angles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return unit vectors across the axis."""
        return np.stack([np.cos(angles), np.sin(angles)], axis=1) @ self.axes[:2]


def _cells(points: NDArray[np.float64]) -> Dual | _Lunes:
    frame = principal_frame(points)
    if frame.flat:
        return _Lunes(points, frame.axes)
    return Dual(points, hull_triangles(points, frame))


def _padded(rows: NDArray[np.int64], columns: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the columns of each row, ascending and padded with -1, shape (count, most)."""
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    counts = np.bincount(rows, minlength=count)
    starts = np.cumsum(counts) - counts
    padded = np.full((count, counts.max()), -1)
    padded[rows, np.arange(len(rows)) - starts[rows]] = columns
    return padded
