"""Irregular points on the sphere, such as weather stations.

For points that follow no rule. Two stations may lie at one place. Their hierarchy is one of
clusters, see :mod:`~deepsphere.samplings.clusters`; their cells are those of
:mod:`~deepsphere.samplings.voronoi`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.clusters import clusters_of
from deepsphere.samplings.coordinates import longitude_latitude, read_only, unit_vectors
from deepsphere.samplings.parameters import Parametric
from deepsphere.samplings.sampling import Coarsening
from deepsphere.samplings.voronoi import voronoi_areas, voronoi_cells, voronoi_neighbours

# Fewer do not make 4 clusters of 4.
_FEWEST_TO_COARSEN = 16
# Stations whose mean vector is shorter lie all around the sphere, and have no middle.
_SHORTEST_MEAN = 1e-6


@dataclass(frozen=True, eq=False)
class Stations(Parametric):
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
        self._replace_fields(
            longitude=_degrees("longitude", self.longitude, -180.0, 360.0),
            latitude=_degrees("latitude", self.latitude, -90.0, 90.0),
        )
        if len(self.longitude) != len(self.latitude):
            raise DeepsphereError(
                f"stations: {len(self.longitude)} longitudes but {len(self.latitude)} latitudes; "
                "give one of each per station"
            )

    def __len__(self) -> int:
        return len(self.longitude)

    def __repr__(self) -> str:
        return f"Stations({self.name})"

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
    def name(self) -> str:
        """``stations:842``. Others may have the same name."""
        return f"stations:{len(self)}"

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Unit vectors, float64, shape (stations, 3), read-only.

        x is to 0°E 0°N, y to 90°E 0°N, z to the north pole.
        """
        return read_only(unit_vectors(self.longitude, self.latitude))

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Areas of the Voronoi cells in steradians, float64, shape (stations,), read-only.

        4π in all. Stations at one place share the area of their cell equally.
        """
        return read_only(voronoi_areas(self.positions))

    def neighbours(self) -> NDArray[np.int64]:
        """Return the stations whose cells share a side, int64, ascending, shape (stations, most).

        Those at one place have one cell and are neighbours too. Padded with -1 at the end.
        """
        return voronoi_neighbours(self.positions)

    def cells(self) -> NDArray[np.float64]:
        """Return the corners of the Voronoi cells, float64, shape (stations, corners, 3)."""
        return voronoi_cells(self.positions)

    def coarser(self) -> Coarsening | None:
        """Return about one cluster per 4 stations, at their mean places; None below 16 stations.

        Remote stations may be alone, and near ones many, see :mod:`~deepsphere.samplings.clusters`.
        A coarse value is the plain mean of its stations. With weights by area a station at the edge
        of a town, whose cell is an ocean, would outweigh all others of its cluster: stations sample
        a field at points, and cells say where the other ones are, not what any has measured. There
        are ``children`` only where all clusters happen to be equally large.
        """
        if len(self) < _FEWEST_TO_COARSEN:
            return None
        labels = clusters_of(self.positions)
        order = np.argsort(labels, kind="stable")
        sizes = np.bincount(labels)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        weights = np.repeat(1 / sizes, sizes)
        matrix = csr_array((weights, order, starts), shape=(len(sizes), len(self)))
        means = matrix @ self.positions
        lost = np.linalg.norm(means, axis=1) < _SHORTEST_MEAN
        means[lost] = self.positions[order[starts[:-1][lost]]]
        equal = sizes.min() == sizes.max()
        return Coarsening(
            Stations(*longitude_latitude(means)),
            matrix,
            order.reshape(len(sizes), -1) if equal else None,
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
    return read_only(angles)
