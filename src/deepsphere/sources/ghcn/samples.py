"""From the raw records to the samples of a store: daily maps at the stations that are selected."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.elements import find_elements
from deepsphere.sources.ghcn.reader import Cube, read_cube
from deepsphere.sources.ghcn.records import MISSING
from deepsphere.sources.ghcn.settings import Store
from deepsphere.workers import Workers

_BLOCK_STATIONS = 1024
_CHUNK_DAYS = 512


def open_samples(
    raw: Path,
    listed: Collection[str],
    source: dict[str, Any],
    store: dict[str, Any],
    scratch: Path,
    workers: Workers,
) -> tuple[xr.Dataset, Callable[[], dict[str, Any]]]:
    """Read the raw records, select stations, and return their daily maps.

    Parameters
    ----------
    raw : Path
        Folder of the raw files.
    listed : collection of str
        Names of the files that were fetched, below ``raw``.
    source : dict
        ``records`` and ``years`` of the source.
    store : dict
        Settings of the store; see :class:`deepsphere.sources.ghcn.settings.Store`.
    scratch : Path
        Folder for intermediate files, which the data are read from until they are written.
    workers : Workers
        Where the records are read.

    Returns
    -------
    dataset : xarray.Dataset
        ``data`` (sample, cell, channel), float32, in the elements' units, NaN where there is no
        value; coordinates ``time`` (sample), ``split`` (sample, the number of the split),
        ``longitude``, ``latitude`` (cell, degrees) and ``elevation`` (cell, m).
    report : callable
        Without arguments; returns what was read, dropped and selected, for the manifest. It is
        called when the dataset is written.

    Raises
    ------
    DeepsphereError
        If a file is bad, or if no station, or only one, is complete enough.
    """
    settings = Store.model_validate(store)
    _refuse_unlisted(raw, source["records"], listed)
    cube = read_cube(
        raw, source["records"], tuple(source["years"]), settings.elements, scratch, workers.count
    )
    split = settings.split.ranges(len(cube.days))
    counted = split["train"] if settings.stations.period == "train" else range(len(cube.days))
    shares = presence(cube.values, counted)
    selected = np.flatnonzero(shares.min(axis=1) >= settings.stations.share)
    if len(selected) < 2:
        best = np.sort(shares.min(axis=1))[::-1][:2]
        raise DeepsphereError(
            f"store: {len(selected)} of {len(shares)} stations in {raw} have "
            f"{', '.join(settings.elements)} on at least {settings.stations.share:.2%} of "
            f"{len(counted)} days, and a graph needs 2; the best have "
            f"{' and '.join(f'{share:.2%}' for share in best)}: lower stations.share"
        )
    stations = cube.stations.iloc[selected]
    known = find_elements(settings.elements)
    dataset = xr.Dataset(
        {"data": (("sample", "cell", "channel"), _maps(cube, selected))},
        coords={
            "time": ("sample", cube.days.astype("datetime64[ns]")),
            "split": ("sample", _split_numbers(split, len(cube.days))),
            "longitude": ("cell", stations["longitude"].to_numpy(np.float64)),
            "latitude": ("cell", stations["latitude"].to_numpy(np.float64)),
            "elevation": ("cell", stations["elevation"].to_numpy(np.float64)),
        },
        attrs={
            "title": "Daily records of weather stations",
            "source": "GHCN-Daily, NOAA National Centers for Environmental Information",
            "channels": [element.name for element in known],
            "units": [element.unit for element in known],
            "station_ids": stations["id"].tolist(),
            "split_shares": settings.split.model_dump(mode="json"),
        },
    )
    dataset["longitude"].attrs = {"standard_name": "longitude", "units": "degrees_east"}
    dataset["latitude"].attrs = {"standard_name": "latitude", "units": "degrees_north"}
    dataset["elevation"].attrs = {"standard_name": "surface_altitude", "units": "m"}
    dataset["split"].attrs = {
        "flag_values": list(range(len(split))),
        "flag_meanings": " ".join(split),
    }
    report = {**cube.report, "stations": _describe(stations, shares, selected)}
    return dataset, lambda: report


def _refuse_unlisted(raw: Path, records: str, listed: Collection[str]) -> None:
    """Raise DeepsphereError if a folder that is read as a whole holds a file nobody fetched."""
    pattern = {"stations": "all/*.dly", "parquet": "parquet/by_year/YEAR=*/ELEMENT=*/*.parquet"}
    if records not in pattern:
        return
    for path in sorted(raw.glob(pattern[records])):
        if path.relative_to(raw).as_posix() not in listed:
            raise DeepsphereError(
                f"store: {path} is not among the files that were fetched; "
                "delete it, or fetch again into an empty folder"
            )


def presence(values: NDArray[np.int16], days: range) -> NDArray[np.float64]:
    """Return the share of days with a value, shape (station, element), a block at a time.

    Parameters
    ----------
    values : ndarray of int16, shape (station, element, day)
        Missing ones are :data:`~deepsphere.sources.ghcn.records.MISSING`.
    days : range
        The days that count.
    """
    blocks = [
        (values[start : start + _BLOCK_STATIONS, :, days.start : days.stop] != MISSING).mean(axis=2)
        for start in range(0, len(values), _BLOCK_STATIONS)
    ]
    return np.concatenate([np.zeros((0, values.shape[1])), *blocks])


def _maps(cube: Cube, selected: NDArray[np.intp]) -> da.Array:
    """Return the daily maps of the selected stations, read when they are asked for."""
    scale = np.array([element.scale for element in find_elements(cube.elements)])
    lazy: Any = da
    records = lazy.from_array(cube.values, chunks=(-1, -1, _CHUNK_DAYS), name=False)

    def convert(block: NDArray[np.int16]) -> NDArray[np.float32]:
        chosen = block[:, selected]
        return np.where(chosen == MISSING, np.nan, chosen * scale).astype(np.float32)

    maps: da.Array = lazy.map_blocks(
        convert,
        records.transpose(2, 0, 1),
        dtype=np.float32,
        chunks=(records.chunks[2], (len(selected),), records.chunks[1]),
        meta=np.empty((0, 0, 0), np.float32),
    )
    return maps


def _split_numbers(split: dict[str, range], days: int) -> NDArray[np.uint8]:
    numbers = np.zeros(days, np.uint8)
    for number, part in enumerate(split.values()):
        numbers[part.start : part.stop] = number
    return numbers


def _describe(
    stations: pd.DataFrame, shares: NDArray[np.float64], selected: NDArray[np.intp]
) -> dict[str, Any]:
    places = stations[["longitude", "latitude"]]
    return {
        "with_records": len(shares),
        "selected": len(selected),
        "without_elevation": int(stations["elevation"].isna().sum()),
        "at_the_same_place": int(places.duplicated(keep=False).sum()),
        "smallest_share": float(shares[selected].min()),
    }
