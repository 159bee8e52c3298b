"""Finding the files of states among those that were fetched."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.snapshots import find_snapshots


def test_loose_files_and_archives_in_order_of_run_time_and_expert(
    tmp_path: Path, write_state: Callable[..., str]
) -> None:
    listed = [
        write_state("train/data-2000-01-02-00-1_1.txt"),
        write_state("train/data-2000-01-02-00-1_0.txt"),
        write_state("data-1999-01-01-00-2.txt"),
        write_state("notes.txt"),
        write_state("stats.npy"),
    ]
    with zipfile.ZipFile(tmp_path / "raw/more.zip", "w") as archive:
        archive.writestr("all/data-2000-01-01-07-1.txt", "12 2.5 1")
        archive.writestr("all/._data-2000-01-01-07-1.txt", "of macOS")
    write_state("data-1970-01-01-00-1.txt")
    found, others = find_snapshots(tmp_path / "raw", [*listed, "more.zip"], (".txt",))
    assert [snapshot.name for snapshot in found] == [
        "more.zip/all/data-2000-01-01-07-1.txt",
        "train/data-2000-01-02-00-1_0.txt",
        "train/data-2000-01-02-00-1_1.txt",
        "data-1999-01-01-00-2.txt",
    ]
    assert others == ["notes.txt"]
    assert [snapshot.is_loose for snapshot in found] == [False, True, True, True]
    content = found[0].open(tmp_path / "raw")
    assert isinstance(content, io.BytesIO)
    assert content.getvalue() == b"12 2.5 1"
    path = found[1].open(tmp_path / "raw")
    assert isinstance(path, Path)
    assert path.read_text() == "12 1.5 0"


def test_a_state_that_is_there_twice_is_refused(
    tmp_path: Path, write_state: Callable[..., str]
) -> None:
    names = [write_state(f"{folder}/data-2000-01-01-00-1.txt") for folder in ("a", "b")]
    with pytest.raises(DeepsphereError, match=r"a/data.*txt and b/data.*txt .* the same state"):
        find_snapshots(tmp_path / "raw", names, (".txt",))


@pytest.mark.parametrize(
    ("name", "found"), [("weather.txt", "weather.txt"), ("a.csv", "1 files of other kinds")]
)
def test_no_state_at_all(
    tmp_path: Path, write_state: Callable[..., str], name: str, found: str
) -> None:
    write_state(name)
    with pytest.raises(DeepsphereError, match=rf"no file called data-.*found {re.escape(found)}"):
        find_snapshots(tmp_path / "raw", [name], (".txt",))
