"""The triangles between the pixels of a sampling, for finite elements."""

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.sampling import Sampling
from deepsphere.samplings.voronoi import triangulate


def triangles_of(sampling: Sampling) -> NDArray[np.int64]:
    """Return the Delaunay triangles of the pixels' positions.

    Parameters
    ----------
    sampling : Sampling
        Any. On a part of the sphere the triangles are those of the full one whose corners are all
        in the part, so that its border is left open.

    Returns
    -------
    ndarray
        Indices of the corners, counter-clockwise seen from outside, int64, shape (triangles, 3).

    Raises
    ------
    DeepsphereError
        If there is no triangle.
    """
    if not isinstance(sampling, Masked):
        return triangulate(sampling.positions)
    place = np.full(len(sampling.full), -1)
    place[sampling.pixels] = np.arange(len(sampling))
    triangles = place[triangles_of(sampling.full)]
    triangles = triangles[(triangles >= 0).all(axis=1)]
    if not len(triangles):
        raise DeepsphereError(
            f"no triangle has its three corners in {sampling.name}; finite elements need one"
        )
    return triangles
