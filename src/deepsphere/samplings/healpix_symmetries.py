"""The rotations that map HEALPix onto itself, by index mathematics: exact for any nside."""

import numpy as np
from numpy.typing import NDArray

from deepsphere.samplings.healpix_indices import face_of_nested, nested_of_face


def healpix_symmetries(nside: int) -> NDArray[np.int64]:
    """Return the 8 permutations of HEALPix' pixels by the rotations that map it onto itself.

    Parameters
    ----------
    nside : int
        See :class:`~deepsphere.samplings.healpix.Healpix`.

    Returns
    -------
    ndarray of int64, shape (8, pixels)
        NESTED. ``map[row]`` is the map rotated by q quarter turns about z (0°E to 90°E), after h
        half turns about x, in row q + 4 h: the first leaves all pixels where they are.
    """
    return healpix_origins(nside, np.arange(12 * nside**2))


def healpix_origins(nside: int, pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return from where the rotations that map HEALPix onto itself bring a map to some pixels.

    Parameters
    ----------
    nside : int
    pixels : ndarray of int64, shape (some,)
        NESTED.

    Returns
    -------
    ndarray of int64, shape (8, some)
        Rows as in :func:`healpix_symmetries`.

    Notes
    -----
    A quarter turn about z shifts the four faces of a row. A half turn about x takes north to south
    and east to west, so that it swaps the first and the last row of faces, and both sides of each.
    """
    face, x, y = face_of_nested(nside, pixels)
    row, column = np.divmod(face, 4)
    last = nside - 1
    origins = np.empty((8, *pixels.shape), dtype=np.int64)
    for quarters in range(4):
        # The inverse of the rotation: back about z, then about x.
        before = (column - quarters) % 4
        # Faces of the middle row lie at the longitudes 0°, 90°, ..., others at 45°, 135°, ...
        opposite = np.where(row == 1, -before, 3 - before) % 4
        origins[quarters] = nested_of_face(nside, 4 * row + before, x, y)
        origins[quarters + 4] = nested_of_face(nside, 4 * (2 - row) + opposite, last - x, last - y)
    return origins
