"""The files of SHREC'17, from a folder; and what a user is told who has none."""

from pathlib import Path
from typing import Any

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.files import sha256_file
from deepsphere.sources.shrec17.catalogue import NAMES, PERTURBED, TABLE, catalogue
from deepsphere.sources.shrec17.raw import fetch_raw
from deepsphere.sources.shrec17.settings import Source


def source(mirror: Path, **settings: Any) -> dict[str, Any]:
    values = {"kind": "shrec17", "mirrors": [str(mirror)], **settings}
    return {"name": "shrec17", **Source.model_validate(values).model_dump(mode="json")}


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    for name in (*PERTURBED, "02691156.zip", "03001627/abc/models/model_normalized.obj"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"this is {name}")
    return folder


def with_table(mirror: Path) -> dict[str, str]:
    (mirror / TABLE).write_bytes(b"a table")
    return {TABLE: sha256_file(mirror / TABLE)}


def test_the_known_hash_is_that_of_the_table() -> None:
    files = catalogue("perturbed", (), {}, ["/nowhere"])
    assert [file.name for file in files] == [TABLE, *PERTURBED]
    assert files[0].known_hash is not None
    assert files[0].known_hash.startswith("baf11dd2")
    assert [file.known_hash for file in files[1:]] == [None] * 3


def test_the_classes_are_in_the_order_of_their_synsets() -> None:
    assert len(set(NAMES.values())) == 55
    assert list(NAMES) == sorted(NAMES)
    assert (NAMES["02691156"], NAMES["04554684"]) == ("airplane", "washer")


def test_the_perturbed_edition(mirror: Path, tmp_path: Path) -> None:
    fetched = fetch_raw(source(mirror, hashes=with_table(mirror)), tmp_path / "raw")
    assert [file.name for file in fetched] == [TABLE, *PERTURBED]


def test_the_rebuilt_edition_takes_archives_and_folders(mirror: Path, tmp_path: Path) -> None:
    settings = {"edition": "rebuilt", "hashes": with_table(mirror)}
    named = source(mirror, files=["02691156.zip", "03001627"], **settings)
    names = [TABLE, "02691156.zip", "03001627/abc/models/model_normalized.obj"]
    assert [file.name for file in fetch_raw(named, tmp_path / "raw")] == names
    whole = fetch_raw(source(mirror, **settings), tmp_path / "whole")
    assert {file.name for file in whole} == {*names, *PERTURBED}


@pytest.mark.parametrize(
    ("edition", "advice"),
    [
        (
            "perturbed",
            r"ask at https://shapenet\.cs\.stanford\.edu/shrec17; all\.csv\.gz is",
        ),
        ("rebuilt", r"accept its licence at https://shapenet\.org or https://huggingface\.co/"),
    ],
)
def test_who_has_no_files_is_told_where_to_ask(tmp_path: Path, edition: str, advice: str) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DeepsphereError, match=advice) as caught:
            fetch_raw(source(folder, edition=edition), tmp_path / "raw")
        assert str(caught.value).endswith("and add that to sources.shrec17.mirrors")
        assert "\n" not in str(caught.value)


def test_another_table_is_refused(mirror: Path, tmp_path: Path) -> None:
    with_table(mirror)
    with pytest.raises(DeepsphereError, match=r"expected baf11dd2"):
        fetch_raw(source(mirror), tmp_path / "raw")
