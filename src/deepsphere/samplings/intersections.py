"""How much the polygons of two sets overlap: each with each, where they are near.

A polygon of one set is clipped by the convex parts of one of the other (Sutherland & Hodgman,
Reentrant polygon clipping, Communications of the ACM, 1974), by planes through the sphere's centre.
This is for the cells of samplings, in :mod:`~deepsphere.samplings.overlap`.
"""

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from deepsphere.samplings.polygons import (
    are_convex,
    clip,
    enclosing_balls,
    flat,
    flat_areas,
    polygon_areas,
    side_normals,
)

SparseMatrix = csr_array[np.float64, tuple[int, int]]

# Pairs found at once take 50 MB; corners clipped at once stay in a processor's cache.
_BLOCK_PAIRS = 1 << 20
_BLOCK_CORNERS = 1 << 16
# Smaller parts of a polygon are left out: rounding may turn the planes of their sides around.
_SMALLEST_PART = 1e-14


def intersection_areas(
    polygons: NDArray[np.float64],
    others: NDArray[np.float64],
    apexes: NDArray[np.float64],
    other_apexes: NDArray[np.float64],
) -> SparseMatrix:
    """Return the areas of the intersections of padded polygons, counter-clockwise, with others.

    Parameters
    ----------
    polygons, others : ndarray
        Corners, unit vectors of shape (polygons, corners, 3) and (others, corners, 3), without two
        opposite ones in any polygon.
    apexes, other_apexes : ndarray
        A unit vector for each, shape (polygons, 3) and (others, 3), less than π from all corners:
        where a polygon that is not convex is cut into triangles.

    Returns
    -------
    csr_array
        Steradians, float64, shape (others, polygons). Those that only touch may have entries as
        small as rounding, of either sign.
    """
    if _is_better_clipper(polygons, others):
        return csr_array(_clipped_areas(others, polygons, apexes).T)
    return _clipped_areas(polygons, others, other_apexes)


def _is_better_clipper(polygons: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    """Say which of two sets has fewer convex parts: convex ones, or else larger ones."""
    convex, others_convex = are_convex(polygons).all(), are_convex(others).all()
    return len(polygons) < len(others) if convex == others_convex else bool(convex)


def _clipped_areas(
    subjects: NDArray[np.float64],
    clippers: NDArray[np.float64],
    apexes: NDArray[np.float64],
) -> SparseMatrix:
    """Return areas of intersections, shape (clippers, subjects), by clipping the subjects."""
    parts, owners, signs = _convex_parts(clippers, apexes)
    normals = side_normals(parts)
    rows, columns, areas = [], [], []
    for pairs in _close_pairs(parts, subjects):
        blocks = -(-len(pairs) * subjects.shape[1] // _BLOCK_CORNERS)
        for part, subject in (block.T for block in np.array_split(pairs, max(blocks, 1))):
            clipped = clip(flat(subjects[subject]), normals[part])
            area = signs[part] * flat_areas(clipped, len(part))
            meet = area != 0
            rows.append(owners[part[meet]])
            columns.append(subject[meet])
            areas.append(area[meet])
    return csr_array(
        (np.concatenate(areas), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(clippers), len(subjects)),
    )


def _convex_parts(
    polygons: NDArray[np.float64], apexes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Return convex polygons, the polygon that each is a part of, and the sign that it counts with.

    Polygons that are all convex are their own parts. Others are fans of triangles around their
    apexes; these add up to the polygon with the signs of their areas, wherever the apex is.
    """
    if are_convex(polygons).all():
        parts = polygons[:, np.newaxis]
    else:
        fan = np.broadcast_to(apexes[:, np.newaxis], polygons.shape)
        parts = np.stack([fan, polygons, np.roll(polygons, -1, axis=1)], axis=2)
    areas = polygon_areas(parts)
    polygon, part = np.nonzero(
        np.abs(areas) > _SMALLEST_PART * polygon_areas(polygons)[:, np.newaxis]
    )
    signs = np.sign(areas[polygon, part])
    parts = parts[polygon, part]
    parts[signs < 0] = parts[signs < 0, ::-1]
    return parts, polygon, signs


def _close_pairs(
    polygons: NDArray[np.float64], others: NDArray[np.float64]
) -> Iterator[NDArray[np.int64]]:
    """Yield pairs of polygons whose balls meet, in blocks of shape (pairs, 2)."""
    centres, radii = enclosing_balls(polygons)
    other_centres, other_radii = enclosing_balls(others)
    # One search for each power of two: a few large cells do not make all searches as wide.
    _, scales = np.frexp(other_radii)
    for scale in np.unique(scales):
        members = np.flatnonzero(scales == scale)
        tree = cKDTree(other_centres[members])
        reach = radii + other_radii[members].max()
        counts = tree.query_ball_point(centres, reach, return_length=True)
        ends = np.flatnonzero(np.diff(np.cumsum(counts) // _BLOCK_PAIRS)) + 1
        for block in np.split(np.arange(len(polygons)), ends):
            found = tree.query_ball_point(centres[block], reach[block], return_sorted=False)
            left = np.repeat(block, counts[block])
            right = members[np.fromiter(itertools.chain.from_iterable(found), np.int64, len(left))]
            distances = np.linalg.norm(centres[left] - other_centres[right], axis=1)
            is_close = distances <= radii[left] + other_radii[right]
            yield np.stack([left[is_close], right[is_close]], axis=1)
