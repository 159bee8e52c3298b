"""Irregular points on the sphere, such as weather stations.

For points that follow no rule and have no hierarchy. Two stations may lie at one place.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepsphere.errors import DeepsphereError


@dataclass(frozen=True, eq=False)
class Stations:
    """Points given by longitude and latitude, in the order given.

    Parameters
    ----------
    longitude : array_like
        Degrees east, shape (stations,), from -180 to 360.
    latitude : array_like
        Degrees north, shape (stations,), from -90 to 90.

    Attributes
    ----------
    longitude, latitude : ndarray
        Read-only float64 copies, shape (stations,).

    Raises
    ------
    DeepsphereError
        If there is no station, the lengths differ, or a value is not finite or out of range.
    """

    longitude: NDArray[np.float64]
    latitude: NDArray[np.float64]

    def __post_init__(self) -> None:
        # The class is frozen; a validated, read-only copy takes the place of what was given.
        object.__setattr__(self, "longitude", _degrees("longitude", self.longitude, -180.0, 360.0))
        object.__setattr__(self, "latitude", _degrees("latitude", self.latitude, -90.0, 90.0))
        if len(self.longitude) != len(self.latitude):
            raise DeepsphereError(
                f"stations: {len(self.longitude)} longitudes but {len(self.latitude)} latitudes; "
                "give one of each per station"
            )

    def __len__(self) -> int:
        return len(self.longitude)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stations):
            return NotImplemented
        return np.array_equal(self.longitude, other.longitude) and np.array_equal(
            self.latitude, other.latitude
        )

    def __hash__(self) -> int:
        # Adding 0.0 turns -0.0 into 0.0: equal stations must have equal hashes.
        return hash(((self.longitude + 0.0).tobytes(), (self.latitude + 0.0).tobytes()))

    @property
    def positions(self) -> NDArray[np.float64]:
        """Unit vectors (x, y, z), shape (stations, 3): x to 0°E 0°N, y to 90°E, z to the pole."""
        # The remainder makes 360°E and 0°E, or -180°E and 180°E, the same vector bit for bit.
        longitude = np.radians(np.mod(self.longitude, 360.0))
        latitude = np.radians(self.latitude)
        return np.stack(
            [
                np.cos(latitude) * np.cos(longitude),
                np.cos(latitude) * np.sin(longitude),
                np.sin(latitude),
            ],
            axis=1,
        )


def _degrees(name: str, values: ArrayLike, lowest: float, highest: float) -> NDArray[np.float64]:
    """Return a read-only float64 copy of angles that are all finite and in range."""
    try:
        angles = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DeepsphereError(f"stations: {name} must be numbers, in degrees") from None
    if angles.ndim != 1 or angles.size == 0:
        raise DeepsphereError(
            f"stations: {name} must have shape (stations,) with at least one station; "
            f"found shape {angles.shape}"
        )
    wrong = np.flatnonzero(~((angles >= lowest) & (angles <= highest)))
    if wrong.size:
        raise DeepsphereError(
            f"stations: {name} must be within [{lowest:g}, {highest:g}] degrees; found "
            f"{angles[wrong[0]]} at index {wrong[0]} ({wrong.size} such stations)"
        )
    angles.flags.writeable = False
    return angles
