"""Polygons on the sphere whose sides are great arcs: their areas, and their clipping.

A batch of polygons comes in one of two forms. *Padded*, as a sampling's ``cells()``: shape
(polygons, corners, 3), the last corner repeated. *Flat*, where cutting changes the number of
corners: all corners one after the other, shape (corners, 3), with the polygon that each belongs
to. Corners are unit vectors, counter-clockwise seen from outside; sides are shorter than π.
"""

import numpy as np
from numpy.typing import NDArray

Flat = tuple[NDArray[np.float64], NDArray[np.int64]]

# Sines by which a corner may lie behind another side of its polygon, as the corners in between the
# ends of a straight side do by rounding.
_CONVEXITY_TOLERANCE = 1e-11
# Rounding decides on which side of a hemisphere's border the mean of its corners is.
_SMALLEST_HEIGHT = 1e-9
# Corners whose areas are computed at a time: temporary arrays then stay in a processor's cache.
_BLOCK_CORNERS = 1 << 16


def triangle_areas(
    first: NDArray[np.float64], second: NDArray[np.float64], third: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the signed areas of spherical triangles, in steradians.

    Parameters
    ----------
    first, second, third : ndarray
        Unit vectors, shape (..., 3).

    Returns
    -------
    ndarray
        Shape (...), between -2π and 2π, positive where the corners are counter-clockwise. The
        error is a few roundings of the corners times the length of the sides, also where
        triangles are tiny: the triple product is taken of differences, which do not cancel.

    References
    ----------
    Van Oosterom, Strackee: The solid angle of a plane triangle (IEEE Transactions on Biomedical
    Engineering, 1983), equation 8.
    """
    volume = np.einsum("...i,...i", first, cross(second - first, third - first))
    cosines = (
        np.einsum("...i,...i", first, second)
        + np.einsum("...i,...i", second, third)
        + np.einsum("...i,...i", third, first)
    )
    areas: NDArray[np.float64] = 2 * np.arctan2(volume, 1 + cosines)
    return areas


def polygon_areas(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the signed areas of padded polygons, in steradians.

    Parameters
    ----------
    corners : ndarray
        Unit vectors, shape (..., corners, 3). Polygons of at most a hemisphere; they need not be
        convex.

    Returns
    -------
    ndarray
        Shape (...), positive where the corners are counter-clockwise.
    """
    *shape, count, _ = corners.shape
    polygons = corners.reshape(-1, count, 3)
    areas = np.empty(len(polygons))
    step = max(1, _BLOCK_CORNERS // count)
    for start in range(0, len(polygons), step):
        block = polygons[start : start + step]
        areas[start : start + step] = flat_areas(flat(block), len(block))
    return areas.reshape(shape)


def are_convex(corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which padded polygons are convex: no corner lies behind a side.

    Parameters
    ----------
    corners : ndarray
        Unit vectors, shape (polygons, corners, 3).

    Returns
    -------
    ndarray
        Shape (polygons,).
    """
    convex = np.ones(len(corners), dtype=np.bool_)
    for normals in np.moveaxis(side_normals(corners), 1, 0):
        heights = np.einsum("pci,pi->pc", corners, normals)
        convex &= heights.min(axis=1) >= -_CONVEXITY_TOLERANCE * np.linalg.norm(normals, axis=1)
    return convex


def enclosing_balls(
    corners: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return balls of space that hold the padded polygons, insides included.

    Parameters
    ----------
    corners : ndarray
        Unit vectors, shape (polygons, corners, 3).

    Returns
    -------
    centres : ndarray
        The means of the corners, within the sphere, shape (polygons, 3).
    radii : ndarray
        Shape (polygons,).
    """
    centres = corners.mean(axis=1)
    radii = np.linalg.norm(corners - centres[:, np.newaxis], axis=2).max(axis=1)
    # What a ball holds of the sphere is convex up to a hemisphere: it holds the arcs between the
    # corners that it holds. A ball that holds more is made to hold the whole sphere.
    heights = np.linalg.norm(centres, axis=1)
    return centres, np.where(radii**2 <= 1 + heights**2, radii, 1 + heights)


def side_normals(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normals of the planes of the sides, on the side of the polygon's inside.

    Parameters
    ----------
    corners : ndarray
        Unit vectors, shape (..., corners, 3).

    Returns
    -------
    ndarray
        Shape (..., corners, 3), as long as the sine of the side: zero between equal corners.
        The last side leads back to the first corner.
    """
    return cross(corners, np.roll(corners, -1, axis=-2) - corners)


def flat(corners: NDArray[np.float64]) -> Flat:
    """Return padded polygons, of shape (polygons, corners, 3), as a flat batch without repeats."""
    is_new = (corners != np.roll(corners, 1, axis=1)).any(axis=2)
    return corners[is_new], np.nonzero(is_new)[0]


def clip(polygons: Flat, normals: NDArray[np.float64]) -> Flat:
    """Cut each polygon down to its part within a convex region (Sutherland-Hodgman).

    Parameters
    ----------
    polygons : tuple of ndarray
        A flat batch: corners, unit vectors of shape (corners, 3), and the index of the polygon
        of each, ascending int64 of shape (corners,). They need not be convex; where one falls
        apart, its parts stay joined by sides of no area along the border of the region.
    normals : ndarray
        For each polygon the region {x : normal · x >= 0 for all of its normals}, shape (polygons,
        normals, 3), such as :func:`side_normals` of a convex polygon. A normal of zero cuts
        nothing.

    Returns
    -------
    tuple of ndarray
        A flat batch, with the same indices. A polygon outside of its region has no corner left;
        one that touches it keeps corners that span no area, or a sliver as thin as rounding.
    """
    corners, owners = polygons
    for normal in np.moveaxis(normals, 1, 0):
        corners, owners = _cut(corners, owners, normal)
    return corners, owners


def flat_areas(polygons: Flat, count: int) -> NDArray[np.float64]:
    """Return the signed areas of a flat batch, in steradians: zero for polygons without corners.

    Parameters
    ----------
    polygons : tuple of ndarray
        Corners and the ascending indices of their polygons; see :func:`clip`.
    count : int
        How many polygons there are, those without corners included.

    Returns
    -------
    ndarray
        Shape (count,).
    """
    corners, owners = polygons
    areas = np.zeros(count)
    if not len(corners):
        return areas
    starts, following = _starts_and_following(owners)
    following_corners = corners[following]
    # A fan around any point adds up to the polygon. This one is inside if the polygon is convex:
    # the mean of the corners, moved along the sides' normals, as the mean alone has no direction
    # where the polygon is a hemisphere. Normals of a clockwise polygon point away from its mean.
    sizes = np.diff(starts, append=len(owners))
    apexes = np.add.reduceat(corners, starts) / sizes[:, np.newaxis]
    normals = np.add.reduceat(cross(corners, following_corners - corners), starts)
    normals[np.einsum("pi,pi->p", apexes, normals) < -_SMALLEST_HEIGHT] *= -1
    apexes += normals
    apexes /= np.linalg.norm(apexes, axis=1, keepdims=True)
    fan = triangle_areas(np.repeat(apexes, sizes, axis=0), corners, following_corners)
    areas[owners[starts]] = np.add.reduceat(fan, starts)
    return areas


def cross(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cross products of vectors of shape (..., 3), faster than :func:`numpy.cross`."""
    a, b, c = left[..., 0], left[..., 1], left[..., 2]
    x, y, z = right[..., 0], right[..., 1], right[..., 2]
    return np.stack([b * z - c * y, c * x - a * z, a * y - b * x], axis=-1)


def _cut(
    corners: NDArray[np.float64], owners: NDArray[np.int64], normals: NDArray[np.float64]
) -> Flat:
    """Keep what is on the inner side of one plane a polygon, of normals (polygons, 3)."""
    _, following = _starts_and_following(owners)
    heights = np.einsum("ci,ci->c", corners, normals[owners])
    inside = heights >= 0
    crossing = inside != inside[following]
    begin, end = np.flatnonzero(crossing), following[crossing]
    # The ends have heights of different signs, so that this is a division by more than zero.
    fraction = heights[begin] / (heights[begin] - heights[end])
    points = corners[begin] + fraction[:, np.newaxis] * (corners[end] - corners[begin])
    points /= np.linalg.norm(points, axis=1, keepdims=True)

    # A corner inside stays; where the side behind it crosses the plane, a new one follows.
    counts = inside.astype(np.int64) + crossing
    places = np.cumsum(counts)
    kept = np.empty((places[-1] if len(places) else 0, 3))
    kept[places[inside] - counts[inside]] = corners[inside]
    kept[places[begin] - 1] = points
    return kept, np.repeat(owners, counts)


def _starts_and_following(
    owners: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where polygons start, shape (polygons with corners,), and the corner after each."""
    begins = np.ones(len(owners), dtype=np.bool_)
    begins[1:] = owners[1:] != owners[:-1]
    starts = np.flatnonzero(begins)
    following = np.arange(1, len(owners) + 1)
    following[starts[1:] - 1] = starts[:-1]
    following[-1:] = starts[-1:]
    return starts, following
