"""Which HEALPix pixels touch: vectorised, for any nside.

The sampling itself is :class:`~deepsphere.samplings.healpix.Healpix`. Faces and their coordinates
are those of :mod:`~deepsphere.samplings.healpix_indices`.
"""

import numpy as np
from numpy.typing import ArrayLike

from deepsphere.samplings.healpix_indices import Indices, face_of_nested, nested_of_face

# The steps (x, y) to the south-west, west, north-west, north, north-east, east, south-east, south.
_STEPS = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))

_NOBODY = (-1, 0, 0)
# By row of faces (north, equator, south), for one who leaves a face in x and in y (not at all, past
# the largest, past the smallest): the row of faces entered, how many faces further east, and by how
# many quarter turns that face is turned, which only those around one pole are to each other. Where
# three faces meet there is nobody across the corner.
_ACROSS = np.array(
    [
        [
            [(0, 0, 0), (0, -1, -1), (1, 1, 0)],
            [(0, 1, 1), (0, 2, 2), _NOBODY],
            [(1, 0, 0), _NOBODY, (2, 0, 0)],
        ],
        [
            [(1, 0, 0), (0, -1, 0), (2, 0, 0)],
            [(0, 0, 0), _NOBODY, (1, 1, 0)],
            [(2, -1, 0), (1, -1, 0), _NOBODY],
        ],
        [
            [(2, 0, 0), (1, 0, 0), (2, 1, -1)],
            [(1, 1, 0), (0, 0, 0), _NOBODY],
            [(2, -1, 1), _NOBODY, (2, 2, 2)],
        ],
    ]
)


def adjacent_pixels(nside: int, pixels: ArrayLike) -> Indices:
    """Return the pixels that share a side or a corner with each pixel.

    Parameters
    ----------
    nside : int
        Pixels along the side of a face.
    pixels : array_like
        Indices in NESTED order, any shape (...).

    Returns
    -------
    ndarray
        Indices in NESTED order, int64, shape (..., 8): those to the south-west, west, north-west,
        north, north-east, east, south-east and south, the even ones along a side. Where three faces
        meet the one across the corner is missing, and -1 at the end stands for it: 24 pixels have
        7 neighbours, and with nside 1 all 12 have 6.

    Raises
    ------
    DeepsphereError
        If the pixels are not whole numbers from 0 to 12 nside² - 1.
    """
    face, x, y = face_of_nested(nside, np.ravel(pixels))
    adjacent = np.empty((len(face), len(_STEPS)), np.int64)
    for direction, (step_x, step_y) in enumerate(_STEPS):
        adjacent[:, direction] = _pixels_across(nside, face, x + step_x, y + step_y)
    lacks_some = (adjacent < 0).any(axis=1)
    rows = adjacent[lacks_some]
    order = np.argsort(rows < 0, axis=1, stable=True)
    adjacent[lacks_some] = np.take_along_axis(rows, order, axis=1)
    return adjacent.reshape(*np.shape(pixels), len(_STEPS))


def _pixels_across(nside: int, face: Indices, x: Indices, y: Indices) -> Indices:
    """Return the pixels, or -1, at places on faces that may be one step outside of their face."""
    outside = (x < 0) | (x >= nside) | (y < 0) | (y >= nside)
    row, column = np.divmod(face[outside], 4)
    side_x, inner_x = np.divmod(x[outside], nside)
    side_y, inner_y = np.divmod(y[outside], nside)
    row, columns, turns = np.moveaxis(_ACROSS[row, side_x, side_y], -1, 0)
    far_x, far_y = nside - 1 - inner_x, nside - 1 - inner_y
    face, x, y = face.copy(), x.copy(), y.copy()
    face[outside] = 4 * row + (column + columns) % 4
    x[outside] = np.choose(turns % 4, [inner_x, inner_y, far_x, far_y])
    y[outside] = np.choose(turns % 4, [inner_y, far_x, far_y, inner_x])
    return np.where(face < 0, -1, nested_of_face(nside, face, x, y))
