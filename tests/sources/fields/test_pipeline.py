"""Files that look sound, files that do not, and how they are divided."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.pipeline import divide, find_states, make_report
from deepsphere.sources.fields.settings import Division
from deepsphere.workers import Workers


@pytest.fixture
def find(tmp_path: Path, reader: Any) -> Callable[..., Any]:
    def find_in_raw(listed: list[str], share: float = 0.5) -> Any:
        return find_states(
            tmp_path / "raw", listed, reader, share, tmp_path / "scratch", Workers(2)
        )

    return find_in_raw


def test_broken_files_and_those_of_another_grid_are_set_aside(
    find: Callable[..., Any], write_state: Callable[..., str]
) -> None:
    listed = [
        # The first file is the odd one: the grid is what most files have.
        write_state("data-2000-01-01-00-1.txt", "15 1.0 0"),
        write_state("data-2000-01-02-00-1.txt"),
        write_state("data-2000-01-03-00-1.txt", ""),
        write_state("data-2000-01-04-00-1.txt"),
        write_state("readme.txt"),
    ]
    found = find(listed)
    assert [snapshot.name for snapshot in found.snapshots] == [listed[1], listed[3]]
    assert found.layout == "12 places"
    assert found.inspected in found.snapshots
    report = make_report(found, np.array([0, 255], np.uint8), {"more": 1})()
    assert report == {
        "files": 4,
        "split": {"train": 1, "validation": 0, "test": 0},
        "left_out": 1,
        "unnamed": {"count": 1, "first": ["readme.txt"]},
        "quarantined": {
            "count": 2,
            "first": [
                {"file": listed[0], "reason": "has 15 places; most files have 12 places"},
                {"file": listed[2], "reason": "has 0 words; expected 3"},
            ],
        },
        "more": 1,
    }
    with pytest.raises(DeepsphereError, match=r"2 of 4 files are broken"):
        find(listed, share=0.4)


def test_no_file_can_be_used(find: Callable[..., Any], write_state: Callable[..., str]) -> None:
    listed = [write_state(f"data-2000-01-0{day}-00-1.txt", "") for day in (1, 2)]
    with pytest.raises(DeepsphereError, match=r"none of 2 files in .*: has 0 words; expected 3"):
        find(listed)


def test_of_archives_only_some_files_are_opened(tmp_path: Path, find: Callable[..., Any]) -> None:
    (tmp_path / "raw").mkdir()
    with zipfile.ZipFile(tmp_path / "raw/all.zip", "w") as archive:
        for day in range(1, 10):
            text = "" if day in (2, 9) else "12 1.0 0"
            archive.writestr(f"data-2000-01-0{day}-00-1.txt", text)
    found = find(["all.zip"])
    # The first, the middle and the last one; the second is found broken when it is read.
    assert [snapshot.moment.day for snapshot in found.snapshots] == list(range(1, 9))
    assert found.inspected.moment.day in (1, 5)


def test_divisions_by_their_settings(
    find: Callable[..., Any], write_state: Callable[..., str]
) -> None:
    listed = [write_state(f"data-2000-01-{day:02}-00-1.txt") for day in range(1, 21)]
    snapshots = find(listed).snapshots

    def published(files: Any) -> Any:
        return np.full(len(files), 2, np.uint8)

    assert set(divide(snapshots, Division(), published)) == {2}
    by_time = divide(snapshots, Division(kind="leak-free", gap=1), published)
    np.testing.assert_array_equal(by_time, [0] * 13 + [255, 1, 255] + [2] * 4)
    random = divide(snapshots, Division(kind="random", seed=1), published)
    assert np.bincount(random).tolist() == [14, 2, 4]
