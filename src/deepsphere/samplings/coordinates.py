"""Between longitude and latitude in degrees and unit vectors."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", bound=np.generic)


def unit_vectors(
    longitude: NDArray[np.float64], latitude: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return unit vectors (x, y, z), float64, shape (..., 3).

    Parameters
    ----------
    longitude, latitude : ndarray
        Degrees east and north, of one shape. 360°E and 0°E, or -180°E and 180°E, give the same
        vector bit for bit.
    """
    longitude = np.radians(np.mod(longitude, 360.0))
    latitude = np.radians(latitude)
    return np.stack(
        [
            np.cos(latitude) * np.cos(longitude),
            np.cos(latitude) * np.sin(longitude),
            np.sin(latitude),
        ],
        axis=-1,
    )


def longitude_latitude(
    vectors: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return degrees east in [0, 360) and north in [-90, 90], float64, shape (...) each.

    Parameters
    ----------
    vectors : ndarray
        Directions (x, y, z), of any positive length, shape (..., 3). Poles are at 0°E.
    """
    x, y, z = np.moveaxis(vectors, -1, 0)
    longitude = np.mod(np.degrees(np.arctan2(y, x)), 360.0)
    # The remainder of a tiny negative angle rounds up to 360 itself.
    longitude = np.where(longitude == 360.0, 0.0, longitude)
    return longitude, np.degrees(np.arctan2(z, np.hypot(x, y)))


def read_only(array: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """Return an array after locking it."""
    array.flags.writeable = False
    return array
