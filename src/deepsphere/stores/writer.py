"""Writing a store: chunk by chunk, resumable, published whole.

``<target>/data.zarr`` is a plain zarr 3 group, sample-major, uncompressed and unsharded: a chunk
file is the C-order array of as many whole samples as make about 32 MB, the last one padded with
NaN. ``<target>/inventory.json`` lists every file. What stands beside them in ``<target>`` does not
matter; inside ``data.zarr`` foreign files would make zarr warn.

One task writes one whole chunk, always: tasks that share a chunk lose data in silence.
"""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import xarray as xr
import zarr
from dask.delayed import delayed
from numpy.typing import DTypeLike, NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.files import open_scratch, publish_folder, read_json, write_json
from deepsphere.stores.description import DATA, DIMENSIONS, describe, encodings
from deepsphere.stores.inventory import (
    INVENTORY,
    ZARR,
    file_record,
    summarize,
    take_inventory,
)
from deepsphere.workers import Workers

_CHUNK_BYTES = 32_000_000


def write_store(
    dataset: xr.Dataset,
    target: Path,
    *,
    fingerprint: dict[str, Any],
    chunk_bytes: int = _CHUNK_BYTES,
    workers: Workers | None = None,
) -> dict[str, Any]:
    """Write a store, or finish the one that a killed run began.

    Parameters
    ----------
    dataset : xarray.Dataset
        See :mod:`deepsphere.stores.description`. The data may be larger than memory: then they
        are a memory map or a Dask array, of which about one chunk per worker is in memory (more
        where the blocks of the Dask array are larger than a chunk).
    target : Path
        Folder that appears when the store is finished, in place of what stood there.
    fingerprint : dict
        Plain data (settings, code, inputs) that decides the content. The finished chunks of a
        killed run are used again if it, and the dataset's shape, coordinates and attributes, are
        the same.
    chunk_bytes : int
        About the size of a chunk; at least one sample is in one.
    workers : Workers, optional
        Where the chunks are made; by default in a thread for each core.

    Returns
    -------
    dict
        Plain data for the manifest; see :func:`deepsphere.stores.inventory.summarize`.

    Raises
    ------
    DeepsphereError
        If the dataset is not that of a store.
    """
    if chunk_bytes < 1:
        raise DeepsphereError(f"store: a chunk must have at least 1 byte; found {chunk_bytes=}")
    described = describe(dataset)
    count = samples_per_chunk(described[DATA].shape, chunk_bytes, described[DATA].dtype)
    scratch = open_scratch(
        target, {"content": fingerprint, "layout": _layout_fingerprint(described, count)}
    )
    content = scratch / "content"
    records = scratch / "finished"
    records.mkdir(exist_ok=True)
    if not content.exists():
        _write_frame(described, scratch / "frame" / ZARR, count)
        publish_folder(scratch / "frame", content)
    chunks = _Chunks(content / ZARR, records, count)
    finished = chunks.write(described[DATA], workers or Workers(os.cpu_count() or 1))
    for leftover in content.rglob("*.partial"):
        leftover.unlink()
    inventory = take_inventory(content / ZARR, {DATA: finished})
    write_json(content / INVENTORY, inventory)
    publish_folder(content, target)
    shutil.rmtree(scratch)
    return summarize(inventory)


def samples_per_chunk(
    shape: tuple[int, ...], chunk_bytes: int, dtype: DTypeLike = np.float32
) -> int:
    """Return how many whole samples make a chunk of about so many bytes.

    Parameters
    ----------
    shape : tuple of int
        (samples, cells, channels).
    chunk_bytes : int
        Upper limit, except that a chunk holds at least one sample.
    dtype : data type
        Of the samples.
    """
    samples, cells, channels = shape
    sample_bytes = cells * channels * np.dtype(dtype).itemsize
    return min(max(1, chunk_bytes // sample_bytes), samples)


@dataclass(frozen=True)
class _Chunks:
    """The chunk files of the data, and a record of each one that is finished.

    A chunk counts as finished if its file still has the SHA-256 on its record: after a power
    failure a file may be shorter than what was written.
    """

    group: Path
    records: Path
    samples: int

    def write(self, data: xr.DataArray, workers: Workers) -> dict[str, dict[str, Any]]:
        """Compute and write what is not finished; return all records by the names of the files."""
        chunked = data.chunk(
            {"sample": self.samples, "cell": -1, "channel": -1},
            # Dask would hash data in memory for a name.
            token="store",  # noqa: S106
        ).data
        finished = self._finished()
        write_chunk = delayed(self._write_chunk, pure=False, traverse=False)
        tasks = [
            # Dask visits equal tasks by name: neighbours in time often share a source file.
            write_chunk(number, block, dask_key_name=f"write-{number:09}")
            for number, block in enumerate(chunked.to_delayed().ravel())
            if self._name(number) not in finished
        ]
        return finished | dict(workers.compute(tasks))

    def _finished(self) -> dict[str, dict[str, Any]]:
        finished = {}
        for path in self.records.glob("*.json"):
            record = read_json(path, "record of a finished chunk")
            name = self._name(int(path.stem))
            file = self.group / DATA / name
            if file.is_file() and file_record(file) == record:
                finished[name] = record
        return finished

    def _write_chunk(self, number: int, block: NDArray[np.floating]) -> tuple[str, dict[str, Any]]:
        array = zarr.open_array(self.group / DATA, mode="r+", zarr_format=3)
        # By default zarr leaves out chunks that hold nothing but NaN; a missing file would then
        # not mean that the store is damaged.
        array = array.with_config({"write_empty_chunks": True})
        start = number * self.samples
        array[start : start + len(block)] = block
        name = self._name(number)
        record = file_record(self.group / DATA / name)
        write_json(self.records / f"{number}.json", record)
        return name, record

    @staticmethod
    def _name(number: int) -> str:
        return f"c/{number}/0/0"


def _write_frame(dataset: xr.Dataset, group: Path, samples: int) -> None:
    """Write everything but the data: metadata, coordinates, attributes."""
    if group.exists():
        shutil.rmtree(group)
    shape = dataset[DATA].shape
    frame = dataset.copy(deep=False)
    # xarray writes metadata only for lazy data; these stand-ins are never computed.
    lazy = dask.array.empty(shape, chunks=(samples, *shape[1:]), dtype=dataset[DATA].dtype)
    frame[DATA] = (DIMENSIONS, lazy, dataset[DATA].attrs)
    for variable in frame.variables.values():
        variable.encoding = {}
    frame.to_zarr(
        group,
        mode="w-",
        zarr_format=3,
        consolidated=False,
        compute=False,
        write_empty_chunks=True,
        encoding=encodings(frame, samples),
    )


def _layout_fingerprint(dataset: xr.Dataset, samples: int) -> dict[str, Any]:
    """Return what decides the frame of the store, as plain data."""
    return {
        "shape": list(dataset[DATA].shape),
        "dtype": str(dataset[DATA].dtype),
        "samples_per_chunk": samples,
        "attributes": dataset.attrs,
        "variables": {
            str(name): {
                "attributes": variable.attrs,
                "dtype": str(variable.dtype),
                "sha256": hashlib.sha256(variable.values.tobytes()).hexdigest(),
            }
            for name, variable in dataset.variables.items()
            if name != DATA
        },
        "data_attributes": dataset[DATA].attrs,
    }
