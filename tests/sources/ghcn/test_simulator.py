"""The same wish gives the same records, which say that they are simulated."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.simulated_records import ELEMENTS, SimulatedRecords
from deepsphere.sources.ghcn.simulator import simulate, write_raw

TMAX, TMIN = range(2)


@pytest.fixture(scope="module")
def records() -> SimulatedRecords:
    return simulate(50, (2010, 2014), seed=0)


def test_axes_and_calendar(records: SimulatedRecords) -> None:
    assert records.values.shape == (50, len(ELEMENTS), 1826)
    assert records.values.dtype == np.int16
    assert records.measurement_flags.shape == records.quality_flags.shape == records.values.shape
    assert np.array_equal(np.diff(records.days).astype(int), np.ones(1825))
    assert np.datetime64("2012-02-29") in records.days
    assert len(set(records.stations.identifiers)) == 50
    assert list(records.stations.identifiers) == sorted(records.stations.identifiers)


def test_records_say_that_they_are_simulated(records: SimulatedRecords) -> None:
    assert all(len(identifier) == 11 for identifier in records.stations.identifiers)
    assert all(identifier.startswith("ZZX") for identifier in records.stations.identifiers)
    assert all(name.startswith("SIMULATED ") for name in records.stations.names)


def test_same_seed_same_records() -> None:
    first, again, other = (simulate(30, (2011, 2011), seed) for seed in (5, 5, 6))
    for name in ("values", "measurement_flags", "quality_flags", "source_flags"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert np.array_equal(first.observation_times, again.observation_times)
    assert not np.array_equal(first.values, other.values)
    assert not np.array_equal(first.stations.latitude, other.stations.latitude)


def test_same_seed_same_stations_in_other_years() -> None:
    first, other = simulate(30, (2011, 2011), 5), simulate(30, (1990, 1992), 5)
    assert np.array_equal(first.stations.longitude, other.stations.longitude)
    assert np.array_equal(first.stations.elevation, other.stations.elevation)


@settings(max_examples=15, derandomize=True, deadline=None)
@given(stations=st.integers(1, 40), year=st.integers(1750, 2100), seed=st.integers(0, 2**40))
def test_any_size_and_seed(stations: int, year: int, seed: int) -> None:
    records = simulate(stations, (year, year), seed)
    days = 366 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 365
    assert records.values.shape == (stations, len(ELEMENTS), days)
    assert records.valid.all(axis=(1, 2)).sum() == round(stations * 2 / 3)
    both = records.valid[:, TMAX] & records.valid[:, TMIN]
    assert np.all(records.values[:, TMIN][both] <= records.values[:, TMAX][both])


@pytest.mark.parametrize(
    ("stations", "years", "seed", "message"),
    [
        (0, (2010, 2010), 0, "simulated stations: found 0; ask for 1 to"),
        (5, (2012, 2010), 0, "found the years 2012 to 2010"),
        (5, (1749, 2010), 0, "found the years 1749 to 2010"),
        (5, (2010, 2010), -1, "found the seed -1"),
    ],
)
def test_impossible_wishes(stations: int, years: tuple[int, int], seed: int, message: str) -> None:
    with pytest.raises(DeepsphereError, match=message):
        simulate(stations, years, seed)


def test_unknown_edition_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(DeepsphereError, match="unknown edition 'daily'; use by-year"):
        write_raw(tmp_path / "raw", "daily", (2010, 2010), 20, 0)
    assert not (tmp_path / "raw").exists()
