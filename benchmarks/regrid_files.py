"""How fast are compressed NetCDF files regridded, beside merely reading and decompressing them?

Writes a NetCDF 4 file of 768 x 1152 points, compressed as files usually are (shuffle and zlib, a
chunk for each map), then in turns: reads and decompresses it, with h5py and with the reader of this
package, in as many threads; and regrids it to finished zarr groups on HEALPix 64 and 128 and
icosahedral 5. Rates are those of the uncompressed fields, the best of some turns; the time of the
processor says the same where others use the machine. The exit status is 1 if regridding to one of
them goes at less than 80 % of the rate at which h5py reads, as anyone would read the file.

Run it with ``python benchmarks/regrid_files.py``; it takes two minutes.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5netcdf
import h5py
import numpy as np

from deepsphere.conversion.command import regrid_files
from deepsphere.conversion.slabs import read_part

ROWS, COLUMNS, TURNS = 768, 1152, 3
SAMPLINGS = ("healpix:64", "healpix:128", "icosahedral:5")
SMALLEST_SHARE = 0.8


def main() -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description="How fast are files regridded?")
    parser.add_argument("--maps", type=int, default=128, help="maps in the file")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = write_source(folder / "fields.nc", options.maps)
        megabytes = options.maps * ROWS * COLUMNS * 4 / 1e6
        print(
            f"{options.maps} maps of {ROWS} x {COLUMNS}: {megabytes:.0f} MB, "
            f"{source.stat().st_size / 1e6:.0f} MB compressed; {options.threads} threads"
        )
        works: dict[str, Callable[[], object]] = {
            "read by h5py": lambda: read(source, options.threads, lambda data, key: data[key]),
            "read by this package": lambda: read(source, options.threads, read_part),
        }
        for sampling in SAMPLINGS:
            works[f"regrid to {sampling}"] = lambda s=sampling: regrid_files(
                [source], folder / f"{time.monotonic_ns()}.zarr", s, threads=options.threads
            )
        times: dict[str, list[tuple[float, float]]] = {what: [] for what in works}
        # The first turn compiles, and builds the weights.
        for turn in range(TURNS + 1):
            for what, work in works.items():
                start = time.perf_counter(), time.process_time()
                work()
                if turn:
                    ends = time.perf_counter() - start[0], time.process_time() - start[1]
                    times[what].append(ends)
    rates = {what: megabytes / min(wall for wall, _ in its) for what, its in times.items()}
    by_h5py, by_package = list(rates.values())[:2]
    print(f"{'':28} {'MB/s':>7} {'of h5py':>8} {'of ours':>8} {'CPU ms a map':>13}")
    for what, rate in rates.items():
        busy = 1e3 * min(cpu for _, cpu in times[what]) / options.maps
        shares = f"{rate / by_h5py:8.0%} {rate / by_package:8.0%}"
        print(f"{what:28} {rate:7.0f} {shares} {busy:13.1f}")
    slowest = min(rates[f"regrid to {sampling}"] for sampling in SAMPLINGS)
    return int(slowest < SMALLEST_SHARE * by_h5py)


def write_source(path: Path, maps: int) -> Path:
    """Write smooth fields with noise in their last digits, which compress by a half."""
    generator = np.random.default_rng(0)
    latitude = np.linspace(-90, 90, ROWS)
    longitude = np.arange(COLUMNS) * (360 / COLUMNS)
    wave = np.outer(np.cos(np.radians(latitude)), np.sin(np.radians(3 * longitude)))
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"time": maps, "lat": ROWS, "lon": COLUMNS}
        for axis, values, units in (
            ("time", np.arange(maps), "hours since 2000-01-01"),
            ("lat", latitude, "degrees_north"),
            ("lon", longitude, "degrees_east"),
        ):
            variable = file.create_variable(axis, (axis,), data=values)
            variable.attrs["units"] = units
        field = file.create_variable(
            "t",
            ("time", "lat", "lon"),
            np.float32,
            chunks=(1, ROWS, COLUMNS),
            compression="gzip",
            compression_opts=4,
            shuffle=True,
        )
        for number in range(maps):
            noise = generator.normal(size=(ROWS, COLUMNS))
            field[number] = np.round(280 + 20 * wave + noise, 2)
    return path


def read(path: Path, threads: int, part: Callable[..., np.ndarray]) -> None:
    """Read a file map by map, in threads."""
    with h5py.File(path, "r") as file, ThreadPoolExecutor(threads) as pool:
        data = file["t"]
        whole = (slice(0, ROWS), slice(0, COLUMNS))
        for _ in pool.map(lambda n: part(data, (slice(n, n + 1), *whole)).shape, range(len(data))):
            pass


if __name__ == "__main__":
    sys.exit(main())
