"""The user's own files, brought into the raw folder."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.files import sha256_file
from deepsphere.sources.meshes.raw import fetch_raw
from deepsphere.sources.meshes.settings import Source


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    for name in ("a/a_1.off", "b/b_1.off"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("OFF\n0 0 0\n")
    with zipfile.ZipFile(folder / "shapes.zip", "w") as archive:
        archive.writestr("c/c_1.off", "OFF\n0 0 0\n")
        archive.writestr("labels.csv", "id,label\nc_1,c\n")
    (folder / "labels.csv").write_text("id,label\na_1,a\n")
    return folder


def source(mirror: Path, **settings: Any) -> dict[str, Any]:
    values = {"kind": "meshes", "mirrors": [str(mirror)], **settings}
    return {"name": "mine", **Source.model_validate(values).model_dump(mode="json")}


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ["a/a_1.off", "b/b_1.off", "shapes.zip"]),
        ({"labels": "labels.csv"}, ["a/a_1.off", "b/b_1.off", "shapes.zip", "labels.csv"]),
        ({"files": ["a", "b"]}, ["a/a_1.off", "b/b_1.off"]),
        ({"files": ["shapes.zip"], "labels": "shapes.zip/labels.csv"}, ["shapes.zip"]),
    ],
)
def test_files_are_copied(
    mirror: Path, tmp_path: Path, settings: dict[str, Any], names: list[str]
) -> None:
    fetched = fetch_raw(source(mirror, **settings), tmp_path / "raw")
    assert [file.name for file in fetched] == names
    for file in fetched:
        copy = tmp_path / "raw" / file.name
        assert file.sha256 == sha256_file(copy) == sha256_file(mirror / file.name)
    assert fetch_raw(source(mirror, **settings), tmp_path / "raw") == fetched


def test_a_known_hash_is_checked(mirror: Path, tmp_path: Path) -> None:
    wrong = source(mirror, files=["shapes.zip"], hashes={"shapes.zip": "0" * 64})
    with pytest.raises(DeepsphereError, match=r"^shapes\.zip: .*hash") as caught:
        fetch_raw(wrong, tmp_path / "raw")
    assert "\n" not in str(caught.value)


def test_a_table_that_is_not_there(mirror: Path, tmp_path: Path) -> None:
    with pytest.raises(DeepsphereError, match=r"^classes\.csv: no mirror gave it"):
        fetch_raw(source(mirror, labels="classes.csv"), tmp_path / "raw")


def test_a_mesh_that_is_none_is_fetched_and_left_to_the_reader(
    mirror: Path, tmp_path: Path
) -> None:
    (mirror / "a/empty.off").write_text("")
    (mirror / "a/page.obj").write_text("<!doctype html><title>404</title>")
    fetched = fetch_raw(source(mirror, files=["a"]), tmp_path / "raw")
    assert [file.name for file in fetched] == ["a/a_1.off", "a/empty.off", "a/page.obj"]


def test_a_table_that_is_a_link_out_of_the_folder(mirror: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush")
    (mirror / "outer.csv").symlink_to(tmp_path / "secret")
    with pytest.raises(DeepsphereError, match=r"outer\.csv leads out of the folder") as caught:
        fetch_raw(source(mirror, labels="outer.csv"), tmp_path / "raw")
    assert "hush" not in str(caught.value)
