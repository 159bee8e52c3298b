"""GHCN-Daily records made here, so that the whole pipeline runs without a network.

**These are not observations.** The stations do not exist and the weather is made of formulas and
chance (:mod:`deepsphere.sources.ghcn.simulated_weather`): use it for demonstrations and tests,
never for a statement on weather or climate. The data themselves say so: the names of the stations
start with ``SIMULATED`` and their identifiers with ``ZZX``, which NOAA does not use.

The files are of NOAA's formats (:mod:`deepsphere.sources.ghcn.simulated_files`) and are read by the
same reader as NOAA's.
"""

from pathlib import Path
from typing import Any

import numpy as np

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.simulated_climate import Climate
from deepsphere.sources.ghcn.simulated_files import (
    inventory_lines,
    station_lines,
    write_archive,
    write_csv_by_year,
    write_dly_files,
    write_parquet_tree,
)
from deepsphere.sources.ghcn.simulated_records import Observing, SimulatedRecords, observe
from deepsphere.sources.ghcn.simulated_stations import place_stations
from deepsphere.sources.ghcn.simulated_weather import simulate_weather

STANDARD_CLIMATE = Climate()
STANDARD_OBSERVING = Observing()
_ARCHIVES = ("ghcnd_all.tar.gz", "ghcnd_gsn.tar.gz", "ghcnd_hcn.tar.gz")


def simulate(
    stations: int,
    years: tuple[int, int],
    seed: int,
    climate: Climate = STANDARD_CLIMATE,
    observing: Observing = STANDARD_OBSERVING,
) -> SimulatedRecords:
    """Simulate daily records.

    Parameters
    ----------
    stations : int
        Number of stations.
    years : tuple of int
        First and last year, both included, from 1750 to 9999.
    seed : int
        Non-negative seed. The same arguments give the same records; the same seed and number of
        stations give the same stations in any years.
    climate : Climate
        Constants of the weather.
    observing : Observing
        How complete and how faulty the records are.

    Returns
    -------
    SimulatedRecords
        Values ``[station, element, day]`` with their flags, and the stations.

    Raises
    ------
    DeepsphereError
        If there are no stations or no years, or if the seed is negative.
    """
    first, last = years
    if not 1750 <= first <= last <= 9999:
        raise DeepsphereError(
            f"simulated records: found the years {first} to {last}; give the first and the last "
            "year, from 1750 to 9999"
        )
    if seed < 0:
        raise DeepsphereError(f"simulated records: found the seed {seed}; give 0 or more")
    places, skies, observers = np.random.SeedSequence(seed).spawn(3)
    where = place_stations(stations, np.random.default_rng(places))
    days = np.arange(f"{first:04d}-01-01", f"{last + 1:04d}-01-01", dtype="datetime64[D]")
    weather = simulate_weather(where, days, climate, skies)
    return observe(where, days, weather, observing, observers)


def write_raw(folder: Path, records: str, years: tuple[int, int], stations: int, seed: int) -> None:
    """Simulate records and write the files that a download of NOAA's would leave.

    The files are written in place: give a scratch folder and publish it when it is finished.

    Parameters
    ----------
    folder : Path
        Where to write ``ghcnd-stations.txt``, ``ghcnd-inventory.txt`` and the records.
    records : str
        Edition: ``by-year`` (``by_year/YYYY.csv.gz``), ``stations`` (``all/ID.dly``), ``parquet``
        (``parquet/by_year/YEAR=YYYY/ELEMENT=XXXX/``), or the name of one of NOAA's archives.
    years, stations, seed
        See :func:`simulate`.

    Raises
    ------
    DeepsphereError
        If the edition is unknown or :func:`simulate` refuses the rest; nothing is written then.
    """
    if records not in ("by-year", "stations", "parquet", *_ARCHIVES):
        raise DeepsphereError(
            f"simulated records: unknown edition {records!r}; use by-year, stations, parquet, "
            + " or ".join(_ARCHIVES)
        )
    simulated = simulate(stations, years, seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ghcnd-stations.txt").write_bytes(station_lines(simulated))
    (folder / "ghcnd-inventory.txt").write_bytes(inventory_lines(simulated))
    if records == "by-year":
        write_csv_by_year(simulated, folder / "by_year")
    elif records == "stations":
        write_dly_files(simulated, folder / "all")
    elif records == "parquet":
        write_parquet_tree(simulated, folder / "parquet" / "by_year")
    else:
        write_archive(simulated, folder / records)


def simulate_raw(source: dict[str, Any], folder: Path) -> None:
    """Write the files that a source's settings name, simulated.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.ghcn.settings.Source`.
    folder : Path
        Where to write them.
    """
    simulation = source["simulate"]
    years = tuple(source["years"])
    write_raw(folder, source["records"], years, simulation["stations"], simulation["seed"])
