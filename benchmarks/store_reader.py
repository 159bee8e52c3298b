"""How fast does a store give random batches, beside zarr's own reads and a memory map?

A store of 64-sample chunks (300 MB by default) is written once, and the same numbers once more as
one ``.npy`` file. Each round draws one batch of 32 samples and reads it with every reader, in a
random order and twice; the second time, when its pages are warm, counts. A ratio is the reader's
time over that of the store in the same round: above 1, the store is faster. zarr cannot read less
than a chunk, of which a random batch wants one or two samples; that is most of its ratio.

Run it with ``python benchmarks/store_reader.py``.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray

from deepsphere.stores.reader import Store, open_store
from deepsphere.stores.writer import write_store

CELLS = 12288
CHANNELS = 6
CHUNK_SAMPLES = 64
BATCH = 32
SAMPLE_BYTES = CELLS * CHANNELS * 4

Reader = Callable[[NDArray[np.int64], NDArray[np.float32]], object]


def make_store(folder: Path, samples: int) -> Store:
    """Write random samples as a store, and as ``samples.npy`` beside it."""
    path = folder / "samples.npy"
    values = np.lib.format.open_memmap(path, "w+", np.float32, (samples, CELLS, CHANNELS))
    random = np.random.default_rng(0)
    for number in range(samples):
        values[number] = random.standard_normal((CELLS, CHANNELS), dtype=np.float32)
    values.flush()
    dataset = xr.Dataset(
        {"data": (("sample", "cell", "channel"), values)},
        coords={name: ("cell", np.zeros(CELLS)) for name in ("longitude", "latitude")},
        attrs={"channels": [f"channel {number}" for number in range(CHANNELS)]},
    )
    content = write_store(
        dataset, folder / "store", fingerprint={}, chunk_bytes=CHUNK_SAMPLES * SAMPLE_BYTES
    )
    return open_store(folder / "store", content["digest"])


def readers(store: Store, folder: Path) -> dict[str, Reader]:
    """Return the readers by name; each fills an array with the samples of some numbers."""
    array = zarr.open_array(store.folder / "data.zarr/data", mode="r")
    memory_map = np.load(folder / "samples.npy", mmap_mode="r")

    def zarr_loop(numbers: NDArray[np.int64], out: NDArray[np.float32]) -> None:
        for place, number in enumerate(numbers):
            out[place] = array[int(number)]

    def zarr_oindex(numbers: NDArray[np.int64], out: NDArray[np.float32]) -> None:
        out[:] = array.oindex[numbers]

    def memmap(numbers: NDArray[np.int64], out: NDArray[np.float32]) -> None:
        # With the default mode numpy would go through a buffer of the batch's size.
        np.take(memory_map, numbers, axis=0, out=out, mode="clip")

    return {
        "store": store.read,
        "numpy memmap": memmap,
        "zarr, sample by sample": zarr_loop,
        "zarr oindex": zarr_oindex,
    }


def measure(store: Store, folder: Path, rounds: int) -> dict[str, NDArray[np.float64]]:
    """Return the seconds of every round for each reader."""
    random = np.random.default_rng(1)
    candidates = readers(store, folder)
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    out = np.zeros((BATCH, *store.shape[1:]), dtype=np.float32)
    for _ in range(rounds):
        numbers = random.choice(len(store), BATCH, replace=False)
        expected = store.read(numbers)
        for name in random.permutation(list(candidates)):
            candidates[name](numbers, out)
            if not np.array_equal(out, expected):
                raise RuntimeError(f"{name} read something else")
            start = time.perf_counter()
            candidates[name](numbers, out)
            seconds[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in seconds.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=300, help="size of the store")
    parser.add_argument("--rounds", type=int, default=20, help="batches to read")
    arguments = parser.parse_args()
    samples = max(BATCH, arguments.megabytes * 1_000_000 // SAMPLE_BYTES)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        store = make_store(folder, samples)
        found = measure(store, folder, arguments.rounds)
    print(f"{samples} samples of {SAMPLE_BYTES} bytes, batches of {BATCH}")
    print(f"{'reader':24}{'GB/s (median)':>14}{'time / store (median, quartiles)':>36}")
    for name, seconds in found.items():
        speed = BATCH * SAMPLE_BYTES / np.median(seconds) / 1e9
        low, middle, high = np.quantile(seconds / found["store"], [0.25, 0.5, 0.75])
        print(f"{name:24}{speed:14.2f}{middle:20.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
