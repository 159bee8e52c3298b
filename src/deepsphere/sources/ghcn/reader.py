"""From the raw files of GHCN-Daily, in any of NOAA's editions, to one dense array.

:func:`read_cube` is the whole of it; :mod:`deepsphere.sources.ghcn.editions` runs the tasks and
:mod:`deepsphere.sources.ghcn.cube` keeps what they find.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.files import open_scratch, read_json, write_bytes, write_json
from deepsphere.sources.ghcn.cube import assemble, read_piece
from deepsphere.sources.ghcn.editions import find_sources, fingerprint, read_pieces
from deepsphere.sources.ghcn.elements import find_elements
from deepsphere.sources.ghcn.station_list import read_stations
from deepsphere.sources.ghcn.tally import QUOTED, sum_tallies
from deepsphere.sources.ghcn.wanted import Wanted

STATION_LIST = "ghcnd-stations.txt"

_PIECES, _VALUES, _STATIONS, _REPORT = "pieces", "values.npy", "stations.index", "report.json"


@dataclass(frozen=True, eq=False)
class Cube:
    """Daily records of many stations, dense.

    Attributes
    ----------
    values : numpy.ndarray of int16, shape [station, element, day]
        A read-only memory map of a file under ``scratch``. The integers are those of the files;
        times :attr:`~deepsphere.sources.ghcn.elements.Element.scale` they are in the element's
        unit. :data:`~deepsphere.sources.ghcn.records.MISSING` (-32768) where there is no value.
    stations : pandas.DataFrame
        The stations of the list that have a value, sorted by id, in the order of the first axis:
        ``id``, ``longitude``, ``latitude`` (degrees), ``elevation`` (m, NaN if missing), ``name``.
    days : numpy.ndarray of datetime64[D], shape [day]
        Every day of the years, leap days included.
    elements : tuple of str
        Names in the order of the second axis.
    report : dict
        Plain data, the same for the same files whatever the number of workers: see
        :func:`read_cube`.
    """

    values: NDArray[np.int16]
    stations: pd.DataFrame
    days: NDArray[np.datetime64]
    elements: tuple[str, ...]
    report: dict[str, Any]

    def __post_init__(self) -> None:
        shape = (len(self.stations), len(self.elements), len(self.days))
        if self.values.shape != shape or self.values.dtype != np.int16:
            raise DeepsphereError(
                f"the values are {self.values.dtype} of shape {self.values.shape}, but {shape} of "
                f"int16 is stated"
            )


def read_cube(
    raw: Path,
    records: str,
    years: tuple[int, int],
    elements: tuple[str, ...],
    scratch: Path,
    workers: int = 2,
) -> Cube:
    """Read the wanted elements and years of all stations.

    Kept are records with a blank quality flag, of stations that the station list has. Of repeated
    records of one station, element and day the last kept one wins. All editions give the same
    values for the same records.

    Parameters
    ----------
    raw : Path
        Folder with ``ghcnd-stations.txt`` and the records.
    records : str
        The edition: ``by-year`` (``by_year/YYYY.csv.gz`` or ``.csv``), ``stations``
        (``all/ID.dly``), ``parquet`` (``parquet/by_year/YEAR=YYYY/ELEMENT=XXXX/*.parquet``), or
        the name of one of NOAA's archives, such as ``ghcnd_hcn.tar.gz``.
    years : tuple of int
        First and last year, both included.
    elements : tuple of str
        Element names, the second axis.
    scratch : Path
        Folder for the array and for the pieces it is made of. A later call with the same arguments
        and files goes on where a killed one stopped.
    workers : int
        Number of threads.

    Returns
    -------
    Cube
        Its ``report`` holds ``rows`` (lines read, of any element and year), ``kept``, ``repeated``
        (kept, but replaced by a later one), ``missing`` (-9999), ``flagged`` (by flag letter),
        ``malformed`` (``count``, and the ``first`` as ``file:line: reason: text``),
        ``unknown_stations`` (``count`` of ids, their ``records``, the ``first`` ids),
        ``kept_by_year`` (by element and year) and ``station_list`` (see
        :func:`~deepsphere.sources.ghcn.station_list.read_stations`).

    Raises
    ------
    DeepsphereError
        If an argument is wrong; a file is missing, cut short or another thing than it should be;
        too many lines are malformed; or a wanted element has no kept record in a wanted year.
    """
    find_elements(elements)
    if workers < 1:
        raise DeepsphereError(f"reading needs at least 1 worker, got {workers}")
    listed = read_stations(raw / STATION_LIST)
    wanted = Wanted(np.array(listed["id"].to_list(), "S11"), tuple(elements), years)
    sources = find_sources(raw, records, wanted)
    identity = fingerprint(raw, records, wanted, [raw / STATION_LIST, *sources])
    folder = open_scratch(scratch / "cube", identity)
    if not (folder / _REPORT).exists():
        names = read_pieces(records, sources, wanted, folder / _PIECES, workers)
        _finish(folder, names, wanted, listed.attrs["report"])
    shutil.rmtree(folder / _PIECES, ignore_errors=True)
    used = np.fromfile(folder / _STATIONS, np.dtype("<i8"))
    return Cube(
        np.load(folder / _VALUES, mmap_mode="r", allow_pickle=False),
        pd.DataFrame({name: listed[name].to_numpy()[used] for name in listed.columns}),
        wanted.days,
        wanted.elements,
        read_json(folder / _REPORT, "report of a reading"),
    )


def _finish(folder: Path, names: list[str], wanted: Wanted, station_list: dict[str, Any]) -> None:
    """Merge the pieces and, last, write the report, which stands for a finished reading."""
    files, tallies = zip(*(read_piece(folder / _PIECES, name) for name in names), strict=True)
    total = sum_tallies(tallies)
    stations, filled = assemble(folder / _VALUES, files, len(wanted.elements), len(wanted.days))
    write_bytes(folder / _STATIONS, stations.astype("<i8").tobytes())
    kept = sum(sum(years.values()) for years in total.kept.values())
    report = {
        "rows": total.rows,
        "kept": kept,
        "repeated": kept - filled,
        "missing": total.missing,
        "flagged": dict(total.flagged),
        "malformed": {"count": total.malformed, "first": total.quotes},
        "unknown_stations": {
            "count": len(total.unknown),
            "records": total.unknown.total(),
            "first": sorted(total.unknown)[:QUOTED],
        },
        "kept_by_year": total.to_json()["kept"],
        "station_list": station_list,
    }
    write_json(folder / _REPORT, report)
