"""The samples of some meshes on disk: what one task leaves, and what a later run finds again.

A shard is a run of neighbouring objects. Its samples are one raw file of numbers of the precision
that the store has; beside it a JSON file, written last, says what became of each mesh and holds the
sums that statistics are made of. A shard without this JSON file does not exist: a killed run goes
on with the shards that do.

Shards hold some tens of meshes, fewer where copies or files are large, so that one whose meshes
are huge takes no longer than others and the run can be cut into equal parts.
"""

import logging
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.files import read_json, write_json

_LOG = logging.getLogger(__name__)

_MOST_OBJECTS = 32
_MOST_SAMPLE_BYTES = 64 << 20
_MOST_FILE_BYTES = 16 << 20


@dataclass(frozen=True)
class Shard:
    """Which objects are in a shard.

    Attributes
    ----------
    number : int
        Number of the shard, in the order of the objects.
    start, stop : int
        First object, and the one behind the last.
    """

    number: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


def cut_shards(sizes: Sequence[int], object_bytes: int) -> list[Shard]:
    """Cut objects into shards, in order.

    Parameters
    ----------
    sizes : sequence of int
        Bytes of the file of each object.
    object_bytes : int
        Bytes of the samples of one object, all its copies together.

    Returns
    -------
    list of Shard
        They cover every object once. Each has one object, or at most 32, 64 MiB of samples and
        16 MiB of files.
    """
    most = max(1, min(_MOST_OBJECTS, _MOST_SAMPLE_BYTES // object_bytes))
    starts = []
    count = total = 0
    for number, size in enumerate(sizes):
        if not count or count == most or total + size > _MOST_FILE_BYTES:
            starts.append(number)
            count = total = 0
        count, total = count + 1, total + size
    stops = [*starts[1:], len(sizes)]
    return [
        Shard(number, start, stop)
        for number, (start, stop) in enumerate(zip(starts, stops, strict=True))
    ]


def check_space(folder: Path, total: int, left: int) -> None:
    """Tell the log how much space samples take, and refuse to begin if there is not enough.

    Parameters
    ----------
    folder : Path
        Folder of all shards; made if it is missing.
    total, left : int
        Bytes of all samples, and of those that are not there yet.

    Raises
    ------
    DeepsphereError
        If the disk has less space than is needed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    _LOG.info(
        "meshes: the signals take %.3g GB, %.3g GB of them still to be written; %.3g GB are free",
        total / 1e9,
        left / 1e9,
        free / 1e9,
    )
    if free < left:
        raise DeepsphereError(
            f"store: {left / 1e9:.3g} GB of signals are still to be written, but the disk of "
            f"{folder} has {free / 1e9:.3g} GB free; make room for {(left - free) / 1e9:.3g} GB "
            "more, or take fewer copies, fewer channels or `precision: float16`"
        )


def write_samples(
    folder: Path,
    shard: Shard,
    parts: Iterable[NDArray[np.float32]],
    precision: str = "float32",
) -> None:
    """Write the samples of a shard, which does not exist then until its record is written.

    Parameters
    ----------
    folder : Path
        Folder of all shards.
    shard : Shard
        Which one.
    parts : iterable of ndarray
        Samples of each object, shape (copies, pixels, channels); each is looked at once, so it can
        be made when its turn comes.
    precision : {"float32", "float16"}
        Of the numbers in the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = _samples(folder, shard.number)
    dtype = _dtype(precision)
    # Where Dask has lost sight of a worker, another one may write the same shard.
    scratch = path.with_suffix(f".{os.getpid()}.scratch")
    try:
        with scratch.open("wb") as stream:
            for part in parts:
                stream.write(np.ascontiguousarray(part, dtype).data)
            stream.flush()
            os.fsync(stream.fileno())
        # The record of samples that are made again is not that of the new ones.
        _record(folder, shard.number).unlink(missing_ok=True)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def write_record(folder: Path, shard: Shard, record: dict[str, Any]) -> None:
    """Write, after its samples, the record of a shard, plain data: then the shard exists."""
    write_json(_record(folder, shard.number), record)


def find_record(folder: Path, shard: Shard) -> dict[str, Any] | None:
    """Return the record of a shard that an earlier run finished, else None."""
    path = _record(folder, shard.number)
    return read_json(path, "record of a shard") if path.exists() else None


def read_samples(
    folder: Path, number: int, shape: tuple[int, int, int], precision: str = "float32"
) -> NDArray[np.floating[Any]]:
    """Return all samples of the shard of a number, shape (samples, pixels, channels).

    Their precision must be the one that they were written with.
    """
    return np.fromfile(_samples(folder, number), _dtype(precision)).reshape(shape)


def _dtype(precision: str) -> np.dtype[Any]:
    """Return a type of numbers with the same order of bytes on all machines."""
    return np.dtype(precision).newbyteorder("<")


def _samples(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.samples"


def _record(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.json"
