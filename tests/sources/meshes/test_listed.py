"""What fetched files hold: archives, loose meshes, and tables in either."""

import gzip
import zipfile
from pathlib import Path

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.listed import describe_unmatched, listed_members, read_listed
from deepsphere.sources.meshes.matching import Matched
from deepsphere.sources.meshes.members import Member


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "shapes.zip", "w") as archive:
        archive.writestr("c/c_1.off", "OFF")
        archive.writestr("labels.csv", "inside")
    (tmp_path / "a").mkdir()
    (tmp_path / "a/a_1.off").write_text("OFF\n")
    (tmp_path / "a/a_2.off").write_text("not fetched")
    (tmp_path / "labels.csv.gz").write_bytes(gzip.compress(b"beside"))
    return tmp_path


LISTED = ["shapes.zip", "a/a_1.off", "labels.csv.gz"]


def test_only_what_was_fetched_is_read(raw: Path) -> None:
    assert listed_members(raw, LISTED) == {
        "shapes.zip": [Member("c/c_1.off", 3), Member("labels.csv", 6)],
        ".": [Member("a/a_1.off", 4)],
    }
    assert set(listed_members(raw, {"a/a_1.off"})) == {"."}
    with pytest.raises(DeepsphereError, match=r"holds neither an archive nor a mesh among its 1"):
        listed_members(raw, ["labels.csv.gz"])


def test_tables_beside_and_inside_archives(raw: Path) -> None:
    assert read_listed(raw, LISTED, "shapes.zip/labels.csv") == b"inside"
    assert gzip.decompress(read_listed(raw, LISTED, "labels.csv.gz")) == b"beside"
    with pytest.raises(DeepsphereError, match=r"shapes\.zip holds no other\.csv"):
        read_listed(raw, LISTED, "shapes.zip/other.csv")
    with pytest.raises(DeepsphereError, match=r"holds no other\.csv"):
        read_listed(raw, LISTED, "other.csv")


def test_a_report_lists_the_first_hundred() -> None:
    matched = Matched((), tuple(map(str, range(150))), ("a.zip/b.off",))
    report = describe_unmatched(matched)
    assert report["rows_without_file"]["count"] == 150
    assert report["rows_without_file"]["first"] == [str(number) for number in range(100)]
    assert report["files_without_row"] == {"count": 1, "first": ["a.zip/b.off"]}
