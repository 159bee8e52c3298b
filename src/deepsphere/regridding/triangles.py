"""Areas, normals and heights of triangles."""

import numpy as np
from numpy.typing import NDArray


def area_vectors(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the vectors along the triangles' normals that are as long as their areas.

    Parameters
    ----------
    vertices : ndarray
        Places, float64, shape (vertices, 3).
    faces : ndarray
        The vertices of each triangle, int64, shape (faces, 3). The vectors point to where these
        are seen counter-clockwise.

    Returns
    -------
    ndarray
        float64, shape (faces, 3).
    """
    corners = vertices.take(faces, axis=0)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    vectors: NDArray[np.float64] = np.cross(first, second) / 2
    return vectors


def lengths(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lengths of vectors of shape (vectors, 3)."""
    squares: NDArray[np.float64] = np.einsum("vi,vi->v", vectors, vectors)
    return np.sqrt(squares)


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vectors of shape (vectors, 3) at length 1; those of length 0 stay 0."""
    length = lengths(vectors)
    length[length == 0] = 1
    return vectors / length[:, np.newaxis]


def heights(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the height of each triangle over its longest side; 0 where its corners are one place.

    Parameters
    ----------
    vertices : ndarray
        Places, float64, shape (vertices, 3).
    faces : ndarray
        The vertices of each triangle, int64, shape (faces, 3).

    Returns
    -------
    ndarray
        float64, shape (faces,).
    """
    corners = vertices.take(faces, axis=0)
    longest = np.zeros(len(faces))
    for corner in range(3):
        np.maximum(longest, lengths(corners[:, corner] - corners[:, corner - 1]), out=longest)
    longest[longest == 0] = 1
    return 2 * lengths(area_vectors(vertices, faces)) / longest
