"""The archive, or its files, from a folder; and what a user is told who has neither."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.climate.catalogue import ARCHIVE, catalogue
from deepsphere.sources.climate.raw import fetch_raw
from deepsphere.sources.climate.settings import Source


def source(mirror: Path, **settings: Any) -> dict[str, Any]:
    values = {"kind": "climate", "mirrors": [str(mirror)], **settings}
    return {"name": "archive", **Source.model_validate(values).model_dump(mode="json")}


def test_a_website_has_the_archive() -> None:
    mirrors = Source.model_validate({"kind": "climate"}).mirrors
    assert [file.name for file in catalogue((), {}, mirrors)] == [ARCHIVE]


def test_a_folder_has_the_archive_or_its_files(
    tmp_path: Path, write_state: Callable[..., str]
) -> None:
    names = [write_state(f"2106-01-01-0{slot}-1") for slot in range(3)]
    mine = tmp_path / "raw"
    fetched = fetch_raw(source(mine), tmp_path / "all")
    assert [file.name for file in fetched] == names
    few = fetch_raw(source(mine, files=[names[1]]), tmp_path / "few")
    assert [file.name for file in few] == [names[1]]
    # Beside the archive, its files would be the same states again.
    (mine / ARCHIVE).write_bytes(b"a zip")
    fetched = fetch_raw(source(mine), tmp_path / "zip")
    assert [file.name for file in fetched] == [ARCHIVE]


def test_who_has_no_files_is_told_where_they_are(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DeepsphereError, match=r"README of github\.com/maxjiang93/ugscnn") as e:
            fetch_raw(source(folder), tmp_path / "raw")
        assert str(e.value).endswith("and add that to sources.archive.mirrors")
