"""What may be said of meshes in a configuration."""

from typing import Any

import pytest
from pydantic import ValidationError

from deepsphere.regridding.mesh_channels import CHANNELS
from deepsphere.sources.meshes.settings import Copies, Shares, Source, Store

SOURCE = {"kind": "meshes", "mirrors": ["/data/shapes"]}
STORE = {
    "kind": "meshes",
    "source": "shapes",
    "sampling": "healpix:8",
    "copies": {"still": {}, "turned": {"rotation": "so3", "count": 3}},
}


def test_what_is_not_said_is_as_published() -> None:
    source = Source.model_validate(SOURCE)
    assert (source.files, source.labels, source.layout, source.simulate) == ((), None, None, None)
    store = Store.model_validate(STORE)
    assert store.channels == CHANNELS
    assert (store.no_hit_distance, store.absolute_cosine, store.seed) == (1.0, False, 0)
    assert store.looks_ahead is None
    assert set(store.DECIDES_NOTHING) < set(Store.model_fields)
    assert store.copies["still"] == Copies(rotation="none", translation=0.0, count=1)
    assert list(store.copies) == ["still", "turned"]


def test_reading_does_not_depend_on_where_the_files_come_from() -> None:
    there = {
        **SOURCE,
        "mirrors": ["https://elsewhere.org"],
        "files": ["a.zip"],
        "hashes": {"a.zip": "0" * 64},
        "simulate": {"objects": 4},
    }
    reading = Source.model_validate(there).reading()
    assert reading == Source.model_validate(SOURCE).reading()
    assert reading == {
        "kind": "meshes",
        "labels": None,
        "layout": None,
        "up": "z",
        "split": {"train": 0.7, "validation": 0.1, "test": 0.2},
        "seed": 0,
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "shapes"}, "should be 'meshes'"),
        ({"mirrors": []}, "missing; give the folder that holds the meshes"),
        ({"mirrors": ["https://me:secret@host"]}, "must not hold a user or password"),
        ({"up": "x"}, "should be 'z' or 'y'"),
        ({"layout": "class/split"}, "should be 'class/split/file'"),
        ({"split": {"train": 0.7, "test": 0.3}}, r"sum to 1\.1, not to 1"),
        ({"split": {"train": 1.2}}, "less than or equal to 1"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"simulate": {"objects": 1}}, "greater than or equal to 4"),
        ({"path": "/data"}, "unknown key"),
    ],
)
def test_a_source_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Source.model_validate({**SOURCE, **settings})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampling": "healpix"}, "healpix"),
        ({"sampling": "stations"}, "the kinds are healpix, icosahedral"),
        ({"sampling": "healpix:7x"}, "healpix:7x"),
        ({"copies": {}}, "at least 1 item"),
        ({"copies": {"a b": {}}}, "should match pattern"),
        ({"copies": {"a": {"rotation": "x"}}}, "should be 'none', 'z' or 'so3'"),
        ({"copies": {"a": {"count": 3}}}, "found 3, but copies that do not move are all equal"),
        ({"copies": {"a": {"rotation": "z", "count": 0}}}, "greater than or equal to 1"),
        ({"copies": {"a": {"rotation": "z", "count": 257}}}, "less than or equal to 256"),
        ({"copies": {"a": {"rotation": "z", "count": True}}}, "found true or false"),
        ({"copies": {"a": {"translation": -0.1}}}, "greater than or equal to 0"),
        ({"copies": {"a": {"angle": 3}}}, "unknown key"),
        ({"channels": []}, "at least 1 item"),
        ({"channels": ["depth"]}, "there is no channel 'depth'; known: distance, cosine"),
        ({"channels": ["cosine", "cosine"]}, "give each channel once"),
        ({"no_hit_distance": 3}, "less than or equal to 2"),
        ({"quarantine": 1.5}, "less than or equal to 1"),
        ({"time_limit": 0}, "greater than 0"),
        ({"memory_limit": 100}, "greater than or equal to 1000"),
        ({"split": {"train": 0.5, "test": 0.5}}, "unknown key"),
    ],
)
def test_a_store_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Store.model_validate({**STORE, **settings})


@pytest.mark.parametrize(
    "shares", [{"train": 0.5}, {"train": 0.8, "validation": 0.1, "test": 0.2}, {"test": 0.1}]
)
def test_shares_sum_to_one(shares: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=r"sum to \d.*, not to 1"):
        Shares.model_validate(shares)
