"""The coordinates of fields that have nothing to do with space: times, levels, members."""

from collections.abc import Iterable, Mapping

import xarray as xr

from deepsphere.conversion.attributes import plain_attributes
from deepsphere.conversion.cells import RESERVED
from deepsphere.conversion.coordinates import named_in
from deepsphere.conversion.places import Places
from deepsphere.conversion.times import decoded


def kept_coordinates(
    dataset: xr.Dataset, fields: Mapping[str, Places], names: Iterable[str]
) -> dict[str, xr.Variable]:
    """Return the coordinates of fields that are still true on a sampling, with their bounds.

    Parameters
    ----------
    dataset : xarray.Dataset
        As xarray opens it, decoded or not.
    fields : mapping of str to Places
        The fields.
    names : iterable of str
        Names that the result has otherwise.

    Returns
    -------
    dict of str to xarray.Variable
        In memory, times decoded and numbers unpacked; attributes are plain JSON.
    """
    space = {dimension for places in fields.values() for dimension in places.dimensions}
    kept = {dimension for name in fields for dimension in dataset[name].dims} - space
    candidates: list[str] = []
    for name in fields:
        field = dataset[name]
        candidates += [str(dimension) for dimension in field.dims]
        candidates += [str(key) for key in field.coords] + named_in(field, "coordinates")
    coordinates: dict[str, xr.Variable] = {}
    taken = {*RESERVED, *fields, *names}
    for name in dict.fromkeys(candidates):
        if name not in dataset.variables or name in taken or not set(dataset[name].dims) <= kept:
            continue
        coordinate = dataset[name]
        coordinates[name] = decoded(coordinate.variable)
        for bounds in named_in(coordinate, "bounds"):
            if bounds in dataset.variables and dataset[bounds].dims[:-1] == coordinate.dims:
                its = (str(coordinate.attrs.get(key, "")) for key in ("units", "calendar"))
                coordinates[bounds] = decoded(dataset.variables[bounds], *its)
    for variable in coordinates.values():
        variable.attrs = plain_attributes(variable.attrs)
    return coordinates
