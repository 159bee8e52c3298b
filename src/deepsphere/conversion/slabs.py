"""Parts of arrays of HDF5 files, read in threads side by side where their chunks are compressed.

HDF5 has one lock for the whole process, under which it also decompresses. Chunks that are
compressed as NetCDF does it are taken out of the file as they are, and are decompressed outside of
the lock. All else is left to HDF5. xarray sees an array that is read when it is asked for; the file
is open only then.
"""

import itertools
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numcodecs.shuffle import Shuffle
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.hdf5 import DEFECTS

_inflater: Any
try:
    from isal import isal_zlib as _inflater
except ImportError:
    _inflater = zlib

_SHUFFLE = [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE]
_PLAIN = [h5py.h5z.FILTER_DEFLATE]


@dataclass(frozen=True, eq=False)
class Slabs(BackendArray):
    """An array of an HDF5 file.

    Attributes
    ----------
    path : Path
        The file.
    name : str
        The array, by its full name in the file.
    shape : tuple of int
        Its shape.
    dtype : dtype
        Its type.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read
        )

    def _read(self, key: tuple[int | slice, ...]) -> Any:
        try:
            with h5py.File(self.path, "r") as file:
                return read_part(file[self.name], key)
        except DEFECTS as error:
            raise DeepsphereError(
                f"{self.path}: {self.name} cannot be read ({str(error).splitlines()[0]}); the file "
                "is damaged or was replaced"
            ) from None


def read_part(dataset: h5py.Dataset, key: tuple[int | slice, ...]) -> NDArray[Any]:
    """Return a part of an array, bit for bit what ``dataset[key]`` returns.

    Parameters
    ----------
    dataset : h5py.Dataset
        Numbers, of any layout.
    key : tuple of int or slice
        One for each dimension.

    Raises
    ------
    OSError, ValueError, zlib.error and others
        If the file is damaged: :data:`~deepsphere.sources.fields.hdf5.DEFECTS`.
    """
    filters = _filters(dataset)
    steps = [part.step for part in key if isinstance(part, slice)]
    if filters not in (_SHUFFLE, _PLAIN) or any(step not in (None, 1) for step in steps):
        return _by_hdf5(dataset, key)
    ranges = [
        part.indices(length)[:2] if isinstance(part, slice) else (part % length, part % length + 1)
        for part, length in zip(key, dataset.shape, strict=True)
    ]
    whole = _by_chunks(dataset, ranges, shuffled=filters == _SHUFFLE)
    if whole is None:
        return _by_hdf5(dataset, key)
    squeezed = tuple(slice(None) if isinstance(part, slice) else 0 for part in key)
    part: NDArray[Any] = whole[squeezed]
    return part


def _by_hdf5(dataset: h5py.Dataset, key: tuple[int | slice, ...]) -> NDArray[Any]:
    return np.asarray(dataset[key])


def _by_chunks(
    dataset: h5py.Dataset, ranges: list[tuple[int, int]], shuffled: bool
) -> NDArray[Any] | None:
    """Return what lies between bounds, or None if HDF5 must read it itself."""
    dtype, chunk = dataset.dtype, dataset.chunks
    size = int(np.prod(chunk)) * dtype.itemsize
    shuffle = Shuffle(dtype.itemsize)
    result = np.empty([stop - start for start, stop in ranges], dtype)
    starts = [
        range(start // length * length, stop, length)
        for (start, stop), length in zip(ranges, chunk, strict=True)
    ]
    for corner in itertools.product(*starts):
        try:
            mask, compressed = dataset.id.read_direct_chunk(corner)
        except (OSError, RuntimeError):
            # A chunk that was never written, or a damaged one, which HDF5 tells apart.
            return None
        if mask:
            return None
        content = _inflater.decompress(compressed, bufsize=size)
        if len(content) != size:
            raise ValueError(f"a chunk of {dataset.name} has {len(content)} bytes, not {size}")
        source, target = [], []
        for (start, stop), first, length in zip(ranges, corner, chunk, strict=True):
            begin, end = max(start, first), min(stop, first + length)
            source.append(slice(begin - first, end - first))
            target.append(slice(begin - start, end - start))
        place = result[tuple(target)]
        if shuffled and place.shape == chunk and place.flags.c_contiguous:
            shuffle.decode(content, out=place)
            continue
        values = np.frombuffer(shuffle.decode(content) if shuffled else content, dtype)
        place[...] = values.reshape(chunk)[tuple(source)]
    return result


def _filters(dataset: h5py.Dataset) -> list[int]:
    if dataset.chunks is None or dataset.dtype.kind not in "iuf":
        return []
    properties = dataset.id.get_create_plist()
    return [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
