"""Broken files are listed, and refused once they are too many."""

from pathlib import Path

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.quarantine import Broken, Quarantine


def test_files_are_listed_once_and_by_name(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "broken", files=100, share=0.03)
    assert quarantine.describe() == {"count": 0, "first": []}
    quarantine.add([Broken("b.nc", "is cut short"), Broken("a.zip/a.nc", "has no LABELS")])
    quarantine.add([Broken("b.nc", "is cut short")])
    # Another process, or a later run, sees them too.
    again = Quarantine(tmp_path / "broken", files=100, share=0.03)
    assert again.describe() == {
        "count": 2,
        "first": [
            {"file": "a.zip/a.nc", "reason": "has no LABELS"},
            {"file": "b.nc", "reason": "is cut short"},
        ],
    }


def test_the_share_is_a_limit_and_the_commonest_reasons_are_named(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path, files=10, share=0.2)
    quarantine.add([Broken("1.nc", "has 3 values"), Broken("2.nc", "has 7 values")])
    with pytest.raises(
        DeepsphereError,
        match=r"3 of 10 files are broken.* of 0\.2 .*: 2 such as 1\.nc \(has 3 values\); 1 such as "
        r"3\.nc \(x{157}\.\.\.\); repair",
    ):
        quarantine.add([Broken("3.nc", "x" * 200)])


def test_no_file_may_be_broken_with_a_share_of_zero(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path, files=10, share=0)
    quarantine.add([])
    with pytest.raises(DeepsphereError, match="1 of 10 files are broken"):
        quarantine.add([Broken("1.nc", "is empty")])
