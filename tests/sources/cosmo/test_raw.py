"""Fetching maps: the user's own, and the published record with its hashes."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo import published
from deepsphere.sources.cosmo.raw import fetch_raw
from deepsphere.sources.cosmo.settings import Source


def source(**settings: Any) -> dict[str, Any]:
    values = Source.model_validate({"kind": "cosmo", **settings}).model_dump(mode="json")
    return {"name": "universes", **values}


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    for name in (
        "a/one.npy",
        "b.FITS.gz",
        "c.zip",
        "mask.fits",
        "table.csv",
        "notes.txt",
        ".x.npy",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        # Whether it is a map, nobody asks before the maps are read.
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ["a/one.npy", "b.FITS.gz", "c.zip", "mask.fits"]),
        (
            {"labels": "table.csv", "mask": "mask.fits"},
            ["a/one.npy", "b.FITS.gz", "c.zip", "mask.fits", "table.csv"],
        ),
        ({"files": ["a"], "labels": "table.csv"}, ["a/one.npy", "table.csv"]),
        ({"files": ["c.zip"], "labels": "c.zip/table.csv"}, ["c.zip"]),
    ],
)
def test_files_of_the_user(
    mirror: Path, tmp_path: Path, settings: dict[str, Any], names: list[str]
) -> None:
    wanted = source(edition="maps", mirrors=[str(mirror)], **settings)
    assert [file.name for file in fetch_raw(wanted, tmp_path / "raw")] == names


def test_what_cannot_be_listed_must_be_named(tmp_path: Path) -> None:
    wanted = source(edition="maps", mirrors=["https://example.org"])
    with pytest.raises(DeepsphereError, match="name the maps or archives"):
        fetch_raw(wanted, tmp_path / "raw")


def test_folder_without_maps(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    wanted = source(edition="maps", mirrors=[str(tmp_path / "empty")])
    with pytest.raises(DeepsphereError, match="holds 0 files"):
        fetch_raw(wanted, tmp_path / "raw")


def test_published_record_is_asked_for(tmp_path: Path) -> None:
    """Without the archives, and with other ones: the hashes are the publisher's."""
    mirror = tmp_path / "given"
    mirror.mkdir()
    wanted = source(mirrors=[str(mirror)])
    for content in (None, b"PK"):
        if content is not None:
            (mirror / "training.zip").write_bytes(content)
        with pytest.raises(DeepsphereError) as caught:
            fetch_raw(wanted, tmp_path / "raw")
        message = str(caught.value)
        assert message.startswith("training.zip: ")
        assert "request access" in message
        assert "https://doi.org/10.5281/zenodo.1303272" in message
        assert "sources.universes.mirrors" in message
        assert "\n" not in message
    assert "6b0f5072481397fa8842ef99524b5482" in message


def test_wrong_setting_is_no_matter_of_access(tmp_path: Path) -> None:
    wanted = source(hashes={"train.zip": "0" * 64})
    with pytest.raises(DeepsphereError, match=r"^hashes: 'train\.zip' .* remove the hash$"):
        fetch_raw(wanted, tmp_path / "raw")


def test_published_record_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in published.ARCHIVES:
        (tmp_path / name).write_bytes(name.encode())
        digest = hashlib.md5(name.encode()).hexdigest()
        monkeypatch.setitem(published.ARCHIVES, name, f"md5:{digest}")
    fetched = fetch_raw(source(mirrors=[str(tmp_path)]), tmp_path / "raw")
    assert [file.name for file in fetched] == ["training.zip", "testing.zip"]
