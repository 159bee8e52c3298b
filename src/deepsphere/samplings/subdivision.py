r"""Triangle meshes of the sphere that are refined by splitting every triangle into four.

The geometry that :mod:`~deepsphere.samplings.icosahedral` and :mod:`~deepsphere.samplings.ugscnn`
share; the two differ only in the base triangles and in the order of new vertices. Pixels are
either the vertices, whose cells are the polygons of the dual mesh, or the triangles.

::

            c                 4f + 0: (a, ab, ca)
           / \                4f + 1: (ab, b, bc)
        ca --- bc             4f + 2: (ca, bc, c)
        / \   / \             4f + 3: (ab, bc, ca)
       a -- ab -- b

All triangles of the subdivided icosahedron have acute angles and are nearly congruent, so the mesh
is the Delaunay triangulation of its vertices, and the dual cells, whose corners are the
circumcentres of the triangles, are the Voronoi cells.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.samplings.coordinates import read_only
from deepsphere.samplings.polygons import cross
from deepsphere.samplings.sampling import Coarsening, Sampling

# 2,621,442 vertices, 15 km apart on the Earth.
LARGEST_LEVEL = 9


@dataclass(frozen=True, eq=False)
class TriangleMesh:
    """A closed mesh of triangles on the unit sphere.

    Attributes
    ----------
    vertices : ndarray
        Unit vectors, float64, shape (vertices, 3), read-only.
    faces : ndarray
        The vertices of each triangle, counter-clockwise seen from outside, int64, shape
        (faces, 3), read-only. Each side belongs to two triangles.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]

    def __post_init__(self) -> None:
        read_only(self.vertices)
        read_only(self.faces)

    def triangles(self) -> NDArray[np.float64]:
        """Return the corners of the triangles, shape (faces, 3, 3)."""
        return self.vertices[self.faces]

    def centroids(self) -> NDArray[np.float64]:
        """Return the mean of the corners of each triangle as a unit vector, shape (faces, 3)."""
        return normalized(self.triangles().sum(axis=1))

    def face_neighbours(self) -> NDArray[np.int64]:
        """Return the triangle beyond each side (ab, bc, ca), int64, shape (faces, 3)."""
        return (self._twins() // 3).reshape(-1, 3)

    def vertex_neighbours(self) -> NDArray[np.int64]:
        """Return the vertices joined to each vertex, int64, shape (vertices, most).

        Counter-clockwise seen from outside, from the one of lowest index, padded with -1 at the
        end.
        """
        spokes = self._spokes()
        targets = np.roll(self.faces, -1, axis=1).ravel()
        return np.where(spokes < 0, -1, targets[spokes])

    def dual_cells(self) -> NDArray[np.float64]:
        """Return the circumcentres of the triangles around each vertex, shape (vertices, most, 3).

        Counter-clockwise seen from outside; the last one is repeated where there are fewer. Corner
        i lies between neighbours i and i + 1 of :meth:`vertex_neighbours`.
        """
        first, second, third = np.moveaxis(self.triangles(), 1, 0)
        circumcentres = normalized(cross(second - first, third - first))
        around = self._spokes() // 3
        for corner in range(1, around.shape[1]):
            is_missing = around[:, corner] < 0
            around[is_missing, corner] = around[is_missing, corner - 1]
        return circumcentres[around]

    def _twins(self) -> NDArray[np.int64]:
        """Return for each directed side, 3 · face + corner it starts from, the opposite one."""
        sides = np.argsort(_undirected_sides(self)).reshape(-1, 2)
        twins = np.empty(sides.size, dtype=np.int64)
        twins[sides] = sides[:, ::-1]
        return twins

    def _spokes(self) -> NDArray[np.int64]:
        """Return the directed sides that leave each vertex, in the order of its neighbours."""
        origins, targets = self.faces.ravel(), np.roll(self.faces, -1, axis=1).ravel()
        counts = np.bincount(origins)
        spoke = np.lexsort((targets, origins))[np.cumsum(counts) - counts]
        # The side before a spoke in its triangle comes back to the vertex; the twin of that side
        # is the next spoke, counter-clockwise.
        following = self._twins().reshape(-1, 3)[:, [2, 0, 1]].ravel()
        spokes = np.empty((len(counts), counts.max()), dtype=np.int64)
        for place in range(spokes.shape[1]):
            spokes[:, place] = np.where(place < counts, spoke, -1)
            spoke = following[spoke]
        return spokes


def subdivide(
    mesh: TriangleMesh,
    order: Callable[[NDArray[np.float64]], NDArray[np.int64]] | None = None,
) -> TriangleMesh:
    """Split every triangle into four at the middles of its sides.

    The vertices of the mesh stay first, bit for bit; the middles of its sides, projected to the
    sphere, follow. The children of face f are faces 4f to 4f + 3, as drawn above.

    Parameters
    ----------
    mesh : TriangleMesh
        The coarser mesh.
    order : callable, optional
        Given the middles of the chords, float64, shape (sides, 3), returns the permutation in
        which they are appended. Without it they come by the lower, then by the higher index of the
        side's two ends: a rule of integers, the same on every machine.
    """
    count = len(mesh.vertices)
    sides, side_of_corner = np.unique(_undirected_sides(mesh), return_inverse=True)
    middles = (mesh.vertices[sides // count] + mesh.vertices[sides % count]) / 2
    if order is not None:
        permutation = order(middles)
        middles = middles[permutation]
        side_of_corner = np.argsort(permutation)[side_of_corner]
    a, b, c = mesh.faces.T
    ab, bc, ca = count + side_of_corner.reshape(-1, 3).T
    faces = np.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], axis=1).reshape(-1, 3)
    return TriangleMesh(np.concatenate([mesh.vertices, normalized(middles)]), faces)


def coarsening_of_vertices(
    coarse: Sampling, neighbours: NDArray[np.int64], areas: NDArray[np.float64]
) -> Coarsening:
    """Return the map from the vertices of a subdivided mesh to those of the mesh before.

    The vertices of the coarse mesh are the first of the fine one. Each takes itself in full and
    half of every middle of a side that ends at it, weighted by their areas: the middle is shared by
    the two ends of its side. No fine pixel belongs to one coarse pixel alone, so there are no
    children. In integrals over the coarse pixels a fine one counts with its area within 11 %, and
    2 % in the root mean square at level 3, half of that with each level.

    Parameters
    ----------
    coarse : Sampling
        The vertices of the coarse mesh.
    neighbours : ndarray
        :meth:`TriangleMesh.vertex_neighbours` of the fine mesh. Those of a coarse vertex are the
        middles of its sides.
    areas : ndarray
        Areas of the fine vertices' cells, shape (fine vertices,).
    """
    from scipy.sparse import csr_array

    own = np.arange(len(coarse))
    middles = neighbours[: len(coarse)]
    row, place = np.nonzero(middles >= 0)
    column = middles[row, place]
    weights = np.concatenate([areas[own], areas[column] / 2])
    rows = np.concatenate([own, row])
    weights /= np.bincount(rows, weights)[rows]
    columns = np.concatenate([own, column])
    matrix = csr_array((weights, (rows, columns)), shape=(len(coarse), len(areas)))
    matrix.sort_indices()
    return Coarsening(coarse, matrix)


def inner(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inner products of vectors of shape (..., 3), with the same bits everywhere."""
    x, y, z = np.moveaxis(one * other, -1, 0)
    return np.asarray(x + y + z)


def normalized(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit vectors along vectors of shape (..., 3)."""
    return vectors / np.sqrt(inner(vectors, vectors))[..., np.newaxis]


def _undirected_sides(mesh: TriangleMesh) -> NDArray[np.int64]:
    """Return a number for each side (ab, bc, ca) of each face that is the same from both faces."""
    ends = mesh.faces, np.roll(mesh.faces, -1, axis=1)
    return (np.minimum(*ends) * len(mesh.vertices) + np.maximum(*ends)).ravel()
