"""Fields of users' own files, or of their data sets, on a sampling, computed when asked for.

::

    fields = regrid("era5.nc", "healpix:64", winds=[("u10", "v10")])
    fields["t2m"].mean("time").compute()

Where the values lie is found by the metadata (:mod:`~deepsphere.conversion.coordinates`); numbers
are unpacked and masked; weights are built once for each grid. Nothing is read before it is asked
for, and then block by block.
"""

import os
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import xarray as xr

from deepsphere.conversion.attributes import plain_attributes
from deepsphere.conversion.cells import cell_attributes, cell_coordinates
from deepsphere.conversion.choosing import MethodOrAuto, choose_fields
from deepsphere.conversion.field_regridder import FieldRegridder, Options
from deepsphere.conversion.kept_coordinates import kept_coordinates
from deepsphere.conversion.opening import open_fields
from deepsphere.conversion.places import Finder, Places
from deepsphere.errors import DeepsphereError
from deepsphere.registry import load
from deepsphere.regridding.weights import Missing
from deepsphere.samplings.sampling import Sampling

Fields = str | os.PathLike[str] | xr.Dataset | xr.DataArray

BLOCK_BYTES = 32_000_000
"""Size of a block of a file, counted as float64, of which each thread has one."""


def regrid(
    fields: Fields,
    sampling: Sampling | str,
    *,
    variables: Sequence[str] | None = None,
    method: MethodOrAuto = "auto",
    missing: Missing = "renormalize",
    smallest_share: float = 0.5,
    winds: Sequence[tuple[str, str]] = (),
    labels: Sequence[str] = (),
    fractions: Mapping[str, Sequence[int]] | None = None,
    weights_folder: str | os.PathLike[str] | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> xr.Dataset:
    """Return fields on a sampling, to be computed when they are asked for.

    Parameters
    ----------
    fields : path, xarray.Dataset or xarray.DataArray
        A NetCDF, HDF5 or GRIB file or a zarr group (see
        :func:`~deepsphere.conversion.opening.open_fields`), or what xarray opened. The fields have
        axes of latitude and longitude anywhere among their dimensions, or a latitude and a
        longitude at each point.
    sampling : Sampling or str
        The target, such as ``"healpix:64"`` or ``"icosahedral:5"``.
    variables : sequence of str, optional
        Names of the fields; by default all variables that have latitudes and longitudes.
    method : {"auto", "nearest", "bilinear", "conservative"}
        ``auto`` is conservative where pixels are larger than the cells of the grid, bilinear where
        they are not, and nearest for points without rows and columns.
    missing : {"propagate", "renormalize"}
        Whether one missing value makes a pixel missing, or the mean is that of the others.
    smallest_share : float
        With ``renormalize``, a pixel of which less is known is missing; above 0, up to 1.
    winds : sequence of (str, str)
        Names of eastward and northward components that are regridded as vectors.
    labels : sequence of str
        Names of fields that hold numbers of classes, of which each pixel gets the nearest. Fields
        with the attribute ``flag_values`` or ``flag_masks`` are always taken so.
    fractions : mapping of str to sequence of int, optional
        Names of fields that hold numbers of classes, and the classes whose shares of each pixel
        are wanted; an empty sequence is those of the attribute ``flag_values``.
    weights_folder : path, optional
        Where weights are kept from one process to the next.
    block_bytes : int
        About the bytes that are read at once, counted as float64; one map at least.

    Returns
    -------
    xarray.Dataset
        Dask arrays of (other dimensions..., cell) with the names of the fields: float32, labels in
        a type of whole numbers, shares as ``<name>_fraction`` of (..., ``<name>_class``, cell).
        Coordinates are those of the other dimensions, with times decoded where that is possible,
        and those of the cells (:func:`~deepsphere.conversion.cells.cell_coordinates`). Attributes
        follow CF 1.13 and say which weights were used.

    Raises
    ------
    DeepsphereError
        If a field that was named cannot be regridded, or none can be.
    """
    folder = None if weights_folder is None else Path(weights_folder)
    options = Options(method, missing, smallest_share, folder, block_bytes)
    dataset = _dataset(fields)
    target = _sampling(sampling)
    fractions = fractions or {}
    chosen = choose_fields(dataset, Finder(dataset), variables)
    _check_named(chosen, winds, labels, fractions)
    worker = FieldRegridder(dataset, target, options)
    components: dict[str, xr.Variable] = {}
    for pair in winds:
        components |= worker.vectors(pair, chosen[pair[0]])
    results: dict[str, xr.Variable] = {}
    for name, places in chosen.items():
        attributes = dataset[name].attrs
        is_label = name in labels or "flag_values" in attributes or "flag_masks" in attributes
        if name in components:
            results[name] = components[name]
        elif name in fractions:
            results |= worker.fractions(name, places, fractions[name])
        elif is_label:
            results[name] = worker.labels(name, places)
        else:
            results[name] = worker.means(name, places)
    # The classes of fractions are coordinates.
    classes = {name: variable for name, variable in results.items() if variable.dims == (name,)}
    results = {name: variable for name, variable in results.items() if name not in classes}
    coordinates = kept_coordinates(dataset, chosen, [*results, *classes])
    coordinates |= classes | cell_coordinates(target)
    return xr.Dataset(results, coordinates, _attributes(dataset, target))


def _dataset(fields: Fields) -> xr.Dataset:
    if isinstance(fields, xr.Dataset):
        return fields
    if isinstance(fields, xr.DataArray):
        return fields.to_dataset(name=fields.name or "data")
    return open_fields(fields)


def _sampling(sampling: Sampling | str) -> Sampling:
    if not isinstance(sampling, str):
        return sampling
    kind, _, parameters = sampling.partition(":")
    module = load("samplings", kind)
    if not hasattr(module, "parse"):
        raise DeepsphereError(
            f"regridding: {kind} cannot be named by a text; make it and pass it, or name another, "
            "such as healpix:64"
        )
    parsed: Sampling = module.parse(parameters)
    return parsed


def _check_named(
    chosen: Mapping[str, Places],
    winds: Sequence[tuple[str, str]],
    labels: Sequence[str],
    fractions: Mapping[str, Sequence[int]],
) -> None:
    """Check that winds, labels and fractions are fields, each of them only one of these."""
    named = [*(name for pair in winds for name in pair), *labels, *fractions]
    for name in named:
        if name not in chosen:
            raise DeepsphereError(
                f"regridding: {name} is not among the variables that are regridded: "
                f"{', '.join(chosen)}"
            )
    twice = {name for name in named if named.count(name) > 1}
    if twice:
        raise DeepsphereError(
            f"regridding: {', '.join(sorted(twice))} can be one component of one wind, or labels, "
            "or fractions"
        )
    for east, north in winds:
        if chosen[east] is not chosen[north]:
            raise DeepsphereError(
                f"winds: {east} and {north} are not at the same places; regrid them as fields, or "
                "bring them to one grid first"
            )


def _attributes(dataset: xr.Dataset, sampling: Sampling) -> dict[str, Any]:
    given = plain_attributes(dataset.attrs)
    version = metadata.version("deepsphere-pipeline")
    line = f"deepsphere {version}: regridded to {sampling.name}"
    history = f"{given.get('history', '')}\n{line}".strip()
    kept = {name: value for name, value in given.items() if not name.startswith("GRIB_")}
    return kept | cell_attributes(sampling) | {"history": history}
