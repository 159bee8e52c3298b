"""What may be said of cosmological maps in a configuration."""

from typing import Any

import pytest
from pydantic import ValidationError

from deepsphere.samplings.healpix import Healpix, parse
from deepsphere.sources.cosmo.settings import Division, Source, Store
from deepsphere.sources.cosmo.simulation import Simulation

SOURCE = {"kind": "cosmo"}
MAPS = {"kind": "cosmo", "edition": "maps", "mirrors": ["/data/maps"]}
STORE = {"kind": "cosmo", "source": "universes"}


def test_what_is_not_said_is_as_published() -> None:
    store = Store.model_validate(STORE)
    assert (store.nside, store.order, store.reference, store.smoothing) == (1024, 1, 0, 3.0)
    assert store.split == Division(kind="published", validation=0.2, seed=0)
    assert store.sampling == "healpix:1024:0/12"
    assert store.chosen_columns == (0,)
    assert store.looks_ahead is None
    assert Source.model_validate(SOURCE).edition == "zenodo"


@pytest.mark.parametrize(("order", "patches"), [(0, 1), (1, 12), (2, 48), (4, 192)])
def test_patches(order: int, patches: int) -> None:
    store = Store.model_validate({**STORE, "nside": 16, "order": order})
    assert store.patches == patches
    _, _, parameters = store.sampling.partition(":")
    assert len(parse(parameters)) * patches == len(Healpix(16))


def test_reading_does_not_depend_on_where_the_files_come_from() -> None:
    there = {
        **MAPS,
        "mirrors": ["https://elsewhere.org"],
        "files": ["a.zip"],
        "hashes": {"a.zip": "0" * 64},
        "simulate": {"nside": 8},
    }
    reading = Source.model_validate(there).reading()
    assert reading == Source.model_validate(MAPS).reading()
    assert reading == {
        "kind": "cosmo",
        "edition": "maps",
        "labels": None,
        "mask": None,
        "ordering": None,
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({**MAPS, "mirrors": []}, "missing; give the folder that holds the maps"),
        ({**MAPS, "mirrors": ["https://me:secret@host"]}, "must not hold a user or password"),
        ({**SOURCE, "labels": "t.csv"}, "is for the edition maps"),
        ({**SOURCE, "ordering": "nested"}, "is for the edition maps"),
        ({**MAPS, "ordering": "NESTED"}, "should be 'ring' or 'nested'"),
        ({**SOURCE, "simulate": {"nside": 48}}, "give a power of two"),
        ({**SOURCE, "simulate": {"maps": 2}}, "greater than or equal to 3"),
        ({**SOURCE, "simulate": {"cosmologies": 1}}, "greater than or equal to 2"),
        ({**SOURCE, "simulate": {"redshifts": []}}, "at least 1 item"),
        ({**SOURCE, "simulate": {"redshifts": [0.1]}}, r"greater than 0\.1"),
        ({**SOURCE, "simulate": {"redshifts": [0.8, 0.5]}}, "give rising ones"),
        ({**SOURCE, "simulate": {"redshifts": [0.11, 0.149]}}, r"give one of 0\.15 or more"),
        (
            {**SOURCE, "simulate": {"redshifts": [0.5, 0.8], "match_variance": True}},
            "spectra can be matched for one",
        ),
    ],
)
def test_sources_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Source.model_validate(settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nside": 0}, "nside"),
        ({"order": 3}, "cannot be cut in 108 equal patches"),
        ({"nside": 2, "order": 4}, "cannot be cut in 192 equal patches"),
        ({"reference": 12}, "found 12; the patches go to 11"),
        ({"order": 0, "reference": 1}, "found 1; the patches go to 0"),
        ({"smoothing": -1}, "greater than or equal to 0"),
        ({"channels": ["a", "a"]}, "a name of its own"),
        ({"channels": ["a", "b"], "columns": [1]}, "found 1 for 2 channels"),
        ({"columns": [-1]}, "go from 0"),
        ({"split": {"kind": "random"}}, "should be 'published' or 'seed-grouped'"),
        ({"split": {"validation": 1}}, "less than 1"),
    ],
)
def test_stores_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Store.model_validate({**STORE, **settings})


def test_simulation_is_as_large_as_published() -> None:
    assert Simulation().maps == 30
