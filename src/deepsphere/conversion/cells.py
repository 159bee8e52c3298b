"""What a data set on a sampling says of its cells: coordinates and attributes.

They follow the CF conventions 1.13, which know HEALPix, and for HEALPix also what xdggs reads::

    xdggs.decode(dataset, name="cell_ids")
"""

from typing import Any

import numpy as np
import xarray as xr

from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.sampling import Sampling

CELL = "cell"
"""The dimension of the pixels."""

GRID_MAPPING = "crs"
RESERVED = frozenset({CELL, "longitude", "latitude", "cell_area", "cell_ids", GRID_MAPPING})
"""Names of the coordinates of cells."""

# The dggs convention of zarr, under the number that it is registered by.
_CONVENTION = {"uuid": "7b255807-140c-42ca-97f6-7a1cfecdbc38", "name": "dggs"}


def cell_coordinates(sampling: Sampling) -> dict[str, xr.Variable]:
    """Return the coordinates of the pixels of a sampling.

    Returns
    -------
    dict of str to xarray.Variable
        ``longitude`` and ``latitude`` (degrees east and north) and ``cell_area`` (steradians),
        float64 of (cell,). For HEALPix also ``cell_ids``, the NESTED numbers, uint64 of (cell,),
        and where nside is a power of two the grid mapping ``crs``, a scalar.
    """
    longitude, latitude = longitude_latitude(sampling.positions)
    coordinates = {
        "longitude": xr.Variable(
            CELL, longitude, {"standard_name": "longitude", "units": "degrees_east"}
        ),
        "latitude": xr.Variable(
            CELL, latitude, {"standard_name": "latitude", "units": "degrees_north"}
        ),
        "cell_area": xr.Variable(
            CELL, np.array(sampling.areas), {"long_name": "solid angle of the cell", "units": "sr"}
        ),
    }
    full = _full(sampling)
    if isinstance(full, Healpix):
        pixels = sampling.pixels if isinstance(sampling, Masked) else np.arange(len(full))
        level = _level(full)
        # xdggs refuses cell numbers with any other attribute.
        attributes = {} if level is None else _xdggs_attributes(level)
        coordinates["cell_ids"] = xr.Variable(CELL, pixels.astype(np.uint64), attributes)
        if level is not None:
            coordinates[GRID_MAPPING] = xr.Variable((), np.int8(0), _mapping_attributes(level))
    return coordinates


def cell_attributes(sampling: Sampling) -> dict[str, Any]:
    """Return the attributes of a data set on a sampling: plain JSON."""
    attributes: dict[str, Any] = {"Conventions": "CF-1.13", "sampling": sampling.name}
    full = _full(sampling)
    level = _level(full) if isinstance(full, Healpix) else None
    if level is not None:
        attributes["zarr_conventions"] = [_CONVENTION]
        attributes["dggs"] = {
            "name": "healpix",
            "refinement_level": level,
            "indexing_scheme": "nested",
            "ellipsoid": "sphere",
            "spatial_dimension": CELL,
            "coordinate": "cell_ids",
            "compression": "none",
        }
    return attributes


def has_grid_mapping(sampling: Sampling) -> bool:
    """Return whether CF has a name for a sampling: HEALPix of an nside that is a power of two."""
    full = _full(sampling)
    return isinstance(full, Healpix) and _level(full) is not None


def _full(sampling: Sampling) -> Sampling:
    return sampling.full if isinstance(sampling, Masked) else sampling


def _level(healpix: Healpix) -> int | None:
    level = healpix.nside.bit_length() - 1
    return level if healpix.nside == 1 << level else None


def _xdggs_attributes(level: int) -> dict[str, Any]:
    return {
        "grid_name": "healpix",
        "level": level,
        "indexing_scheme": "nested",
        "ellipsoid": "sphere",
    }


def _mapping_attributes(level: int) -> dict[str, Any]:
    return {
        "grid_mapping_name": "healpix",
        "refinement_level": level,
        "indexing_scheme": "nested",
    }
