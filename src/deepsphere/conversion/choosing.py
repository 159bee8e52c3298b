"""Which variables of a data set are regridded, and by which method."""

import logging
from collections.abc import Sequence
from typing import Literal

import xarray as xr

from deepsphere.conversion.cells import RESERVED
from deepsphere.conversion.coordinates import is_coordinate, mentioned
from deepsphere.conversion.places import Finder, Places
from deepsphere.errors import DeepsphereError
from deepsphere.regridding.build import Method
from deepsphere.regridding.grid import Grid, Points
from deepsphere.samplings.sampling import Sampling

MethodOrAuto = Literal["auto", "nearest", "bilinear", "conservative"]

_LOG = logging.getLogger(__name__)


def choose_fields(
    dataset: xr.Dataset, finder: Finder, variables: Sequence[str] | None
) -> dict[str, Places]:
    """Return where the values of each variable lie that is to be regridded.

    Parameters
    ----------
    dataset : xarray.Dataset
        As xarray opens it.
    finder : Finder
        Of this data set.
    variables : sequence of str or None
        Their names. None is every variable of which the latitudes and longitudes are found; why
        others are left out is said in the log.

    Raises
    ------
    DeepsphereError
        If one that was named cannot be regridded, or none can be.
    """
    if variables is not None:
        if not variables:
            raise DeepsphereError("regridding: name a variable, or none to take all that can be")
        return {name: _find(dataset, finder, name) for name in dict.fromkeys(variables)}
    companions = mentioned(dataset)
    fields, reasons = {}, {}
    for key in dataset.data_vars:
        name = str(key)
        is_place = any(is_coordinate(dataset, name, kind) for kind in ("latitude", "longitude"))
        if is_place or name in companions:
            continue
        try:
            fields[name] = _find(dataset, finder, name)
        except DeepsphereError as error:
            reasons[name] = str(error)
    if not fields:
        # The fields of a file are what has the most dimensions.
        sizes = {name: (dataset[name].dtype.kind in "iuf", dataset[name].ndim) for name in reasons}
        largest = max(reasons, key=lambda name: sizes[name], default="")
        listed = reasons.get(largest, "it has no variables but coordinates")
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        raise DeepsphereError(f"regridding: no variable can be regridded: {listed}{more}")
    for reason in reasons.values():
        _LOG.info("left out: %s", reason)
    return fields


def choose_method(grid: Grid, sampling: Sampling, method: MethodOrAuto) -> Method:
    """Return the method for fields on a grid.

    Parameters
    ----------
    grid : LatitudeLongitude or Points
        Where the values are.
    sampling : Sampling
        The target.
    method : {"auto", "nearest", "bilinear", "conservative"}
        ``auto`` is conservative where a pixel is larger than the largest cell of the grid, and
        bilinear where it is not; of points it is nearest.
    """
    if method != "auto":
        return method
    if isinstance(grid, Points):
        return "nearest"
    return "conservative" if sampling.areas.mean() > grid.areas.max() else "bilinear"


def _find(dataset: xr.Dataset, finder: Finder, name: str) -> Places:
    if name not in dataset.variables:
        known = ", ".join(str(key) for key in dataset.data_vars) or "none"
        raise DeepsphereError(f"regridding: there is no variable {name!r}; found {known}")
    dtype = dataset.variables[name].dtype
    if dtype.kind not in "biuf":
        what = {"S": "text", "U": "text", "O": "text or objects", "M": "times", "m": "durations"}
        raise DeepsphereError(
            f"{name} holds {what.get(dtype.kind, str(dtype))}, not numbers, and cannot be regridded"
        )
    if 0 in dataset.variables[name].shape:
        raise DeepsphereError(f"{name} is empty: its shape is {dataset.variables[name].shape}")
    places = finder.find(name)
    others = set(dataset.variables[name].dims) - set(places.dimensions)
    for taken in sorted(RESERVED & {name, *map(str, others)}):
        raise DeepsphereError(
            f"{name}: the result has a {taken} of its own; rename this one, by xarray's rename"
        )
    return places
