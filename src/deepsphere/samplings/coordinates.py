"""Between longitude and latitude in degrees and unit vectors."""

import numpy as np
from numpy.typing import NDArray


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
    """Return degrees east in [0, 360) and north in [-90, 90] of vectors of shape (..., 3)."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    longitude = np.mod(np.degrees(np.arctan2(y, x)), 360.0)
    # The remainder of a tiny negative angle rounds up to 360 itself.
    longitude[longitude == 360.0] = 0.0
    return longitude, np.degrees(np.arctan2(z, np.hypot(x, y)))


def read_only(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an array after locking it."""
    array.flags.writeable = False
    return array
