"""How fast does a loader give shuffled batches, beside bare reads of the same bytes?

A store of 64-sample chunks (400 MB by default) is written once. A round reads one epoch of it in
random order, 32 samples a batch, each sample whole: with one ``pread`` a sample from files that are
open already, into memory that has been used before; then through the loader, whose batches may be
kept. All files are read once right before, so their pages are warm, and the order of the ways
changes from round to round. A ratio is the time of the bare reads over that of the loader in the
same round: 1 would be as fast. The consumer takes the batches and does nothing, so reading ahead
hides nothing; it shows what the threads cost.

The bare reads fill three buffers in turn, as many batches as exist when one is in use, one is ready
and one is being read. Filling a single buffer again and again leaves more of it in the processor's
caches, which nothing that reads ahead can do; it stands beside them.

Two processes of PyTorch's ``DataLoader``, forked and kept from epoch to epoch, read the same
batches beside them: what a process reads comes to the model through shared memory, at a price.

The exit status is 1 if the median ratio of the loader with its threads is below 0.80.

Run it with ``python benchmarks/loader.py``.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from deepsphere.stores.reader import Store, open_store
from deepsphere.stores.writer import write_store
from deepsphere.tasks.samples import Batch
from deepsphere.training.loader import Loader

CELLS = 12288
CHANNELS = 6
CHUNK_SAMPLES = 64
BATCH = 32
BUFFERS = 3
SAMPLE_BYTES = CELLS * CHANNELS * 4
LEAST_RATIO = 0.80
BARE = "pread"


@dataclass(frozen=True)
class StoredMaps:
    """The samples of a store as they are, with a target of no interest."""

    store: Store

    def batch(self, samples: NDArray[np.int64]) -> Batch:
        """Read samples."""
        target = np.zeros(len(samples), np.float32)
        return Batch(self.store.read(samples), target, np.ones(len(samples), np.bool_))

    def __getitems__(self, samples: NDArray[np.int64]) -> Tensor:
        """Read samples for a ``DataLoader``."""
        return torch.from_numpy(self.store.read(samples))


def make_store(folder: Path, samples: int) -> Store:
    """Write random samples as a store."""
    path = folder / "samples.npy"
    values = np.lib.format.open_memmap(path, "w+", np.float32, (samples, CELLS, CHANNELS))
    random = np.random.default_rng(0)
    for number in range(samples):
        values[number] = random.standard_normal((CELLS, CHANNELS), dtype=np.float32)
    dataset = xr.Dataset(
        {"data": (("sample", "cell", "channel"), values)},
        coords={name: ("cell", np.zeros(CELLS)) for name in ("longitude", "latitude")},
        attrs={"channels": [f"channel {number}" for number in range(CHANNELS)]},
    )
    content = write_store(
        dataset, folder / "store", fingerprint={}, chunk_bytes=CHUNK_SAMPLES * SAMPLE_BYTES
    )
    path.unlink()
    return open_store(folder / "store", content["digest"])


def bare_reads(
    descriptors: list[int], order: NDArray[np.int64], buffers: NDArray[np.float32]
) -> Iterator[NDArray[np.float32]]:
    """Read each batch into the next of some buffers in turn, by one system call a sample."""
    views = [[row.reshape(-1).view(np.uint8).data for row in buffer] for buffer in buffers]
    for batch, start in enumerate(range(0, len(order), BATCH)):
        turn = batch % len(buffers)
        for view, number in zip(views[turn], order[start : start + BATCH].tolist(), strict=False):
            chunk, row = divmod(number, CHUNK_SAMPLES)
            if os.preadv(descriptors[chunk], [view], row * SAMPLE_BYTES) != SAMPLE_BYTES:
                raise RuntimeError(f"sample {number} was read in part")
        yield buffers[turn, : len(order) - start]


def measure(store: Store, rounds: int) -> dict[str, NDArray[np.float64]]:
    """Return the seconds of every round for each way."""
    numbers = np.arange(len(store))
    buffers = np.zeros((BUFFERS, BATCH, *store.shape[1:]), dtype=np.float32)
    maps: Any = StoredMaps(store)
    loaders = {
        "loader, threads": Loader(maps, numbers, BATCH, seed=1, prefetch=BUFFERS - 1),
        "loader, no threads": Loader(maps, numbers, BATCH, seed=1, prefetch=0),
    }
    folder = store.folder / "data.zarr/data/c"
    with ExitStack() as files:
        chunks = range(-(-len(store) // CHUNK_SAMPLES))
        descriptors = [
            files.enter_context((folder / f"{chunk}/0/0").open("rb")).fileno() for chunk in chunks
        ]

        def bare(count: int, epoch: int) -> Iterator[NDArray[np.float32]]:
            order = np.random.default_rng((1, epoch)).permutation(numbers)
            return bare_reads(descriptors, order, buffers[:count])

        ways: dict[str, Callable[[int], Iterator[Any]]] = {
            BARE: partial(bare, BUFFERS),
            "pread, one buffer": partial(bare, 1),
        }
        ways |= {name: loader.epoch for name, loader in loaders.items()}
        ways["two processes"] = process_reads(maps, numbers)
        for loader in loaders.values():
            for batch, expected in zip(loader.epoch(0), bare(BUFFERS, 0), strict=True):
                if not np.array_equal(batch.inputs.numpy(), expected):
                    raise RuntimeError("the loader read something else")
        return timed_rounds(ways, rounds)


def process_reads(maps: Any, numbers: NDArray[np.int64]) -> Callable[[int], Iterator[Tensor]]:
    """Return what reads an epoch by two processes."""
    batches: list[Any] = []
    processes: DataLoader[Tensor] = DataLoader(
        maps,
        batch_sampler=batches,
        num_workers=2,
        collate_fn=lambda batch: batch,
        multiprocessing_context="fork",
        persistent_workers=True,
    )

    def epoch(number: int) -> Iterator[Tensor]:
        order = np.random.default_rng((1, number)).permutation(numbers)
        batches[:] = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        return iter(processes)

    return epoch


def timed_rounds(
    ways: dict[str, Callable[[int], Iterator[Any]]], rounds: int
) -> dict[str, NDArray[np.float64]]:
    """Return the seconds of every round for each way to read an epoch."""
    random = np.random.default_rng(2)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for epoch in range(rounds):
        for _ in ways[BARE](epoch):
            pass
        for name in random.permutation(list(ways)):
            start = time.perf_counter()
            for _ in ways[name](epoch):
                pass
            seconds[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in seconds.items()}


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=400, help="size of the store")
    parser.add_argument("--rounds", type=int, default=11, help="epochs to read")
    arguments = parser.parse_args()
    samples = max(BATCH, arguments.megabytes * 1_000_000 // SAMPLE_BYTES)
    with tempfile.TemporaryDirectory() as name:
        found = measure(make_store(Path(name), samples), arguments.rounds)
    print(f"{samples} samples of {SAMPLE_BYTES} bytes, batches of {BATCH}")
    print(f"{'way':20}{'GB/s (median)':>14}{'pread / way (median, quartiles)':>34}")
    for name, seconds in found.items():
        speed = samples * SAMPLE_BYTES / np.median(seconds) / 1e9
        low, middle, high = np.quantile(found[BARE] / seconds, [0.25, 0.5, 0.75])
        print(f"{name:20}{speed:14.2f}{middle:20.2f} ({low:.2f} to {high:.2f})")
    ratio = np.median(found[BARE] / found["loader, threads"])
    return int(ratio < LEAST_RATIO)


if __name__ == "__main__":
    sys.exit(main())
