"""Where HEALPix pixels are, and which pixel is where: vectorised, for any nside.

For work on a few pixels and on places inside of them; the sampling itself is
:class:`~deepsphere.samplings.healpix.Healpix`. Faces, their coordinates and orders of pixels are
those of :mod:`~deepsphere.samplings.healpix_indices`.

References
----------
Górski, Hivon, Banday, Wandelt, Hansen, Reinecke, Bartelmann: HEALPix, a framework for
high-resolution discretization and fast analysis of data distributed on the sphere, ApJ 622 (2005),
section 5.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix_indices import (
    Faces,
    Indices,
    check_nside,
    face_of_diagonals,
    face_of_nested,
    nested_of_face,
)

# Cosine and sine of 0, 1, 2, 3 quarter turns.
_TURN_COSINE = np.array([1.0, 0.0, -1.0, 0.0])
_TURN_SINE = np.array([0.0, 1.0, 0.0, -1.0])


def positions_inside(
    nside: int, pixels: ArrayLike, x: ArrayLike = 0.5, y: ArrayLike = 0.5
) -> NDArray[np.float64]:
    """Return where a place inside each pixel is: its centre, a corner, a point of a side.

    Parameters
    ----------
    nside : int
        Pixels along the side of a face.
    pixels : array_like
        Indices in NESTED order, any shape.
    x, y : array_like
        Place inside the pixel, 0 to 1 each, of shapes that broadcast with the pixels: (0, 0) is
        the south corner, (1, 0) the east, (1, 1) the north, (0, 1) the west one.

    Returns
    -------
    ndarray
        Unit vectors, float64, of the broadcast shape and a last axis (x, y, z). x and y are good
        to 4e-16 of the distance from the axis, also next to the poles. Quarter turns of the sphere
        and its mirroring at the equator map centres to centres bit for bit.

    Raises
    ------
    DeepsphereError
        If the pixels are not whole numbers from 0 to 12 nside² - 1.
    """
    face, column, row = face_of_nested(nside, pixels)
    return _positions_on_face(
        nside, face, np.add(column, x, dtype=np.float64), np.add(row, y, dtype=np.float64)
    )


def pixels_at(nside: int, vectors: NDArray[np.float64]) -> Indices:
    """Return the pixel that each vector points to.

    Parameters
    ----------
    nside : int
        Pixels along the side of a face.
    vectors : ndarray
        Directions (x, y, z), of any positive length, shape (..., 3).

    Returns
    -------
    ndarray
        Indices in NESTED order, int64, shape (...). Where rounding does not tell on which side of a
        border a vector lies, one of the pixels along it.

    Raises
    ------
    DeepsphereError
        If a vector is zero or not finite, or the last axis does not have length 3.
    """
    nside = check_nside(nside)
    if vectors.ndim < 1 or vectors.shape[-1] != 3:
        raise DeepsphereError(f"vectors must have shape (..., 3); found shape {vectors.shape}")
    x, y, z = np.moveaxis(vectors, -1, 0)
    across = np.hypot(x, y)
    lengths = np.hypot(across, z)
    wrong = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if wrong.size:
        raise DeepsphereError(
            f"vectors must be finite and not zero; found {vectors.reshape(-1, 3)[wrong[0]]} at "
            f"index {wrong[0]} ({wrong.size} such vectors)"
        )
    height, sine = z / lengths, across / lengths
    quarters = np.arctan2(y, x) / (math.pi / 2) % 4
    in_belt = np.abs(height) <= 2 / 3
    belt = _face_at_belt(nside, height, quarters)
    cap = _face_at_caps(nside, height, sine, quarters)
    face, x, y = (np.where(in_belt, *both) for both in zip(belt, cap, strict=True))
    return nested_of_face(nside, face, x, y)


def _face_at_belt(nside: int, height: NDArray[np.float64], quarters: NDArray[np.float64]) -> Faces:
    """Return (face, x, y) of places within 2/3 of the equator; elsewhere any number."""
    rising = np.floor(nside * (quarters + 0.5 + 0.75 * height)).astype(np.int64)
    falling = np.floor(nside * (quarters + 0.5 - 0.75 * height)).astype(np.int64)
    # The two are at most a face apart, also at |z| = 2/3: what is less than a whole number before
    # one of these roundings is less after it.
    return face_of_diagonals(nside, rising, falling)


def _face_at_caps(
    nside: int,
    height: NDArray[np.float64],
    sine: NDArray[np.float64],
    quarters: NDArray[np.float64],
) -> Faces:
    """Return (face, x, y) of places further than 2/3 from the equator; elsewhere any number."""
    column = np.minimum(quarters.astype(np.int64), 3)
    east = quarters - column
    # nside √(3(1 - |z|)), without the cancellation near the pole.
    ring = nside * sine * np.sqrt(3 / (1 + np.abs(height)))
    from_west = np.minimum((ring * east).astype(np.int64), nside - 1)
    from_east = np.minimum((ring * (1 - east)).astype(np.int64), nside - 1)
    is_north = height > 0
    return (
        np.where(is_north, column, 8 + column),
        np.where(is_north, nside - 1 - from_east, from_west),
        np.where(is_north, nside - 1 - from_west, from_east),
    )


def _positions_on_face(
    nside: int, face: Indices, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return unit vectors of places on faces, x and y from 0 to nside."""
    row, column = np.divmod(face, 4)
    ring = (row + 2) * nside - x - y
    # Rings to the nearer pole.
    cap = np.minimum(ring, 4 * nside - ring)
    quarter = np.minimum(cap, nside)
    # At a pole x = y, and any longitude is right.
    eighths = (x - y) / np.where(quarter > 0, quarter, 1) + (row != 1)
    longitude = math.pi / 4 * eighths
    height = np.where(cap < nside, 1 - (cap / nside) ** 2 / 3, (2 - cap / nside) * 2 / 3)
    # In a cap from the ring: next to a pole the height has lost it.
    sine = np.where(
        cap < nside,
        cap / nside * np.sqrt((2 - (cap / nside) ** 2 / 3) / 3),
        np.sqrt((1 - height) * (1 + height)),
    )
    cosine_east, sine_east = sine * np.cos(longitude), sine * np.sin(longitude)
    turn_cosine, turn_sine = _TURN_COSINE[column], _TURN_SINE[column]
    return np.stack(
        [
            cosine_east * turn_cosine - sine_east * turn_sine,
            cosine_east * turn_sine + sine_east * turn_cosine,
            np.copysign(height, 2 * nside - ring),
        ],
        axis=-1,
    )
