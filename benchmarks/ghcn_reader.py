"""Speed and memory of the GHCN-Daily reader on yearly files as large as NOAA's.

    python benchmarks/ghcn_reader.py --rows 25000000 --years 2

writes yearly files of that many rows altogether to a temporary folder, reads them with
``read_cube`` in a fresh process, and prints rows a second and the peak of the resident memory,
which is that of the reader alone.
"""

import argparse
import gzip
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from deepsphere.sources.ghcn.reader import read_cube

LISTED = 118_000
REPORTING = 40_000
FIRST_YEAR = 2001
DAYS = 365
FLAGGED = 0.003
# The elements of a real recent year, by their share of its rows.
SHARES = {"PRCP": 0.36, "SNOW": 0.17, "TMAX": 0.14, "TMIN": 0.14, "SNWD": 0.09, "TAVG": 0.06}
SHARES["AWND"] = 1 - sum(SHARES.values())


def write_station_list(path: Path) -> np.ndarray:
    """Write a station list of NOAA's length; return the ids that will report, sorted."""
    ids = [f"US1BM{number:06d}" for number in range(LISTED)]
    lines = [f"{name}  45.0000  -75.0000  100.0 XX BENCHMARK{'':40s}\n" for name in ids]
    path.write_text("".join(lines), encoding="ascii")
    chosen = np.random.default_rng(0).choice(LISTED, REPORTING, replace=False)
    return np.array(ids)[np.sort(chosen)]


def write_year(path: Path, ids: np.ndarray, rows: int, seed: int) -> None:
    """Write a yearly file sorted by day and station, as NOAA's are."""
    generator = np.random.default_rng(seed)
    names = pa.array(list(SHARES))
    per_day = rows // DAYS
    stations, flags = pa.array(ids), pa.array(["", "I"])
    options = pacsv.WriteOptions(include_header=False, quoting_style="none")
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for day in np.arange(f"{path.name[:4]}-01-01", f"{path.name[:4]}-12-31", dtype="M8[D]"):
            text = str(day).replace("-", "")
            blank = pa.repeat("", per_day)
            columns = {
                "id": stations.take(pa.array(np.sort(generator.integers(0, len(ids), per_day)))),
                "date": pa.repeat(text, per_day),
                "element": names.take(
                    pa.array(generator.choice(len(SHARES), per_day, p=list(SHARES.values())))
                ),
                "value": pa.array(generator.integers(-400, 400, per_day)),
                "m": blank,
                "q": flags.take(pa.array((generator.random(per_day) < FLAGGED).astype(np.int8))),
                "s": pa.repeat("N", per_day),
                "time": blank,
            }
            pacsv.write_csv(pa.table(columns), stream, options)


def write_raw(raw: Path, rows: int, years: int) -> None:
    """Write the station list and the yearly files."""
    (raw / "by_year").mkdir(parents=True)
    ids = write_station_list(raw / "ghcnd-stations.txt")
    for age in range(years):
        path = raw / "by_year" / f"{FIRST_YEAR + age}.csv.gz"
        write_year(path, ids, rows // years, age)


def read(raw: Path, scratch: Path, years: int, workers: int) -> None:
    """Read everything, and print how long it took and how much memory."""
    start = time.perf_counter()
    last = FIRST_YEAR + years - 1
    cube = read_cube(raw, "by-year", (FIRST_YEAR, last), ("PRCP", "TMIN", "TMAX"), scratch, workers)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = cube.report["rows"]
    print(f"{rows} rows in {seconds:.1f} s with {workers} workers: {rows / seconds:.3g} rows/s")
    print(f"array {cube.values.shape}, {cube.values.nbytes / 2**20:.0f} MiB on disk")
    print(f"peak resident memory {peak:.0f} MiB")


def main() -> None:
    """Write in one process and read in another, so that the peak is the reader's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of all years together")
    parser.add_argument("--years", type=int, default=1, help="number of yearly files")
    parser.add_argument("--workers", type=int, default=2, help="threads")
    options = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = folder / "raw"
        for target, arguments in (
            (write_raw, (raw, options.rows, options.years)),
            (read, (raw, folder / "scratch", options.years, options.workers)),
        ):
            process = spawn.Process(target=target, args=arguments)
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(process.exitcode)


if __name__ == "__main__":
    main()
