"""One field after the other, as lazy variables on a sampling, with their attributes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import xarray as xr

from deepsphere.conversion.applying import Classes, Means, Vectors
from deepsphere.conversion.attributes import field_attributes
from deepsphere.conversion.cells import CELL, GRID_MAPPING, has_grid_mapping
from deepsphere.conversion.choosing import MethodOrAuto, choose_method
from deepsphere.conversion.kept_weights import weights_for
from deepsphere.conversion.lazy import Blocks, blocks_of, regridded
from deepsphere.conversion.packing import missing_marks, unpacked
from deepsphere.conversion.places import Places
from deepsphere.errors import DeepsphereError
from deepsphere.regridding.build import Method
from deepsphere.regridding.weights import Missing, Weights
from deepsphere.samplings.sampling import Sampling

# Winds have two components, which become three, all in memory at once.
_WIND_SHARE = 4


@dataclass(frozen=True)
class Options:
    """How fields are regridded; see :func:`~deepsphere.conversion.regridding.regrid`.

    Raises
    ------
    DeepsphereError
        If one is not what it may be.
    """

    method: MethodOrAuto
    missing: Missing
    smallest_share: float
    weights_folder: Path | None
    block_bytes: int

    def __post_init__(self) -> None:
        if self.missing not in ("propagate", "renormalize") or not 0 < self.smallest_share <= 1:
            raise DeepsphereError(
                "regridding: missing must be propagate or renormalize, and the smallest share "
                f"above 0 and up to 1; found {self.missing} and {self.smallest_share}"
            )
        if self.method not in ("auto", "nearest", "bilinear", "conservative"):
            raise DeepsphereError(
                "regridding: the method must be auto, nearest, bilinear or conservative; found "
                f"{self.method!r}"
            )
        if self.block_bytes < 1:
            raise DeepsphereError(
                f"regridding: a block must have at least 1 byte; found {self.block_bytes}"
            )


class FieldRegridder:
    """Regrids the fields of a data set, one after the other.

    Parameters
    ----------
    dataset : xarray.Dataset
        As xarray opens it, decoded or not.
    sampling : Sampling
        The target.
    options : Options
        How.
    """

    def __init__(self, dataset: xr.Dataset, sampling: Sampling, options: Options) -> None:
        self._dataset = dataset
        self._sampling = sampling
        self._options = options

    def means(self, name: str, places: Places) -> xr.Variable:
        """Return a field."""
        method, weights = self._weights(places)
        blocks = self._blocks(name, places)
        attributes = self._dataset[name].attrs
        function = Means(
            attributes, len(places.dimensions), self._options.missing, self._options.smallest_share
        )
        array = regridded(blocks.array, len(places.dimensions), function, weights, np.float32)
        return self._described(name, (*blocks.dimensions, CELL), array, method, weights)

    def vectors(self, pair: tuple[str, str], places: Places) -> dict[str, xr.Variable]:
        """Return the two components of a wind."""
        method, weights = self._weights(places)
        space = len(places.dimensions)
        first, second = (self._blocks(name, places, _WIND_SHARE) for name in pair)
        if first.dimensions != second.dimensions:
            raise DeepsphereError(
                f"winds: {pair[0]} and {pair[1]} must have the same dimensions in the same order; "
                f"found {first.dimensions} and {second.dimensions}"
            )
        lazy: Any = dask.array
        components = [
            blocks.array.map_blocks(
                unpacked,
                self._dataset[name].attrs,
                dtype=np.float64,
                meta=np.empty((0,) * blocks.array.ndim),
            )
            for name, blocks in zip(pair, (first, second), strict=True)
        ]
        stacked = lazy.stack([components[0], components[1].rechunk(components[0].chunks)])
        stacked = stacked.rechunk({0: 2})
        function = Vectors(
            places.grid, self._sampling, space, self._options.missing, self._options.smallest_share
        )
        array = regridded(stacked, space, function, weights, np.float32)
        return {
            name: self._described(name, (*first.dimensions, CELL), array[number], method, weights)
            for number, name in enumerate(pair)
        }

    def labels(self, name: str, places: Places) -> xr.Variable:
        """Return the nearest labels."""
        _, weights = self._weights(places, "nearest")
        blocks, function = self._blocks(name, places), self._classes(name, places)
        array = regridded(blocks.array, len(places.dimensions), function, weights, function.dtype)
        labels = self._described(name, (*blocks.dimensions, CELL), array, "nearest", weights)
        marks = missing_marks(function.dtype, self._dataset[name].attrs)
        if marks.size or weights.shares.min() < 1:
            labels.encoding["_FillValue"] = function.dtype.type(function.no_label)
        return labels

    def fractions(
        self, name: str, places: Places, classes: Sequence[int]
    ) -> dict[str, xr.Variable]:
        """Return the share of each class, and the classes."""
        listed = tuple(int(number) for number in classes)
        if not listed:
            flags = np.atleast_1d(self._dataset[name].attrs.get("flag_values", []))
            listed = tuple(int(number) for number in flags)
        if not listed:
            raise DeepsphereError(
                f"{name} has no attribute 'flag_values'; say which classes' shares are wanted"
            )
        method, weights = self._weights(places)
        blocks, function = self._blocks(name, places), self._classes(name, places, listed)
        array = regridded(
            blocks.array, len(places.dimensions), function, weights, np.float32, len(listed)
        )
        dimension = f"{name}_class"
        shares = self._described(
            name, (*blocks.dimensions, dimension, CELL), array, method, weights
        )
        shares.attrs["units"] = "1"
        numbers = xr.Variable(dimension, np.array(listed), {"long_name": f"class of {name}"})
        return {f"{name}_fraction": shares, dimension: numbers}

    def _weights(
        self, places: Places, method: MethodOrAuto | None = None
    ) -> tuple[Method, Weights]:
        chosen = choose_method(places.grid, self._sampling, method or self._options.method)
        return chosen, weights_for(
            places.grid, self._sampling, chosen, self._options.weights_folder
        )

    def _blocks(self, name: str, places: Places, share: int = 1) -> Blocks:
        return blocks_of(self._dataset.variables[name], places, self._options.block_bytes // share)

    def _classes(
        self, name: str, places: Places, classes: tuple[int, ...] | None = None
    ) -> Classes:
        variable = self._dataset.variables[name]
        packed = {"scale_factor", "add_offset", "_Unsigned"} & variable.attrs.keys()
        dtype: np.dtype[Any] = np.dtype(np.int32)
        if variable.dtype.kind == "b":
            dtype = np.dtype(np.uint8)
        elif variable.dtype.kind in "iu" and not packed:
            dtype = variable.dtype.newbyteorder("=")
        marks = missing_marks(dtype, variable.attrs)
        plain = -1 if dtype.kind == "i" else int(np.iinfo(dtype).max)
        return Classes(
            variable.attrs,
            len(places.dimensions),
            self._options.smallest_share,
            dtype,
            int(marks[0]) if marks.size else plain,
            classes,
        )

    def _described(
        self,
        name: str,
        dimensions: tuple[str, ...],
        array: Any,
        method: Method,
        weights: Weights,
    ) -> xr.Variable:
        attributes = field_attributes(self._dataset[name].attrs)
        if method == "conservative":
            methods = attributes.get("cell_methods", "")
            attributes["cell_methods"] = f"{methods} area: mean".strip()
        attributes["regridding"] = (
            f"{method} from {_source(weights)}, missing values: {self._options.missing} "
            f"{self._options.smallest_share:g}, weights {weights.digest}"
        )
        if has_grid_mapping(self._sampling):
            attributes["grid_mapping"] = GRID_MAPPING
        return xr.Variable(dimensions, array, attributes)


def _source(weights: Weights) -> str:
    source = weights.source
    if source["kind"] == "points":
        return f"{int(np.prod(source['shape']))} points"
    return f"{source['rows']} latitudes and {source['columns']} longitudes"
