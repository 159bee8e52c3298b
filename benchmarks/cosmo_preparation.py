"""How much memory and time the preparation of one map of the full sky takes.

Run ``python benchmarks/cosmo_preparation.py --nside 1024 --native 2048``. Each row is a process of
its own, as the peak of a process never goes down; it reads a map of random numbers, loose or in an
archive, averages and smooths it by 3 arcminutes, and writes it. The bytes of a pixel of the store
are what a preparation that is short of memory counts with.
"""

import argparse
import math
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

_FORMS = ("npy", "zip", "fits")
_NAME = "map"


def main() -> None:
    """Write maps in each form, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nside", type=int, default=1024, help="nside of the store")
    parser.add_argument("--native", type=int, default=2048, help="nside of the file")
    parser.add_argument("--dtype", default="float32", help="of the numbers in the file")
    parser.add_argument("--forms", nargs="+", default=list(_FORMS), choices=_FORMS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        _prepare(options.folder, options.one, options.nside)
        return
    print(f"nside {options.native} {options.dtype} to {options.nside}")
    print(f"{'file':>6} {'MB':>7} {'peak MB':>8} {'bytes a pixel':>14} {'seconds':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for form in options.forms:
            name = _write(Path(folder), form, options.native, options.dtype)
            arguments = ["--one", name, "--folder", folder, "--nside", str(options.nside)]
            subprocess.run([sys.executable, __file__, *arguments], check=True)
            Path(folder, name).unlink()


def _write(folder: Path, form: str, nside: int, dtype: str) -> str:
    """Write a map of random numbers; return the name of its file."""
    values = np.random.default_rng(0).standard_normal(12 * nside**2).astype(dtype)
    path = folder / f"{_NAME}.{form}"
    if form == "fits":
        import healpy

        healpy.write_map(path, values, dtype=dtype)
        return path.name
    array = folder / f"{_NAME}.npy"
    np.save(array, values)
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(array, array.name)
        array.unlink()
    return path.name


def _prepare(folder: Path, name: str, nside: int) -> None:
    """Prepare the map of a file and print what that took."""
    import healpy

    from deepsphere.sources.cosmo.entries import Entry
    from deepsphere.sources.cosmo.preparation import Recipe, prepare_map
    from deepsphere.sources.cosmo.reader import LOOSE

    imported = _peak()
    prepared = folder / "prepared"
    prepared.mkdir(exist_ok=True)
    recipe = Recipe(folder, prepared, nside, math.radians(3 / 60), (0,), None)
    places = (name, f"{_NAME}.npy") if name.endswith(".zip") else (LOOSE, name)
    start = time.perf_counter()
    prepare_map(recipe, 0, Entry(*places, "a", (), None, None))
    seconds = time.perf_counter() - start
    size = (folder / name).stat().st_size / 1e6
    each = (_peak() - imported) / (12 * nside**2)
    print(
        f"{Path(name).suffix:>6} {size:7.0f} {_peak() / 1e6:8.0f} {each:14.0f} {seconds:8.1f}"
        f"  healpy {healpy.__version__}"
    )


def _peak() -> int:
    """Return the largest memory that this process had so far, in bytes."""
    # That of getrusage counts what the process that started this one had.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main()
