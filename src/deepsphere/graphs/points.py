"""Points on the sphere: what is asked of their positions, and how far apart they are."""

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError

_UNIT_TOLERANCE = 1e-6


def check_unit_vectors(positions: NDArray[np.float64]) -> None:
    """Refuse positions that are not unit vectors.

    Parameters
    ----------
    positions : ndarray
        Should be unit vectors within 1e-6, shape (points, 3).

    Raises
    ------
    DeepsphereError
        If the shape or a length is wrong.
    """
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise DeepsphereError(
            f"positions must be unit vectors of shape (points, 3); found shape {positions.shape}"
        )
    lengths = np.linalg.norm(positions, axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1) <= _UNIT_TOLERANCE))
    if wrong.size:
        raise DeepsphereError(
            f"positions must be unit vectors; found length {lengths[wrong[0]]} at index "
            f"{wrong[0]} ({wrong.size} such points); convert longitude and latitude first"
        )


def chords(here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the chord distances between points, of shape (..., 3) each, in radii of the sphere.

    Plain sums of squares in one order: the distance from i to j has the same bits as that from j
    to i, on every machine.
    """
    x, y, z = np.moveaxis(np.square(there - here), -1, 0)
    distances: NDArray[np.float64] = np.sqrt(x + y + z)
    return distances
