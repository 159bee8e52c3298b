"""What may be said of GHCN-Daily in a configuration."""

from typing import Any

import pytest
from pydantic import ValidationError

from deepsphere.sources.ghcn.catalogue import EDITIONS
from deepsphere.sources.ghcn.settings import Selection, Simulation, Source, Store

SOURCE = {"kind": "ghcn", "years": [2010, 2014]}
SPLIT = {"train": 0.7, "test": 0.3}
STORE = {"kind": "ghcn", "source": "ghcn", "elements": ["TMIN", "PRCP"], "split": SPLIT}


def test_what_is_not_said_is_as_noaa_publishes_it() -> None:
    source = Source.model_validate(SOURCE)
    assert source.records == "by-year"
    assert source.simulate is None
    assert source.hashes == {}
    assert [mirror.split(":")[0] for mirror in source.mirrors] == ["https", "s3"]
    store = Store.model_validate(STORE)
    assert (store.stations.share, store.stations.period) == (1.0, "train")
    assert store.channels == ("TMIN", "PRCP")


def test_every_edition_can_be_asked_for() -> None:
    for edition in EDITIONS:
        assert Source.model_validate({**SOURCE, "records": edition}).records == edition


def test_reading_does_not_depend_on_where_the_files_come_from() -> None:
    there = {**SOURCE, "mirrors": ["/data"], "hashes": {"a": "0"}, "simulate": {"stations": 20}}
    reading = Source.model_validate(there).reading()
    assert reading == Source.model_validate(SOURCE).reading()
    assert reading == {"kind": "ghcn", "records": "by-year", "years": [2010, 2014]}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "era5"}, "should be 'ghcn'"),
        ({"records": "daily"}, "should be 'by-year', 'stations', 'parquet'"),
        ({"years": [2014, 2010]}, "give the first and the last year, from 1750 to 9999"),
        ({"years": [1749, 1800]}, "give the first and the last year, from 1750 to 9999"),
        ({"years": [2010, 20140]}, "give the first and the last year, from 1750 to 9999"),
        ({"years": [2010]}, "Field required"),
        ({"years": [2010, 2011, 2012]}, "at most 2 items"),
        ({"years": [2010, 2010.5]}, "valid integer"),
        ({"mirrors": []}, "at least 1 item"),
        ({"mirrors": "https://noaa"}, "valid tuple"),
        ({"hashes": {"a": 1}}, "valid string"),
        ({"simulate": True}, "valid dictionary"),
        ({"mirror": ["/data"]}, "unknown key, did you mean 'mirrors'"),
    ],
)
def test_a_source_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Source.model_validate({**SOURCE, **settings})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"elements": []}, "at least 1 item"),
        ({"elements": ["TMIN", "TMEAN"]}, "unknown GHCN element 'TMEAN'; known are ACMH"),
        ({"elements": ["TMIN", "TMIN"]}, "the GHCN element TMIN is asked for twice"),
        ({"source": "../up"}, "should match pattern"),
        ({"split": {"train": 0.7, "test": 0.2}}, "sum to 0.9, not to 1"),
    ],
)
def test_a_store_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Store.model_validate({**STORE, **settings})


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan")])
def test_a_share_that_cannot_be(share: float) -> None:
    with pytest.raises(ValidationError):
        Selection(share=share)


def test_a_simulation_needs_some_stations() -> None:
    assert Simulation(stations=20).seed == 0
    with pytest.raises(ValidationError, match="greater than or equal to 20"):
        Simulation(stations=19)
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Simulation(stations=20, seed=-1)
