"""Reading arrays from HDF5 files, faster where their chunks are compressed as NetCDF does it.

HDF5 decompresses under one lock for the whole process. :func:`read_array` takes the compressed
chunks out of the file instead and decompresses them outside of the lock, so that threads do it side
by side, and with Intel's library if the package ``isal`` is installed. All other layouts are left
to HDF5.
"""

import math
import zlib
from typing import Any

import h5py
import numpy as np
from numcodecs.shuffle import Shuffle
from numpy.typing import NDArray

_inflater: Any
try:
    from isal import isal_zlib as _inflater
except ImportError:
    _inflater = zlib

DEFECTS: tuple[type[Exception], ...] = (
    OSError,
    OverflowError,
    KeyError,
    ValueError,
    RuntimeError,
    zlib.error,
    _inflater.error,
)
"""What reading a damaged file raises; nothing that a sound file does."""

_FAST_FILTERS = ([h5py.h5z.FILTER_DEFLATE], [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE])
# The time to find a chunk by its number grows with the number.
_MOST_CHUNKS = 256


def read_array(dataset: h5py.Dataset) -> NDArray[Any]:
    """Return a whole array, bit for bit what ``dataset[...]`` returns.

    Parameters
    ----------
    dataset : h5py.Dataset
        Numbers, of any layout.

    Raises
    ------
    OSError, ValueError, zlib.error and others
        If the file is damaged: :data:`DEFECTS`.
    """
    chunks = _compressed_chunks(dataset)
    if chunks is None:
        whole: NDArray[Any] = dataset[...]
        return whole
    dtype, shape = dataset.dtype, dataset.chunks
    size = math.prod(shape) * dtype.itemsize
    shuffle = Shuffle(dtype.itemsize) if _filters(dataset)[0] == _FAST_FILTERS[1][0] else None
    is_whole = shape == dataset.shape
    array = np.empty(0 if is_whole else dataset.shape, dtype)
    for start in chunks:
        _, compressed = dataset.id.read_direct_chunk(start)
        content = _inflater.decompress(compressed, bufsize=size)
        if len(content) != size:
            raise ValueError(f"a chunk of {dataset.name} has {len(content)} bytes, not {size}")
        values = np.frombuffer(content if shuffle is None else shuffle.decode(content), dtype)
        if is_whole:
            return values.reshape(shape)
        place = tuple(
            slice(begin, min(begin + length, end))
            for begin, length, end in zip(start, shape, dataset.shape, strict=True)
        )
        inside = tuple(slice(part.stop - part.start) for part in place)
        array[place] = values.reshape(shape)[inside]
    return array


def _compressed_chunks(dataset: h5py.Dataset) -> list[tuple[int, ...]] | None:
    """Return where the chunks start, or None if HDF5 must read them itself."""
    if dataset.chunks is None or dataset.dtype.kind not in "iuf":
        return None
    if _filters(dataset) not in _FAST_FILTERS:
        return None
    lengths = zip(dataset.shape, dataset.chunks, strict=True)
    expected = math.prod(math.ceil(end / length) for end, length in lengths)
    # Chunks that were never written are not in the file.
    if not 0 < expected <= _MOST_CHUNKS or dataset.id.get_num_chunks() != expected:
        return None
    found = [dataset.id.get_chunk_info(number) for number in range(expected)]
    # A bit of the mask says that a filter was left out.
    if any(chunk.filter_mask for chunk in found):
        return None
    return [chunk.chunk_offset for chunk in found]


def _filters(dataset: h5py.Dataset) -> list[int]:
    properties = dataset.id.get_create_plist()
    return [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
