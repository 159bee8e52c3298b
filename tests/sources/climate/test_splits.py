"""The published lists, as they are shipped."""

from pathlib import Path

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.climate import splits
from deepsphere.sources.climate.splits import as_published, published_names
from deepsphere.sources.fields.moments import read_moment
from deepsphere.sources.fields.snapshots import Snapshot

SIZES = {"train": 43_916, "validation": 6_274, "test": 12_548}


def snapshot(name: str) -> Snapshot:
    moment = read_moment(name)
    assert moment is not None
    return Snapshot("climate_sphere_l5.zip", f"data_5_all/{name}", moment)


def test_the_lists_have_the_published_sizes_and_share_no_name() -> None:
    names = {split: published_names(split) for split in SIZES}
    assert {split: len(found) for split, found in names.items()} == SIZES
    assert len({name for found in names.values() for name in found}) == 62_738
    # The order is the published one.
    assert names["test"][0] == "data-2111-03-18-05-2-mesh.npz"


def test_files_get_the_split_of_their_list() -> None:
    chosen = [published_names(split)[number] for split in SIZES for number in (0, 99)]
    found = as_published([snapshot(name) for name in chosen])
    np.testing.assert_array_equal(found, [0, 0, 1, 1, 2, 2])


def test_files_that_were_never_published() -> None:
    known = snapshot(published_names("test")[0])
    with pytest.raises(
        DeepsphereError,
        match=r"1 of 2 files are not .* such as data-1999-01-01-00-1-mesh\.npz; set",
    ):
        as_published([known, snapshot("data-1999-01-01-00-1-mesh.npz")])


def test_a_list_that_is_not_the_published_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(splits.HASHES, "test", "0" * 64)
    with pytest.raises(DeepsphereError, match="has SHA-256 ccd252a8298d, expected 000000000000"):
        published_names("test")
    monkeypatch.setattr(splits, "files", lambda package: tmp_path)
    with pytest.raises(DeepsphereError, match="list of train files cannot be read"):
        published_names("train")
