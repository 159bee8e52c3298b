"""Weights applied to blocks of a field: the tasks that Dask runs.

Each takes an array of shape (..., places of the file), as it is in the file, and returns one of
shape (..., pixels).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.conversion.packing import missing_marks, unpacked
from deepsphere.errors import DeepsphereError
from deepsphere.regridding.grid import Grid
from deepsphere.regridding.labels import class_fractions, nearest_labels
from deepsphere.regridding.weights import Missing, Weights
from deepsphere.regridding.winds import apply_to_winds
from deepsphere.samplings.sampling import Sampling


@dataclass(frozen=True, eq=False)
class Means:
    """Fields, one by one.

    Attributes
    ----------
    attributes : mapping
        Those of the variable in the file, which say how it is packed.
    dimensions : int
        Number of dimensions of space, the last ones.
    missing, smallest_share
        See :meth:`~deepsphere.regridding.weights.Weights.apply`.
    """

    attributes: Mapping[Any, Any]
    dimensions: int
    missing: Missing
    smallest_share: float

    def __call__(self, block: NDArray[Any], weights: Weights) -> NDArray[np.float32]:
        """Return a block on the sampling."""
        values = unpacked(flat(block, self.dimensions), self.attributes)
        return weights.apply(values, self.missing, self.smallest_share)


@dataclass(frozen=True, eq=False)
class Vectors:
    """Winds and other vectors, of which a block has both components in its first dimension.

    Attributes
    ----------
    grid : LatitudeLongitude or Points
        Where the values are.
    sampling : Sampling
        The target.
    dimensions, missing, smallest_share
        See :class:`Means`.
    """

    grid: Grid
    sampling: Sampling
    dimensions: int
    missing: Missing
    smallest_share: float

    def __call__(self, block: NDArray[Any], weights: Weights) -> NDArray[np.float32]:
        """Return a block on the sampling, the eastward component first."""
        east, north = flat(block, self.dimensions)
        options = (self.missing, self.smallest_share)
        return np.stack(apply_to_winds(weights, self.grid, self.sampling, east, north, *options))


@dataclass(frozen=True, eq=False)
class Classes:
    """Labels, that of the nearest place or the share of each.

    Attributes
    ----------
    attributes, dimensions, smallest_share
        See :class:`Means`.
    dtype : dtype
        Type of the labels, whole numbers.
    no_label : int
        The label of what has none.
    classes : tuple of int, optional
        Classes whose shares are wanted, which are a dimension before the last one.
    """

    attributes: Mapping[Any, Any]
    dimensions: int
    smallest_share: float
    dtype: np.dtype[Any]
    no_label: int
    classes: tuple[int, ...] | None = None

    def __call__(self, block: NDArray[Any], weights: Weights) -> NDArray[Any]:
        """Return a block on the sampling.

        Raises
        ------
        DeepsphereError
            If it holds something else than whole numbers.
        """
        values = flat(block, self.dimensions)
        if values.dtype != self.dtype or missing_marks(self.dtype, self.attributes).size:
            values = self._numbered(unpacked(values, self.attributes))
        if self.classes is None:
            return nearest_labels(weights, values, self.no_label)
        return class_fractions(weights, values, self.classes, self.no_label, self.smallest_share)

    def _numbered(self, values: NDArray[Any]) -> NDArray[Any]:
        known = ~np.isnan(values)
        numbers = np.full(values.shape, self.no_label, self.dtype)
        limits = np.iinfo(self.dtype)
        given = values[known]
        wrong = (given != np.round(given)) | (given < limits.min) | (given > limits.max)
        if wrong.any():
            raise DeepsphereError(
                f"labels must be whole numbers; found {given[wrong][0]:g}; regrid them as a field"
            )
        numbers[known] = given.astype(self.dtype)
        return numbers


def flat(block: NDArray[Any], dimensions: int) -> NDArray[Any]:
    """Return a block with its last dimensions, those of space, made one."""
    kept = block.shape[: block.ndim - dimensions]
    return block.reshape(*kept, math.prod(block.shape[block.ndim - dimensions :]))
