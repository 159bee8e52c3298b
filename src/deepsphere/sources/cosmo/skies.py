"""A map of the sky as its file has it, and its averages over larger pixels."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix_indices import ring_of_nested

UNSEEN = -1.6375e30
"""What HEALPix software writes where there is no value."""

MOST_BYTES = 1 << 33
"""The most that is read into memory of a file, and that a whole sky may take."""

_UNSEEN_TOLERANCE = 1e-5
_BLOCK_PIXELS = 1 << 18


@dataclass(frozen=True, eq=False)
class Sky:
    """A map of the full sky.

    Attributes
    ----------
    values : ndarray of shape (pixel,)
        Numbers of any type and byte order, perhaps still on disk. Pixels without value are
        :data:`UNSEEN` or not finite.
    is_nested : bool
        Whether the pixels are in NESTED order; else they are in RING order.

    Raises
    ------
    DeepsphereError
        If it is no full HEALPix map.
    """

    values: NDArray[Any]
    is_nested: bool

    def __post_init__(self) -> None:
        if self.values.dtype.kind not in "biuf":
            raise DeepsphereError(f"holds {self.values.dtype}; expected numbers")
        if self.values.ndim != 1 or not is_full(len(self.values)):
            raise DeepsphereError(
                f"has values of shape {self.values.shape}; a full HEALPix map has 12 nside^2"
            )

    @property
    def nside(self) -> int:
        """Its nside."""
        return math.isqrt(len(self.values) // 12)


def is_full(pixels: int) -> bool:
    """Return whether a full HEALPix map can have so many pixels."""
    return pixels > 0 and 12 * math.isqrt(pixels // 12) ** 2 == pixels


def averaged(sky: Sky, nside: int) -> NDArray[np.float64]:
    """Return a map averaged over the pixels of a coarser sampling.

    Parameters
    ----------
    sky : Sky
    nside : int
        That of the sky, or its half, quarter, ...

    Returns
    -------
    ndarray of float64, shape (12 nside²,)
        NESTED. Means of the values that there are; NaN where there is none.

    Raises
    ------
    DeepsphereError
        If the sky has another nside.
    """
    ratio, rest = divmod(sky.nside, nside)
    if rest or ratio & (ratio - 1) or ratio == 0:
        raise DeepsphereError(
            f"has nside {sky.nside}; the store's {nside} needs that, or a power of two times it"
        )
    values, children = sky.values, ratio**2
    means = np.empty(12 * nside**2)
    step = max(1, _BLOCK_PIXELS // children)
    for start in range(0, len(means), step):
        stop = min(start + step, len(means))
        fine = slice(start * children, stop * children)
        if sky.is_nested:
            block = values[fine]
        else:
            block = values[ring_of_nested(sky.nside, np.arange(fine.start, fine.stop))]
        with np.errstate(over="ignore"):
            means[start:stop] = _means(block.astype(np.float64).reshape(-1, children))
    return means


def lacking(sky: Sky) -> int:
    """Return how many pixels of a map have no value."""
    count = 0
    for start in range(0, len(sky.values), _BLOCK_PIXELS):
        block = sky.values[start : start + _BLOCK_PIXELS].astype(np.float64)
        count += len(block) - int(_has_value(block).sum())
    return count


def _has_value(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.isfinite(values) & ~np.isclose(values, UNSEEN, rtol=_UNSEEN_TOLERANCE, atol=0)


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means over the last axis of the values that there are."""
    has_value = _has_value(values)
    if has_value.all():
        means: NDArray[np.float64] = values.mean(axis=1)
        return means
    counts = has_value.sum(axis=1)
    sums = np.where(has_value, values, 0).sum(axis=1)
    means = np.full(len(values), np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
