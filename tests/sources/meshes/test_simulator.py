"""Meshes made here lie as a user's own may lie, and the readers find them."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.files import sha256_file
from deepsphere.regridding.mesh import cleaned
from deepsphere.sources.meshes.archives import open_archive
from deepsphere.sources.meshes.off import read_off
from deepsphere.sources.meshes.reading import read_mesh
from deepsphere.sources.meshes.settings import Source
from deepsphere.sources.meshes.simulated_files import NOTICE
from deepsphere.sources.meshes.simulator import simulate_raw
from deepsphere.sources.meshes.table import read_table
from deepsphere.sources.meshes.tree import tree_entries

OBJECTS, CLASSES = 6, 3
SHARES = {"train": 0.5, "validation": 0.25, "test": 0.25}


def source(**changes: Any) -> dict[str, Any]:
    simulate = {"objects": OBJECTS, "classes": CLASSES, "seed": 3} | changes.pop("simulate", {})
    return Source(kind="meshes", simulate=simulate, **changes).model_dump(mode="json")


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


@pytest.mark.parametrize(
    ("layout", "place"),
    [
        (None, "chair/test/chair_0006.off"),
        ("class/split/file", "chair/test/chair_0006.off"),
        ("split/class/file", "test/chair/chair_0006.off"),
        ("class/file", "chair/chair_0006.off"),
        ("split/file", "test/chair_0006.off"),
    ],
)
def test_layouts_are_found_out(layout: str | None, place: str, tmp_path: Path) -> None:
    simulate_raw(source(layout=layout), tmp_path)
    assert (tmp_path / place).is_file()
    archive = open_archive(tmp_path)
    entries = tree_entries("raw", archive.members(), shares=SHARES, seed=0)
    assert len(entries) == OBJECTS * CLASSES
    assert {entry.label for entry in entries} == {"table", "chair", "vase"}
    for entry in entries:
        if layout != "class/file":
            number = int(entry.member[-8:-4])
            assert entry.split == {5: "validation", 6: "test"}.get(number, "train")
        content = archive.read(entry.member, 1 << 24)
        assert NOTICE in content.decode().splitlines()[1]
        assert len(cleaned(read_mesh(entry.member, content)).faces) >= 10


def test_meshes_are_dealt_out_to_archives(tmp_path: Path) -> None:
    """The archives hold what the loose files are, each about half of it."""
    simulate_raw(source(), tmp_path / "loose")
    simulate_raw(source(files=("one.zip", "two.ZIP")), tmp_path / "packed")
    names = []
    for path in sorted((tmp_path / "packed").iterdir()):
        with zipfile.ZipFile(path) as archive:
            names.append(set(archive.namelist()))
            for name in archive.namelist():
                assert archive.read(name) == (tmp_path / "loose" / name).read_bytes()
    assert names[0] & names[1] == {"README.txt"}
    assert names[0] | names[1] == set(hashes(tmp_path / "loose"))
    assert len(names[0]) == len(names[1]) == 1 + OBJECTS * CLASSES // 2


@pytest.mark.parametrize("table", ["labels.csv", "labels.csv.gz"])
def test_a_table_says_classes_styles_and_splits(table: str, tmp_path: Path) -> None:
    simulate_raw(source(labels=table, simulate={"objects": 12}), tmp_path)
    rows = {row.id: row for row in read_table(table, (tmp_path / table).read_bytes())}
    assert len(rows) == 12 * CLASSES
    assert {path.stem for path in (tmp_path / "objects").iterdir()} == set(rows)
    assert rows["chair_0012"].split == "test"
    assert {rows[name].sublabel for name in rows if rows[name].label == "vase"} == {"vase"}
    chairs = {row.sublabel for row in rows.values() if row.label == "chair"}
    assert chairs == {"chair_1", "chair_2"}


def test_the_axis_that_points_upwards(tmp_path: Path) -> None:
    """What lies on its back is (x, z, -y) of what is upright; files have seven digits."""
    meshes = []
    for up in ("z", "y"):
        simulate_raw(source(up=up), tmp_path / up)
        path = min((tmp_path / up).rglob("*.off"))
        meshes.append(read_off(path.read_bytes()).vertices)
    upright, lying = meshes
    assert np.ptp(upright, axis=0).min() > 0
    found = np.stack([lying[:, 0], -lying[:, 2], lying[:, 1]], axis=1)
    np.testing.assert_allclose(found, upright, atol=1e-5 * np.abs(upright).max())


def test_bytes_follow_from_the_settings(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        simulate_raw(source(simulate={"seed": seed}), tmp_path / name)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    same, other = hashes(tmp_path / "one"), hashes(tmp_path / "other")
    assert {name for name in same if same[name] == other[name]} == {"README.txt"}


def test_more_of_them_leave_the_first_as_they_are(tmp_path: Path) -> None:
    simulate_raw(source(layout="class/file"), tmp_path / "few")
    more = {"objects": OBJECTS + 2, "classes": CLASSES + 1}
    simulate_raw(source(layout="class/file", simulate=more), tmp_path / "many")
    assert hashes(tmp_path / "few").items() <= hashes(tmp_path / "many").items()


def test_broken_files(tmp_path: Path) -> None:
    simulate_raw(source(simulate={"broken": 3}), tmp_path)
    train = tmp_path / "table" / "train"
    assert (train / "table_0007.off").read_bytes() == b""
    assert b" nan " in (train / "table_0008.off").read_bytes()
    with pytest.raises(DeepsphereError, match="cut short"):
        read_mesh("table_0009.off", (train / "table_0009.off").read_bytes())


def test_archives_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DeepsphereError, match=r"files names meshes\.tar\.gz; simulated ones"):
        simulate_raw(source(files=("meshes.tar.gz",)), tmp_path)
    assert not any(tmp_path.iterdir())
