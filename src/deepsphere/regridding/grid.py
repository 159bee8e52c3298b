"""Where the values of a field lie before they are regridded.

:class:`LatitudeLongitude` where a latitude and a longitude axis say it: regular and Gaussian grids,
global or regional, in any order and of any spacing. All methods know it. :class:`Points` where
every value has a latitude and a longitude of its own: curvilinear ocean grids, and unstructured
ones such as ICON's. Only the nearest point is known of these.

The values of a grid are numbered row by row, as those of an array of shape (latitude, longitude)
are in memory, whichever way the axes run.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.axes import (
    latitude_axis,
    latitude_edges,
    longitude_axis,
    longitude_edges,
)
from deepsphere.samplings.coordinates import read_only, unit_vectors
from deepsphere.samplings.parameters import Parametric

# Degrees by which a place may lie beyond an edge and still be in the cell.
_ON_EDGE = 1e-9


@dataclass(frozen=True, eq=False)
class LatitudeLongitude(Parametric):
    """A grid of rows of constant latitude and columns of constant longitude.

    Parameters
    ----------
    latitude : array_like
        Degrees north of the rows, shape (rows,), rising or falling.
    longitude : array_like
        Degrees east of the columns, shape (columns,), eastwards or westwards, starting anywhere;
        they may pass from 360 to 0 or from 180 to -180 in the middle.
    latitude_edges, longitude_edges : array_like, optional
        Where cells begin and end: CF bounds of shape (rows, 2) and (columns, 2), or edges of shape
        (rows + 1,) and (columns + 1,). Else cells reach halfway to the next row and column, and
        to the pole and around the turn where no row or column is left out.

    Attributes
    ----------
    latitude, longitude : ndarray
        Read-only float64 in the order given; longitudes unwrapped, so that they are monotonic.
    latitude_edges, longitude_edges : ndarray
        Read-only float64 in the same order, shape (rows + 1,) and (columns + 1,); see
        :mod:`~deepsphere.regridding.axes`.

    Raises
    ------
    DeepsphereError
        If an axis is too short, not finite, not monotonic or goes too far, or the bounds do not
        fit it.
    """

    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    latitude_edges: NDArray[np.float64] | None = None
    longitude_edges: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        latitude, longitude = latitude_axis(self.latitude), longitude_axis(self.longitude)
        self._replace_fields(
            latitude=read_only(latitude),
            longitude=read_only(longitude),
            latitude_edges=read_only(latitude_edges(latitude, self.latitude_edges)),
            longitude_edges=read_only(longitude_edges(longitude, self.longitude_edges)),
        )

    def __len__(self) -> int:
        return len(self.latitude) * len(self.longitude)

    def __repr__(self) -> str:
        return f"LatitudeLongitude({self.name})"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.latitude), len(self.longitude)

    @property
    def name(self) -> str:
        """Such as ``latitude-longitude 73 x 144``."""
        return f"latitude-longitude {len(self.latitude)} x {len(self.longitude)}"

    @property
    def row_edges(self) -> NDArray[np.float64]:
        """Degrees north, float64, shape (rows + 1,): ``latitude_edges``, which are always there."""
        return np.asarray(self.latitude_edges)

    @property
    def column_edges(self) -> NDArray[np.float64]:
        """Degrees east, float64, shape (columns + 1,): ``longitude_edges``, always there."""
        return np.asarray(self.longitude_edges)

    @property
    def wraps(self) -> bool:
        """Whether the columns go all around."""
        return bool(abs(self.column_edges[-1] - self.column_edges[0]) == 360)

    @property
    def repeats(self) -> bool:
        """Whether the last column is at the place of the first one, as some files have it."""
        return bool(self.wraps and self.column_edges[-1] == self.column_edges[-2])

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Areas of the cells in steradians, float64, shape (rows * columns,), read-only."""
        south, north = np.radians(self.row_edges[:-1]), np.radians(self.row_edges[1:])
        # The difference of the sines as a product, which keeps its digits next to a pole.
        heights = 2 * np.cos((south + north) / 2) * np.sin(np.abs(north - south) / 2)
        widths = np.abs(np.diff(np.radians(self.column_edges)))
        return read_only(np.outer(heights, widths).ravel())

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Unit vectors, float64, shape (rows * columns, 3), read-only."""
        return read_only(unit_vectors(*self.coordinates()))

    def coordinates(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return degrees east and degrees north of every value, float64, (rows * columns,) each."""
        latitude, longitude = np.meshgrid(self.latitude, self.longitude, indexing="ij")
        return longitude.ravel(), latitude.ravel()

    def holds(
        self, longitude: NDArray[np.float64], latitude: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Say which places lie in a cell of the grid, edges included.

        Parameters
        ----------
        longitude, latitude : ndarray
            Degrees east and north, of one shape.
        """
        south, north = np.sort(self.row_edges[[0, -1]])
        inside: NDArray[np.bool_] = latitude >= south - _ON_EDGE
        inside &= latitude <= north + _ON_EDGE
        if not self.wraps:
            west, east = np.sort(self.column_edges[[0, -1]])
            inside &= np.mod(longitude - west + _ON_EDGE, 360) <= east - west + 2 * _ON_EDGE
        return inside

    def description(self) -> dict[str, Any]:
        """Return what a manifest says of the grid: plain JSON, with a digest of axes and edges."""
        arrays = (self.latitude, self.longitude, self.row_edges, self.column_edges)
        return {
            "kind": "latitude-longitude",
            "rows": len(self.latitude),
            "columns": len(self.longitude),
            "latitude": [float(self.latitude[0]), float(self.latitude[-1])],
            "longitude": [float(self.longitude[0]), float(self.longitude[-1])],
            "wraps": self.wraps,
            "digest": _digest(*arrays),
        }


@dataclass(frozen=True, eq=False)
class Points(Parametric):
    """Places without an order, or with the two-dimensional one of a curvilinear grid.

    Parameters
    ----------
    latitude, longitude : array_like
        Degrees north and east of every value, of one shape, of one dimension or two. Places that
        are not finite, as curvilinear grids have them on land, are those of no value.

    Attributes
    ----------
    latitude, longitude : ndarray
        Read-only float64 copies, of the shape given.

    Raises
    ------
    DeepsphereError
        If the shapes differ, no place is left, or one lies beyond a pole.
    """

    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]

    def __post_init__(self) -> None:
        latitude = np.array(self.latitude, np.float64)
        longitude = np.array(self.longitude, np.float64)
        if latitude.shape != longitude.shape or latitude.ndim not in (1, 2):
            raise DeepsphereError(
                "grid: points need latitudes and longitudes of one shape, of one dimension or two; "
                f"found {latitude.shape} and {longitude.shape}"
            )
        finite = np.isfinite(latitude) & np.isfinite(longitude)
        if not finite.any():
            raise DeepsphereError("grid: no point has a finite latitude and longitude")
        worst = float(np.abs(latitude[finite]).max())
        if worst > 90 + _ON_EDGE:
            raise DeepsphereError(
                f"grid: latitudes must lie between -90 and 90 degrees; found {worst:g}; check the "
                "unit, that latitude and longitude are not swapped, and that fill values are NaN"
            )
        self._replace_fields(latitude=read_only(latitude), longitude=read_only(longitude))

    def __len__(self) -> int:
        return self.latitude.size

    def __repr__(self) -> str:
        return f"Points({self.name})"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a field on the points."""
        return self.latitude.shape

    @property
    def name(self) -> str:
        """Such as ``20480 points``."""
        return f"{len(self)} points"

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Unit vectors, float64, shape (points, 3), read-only; NaN for places not finite."""
        return read_only(unit_vectors(*self.coordinates()))

    def coordinates(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return degrees east and degrees north of every value, float64, shape (points,) each."""
        finite = np.isfinite(self.latitude) & np.isfinite(self.longitude)
        longitude = np.where(finite, self.longitude, np.nan)
        return longitude.ravel(), np.where(finite, self.latitude, np.nan).ravel()

    def description(self) -> dict[str, Any]:
        """Return what a manifest says of the points: plain JSON, with a digest of all places."""
        return {
            "kind": "points",
            "shape": list(self.shape),
            "digest": _digest(self.latitude, self.longitude),
        }


Grid = LatitudeLongitude | Points


def _digest(*arrays: NDArray[np.float64]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array, "<f8").tobytes())
    return digest.hexdigest()
