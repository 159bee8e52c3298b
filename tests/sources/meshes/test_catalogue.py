"""Which files a folder of meshes gives, and what is known of them."""

from pathlib import Path

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.catalogue import archive_stem, is_archive, list_files, remote_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = [
        "b/train/b_1.OFF",
        "a/train/a_1.off",
        "a/test/a_2.obj",
        "more/shapes.zip",
        "more/shapes.tar.gz",
        "README.txt",
        "labels.csv",
        ".hidden/c_1.off",
        "a/.a_1.off",
    ]
    for name in names:
        path = tmp_path / "shapes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "shapes"


def test_a_folder_is_taken_whole(folder: Path) -> None:
    assert list_files((), ["https://host/shapes", "/nowhere", str(folder)]) == [
        "a/test/a_2.obj",
        "a/train/a_1.off",
        "b/train/b_1.OFF",
        "more/shapes.tar.gz",
        "more/shapes.zip",
    ]


def test_named_files_and_folders(folder: Path) -> None:
    named = ["more/shapes.zip", "a", "more/shapes.zip", "elsewhere.zip"]
    found = list_files(named, ["https://host", str(folder)])
    assert found == ["more/shapes.zip", "a/test/a_2.obj", "a/train/a_1.off", "elsewhere.zip"]


def test_what_cannot_be_listed(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DeepsphereError, match=r"^files: none is named, and none of the mirrors"):
        list_files((), ["https://host/shapes"])
    with pytest.raises(DeepsphereError, match=r"there is no folder /nowhere, seen from"):
        list_files((), ["/nowhere"])
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/README.txt").write_text("x")
    with pytest.raises(DeepsphereError, match=r"holds 1 files, but no mesh and no archive"):
        list_files((), [str(tmp_path / "empty")])


def test_what_is_known_of_the_files() -> None:
    names = ["a.zip", "b.TGZ", "labels.csv.gz", "labels.csv", "c.obj", "d.ply"]
    files = remote_files(names, {"a.zip": "0" * 64})
    assert [file.content for file in files] == ["any", "tar.gz", "gzip", "text", "any", "any"]
    assert [file.known_hash for file in files] == ["0" * 64, *[None] * 5]
    assert [file.locations for file in files] == [(name,) for name in names]
    with pytest.raises(DeepsphereError, match=r"^hashes: 'e\.zip' is not among the files"):
        remote_files(names, {"e.zip": "0" * 64})


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.zip", True), ("A.ZIP", True), ("a.tar.xz", True), ("a.gz", False), ("zip", False)],
)
def test_archives_are_known_by_their_names(name: str, expected: bool) -> None:
    assert is_archive(name) == expected


def test_the_stem_of_an_archive_has_no_suffix() -> None:
    names = ["a/train.tar.gz", "Val.ZIP", "test.tgz", "x.train.tar"]
    assert [archive_stem(name) for name in names] == ["train", "Val", "test", "x.train"]


def test_links_out_of_the_folder_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "a/train/inner.off").symlink_to(folder / "b/train/b_1.OFF")
    assert "a/train/inner.off" in list_files((), [str(folder)])
    (tmp_path / "secret").write_text("hush")
    (folder / "a/train/outer.off").symlink_to(tmp_path / "secret")
    for files in ((), ("a",), ("a/train/outer.off",)):
        with pytest.raises(DeepsphereError, match=r"a/train/outer\.off leads out of") as caught:
            list_files(files, [str(folder)])
        assert "\n" not in str(caught.value)
        assert "hush" not in str(caught.value)
