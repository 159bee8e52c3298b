"""How fast are regridding weights built and applied, and how far are the fields off?

From 768 x 1152 points, the grid of ClimateNet, to HEALPix and icosahedral samplings. First the
times to build weights, after compilation and the smallest of some runs, beside those of the Climate
Data Operators (``cdo gencon`` and ``genbil`` with one thread, a process each, reading and writing
included) if these are installed; how exact they are: the largest relative errors of the areas of
pixels and of cells as the weights have them, and of the integral of a rough field; and how fast
they are applied to 16 fields. Then relative root mean square errors of spherical harmonics of
degree l and order l/2: against the values at the pixels' centres / against the means over them.
The exit status is 1 if conservative weights to HEALPix 128 take 2 s or those to icosahedral 6 take
3 s, or an integral is off by more than 1e-10.

Run it with ``python benchmarks/regridding.py``; it takes two minutes, or half of one with
``--without-cdo``.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import sph_harm_y

from deepsphere.regridding.build import Method, build_weights
from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.regridding.weights import Weights
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.sampling import Sampling

GRID = LatitudeLongitude(np.linspace(-90, 90, 768), np.arange(1152) * 0.3125)
SAMPLINGS: tuple[Sampling, ...] = (
    Healpix(64),
    Healpix(128),
    Icosahedral(5),
    Icosahedral(6),
)
METHODS: tuple[Method, ...] = ("nearest", "bilinear", "conservative")
CDO = {"bilinear": "genbil", "conservative": "gencon"}
CDO_SAMPLINGS = ("healpix:128", "icosahedral:6")
LIMITS = {"healpix:128": 2.0, "icosahedral:6": 3.0}
LARGEST_ERROR = 1e-10
DEGREES = (4, 16, 64)
# Sub-pixels along a side of a pixel, for means over pixels.
FINE = 16
FIELDS = 16
RUNS = 3


def main() -> int:
    """Print the tables; return the exit status."""
    parser = argparse.ArgumentParser(description="How fast and exact is regridding?")
    parser.add_argument("--without-cdo", action="store_true", help="do not time CDO")
    with_cdo = not parser.parse_args().without_cdo and shutil.which("cdo") is not None
    missed = print_times(with_cdo)
    print()
    print_errors()
    return int(missed)


def print_times(with_cdo: bool) -> bool:
    """Print how long weights take and how exact they are; say whether a limit was missed."""
    rough = np.random.default_rng(0).lognormal(sigma=2, size=len(GRID))
    fields = np.random.default_rng(1).normal(size=(FIELDS, len(GRID))).astype(np.float32)
    missed = False
    print(
        f"{'target':14} {'method':13} {'weights':>9} {'build s':>8} {'CDO s':>7} {'pixels':>8} "
        f"{'cells':>8} {'integral':>9} {f'{FIELDS} fields ms':>13}"
    )
    for sampling in SAMPLINGS:
        for method in METHODS:
            weights = build_weights(GRID, sampling, method)
            seconds = best(lambda s=sampling, m=method: build_weights(GRID, s, m))
            applied = best(lambda w=weights: w.apply(fields))
            theirs = ""
            if with_cdo and sampling.name in CDO_SAMPLINGS and method in CDO:
                theirs = f"{cdo_seconds(CDO[method], sampling):.1f}"
            exactness = f"{'':8} {'':8} {'':9}"
            if method == "conservative":
                pixels, cells, integral = errors_of(weights, sampling, rough)
                exactness = f"{pixels:8.0e} {cells:8.0e} {integral:9.0e}"
                missed |= integral > LARGEST_ERROR or seconds > LIMITS.get(sampling.name, np.inf)
            line = f"{sampling.name:14} {method:13} {weights.matrix.nnz:9d} {seconds:8.2f}"
            print(f"{line} {theirs:>7} {exactness} {1e3 * applied:13.1f}", flush=True)
    return missed


def errors_of(
    weights: Weights, sampling: Sampling, rough: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Return the largest relative errors of pixels' sums and cells' areas, and of an integral."""
    areas = csr_array(weights.matrix * sampling.areas[:, np.newaxis])
    cells = np.abs(areas.sum(axis=0) / GRID.areas - 1).max()
    pixels = np.abs(areas.sum(axis=1) / sampling.areas - 1).max()
    integral = sampling.areas @ (weights.matrix @ rough) / (GRID.areas @ rough) - 1
    return float(pixels), float(cells), abs(float(integral))


def print_errors() -> None:
    """Print how far regridded harmonics are off."""
    print(f"{'target':14} {'method':13}" + "".join(f"{f'l = {degree}':>20}" for degree in DEGREES))
    waves = {degree: on_grid(degree) for degree in DEGREES}
    for sampling in SAMPLINGS:
        truths = {}
        for degree in DEGREES:
            centres = harmonic(sampling.positions, degree)
            truths[degree] = (centres, means(sampling, degree))
        for method in METHODS:
            weights = build_weights(GRID, sampling, method)
            cells = []
            for degree in DEGREES:
                regridded = weights.matrix @ waves[degree]
                cells.append(" / ".join(f"{error(regridded, t):.1e}" for t in truths[degree]))
            print(f"{sampling.name:14} {method:13}" + "".join(f"{cell:>20}" for cell in cells))


def on_grid(degree: int) -> NDArray[np.float64]:
    """Return a harmonic on the grid; the factor of latitude is the same for all columns."""
    column = harmonic(GRID.positions.reshape(*GRID.shape, 3)[:, 0], degree)
    return np.outer(column, np.cos(degree // 2 * np.radians(GRID.longitude))).ravel()


def means(sampling: Sampling, degree: int) -> NDArray[np.float64]:
    """Return the means of a harmonic over pixels, by those of a finer sampling."""
    if isinstance(sampling, Healpix):
        fine = harmonic(Healpix(sampling.nside * FINE // 2).positions, degree)
        return fine.reshape(len(sampling), -1).mean(axis=1)
    finer = LatitudeLongitude(np.linspace(-90, 90, 3001), np.arange(6000) * 0.06)
    column = harmonic(finer.positions.reshape(*finer.shape, 3)[:, 0], degree)
    wave = np.outer(column, np.cos(degree // 2 * np.radians(finer.longitude))).ravel()
    return build_weights(finer, sampling, "conservative").matrix @ wave


def harmonic(positions: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """Return the real part of a spherical harmonic of order degree / 2 at positions."""
    x, y, z = positions.T
    angles = np.arccos(np.clip(z, -1, 1)), np.arctan2(y, x)
    values: NDArray[np.float64] = sph_harm_y(degree, degree // 2, *angles).real
    return values


def error(values: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Return the relative root mean square error."""
    return float(np.sqrt(np.mean((values - truth) ** 2) / np.mean(truth**2)))


def best(task: Callable[[], Any]) -> float:
    """Return the smallest time of some runs, in seconds."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return min(times)


def cdo_seconds(operator: str, sampling: Sampling) -> float:
    """Return how long CDO takes to make its weights, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        write_source(path / "source.nc")
        write_target(path / "target.nc", sampling)
        command = ["cdo", "-s", "-P", "1", f"{operator},target.nc", "source.nc", "weights.nc"]
        start = time.perf_counter()
        subprocess.run(command, cwd=path, check=True)
        return time.perf_counter() - start


def write_source(path: Path) -> None:
    """Write a field on the grid, as CDO reads it."""
    coordinates = {
        "lat": ("lat", GRID.latitude, {"units": "degrees_north", "standard_name": "latitude"}),
        "lon": ("lon", GRID.longitude, {"units": "degrees_east", "standard_name": "longitude"}),
    }
    field = (("lat", "lon"), np.zeros(GRID.shape, np.float32))
    xr.Dataset({"field": field}, coordinates).to_netcdf(path, engine="scipy")


def write_target(path: Path, sampling: Sampling) -> None:
    """Write a sampling with the corners of its cells, as CDO reads it."""
    longitude, latitude = longitude_latitude(sampling.positions)
    corners = sampling.cells()
    if isinstance(sampling, Healpix):
        # The true corners, which are what CDO makes of HEALPix itself; the others lie on the sides.
        corners = corners[:, ::4]
    east, north = longitude_latitude(corners)
    east = longitude[:, np.newaxis] + np.mod(east - longitude[:, np.newaxis] + 180, 360) - 180
    attributes = {
        "lat": {"units": "degrees_north", "standard_name": "latitude", "bounds": "lat_bnds"},
        "lon": {"units": "degrees_east", "standard_name": "longitude", "bounds": "lon_bnds"},
    }
    xr.Dataset(
        {
            "field": ("cell", np.zeros(len(sampling), np.float32), {"coordinates": "lat lon"}),
            "lat": ("cell", latitude, attributes["lat"]),
            "lon": ("cell", longitude, attributes["lon"]),
            "lat_bnds": (("cell", "corner"), north),
            "lon_bnds": (("cell", "corner"), east),
        }
    ).to_netcdf(path, engine="scipy")


if __name__ == "__main__":
    sys.exit(main())
