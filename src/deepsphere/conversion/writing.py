"""Writing lazy data sets to files: chunk by chunk, whole or not at all.

A zarr group is plain zarr 3, uncompressed like the stores, cut along all dimensions but the last
one; a killed run goes on where it stopped. A NetCDF file is written in one go. One task writes one
whole chunk, always: tasks that share a chunk lose data in silence.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import dask.array
import numpy as np
import xarray as xr
import zarr
from dask.delayed import delayed
from numpy.typing import NDArray

from deepsphere.conversion.blocks import block_lengths
from deepsphere.files import (
    digest_json,
    open_scratch,
    publish_folder,
    read_json,
    sync_folder,
    write_json,
)
from deepsphere.sources.progress import report_progress
from deepsphere.stores.inventory import file_record
from deepsphere.workers import Workers

CHUNK_BYTES = 16_000_000
"""About the size of a chunk of a zarr group."""

Advance = Callable[[int], None]


def write_zarr(
    dataset: xr.Dataset,
    target: Path,
    fingerprint: dict[str, Any],
    workers: Workers,
    chunk_bytes: int = CHUNK_BYTES,
) -> None:
    """Write a data set to a zarr group, or finish the one that a killed run began.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dask arrays of which a block has all of the last dimension, and small variables in memory.
    target : Path
        Folder that appears when it is finished.
    fingerprint : dict
        Plain data (settings, code, inputs) that decides the content. The chunks of a killed run
        are used again if it is the same.
    workers : Workers
        Where the chunks are made.
    chunk_bytes : int
        About the size of a chunk, at least one item of the last dimension.
    """
    lazy = {str(name): data for name, data in dataset.variables.items() if data.chunks}
    chunked = {name: _rechunked(data, chunk_bytes) for name, data in lazy.items()}
    layout = {
        name: [list(map(list, data.chunks)), str(data.dtype)] for name, data in chunked.items()
    }
    frame = _without_text(dataset)
    scratch = open_scratch(target, {"content": fingerprint, "layout": digest_json(layout)})
    content, records = scratch / "content", scratch / "finished"
    records.mkdir(exist_ok=True)
    if not content.exists():
        _write_frame(frame, chunked, scratch / "frame")
        publish_folder(scratch / "frame", content)
    bytes_in_all = sum(data.nbytes for data in chunked.values())
    chunks = [
        chunk for name, data in chunked.items() for chunk in _chunks(content, records, name, data)
    ]
    finished = [chunk for chunk, _ in chunks if chunk.is_finished()]
    known = {chunk.record for chunk in finished}
    done = sum(chunk.bytes for chunk in finished)
    with report_progress(f"regridded to {target.name}", done, bytes_in_all) as advance:
        write = delayed(_Written(advance), pure=False, traverse=False)
        tasks = [
            write(chunk, block, dask_key_name=f"write-{number:09}")
            for number, (chunk, block) in enumerate(chunks)
            if chunk.record not in known
        ]
        workers.compute(tasks)
    for leftover in content.rglob("*.partial"):
        leftover.unlink()
    publish_folder(content, target)
    shutil.rmtree(scratch)


def write_netcdf(dataset: xr.Dataset, target: Path, workers: Workers) -> None:
    """Write a data set to a NetCDF 4 file, which appears when it is finished.

    Parameters
    ----------
    dataset : xarray.Dataset
        See :func:`write_zarr`. Attributes that are no text or numbers are left out, as NetCDF has
        none.
    target : Path
        The file.
    workers : Workers
        Where blocks are computed; they are written one after the other.
    """
    written = dataset.copy(deep=False)
    written.attrs = {
        name: value
        for name, value in dataset.attrs.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }
    for variable in written.variables.values():
        variable.attrs = {
            name: int(value) if isinstance(value, bool) else value
            for name, value in variable.attrs.items()
        }
    scratch = open_scratch(target, {"content": "written in one go"})
    path = scratch / target.name
    path.unlink(missing_ok=True)
    workers.compute([written.to_netcdf(path, engine="h5netcdf", compute=False)])
    path.rename(target)
    sync_folder(target.parent)
    shutil.rmtree(scratch)


@dataclass(frozen=True)
class _Chunk:
    """A chunk of an array of the group, and the record of its file once it is finished.

    It counts as finished if its file still has the SHA-256 on the record: after a power failure a
    file may be shorter than what was written.
    """

    array: Path
    record: Path
    place: tuple[int, ...]
    start: tuple[int, ...]
    bytes: int

    @property
    def file(self) -> Path:
        return self.array.joinpath("c", *map(str, self.place))

    def is_finished(self) -> bool:
        if not (self.record.is_file() and self.file.is_file()):
            return False
        return bool(read_json(self.record, "record of a chunk") == file_record(self.file))

    def write(self, block: NDArray[Any]) -> None:
        array = zarr.open_array(self.array, mode="r+", zarr_format=3)
        # By default zarr leaves out chunks that hold nothing but NaN; a missing file would then
        # not mean that the group is damaged.
        array = array.with_config({"write_empty_chunks": True})
        region = tuple(
            slice(first, first + length)
            for first, length in zip(self.start, block.shape, strict=True)
        )
        array[region] = block
        write_json(self.record, file_record(self.file))


class _Written:
    """The task that writes a chunk and tells how much is done, in one thread at a time."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._lock = Lock()

    def __call__(self, chunk: _Chunk, block: NDArray[Any]) -> None:
        chunk.write(block)
        with self._lock:
            self._advance(chunk.bytes)


def _rechunked(variable: xr.Variable, chunk_bytes: int) -> Any:
    """Return a Dask array of equal chunks, which are whole blocks where they can be."""
    array = variable.data
    lengths = block_lengths(
        array.shape[:-1],
        [parts[0] for parts in array.chunks[:-1]],
        array.shape[-1] * array.dtype.itemsize,
        chunk_bytes,
    )
    return array.rechunk((*lengths, -1))


def _chunks(content: Path, records: Path, name: str, array: Any) -> Iterator[tuple[_Chunk, Any]]:
    """Yield the chunks of an array, each with the delayed block that is to be written."""
    starts = [np.cumsum([0, *parts[:-1]]) for parts in array.chunks]
    blocks = array.to_delayed()
    for place in np.ndindex(*blocks.shape):
        start = tuple(int(first[number]) for first, number in zip(starts, place, strict=True))
        shape = [parts[number] for parts, number in zip(array.chunks, place, strict=True)]
        record = records / "-".join([name, *map(str, place)])
        size = int(np.prod(shape)) * array.dtype.itemsize
        yield _Chunk(content / name, record, tuple(place), start, size), blocks[place]


def _write_frame(frame: xr.Dataset, chunked: dict[str, Any], group: Path) -> None:
    """Write everything but the lazy arrays: metadata, coordinates, attributes."""
    if group.exists():
        shutil.rmtree(group)
    frame = frame.copy(deep=False)
    encoding: dict[str, dict[str, Any]] = {}
    lazy: Any = dask.array
    for name, variable in frame.variables.items():
        options: dict[str, Any] = {"compressors": None, "filters": None, "chunks": variable.shape}
        marks = {key: value for key, value in variable.encoding.items() if key == "_FillValue"}
        variable.encoding = {}
        if name in chunked:
            array = chunked[str(name)]
            options["chunks"] = tuple(parts[0] for parts in array.chunks)
            # xarray writes metadata only for lazy data; these stand-ins are never computed.
            variable.data = lazy.empty(array.shape, dtype=array.dtype, chunks=options["chunks"])
            if array.dtype.kind == "f":
                options["fill_value"] = array.dtype.type(np.nan)
        encoding[str(name)] = options | marks
    frame.to_zarr(
        group,
        mode="w-",
        zarr_format=3,
        consolidated=False,
        compute=False,
        write_empty_chunks=True,
        encoding=encoding,
    )


def _without_text(dataset: xr.Dataset) -> xr.Dataset:
    """Return a data set with the words of text coordinates as attributes: zarr 3 has no text."""
    text = [name for name, data in dataset.coords.items() if _is_text(data.variable)]
    named = {f"{name}_names": np.atleast_1d(dataset[name].astype(str)).tolist() for name in text}
    return dataset.drop_vars(text).assign_attrs(named)


def _is_text(variable: xr.Variable) -> bool:
    if variable.dtype.kind != "O":
        return variable.dtype.kind in "SU"
    return bool(variable.size) and isinstance(variable.values.flat[0], str | bytes)
