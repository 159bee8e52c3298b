"""Simulated records are as complete, and as faulty, as they say."""

from dataclasses import replace

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.simulated_records import BLANK, MISSING, Observing, SimulatedRecords
from deepsphere.sources.ghcn.simulator import simulate

TMAX, TMIN, PRCP, SNOW, SNWD = range(5)


@pytest.fixture(scope="module")
def records() -> SimulatedRecords:
    return simulate(200, (2010, 2014), seed=0)


@pytest.fixture(scope="module")
def everywhere() -> SimulatedRecords:
    """The same weather, seen by observers who miss nothing."""
    perfect = Observing(complete=1.0, scattered=0.0, outages=0.0, partial=0.0)
    return simulate(200, (2010, 2014), seed=0, observing=perfect)


def test_minimum_is_never_above_maximum(records: SimulatedRecords) -> None:
    both = records.valid[:, TMAX] & records.valid[:, TMIN]
    assert np.all(records.values[:, TMIN][both] <= records.values[:, TMAX][both])


def test_temperatures_and_amounts_are_earthly(records: SimulatedRecords) -> None:
    kept = np.where(records.valid, records.values, 0)
    assert -600 < kept[:, TMIN].min() < -200
    assert 350 < kept[:, TMAX].max() < 560
    assert 500 < kept[:, PRCP].max() < 5000
    for element in (PRCP, SNOW, SNWD):
        assert kept[:, element].min() == 0


def test_traces_are_zeros_with_a_flag(records: SimulatedRecords) -> None:
    trace = records.measurement_flags[:, PRCP] == ord("T")
    assert trace.sum() > 100
    assert np.all(records.values[:, PRCP][trace] == 0)
    presumed = records.measurement_flags == ord("P")
    assert presumed[:, [SNOW, SNWD]].any()
    assert np.all(records.values[presumed] == 0)


def test_two_thirds_of_the_stations_are_complete(records: SimulatedRecords) -> None:
    complete = records.valid.all(axis=(1, 2))
    assert complete.sum() == round(200 * 2 / 3)
    gauges = ~records.valid[:, [TMAX, TMIN]].any(axis=(1, 2))
    assert gauges.sum() == 200 - round(200 * (2 / 3 + 0.15 + 0.08 + 0.06))
    outages = np.diff(records.valid.any(axis=1).astype(int), axis=1) < 0
    assert outages.any(axis=1).sum() >= 5
    assert (~records.valid[:, :, 0].any(axis=1)).sum() >= 3


def test_gross_errors_are_flagged_and_only_where_there_are_gaps(records: SimulatedRecords) -> None:
    flagged = records.quality_flags != BLANK
    complete = records.valid.all(axis=(1, 2))
    reported = records.values != MISSING
    assert not flagged[complete].any()
    assert np.all(reported[flagged])
    share = flagged[~complete].sum() / reported[~complete].sum()
    assert share == pytest.approx(0.003, rel=0.15)
    assert set(np.unique(records.quality_flags)) == {BLANK, ord("X"), ord("O"), ord("I")}
    impossible = records.quality_flags == ord("X")
    assert records.values[impossible].min() >= 600


def test_missing_values_have_no_flags(records: SimulatedRecords) -> None:
    missing = records.values == MISSING
    assert missing.any()
    assert np.all(records.measurement_flags[missing] == BLANK)
    assert np.all(records.quality_flags[missing] == BLANK)


def test_errors_change_nothing_but_the_flagged_values(
    records: SimulatedRecords, everywhere: SimulatedRecords
) -> None:
    assert np.array_equal(records.values[records.valid], everywhere.values[records.valid])
    flagged = records.quality_flags != BLANK
    assert np.all(records.values[flagged] != everywhere.values[flagged])


@pytest.mark.parametrize("change", [{"complete": 0.9}, {"errors": -0.1}, {"missing": 1.1}])
def test_shares_are_checked(change: dict[str, float]) -> None:
    with pytest.raises(DeepsphereError, match="give shares from 0 to 1"):
        replace(Observing(), **change)
