"""Which files are fetched of a folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.catalogue import (
    first_folder,
    is_archive,
    list_folder,
    named_files,
    remote_files,
)


@pytest.fixture
def folder(tmp_path: Path, write_state: Callable[..., str]) -> Path:
    for name in ("train/a.nc", "train/b.nc", "c.zip", "d.txt", ".hidden/e.nc"):
        write_state(name)
    return tmp_path / "raw"


def test_files_and_archives_of_a_folder(folder: Path) -> None:
    assert list_folder(folder, (".nc",)) == ["c.zip", "train/a.nc", "train/b.nc"]
    assert list_folder(folder, (".txt",)) == ["c.zip", "d.txt"]


def test_folders_stand_for_their_files(folder: Path) -> None:
    files = ("d.txt", "train", "train/a.nc")
    expected = ["d.txt", "train/a.nc", "train/b.nc"]
    assert named_files(files, [str(folder)], (".nc",)) == expected
    assert named_files(files, ["https://example.org"], (".nc",)) == list(files)


def test_the_first_folder(folder: Path) -> None:
    assert first_folder(["https://example.org", str(folder), "/other"]) == folder
    assert first_folder(["s3://bucket"]) is None


def test_folders_that_hold_nothing(folder: Path) -> None:
    with pytest.raises(DeepsphereError, match=r"holds 2 files, but no archive and none .* \.h5"):
        list_folder(folder / "train", (".h5",))
    with pytest.raises(DeepsphereError, match="there is no folder"):
        list_folder(folder / "missing", (".h5",))


def test_hashes_go_with_the_files() -> None:
    files = remote_files(["a.nc", "b.tar.gz"], {"a.nc": "0" * 64})
    assert [(file.name, file.content, file.known_hash) for file in files] == [
        ("a.nc", "any", "0" * 64),
        ("b.tar.gz", "tar.gz", None),
    ]
    with pytest.raises(DeepsphereError, match=r"'c\.nc' is not among the files"):
        remote_files(["a.nc", "b.tar.gz"], {"c.nc": "0" * 64})


def test_archives_by_their_names() -> None:
    assert all(map(is_archive, ("a.zip", "a.tar", "a.tar.gz", "a.tgz")))
    assert not any(map(is_archive, ("a.npz", "a.nc", "zip")))
