"""Making shards in many processes, each mesh in a child, those of huge meshes first.

Three processes have to do with a mesh: the caller hands out shards; a worker of Dask makes one
shard; its child reads and projects one mesh after the other, and may be lost
(:mod:`deepsphere.sources.meshes.isolation`). A mesh that cannot be projected leaves NaN and its
reason in the shard.
"""

import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.sources.meshes.entries import Entry
from deepsphere.sources.meshes.isolation import Failed, Isolated, Limits
from deepsphere.sources.meshes.moments import Moments, join
from deepsphere.sources.meshes.progress import Progress
from deepsphere.sources.meshes.quarantine import Broken, refuse_many
from deepsphere.sources.meshes.shards import (
    Shard,
    check_space,
    find_record,
    write_record,
    write_samples,
)
from deepsphere.workers import Workers

_LOG = logging.getLogger(__name__)
_RETRIES = 2
_MESH_BYTES = 200_000
"""A mesh takes as long as it has bytes, and as these more, however small it is."""

_KEPT = threading.local()


@dataclass(frozen=True)
class Job:
    """What is the same for all shards; it can travel to other processes.

    Attributes
    ----------
    folder : Path
        Folder of the shards.
    make : callable
        Returns the samples of a mesh, float32 of shape (copies, pixels, channels), in a child.
    copies : mapping of str to int
        Number of copies of each set, in order.
    pixels, channels : int
        Shape of a sample.
    limits : Limits
        What a mesh may use.
    precision : {"float32", "float16"}
        Of the samples on disk.
    """

    folder: Path
    make: Callable[[Entry], NDArray[np.float32]]
    copies: Mapping[str, int]
    pixels: int
    channels: int
    limits: Limits
    precision: str = "float32"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the samples of one mesh: (copies, pixels, channels)."""
        return sum(self.copies.values()), self.pixels, self.channels

    @property
    def object_bytes(self) -> int:
        """Bytes on disk of the samples of one mesh."""
        return math.prod(self.shape) * np.dtype(self.precision).itemsize


def make_shards(
    job: Job,
    shards: Sequence[Shard],
    entries: Sequence[Entry],
    workers: Workers,
    quarantine: float,
) -> list[dict[str, Any]]:
    """Make the shards that are not there yet, or have broken meshes and were made by other limits.

    Parameters
    ----------
    job : Job
    shards : sequence of Shard
        They cover the entries.
    entries : sequence of Entry
        The meshes.
    workers : Workers
        One process for each.
    quarantine : float
        Largest share of broken meshes.

    Returns
    -------
    list of dict
        The record of each shard, in their order: ``broken``, pairs of object and reason,
        ``moments``, those of the good meshes by split and set of copies, and ``limits``.

    Raises
    ------
    DeepsphereError
        If the disk is too small, or as soon as too many meshes are broken; shards that are finished
        by then are kept.
    """
    records = {
        shard.number: record
        for shard in shards
        if (record := find_record(job.folder, shard)) and _stands(record, job.limits)
    }
    waiting = [shard for shard in shards if shard.number not in records]
    costs = {shard: _cost(entries[shard.start : shard.stop]) for shard in waiting}
    # A huge mesh is alone in its shard and begins early. The rest are read as archives hold them:
    # a compressed tar can be read in this order only.
    waiting.sort(key=lambda shard: -costs[shard] if len(shard) == 1 else 0)
    broken = [_broken(pair, entries) for record in records.values() for pair in record["broken"]]
    refuse_many(broken, len(entries), quarantine)
    if waiting:
        left = sum(map(len, waiting))
        check_space(job.folder, len(entries) * job.object_bytes, left * job.object_bytes)
        progress = Progress("meshes", len(entries) - left, len(entries), sum(costs.values()))
        with workers.processes(job.folder) as client:
            for shard, record in _run(client, job, waiting, entries):
                records[shard.number] = record
                found = [_broken(pair, entries) for pair in record["broken"]]
                for mesh in found:
                    _LOG.info("mesh %s is set aside: %s", mesh.id, mesh.reason)
                broken += found
                refuse_many(broken, len(entries), quarantine)
                progress.advance(len(shard), costs[shard])
    return [records[shard.number] for shard in shards]


def make_shard(job: Job, shard: Shard, entries: Sequence[Entry]) -> dict[str, Any]:
    """Make a shard and return its record, in the process of a worker.

    Parameters
    ----------
    job : Job
    shard : Shard
    entries : sequence of Entry
        The meshes of this shard.
    """
    broken: list[tuple[int, str]] = []
    moments: dict[str, dict[str, list[Moments]]] = {}

    def parts() -> Iterator[NDArray[np.float32]]:
        for number, entry in enumerate(entries, start=shard.start):
            try:
                samples: NDArray[np.float32] = _child(job.limits).call(job.make, entry)
            except Failed as error:
                broken.append((number, str(error).removeprefix(f"{entry.member}: ")))
                yield np.full(job.shape, np.nan, np.float32)
                continue
            if samples.shape != job.shape:
                raise ValueError(f"samples must have shape {job.shape}; found {samples.shape}")
            of_split = moments.setdefault(entry.split, {})
            starts = pairwise(accumulate(job.copies.values(), initial=0))
            for name, (start, stop) in zip(job.copies, starts, strict=True):
                of_split.setdefault(name, []).append(Moments.of(samples[start:stop]))
            yield samples

    write_samples(job.folder, shard, parts(), job.precision)
    record = {
        "broken": broken,
        "moments": {
            split: {name: join(each).to_json() for name, each in of_split.items()}
            for split, of_split in moments.items()
        },
        "limits": asdict(job.limits),
    }
    write_record(job.folder, shard, record)
    return record


def _run(
    client: Any, job: Job, shards: Sequence[Shard], entries: Sequence[Entry]
) -> Iterator[tuple[Shard, dict[str, Any]]]:
    """Yield shards with their records as they are made; they are begun in the order given."""
    from distributed import as_completed

    futures = {
        client.submit(
            make_shard,
            job,
            shard,
            entries[shard.start : shard.stop],
            priority=-rank,
            retries=_RETRIES,
            pure=False,
        ): shard
        for rank, shard in enumerate(shards)
    }
    try:
        for future in as_completed(list(futures)):
            yield futures[future], future.result()
    finally:
        # Of a cluster that goes on without us.
        client.cancel(list(futures))


def _child(limits: Limits) -> Isolated:
    """Return the child of this thread, which is kept from shard to shard."""
    child: Isolated | None = getattr(_KEPT, "child", None)
    if child is None or child.limits != limits:
        if child is not None:
            child.close()
        child = _KEPT.child = Isolated(limits)
    return child


def _stands(record: Mapping[str, Any], limits: Limits) -> bool:
    """Return whether a shard need not be made again: other limits may mend its broken meshes."""
    return not record["broken"] or bool(record["limits"] == asdict(limits))


def _cost(entries: Sequence[Entry]) -> int:
    return sum(entry.size + _MESH_BYTES for entry in entries)


def _broken(pair: Sequence[Any], entries: Sequence[Entry]) -> Broken:
    number, reason = pair
    return Broken(entries[number].id, reason)
