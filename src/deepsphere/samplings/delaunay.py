"""Which points of the sphere make triangles: distinct places, and their convex hull.

The groundwork of :mod:`~deepsphere.samplings.voronoi`, which is for samplings to use.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull, QhullError, cKDTree

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.polygons import cross

_UNIT_TOLERANCE = 1e-6
# Triangles much smaller than this are as flat as float64 is coarse.
_ONE_PLACE = 1e-6
# Distance from a plane, in radii, within which points on one circle stay by rounding.
_FLAT = 1e-13


class Places(NamedTuple):
    """The distinct places of points.

    Attributes
    ----------
    positions : ndarray
        Unit vectors, float64, shape (places, 3).
    first : ndarray
        The first point at each place, ascending, int64, shape (places,).
    of_points : ndarray
        The place of each point, int64, shape (points,).
    """

    positions: NDArray[np.float64]
    first: NDArray[np.int64]
    of_points: NDArray[np.int64]


class Frame(NamedTuple):
    """The principal axes of points.

    Attributes
    ----------
    axes : ndarray
        Unit vectors as rows, right-handed, the last one along the smallest extent, shape (3, 3).
    flat : bool
        Whether there is no extent along the last axis: all points are on one circle around it.
    """

    axes: NDArray[np.float64]
    flat: bool


def places_of(positions: NDArray[np.float64]) -> Places:
    """Return the distinct places of points; those within 1e-6 radians of each other are one.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, float64, shape (points, 3), up to a length of 1 ± 1e-6.

    Raises
    ------
    DeepsphereError
        If there is no point or the positions are not unit vectors.
    """
    positions = np.asarray(positions, dtype=np.float64)
    if positions.ndim != 2 or positions.shape[1] != 3 or not len(positions):
        raise DeepsphereError(
            "positions must be unit vectors of shape (points, 3), at least one; "
            f"found shape {positions.shape}"
        )
    lengths = np.linalg.norm(positions, axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1) <= _UNIT_TOLERANCE))
    if wrong.size:
        raise DeepsphereError(
            f"positions must be unit vectors; found length {lengths[wrong[0]]} at index "
            f"{wrong[0]} ({wrong.size} such points)"
        )
    positions = positions / lengths[:, np.newaxis]
    # The pairs of thousands of points that coincide would not fit in memory: these go first.
    distinct, of_points = np.unique(positions, axis=0, return_inverse=True)
    one, other = cKDTree(distinct).query_pairs(_ONE_PLACE, output_type="ndarray").T
    joined = first_joined(one, other, len(distinct))[of_points]
    _, first, of_points = np.unique(joined, return_index=True, return_inverse=True)
    first, of_points = np.unique(first[of_points], return_inverse=True)
    return Places(positions[first], first, of_points)


def principal_frame(points: NDArray[np.float64]) -> Frame:
    """Return the principal axes of points of shape (points, 3), and whether they are flat."""
    centred = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(np.linalg.qr(centred, mode="r"))
    axes *= np.sign(np.linalg.det(axes))
    return Frame(axes, bool(np.ptp(centred @ axes[2]) < _FLAT))


def hull_triangles(points: NDArray[np.float64], frame: Frame) -> NDArray[np.int64]:
    """Return the facets of the convex hull, counter-clockwise seen from outside.

    Parameters
    ----------
    points : ndarray
        Unit vectors of distinct places that are not on one circle, shape (places, 3).
    frame : Frame
        Their principal axes.

    Returns
    -------
    ndarray
        Shape (2 · places - 4, 3), int64; facets with more corners are split.

    Raises
    ------
    DeepsphereError
        If rounding leaves no closed surface that has all points for corners.
    """
    # A hull stays the same when its points are moved and stretched, but Qhull's tolerance is
    # relative to their extent: stretched in all directions, a tight cluster is as round as a ball.
    stretched = (points - points.mean(axis=0)) @ frame.axes.T
    stretched /= np.ptp(stretched, axis=0)
    try:
        hull = ConvexHull(stretched)
    except QhullError as error:
        reason = str(error).partition("\n")[0]
        raise DeepsphereError(
            f"Qhull found no triangles of {len(points)} places: {reason}"
        ) from None
    triangles = hull.simplices.astype(np.int64)
    first, second, third = np.moveaxis(stretched[triangles], 1, 0)
    outward = np.einsum("ti,ti->t", cross(second - first, third - first), hull.equations[:, :3])
    triangles[outward < 0] = triangles[outward < 0, ::-1]
    _check_closed(triangles, len(points))
    return triangles


def first_joined(one: NDArray[np.int64], other: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return for each of ``count`` things the first one that pairs join it to, if need be in steps.

    Parameters
    ----------
    one, other : ndarray
        The pairs, int64, shape (pairs,).
    count : int
        How many things there are.
    """
    pairs = coo_array((np.ones(len(one)), (one, other)), shape=(count, count))
    _, labels = connected_components(pairs, directed=False)
    _, first = np.unique(labels, return_index=True)
    return first[labels]


def _check_closed(triangles: NDArray[np.int64], count: int) -> None:
    """Refuse triangles that leave out a point, or whose sides do not meet two by two."""
    ends = np.roll(triangles, -1, axis=1)
    out = np.sort((triangles * count + ends).ravel())
    back = np.sort((ends * count + triangles).ravel())
    two_by_two = np.array_equal(out, back) and (np.diff(out) > 0).all()
    corners = np.bincount(triangles.ravel(), minlength=count)
    if not (two_by_two and corners.all() and len(triangles) == 2 * count - 4):
        raise DeepsphereError(
            f"the triangles of {count} places do not close by rounding; "
            "merge the places that nearly coincide"
        )
