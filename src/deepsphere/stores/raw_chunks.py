"""Reading the rows of an array on disk into memory, in any order.

An uncompressed, unsharded zarr array that is cut along its first axis only is a row of plain files.
:class:`RawChunks` reads them with ``pread``, which reaches what the disk can give; zarr's own reads
of the same files reach a tenth of it. :class:`ZarrRows` reads any other layout through zarr.

Both hold no open file, so they can be pickled, forked and used by many threads.
"""

import itertools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import zarr
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.files import read_json


class Rows(Protocol):
    """Something that reads rows of an array."""

    def read_into(
        self, numbers: NDArray[np.int64], out: NDArray[np.float32], first: int = 0
    ) -> None:
        """Read rows, in the order of their numbers, into a C-order array.

        ``first`` is where to begin on the second axis, of which as much is read as ``out`` has.
        """


def open_rows(folder: Path) -> Rows:
    """Return the fastest reader for the layout of a zarr array.

    Parameters
    ----------
    folder : Path
        The array's folder, that of its ``zarr.json``.
    """
    metadata = read_json(folder / "zarr.json", "zarr metadata")
    shape = metadata["shape"]
    chunk = metadata["chunk_grid"]["configuration"]["chunk_shape"]
    is_plain = (
        metadata["data_type"] in ("float32", "float16")
        and chunk[1:] == shape[1:]
        and metadata["codecs"] == [{"name": "bytes", "configuration": {"endian": sys.byteorder}}]
        and metadata["chunk_key_encoding"]
        == {"name": "default", "configuration": {"separator": "/"}}
    )
    if not is_plain:
        return ZarrRows(folder, chunk[0])
    row_bytes = int(np.prod(shape[1:])) * np.dtype(metadata["data_type"]).itemsize
    return RawChunks(folder, chunk[0], row_bytes, len(shape) - 1, metadata["data_type"])


@dataclass(frozen=True)
class RawChunks:
    """Rows of an array of floats whose chunk files are plain C-order arrays.

    Attributes
    ----------
    folder : Path
        The zarr array.
    rows : int
        Rows in a chunk file.
    row_bytes : int
        Size of a row.
    inner_axes : int
        Number of axes besides the first.
    dtype : {"float32", "float16"}
        Type on disk. Rows of float16 are converted, which costs a buffer of their size.
    """

    folder: Path
    rows: int
    row_bytes: int
    inner_axes: int
    dtype: str = "float32"

    def read_into(
        self, numbers: NDArray[np.int64], out: NDArray[np.float32], first: int = 0
    ) -> None:
        """Read rows into a C-order float32 array of shape (numbers, ...).

        ``first`` is where to begin on the second axis, of which as much is read as ``out`` has.

        Raises
        ------
        DeepsphereError
            If a chunk file is missing or too short.
        """
        if self.dtype != out.dtype:
            stored = np.empty(out.shape, self.dtype)
            self._read_bytes(numbers, stored, first)
            out[:] = stored
        else:
            self._read_bytes(numbers, out, first)

    def _read_bytes(
        self, numbers: NDArray[np.int64], out: NDArray[np.floating], first: int
    ) -> None:
        if not out.size:
            return
        buffer = out.reshape(-1).view(np.uint8).data
        size = out[0].nbytes
        skipped = first * out[0, 0].nbytes
        runs = _runs(numbers, self.rows, size == self.row_bytes)
        for chunk, runs_of_chunk in itertools.groupby(runs, key=lambda run: run[0] // self.rows):
            path = f"{self.folder}/c/{chunk}{'/0' * self.inner_axes}"
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                raise DeepsphereError(
                    f"store: the chunk {path} is missing; rerun the store stage"
                ) from None
            try:
                for row, place, count in runs_of_chunk:
                    view = buffer[place * size : (place + count) * size]
                    _fill(view, descriptor, row % self.rows * self.row_bytes + skipped, path)
            finally:
                os.close(descriptor)


@dataclass(frozen=True)
class ZarrRows:
    """Rows of any zarr array, whatever its type, codecs and chunks.

    Attributes
    ----------
    folder : Path
        The zarr array.
    rows : int
        Rows in a chunk.
    """

    folder: Path
    rows: int

    def read_into(
        self, numbers: NDArray[np.int64], out: NDArray[np.float32], first: int = 0
    ) -> None:
        """Read rows into an array of shape (numbers, ...), converting them to its type.

        ``first`` is where to begin on the second axis, of which as much is read as ``out`` has.
        """
        array = zarr.open_array(self.folder, mode="r", zarr_format=3)
        last = first + out.shape[1]
        for row, place, count in _runs(numbers, self.rows):
            out[place : place + count] = array[row : row + count, first:last]


def _runs(
    numbers: NDArray[np.int64], rows: int, is_joined: bool = True
) -> list[tuple[int, int, int]]:
    """Return (first row, place in the output, count) of what can be read at once, by row.

    A run's rows follow each other on disk and in the output, and lie in one chunk; unless
    ``is_joined``, each row is a run of its own.
    """
    if not len(numbers):
        return []
    places = np.argsort(numbers, kind="stable")
    ordered = numbers[places]
    breaks = (np.diff(ordered) != 1) | (np.diff(places) != 1) | (np.diff(ordered // rows) != 0)
    breaks |= not is_joined
    starts = np.concatenate([[0], np.flatnonzero(breaks) + 1])
    counts = np.diff(starts, append=len(numbers))
    return list(
        zip(ordered[starts].tolist(), places[starts].tolist(), counts.tolist(), strict=True)
    )


def _fill(view: memoryview, descriptor: int, offset: int, path: str) -> None:
    """Read bytes until the view is full: one call may return fewer than asked for."""
    while view:
        count = os.preadv(descriptor, [view], offset)
        if count == 0:
            raise DeepsphereError(
                f"store: the chunk {path} ends at byte {offset}; rerun the store stage"
            )
        view = view[count:]
        offset += count
