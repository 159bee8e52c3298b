"""Polygons cut into triangles, as files of meshes hold both."""

import numpy as np
from numpy.typing import NDArray


def fan_triangles(corners: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cut polygons into fans of triangles around their first corners.

    That is exact for convex polygons. Of others the fan covers the same boundary, but may lie
    partly outside; no common reader does better, as a polygon in space need not even be flat.

    Parameters
    ----------
    corners : numpy.ndarray of int64, shape (corner,)
        Vertices of all polygons, one polygon after the other.
    sizes : numpy.ndarray of int64, shape (polygon,)
        Number of corners of each, which add up to ``len(corners)``.

    Returns
    -------
    numpy.ndarray of int64, shape (triangle, 3)
        ``size - 2`` triangles for each polygon, in order, wound as it is; none for points and
        segments.
    """
    if len(sizes) and sizes.min() == sizes.max() == 3:
        return corners.reshape(-1, 3)
    counts = np.maximum(sizes - 2, 0)
    first = np.repeat(np.cumsum(sizes) - sizes, counts)
    step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    triangles: NDArray[np.int64] = corners[np.stack([first, first + step + 1, first + step + 2], 1)]
    return triangles
