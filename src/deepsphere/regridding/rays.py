"""Where rays first hit the faces of a mesh, by Embree's tree of boxes around them.

Embree computes in float32. A scene is built in its *robust* mode, without which rays onto a side
between two faces slip through: of HEALPix's 12,288 rays onto a cube 12 then hit nothing, and others
its far side from within. With it none of six million onto convex bodies did, nor those aimed at
corners and sides.
"""

from typing import NamedTuple

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray


class Hits(NamedTuple):
    """Where rays hit first.

    Attributes
    ----------
    faces : ndarray
        The face that each ray hits first, or -1, int32, shape (rays,).
    distances : ndarray
        How far from its origin, in lengths of its direction, float32, shape (rays,); of no meaning
        where nothing is hit.
    """

    faces: NDArray[np.int32]
    distances: NDArray[np.float32]


class RayTarget:
    """Faces that rays are cast at, as often as wanted; the tree is built once.

    A ray hits a face from either side. What is in the way of two faces at one place is either of
    them.

    Parameters
    ----------
    vertices : ndarray
        Places, not far from 1 in size, shape (vertices, 3).
    faces : ndarray
        Their triangles, at least one, int64, shape (faces, 3).
    """

    def __init__(self, vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> None:
        self._scene = EmbreeScene(robust=True)
        TriangleMesh(self._scene, vertices.astype(np.float32), faces.astype(np.int32))

    def first_hits(self, origins: NDArray[np.float64], directions: NDArray[np.float64]) -> Hits:
        """Return what rays hit first.

        Parameters
        ----------
        origins, directions : ndarray
            Where rays start and where they go, shape (rays, 3).
        """
        found = self._scene.run(
            origins.astype(np.float32), directions.astype(np.float32), output=True
        )
        return Hits(found["primID"], found["tfar"])
