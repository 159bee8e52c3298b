"""Faces that fill the small holes of a mesh.

Holes of three and four sides are filled, as trimesh's ``fill_holes`` does: the ones that a face
lost on the way leaves. Larger ones may be openings that are meant, as of a vase or a lamp.
"""

import numpy as np
from numpy.typing import NDArray

from deepsphere.regridding.topology import Topology
from deepsphere.regridding.triangles import area_vectors, heights, unit

# Cosine of the angle between normals from which on a face would lie on its neighbour's back.
_FOLDED = -0.9999


def hole_faces(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int64],
    topology: Topology,
    least_height: float,
) -> NDArray[np.int64]:
    """Return faces that fill the holes of three or four sides, wound like those around them.

    A hole is a loop of sides that one face each has, through vertices where no other such side
    begins or ends. It is left open if a face to fill it would be folded back onto its neighbour:
    then there is no hole but the outline of a flat piece, such as a single square, whose back would
    be covered and whose two faces no ray could tell apart. It is left open, too, if a face would be
    too low to be hit.

    Parameters
    ----------
    vertices : ndarray
        Places, float64, shape (vertices, 3).
    faces : ndarray
        Their triangles, int64, shape (faces, 3), neighbours wound alike.
    topology : Topology
        How these are joined.
    least_height : float
        Height of a triangle from which on it is used, in the unit of the vertices.

    Returns
    -------
    ndarray
        int64, shape (new faces, 3).
    """
    outline = np.flatnonzero(topology.sharing == 1)
    beside = np.zeros((len(vertices), 3))
    normals = unit(area_vectors(vertices, faces))
    beside[topology.starts[outline]] = normals[outline // 3]

    filling: list[NDArray[np.int64]] = []
    three, four = _short_loops(topology.starts[outline], topology.ends[outline], len(vertices))
    # The corners of a loop that make faces, seen from their backs, and where sides of these that
    # are on the outline start.
    for loops, pieces in ((three, [(0, 1, 2)]), (four, [(0, 1, 2), (2, 3, 0)])):
        new = [loops[:, corners[::-1]] for corners in pieces]
        fits = np.ones(len(loops), dtype=np.bool_)
        for piece, corners in zip(new, pieces, strict=True):
            fits &= heights(vertices, piece) > least_height
            normal = unit(area_vectors(vertices, piece))
            for corner in corners[: 3 if len(pieces) == 1 else 2]:
                cosine = np.einsum("fi,fi->f", normal, beside[loops[:, corner]])
                fits &= cosine > _FOLDED
        filling.extend(piece[fits] for piece in new)
    return np.concatenate(filling)


def _short_loops(
    starts: NDArray[np.int64], ends: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the vertices of loops of three and of four sides, each from its lowest vertex on."""
    # The last entry stands for the vertices that no side goes on from, and leads to itself.
    following = np.full(count + 1, -1, dtype=np.int64)
    following[starts] = ends
    passed = np.bincount(starts, minlength=count) == 1
    passed &= np.bincount(ends, minlength=count) == 1
    following[:count][~passed] = -1

    walks = [np.flatnonzero(following[:count] >= 0)]
    for _ in range(4):
        walks.append(following[walks[-1]])
    walk = np.stack(walks, axis=1)
    loops = []
    for sides in (3, 4):
        corners = walk[:, :sides]
        lowest = (walk[:, 0] == corners.min(axis=1)) & (walk[:, 0] == walk[:, sides])
        loops.append(corners[lowest])
    return loops[0], loops[1]
