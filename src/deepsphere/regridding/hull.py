"""The convex hull of a mesh, by Qhull.

Qhull is run with its input joggled by about 1e-11 (option QJ). Its default is to merge triangles of
one plane and split them again, which takes time as the square of the corners of a flat facet: of a
cylinder with 4,000 corners around each end three seconds, joggled 0.07 seconds.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

# Joggled, and silent about how narrow the hull is.
_OPTIONS = "QJ Pp"
# Rays in float32 cannot tell the two faces of anything so thin.
_FLAT = 1e-8


class Hull(NamedTuple):
    """The surface of a convex body.

    Attributes
    ----------
    vertices : ndarray
        Its corners, float64, shape (vertices, 3).
    faces : ndarray
        Its triangles, wound either way, int64, shape (faces, 3).
    normals : ndarray
        Their unit normals, outward, float64, shape (faces, 3).
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    normals: NDArray[np.float64]


def convex_hull(vertices: NDArray[np.float64]) -> Hull | None:
    """Return the convex hull of places, or None if they are in one plane.

    Parameters
    ----------
    vertices : ndarray
        Finite places, none more than about 1 from the origin, float64, shape (vertices, 3).
    """
    _, axes = np.linalg.eigh(np.cov(vertices, rowvar=False, bias=True))
    if np.ptp(vertices @ axes[:, 0]) < _FLAT:
        return None
    try:
        hull = ConvexHull(vertices, qhull_options=_OPTIONS)
    except QhullError:
        return None
    number = np.zeros(len(vertices), dtype=np.int64)
    number[hull.vertices] = np.arange(len(hull.vertices))
    return Hull(vertices[hull.vertices], number[hull.simplices], hull.equations[:, :3])
