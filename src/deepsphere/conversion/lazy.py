"""Fields as Dask arrays: of blocks that have whole maps, in the file and on the sampling."""

import logging
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dask.array
import numpy as np
import xarray as xr
from dask.delayed import delayed
from numpy.typing import DTypeLike

from deepsphere.conversion.blocks import block_lengths
from deepsphere.conversion.places import Places
from deepsphere.regridding.weights import Weights

# Bytes of a number while a block is at work, whatever it is in the file.
_NUMBER_BYTES = 8
_MANY_TIMES = 4
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Blocks:
    """A field in blocks.

    Attributes
    ----------
    array : dask.array.Array
        Shape (other dimensions..., dimensions of space), as in the file: not unpacked. Blocks have
        all of space.
    dimensions : tuple of str
        The other dimensions.
    """

    array: Any
    dimensions: tuple[str, ...]


def blocks_of(variable: xr.Variable, places: Places, block_bytes: int) -> Blocks:
    """Return a field in blocks, none of it read.

    Parameters
    ----------
    variable : xarray.Variable
        The field. If it is a Dask array, its blocks stay as they are but for space.
    places : Places
        Where its values lie.
    block_bytes : int
        About the bytes of a block, counted as float64; at least one map is in one.
    """
    space = places.dimensions
    others = tuple(str(name) for name in variable.dims if name not in space)
    if variable.chunks is None:
        preferred = variable.encoding.get("preferred_chunks", {})
        units = [int(preferred.get(name, 1)) for name in others]
        lengths = block_lengths(
            [variable.sizes[name] for name in others],
            units,
            _NUMBER_BYTES * math.prod(variable.sizes[name] for name in space),
            block_bytes,
        )
        times = math.prod(math.ceil(u / n) for u, n in zip(units, lengths, strict=True))
        if times > _MANY_TIMES:
            _LOG.warning(
                "the file has chunks of %s (%s), of which blocks have room for %s: each is read %d "
                "times; allow more memory, or cut it anew by nccopy -c",
                tuple(units),
                ", ".join(others),
                lengths,
                times,
            )
        chunks = dict(zip(others, lengths, strict=True)) | dict.fromkeys(space, -1)
        # Without a name, Dask would hash what lies in memory.
        variable = variable.chunk(chunks, name=f"fields-{uuid.uuid4().hex}-")
    else:
        variable = variable.chunk(dict.fromkeys(space, -1))
    return Blocks(variable.transpose(*others, *space).data, others)


def regridded(
    array: Any,
    space: int,
    function: Callable[[Any, Weights], Any],
    weights: Weights,
    dtype: DTypeLike,
    classes: int | None = None,
) -> Any:
    """Return a Dask array on the sampling, none of it computed.

    Parameters
    ----------
    array : dask.array.Array
        See :class:`Blocks`; there may be more dimensions before the others.
    space : int
        Number of dimensions of space.
    function : callable
        Takes a block and the weights, returns the block on the sampling.
    weights : Weights
        Those of the grid.
    dtype : dtype
        Of the result.
    classes : int, optional
        Length of a dimension that the function adds before that of the pixels.

    Returns
    -------
    dask.array.Array
        Shape (other dimensions..., pixels) or (other dimensions..., classes, pixels).
    """
    lazy: Any = dask.array
    kept = array.ndim - space
    added = (weights.matrix.shape[0],) if classes is None else (classes, weights.matrix.shape[0])
    # One task holds the weights, for all blocks.
    held = delayed(weights, name=f"weights-{weights.digest}", pure=True, traverse=False)
    return lazy.map_blocks(
        function,
        array,
        held,
        drop_axis=list(range(kept, array.ndim)),
        new_axis=list(range(kept, kept + len(added))),
        chunks=array.chunks[:kept] + tuple((length,) for length in added),
        dtype=dtype,
        meta=np.empty((0,) * (kept + len(added)), dtype),
        name=f"regridded-{uuid.uuid4().hex}",
    )
