"""The finite-element Laplacian of a triangulated sphere, which has no kernel width to choose.

Functions are linear on each flat triangle. Their Dirichlet energy is fᵀ(D - W)f with the cotangent
weights W, and M⁻¹(D - W) with the lumped mass M approximates minus the Laplace-Beltrami operator,
whose eigenvalues are l(l + 1), at second order in the size of the triangles (Dziuk 1988). The
triangles are :func:`~deepsphere.samplings.voronoi.triangulate`'s, or a mesh's own.

Take it where pixels lie unevenly, or where low degrees matter most: there its equivariance error is
the least of all, while fitted Gaussian weights over 20 neighbours are better at high degrees
(``benchmarks/graphs.py --equivariance``). It joins few pixels: 6 on average, 4 on latitude grids.

References
----------
Dziuk: Finite elements for the Beltrami operator on arbitrary surfaces (1988).
Meyer, Desbrun, Schröder, Barr: Discrete differential-geometry operators for triangulated
2-manifolds (2003), for the Voronoi areas.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.points import check_unit_vectors
from deepsphere.graphs.weights import SparseMatrix

# Radians by which the angles opposite to an edge may miss a flat quadrilateral. Rounding reaches
# 2e-13 on grids of half a million pixels; a true weight of this size is lost beside the others.
_FLAT = 1e-8
_ONE_PLACE = 1e-10


def cotangent_weights(positions: NDArray[np.float64], triangles: NDArray[np.int64]) -> SparseMatrix:
    """Return the weights (cot α + cot β)/2 of the edges of a triangulation.

    α and β are the angles opposite to an edge in its two flat triangles. An edge on a border has
    one triangle and the weight (cot α)/2, which is the natural boundary condition: no flow across.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, float64, shape (points, 3).
    triangles : ndarray
        Delaunay triangles, or some of them, as three indices of points each, integers of shape
        (triangles, 3). Part of a sphere is given by the triangles of the full one that lie in it.

    Returns
    -------
    csr_array
        Shape (points, points), float64, sorted indices, positive, equal to its transpose bit for
        bit, without units. Left out are the diagonals of flat quadrilaterals, whose weight is zero
        up to rounding, and border edges opposite to a right or obtuse angle, whose weight would not
        be positive: at such a border vertex the operator is no longer that of finite elements, but
        it stays symmetric, without negative eigenvalues, and zero on constants. Points of no
        triangle have no edges.

    Raises
    ------
    DeepsphereError
        If the positions are not unit vectors; if a triangle names a point that does not exist or
        has two corners at one place; if an edge has more than two triangles, or has two in which
        the angles opposite to it sum to more than π, which would make its weight negative.

    Notes
    -----
    Two Delaunay triangles of points that surround the sphere's centre O never have a negative
    weight. It is (a + b)/c, where c is the length of the edge, and a and b are the distances from
    its middle to the centres of the circles around the triangles, counted towards the triangle. The
    centre of a circle is the foot of the perpendicular from O on the triangle's plane; so
    a = m cos θ, where m is the distance from the middle of the edge to O, and θ the angle there
    between the triangle and the direction of O. As O is inside the convex hull of the points, the
    two angles sum to the hull's interior angle at the edge, at most π. Hence cos θ + cos θ' ≥ 0,
    and it is zero only for four points on one circle.

    Points that all lie in one hemisphere have Delaunay triangles across the other one, on which
    this fails: pass the triangles between the points only.
    """
    edges, weights = _weighted_edges(positions, triangles)
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    matrix = csr_array(
        (np.concatenate([weights, weights]), (rows, columns)), (len(positions), len(positions))
    )
    matrix.sort_indices()
    return matrix


def lumped_mass(
    positions: NDArray[np.float64], triangles: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the area of the triangulation that belongs to each point.

    It is the area of the point's Voronoi cell in the flat triangles, Σⱼ wᵢⱼ|xᵢ - xⱼ|²/4 over its
    edges and their cotangent weights.

    Parameters
    ----------
    positions, triangles : ndarray
        As for :func:`cotangent_weights`.

    Returns
    -------
    ndarray
        Areas in squared radii of the sphere, float64, shape (points,), not negative. They sum to
        the area of the triangles, a little less than 4π on a full sphere, and to more than it where
        border edges are left out. Zero for points of no triangle.

    Raises
    ------
    DeepsphereError
        As :func:`cotangent_weights`.

    Notes
    -----
    Voronoi areas, and not the other usual choice, a third of the adjacent triangles, because only
    they fit the weights:

    - xᵢ·((D - W)x)ᵢ = Σⱼ wᵢⱼ(1 - xᵢ·xⱼ) = Σⱼ wᵢⱼ|xᵢ - xⱼ|²/2 = 2mᵢ, so that the coordinates x, y
      and z, the harmonics of degree l = 1, have Rayleigh quotients whose mean is exactly 2;
    - they do not depend on which diagonal cuts four points on one circle, as on latitude grids.
    """
    edges, weights = _weighted_edges(positions, triangles)
    sides = positions[edges[:, 1]] - positions[edges[:, 0]]
    shares = weights * np.square(sides).sum(axis=1) / 4
    return _sums(np.concatenate([shares, shares]), edges.T.ravel(), len(positions))


def _weighted_edges(
    positions: NDArray[np.float64], triangles: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the edges that have a weight, shape (edges, 2), lower index first, and the weights."""
    check_unit_vectors(positions)
    _check_indices(triangles, len(positions))
    # Corner after corner of each triangle, with the two ends of the edge opposite to it.
    corners, starts, ends = (
        np.roll(triangles, -shift, axis=1).astype(np.int64).T.ravel() for shift in range(3)
    )
    first, second = positions[starts] - positions[corners], positions[ends] - positions[corners]
    _check_sides(first, triangles)
    sines = np.sqrt(np.square(np.cross(first, second)).sum(axis=1))
    cosines = (first * second).sum(axis=1)

    keys = np.minimum(starts, ends) * len(positions) + np.maximum(starts, ends)
    keys, edge_of_corner, count = np.unique(keys, return_inverse=True, return_counts=True)
    edges = np.stack(np.divmod(keys, max(1, len(positions))), axis=1)
    angles = _sums(np.arctan2(sines, cosines), edge_of_corner, len(edges))
    weights = _sums(cosines / sines, edge_of_corner, len(edges)) / 2
    # The weight is positive while the angles sum to less than π, or one to less than a right angle.
    slack = count * (np.pi / 2) - angles
    _check_edges(edges, count, slack)
    kept = slack > _FLAT
    return edges[kept], weights[kept]


def _sums(
    values: NDArray[np.float64], places: NDArray[np.int64], length: int
) -> NDArray[np.float64]:
    """Return the sum of the values at each place."""
    return np.asarray(np.bincount(places, values, length), dtype=np.float64)


def _check_indices(triangles: NDArray[np.int64], points: int) -> None:
    if triangles.ndim != 2 or triangles.shape[1] != 3 or triangles.dtype.kind not in "iu":
        raise DeepsphereError(
            "triangles must be integers of shape (triangles, 3); "
            f"found {triangles.dtype} of shape {triangles.shape}"
        )
    wrong = np.flatnonzero(((triangles < 0) | (triangles >= points)).any(axis=1))
    if wrong.size:
        raise DeepsphereError(
            f"triangle {wrong[0]} has the corners {triangles[wrong[0]].tolist()}, but the points "
            f"are 0 to {points - 1} ({wrong.size} such triangles)"
        )


def _check_sides(sides: NDArray[np.float64], triangles: NDArray[np.int64]) -> None:
    """Refuse points that coincide, the only way in which a triangle on a sphere has no area."""
    short = np.abs(sides).max(axis=1) < _ONE_PLACE
    wrong = np.flatnonzero(short.reshape(3, -1).any(axis=0))
    if wrong.size:
        raise DeepsphereError(
            f"triangle {wrong[0]}, {triangles[wrong[0]].tolist()}, has two corners at one place "
            f"({wrong.size} such triangles); triangulate points that differ"
        )


def _check_edges(
    edges: NDArray[np.int64], count: NDArray[np.int64], slack: NDArray[np.float64]
) -> None:
    crowded = np.flatnonzero(count > 2)
    if crowded.size:
        raise DeepsphereError(
            f"the edge {edges[crowded[0]].tolist()} belongs to {count[crowded[0]]} triangles "
            f"({crowded.size} such edges); on a surface it belongs to one or two"
        )
    obtuse = np.flatnonzero((count == 2) & (slack < -_FLAT))
    if obtuse.size:
        raise DeepsphereError(
            f"the angles opposite to the edge {edges[obtuse[0]].tolist()} sum to "
            f"{np.degrees(np.pi - slack[obtuse[0]]):.6g}°, more than 180° ({obtuse.size} such "
            "edges); take Delaunay triangles, and of points in one hemisphere those between them"
        )
