"""Winds from a grid to a sampling: as vectors in space, not as two fields.

East and north are other directions at every place. Next to a pole they turn by as much as the
longitude between two values of a row, so that components averaged on their own point nowhere. Here
winds become vectors tangent to the sphere, whose three components in space are regridded, and are
taken apart into east and north at the pixels; what then points out of the sphere is dropped.
"""

from collections.abc import Hashable
from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepsphere.regridding.grid import Grid
from deepsphere.regridding.weights import Missing, Weights
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.sampling import Sampling


def apply_to_winds(
    weights: Weights,
    grid: Grid,
    sampling: Sampling,
    eastward: ArrayLike,
    northward: ArrayLike,
    missing: Missing = "propagate",
    smallest_share: float = 0.5,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the eastward and the northward wind on a sampling.

    Parameters
    ----------
    weights : Weights
        Those from the grid to the sampling.
    grid : LatitudeLongitude or Points
        Where the winds are. A value in a row at a pole has the directions of its own column.
    sampling : Sampling
        The target. At a pole east is that of the meridian of 0°E, towards 90°E.
    eastward, northward : array_like
        Components of the wind in any unit, shape (..., source) both. A wind is missing where either
        is NaN.
    missing, smallest_share
        See :meth:`~deepsphere.regridding.weights.Weights.apply`.

    Returns
    -------
    eastward, northward : ndarray
        In the same unit, float32, shape (..., target).

    Raises
    ------
    ValueError
        If the weights are not between this grid and this sampling, or the shapes differ.
    """
    source, to_east, to_north = _at_grid(grid)
    if weights.source != source or weights.target != sampling.name:
        raise ValueError(
            f"the weights lead to {weights.target} from {weights.source}; found "
            f"{sampling.name} and {source}"
        )
    east, north = np.asarray(eastward), np.asarray(northward)
    if east.shape != north.shape or east.shape[-1:] != (len(grid),):
        raise ValueError(
            f"both components must have the shape (..., {len(grid)}); found {east.shape} and "
            f"{north.shape}"
        )
    target_east, target_north = _at_pixels(cast(Hashable, sampling))
    regridded_east = np.zeros((*east.shape[:-1], len(sampling)), np.float32)
    regridded_north = np.zeros_like(regridded_east)
    for axis in range(3):
        component = east * to_east[axis] + north * to_north[axis]
        in_space = weights.apply(component, missing, smallest_share)
        regridded_east += in_space * target_east[axis]
        regridded_north += in_space * target_north[axis]
    return regridded_east, regridded_north


def tangents(
    longitude: NDArray[np.float64], latitude: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the unit vectors to the east and to the north, float64, shape (..., 3) each.

    Parameters
    ----------
    longitude, latitude : ndarray
        Degrees east and north, of one shape. At a pole the directions are those of the meridian.
    """
    turn, height = np.radians(longitude), np.radians(latitude)
    east = np.stack([-np.sin(turn), np.cos(turn), np.zeros_like(turn)], axis=-1)
    north = np.stack(
        [-np.sin(height) * np.cos(turn), -np.sin(height) * np.sin(turn), np.cos(height)], axis=-1
    )
    return east, north


@lru_cache(maxsize=1)
def _at_grid(grid: Grid) -> tuple[dict[str, Any], NDArray[np.float64], NDArray[np.float64]]:
    """Return what a grid is, and its unit vectors, shape (3, source); the last ones are kept."""
    east, north = tangents(*grid.coordinates())
    return grid.description(), east.T.copy(), north.T.copy()


@lru_cache(maxsize=1)
def _at_pixels(sampling: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the unit vectors of a sampling, shape (3, target); the last ones are kept."""
    east, north = tangents(*longitude_latitude(sampling.positions))
    return east.T.astype(np.float32, order="C"), north.T.astype(np.float32, order="C")
