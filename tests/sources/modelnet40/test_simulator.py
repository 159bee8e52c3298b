"""The simulated archive is laid out as ModelNet40's, with its quirks in the shares stated."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from deepsphere.files import sha256_file
from deepsphere.regridding.mesh import cleaned
from deepsphere.sources.meshes.archives import open_archive
from deepsphere.sources.meshes.reading import read_mesh
from deepsphere.sources.meshes.tree import tree_entries
from deepsphere.sources.modelnet40.simulator import simulate_raw

ARCHIVE = "ModelNet40.zip"
ALIGNED = "modelnet40_manually_aligned.tar"
SIMULATION = {"objects": 15, "classes": 8, "seed": 1, "broken": 0}
COUNT = 120


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    simulate_raw({"simulate": SIMULATION, "edition": "original"}, folder)
    return folder


@pytest.fixture(scope="module")
def contents(raw: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(raw / ARCHIVE) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_layout(raw: Path, contents: dict[str, bytes]) -> None:
    assert [path.name for path in raw.iterdir()] == ["ModelNet40.zip"]
    pattern = re.compile(r"ModelNet40/([a-z]+)/(train|test)/\1_(\d{4})\.off")
    found = [found for name in contents if (found := pattern.fullmatch(name))]
    assert len(found) == COUNT
    for match in found:
        assert (int(match[3]) > 12) == (match[2] == "test")
    assert b"SIMULATED" in contents["ModelNet40/README.txt"]


def test_what_macos_adds(raw: Path, contents: dict[str, bytes]) -> None:
    """Files that end as meshes do and are none; the tree's reader passes over them."""
    added = [name for name in contents if name.startswith("__MACOSX/")]
    assert len(added) == 8
    assert all(name.endswith(".off") and "/._" in name for name in added)
    assert all(contents[name].startswith(b"\x00\x05\x16\x07") for name in added)
    members = open_archive(raw / ARCHIVE).members()
    shares = {"train": 1.0, "validation": 0.0, "test": 0.0}
    entries = tree_entries(ARCHIVE, members, shares=shares, seed=0)
    assert len(entries) == COUNT
    assert len({entry.label for entry in entries}) == 8
    assert sum(entry.split == "test" for entry in entries) == 24


def test_quirks_come_in_their_shares(contents: dict[str, bytes]) -> None:
    """Glued headers in 0.4 and Windows' lines in 0.1 of 120 files, within 4 deviations."""
    meshes = [content for name, content in contents.items() if name.startswith("ModelNet40/")]
    meshes = [content for content in meshes if content.startswith(b"OFF")]
    assert len(meshes) == COUNT
    glued = [re.match(rb"OFF\d+ \d+ 0\r?\n", content) is not None for content in meshes]
    windows = [b"\r\n" in content for content in meshes]
    assert np.mean(glued) == pytest.approx(0.4, abs=0.18)
    assert np.mean(windows) == pytest.approx(0.1, abs=0.11)
    assert any(one and other for one, other in zip(glued, windows, strict=True))
    assert all(b"#" not in content for content in meshes)


def test_every_mesh_is_of_triangles_and_can_be_read(contents: dict[str, bytes]) -> None:
    for name, content in contents.items():
        if name.startswith("ModelNet40/") and name.endswith(".off"):
            counts = [int(word) for word in content[3:200].split()[:2]]
            mesh = read_mesh(name, content)
            assert (len(mesh.vertices), len(mesh.faces)) == tuple(counts)
            assert len(cleaned(mesh).faces) >= 10


def test_aligned_edition(raw: Path, tmp_path: Path) -> None:
    """A tar of the same meshes, of which about 0.3 are turned by quarters in the other one."""
    simulate_raw({"simulate": SIMULATION, "edition": "aligned"}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [ALIGNED]
    shares = {"train": 1.0, "validation": 0.0, "test": 0.0}
    archives = [open_archive(raw / ARCHIVE), open_archive(tmp_path / ALIGNED)]
    sets = [tree_entries("a", one.members(), shares=shares, seed=0) for one in archives]
    assert [entry.id for entry in sets[0]] == [entry.id for entry in sets[1]]
    turned = []
    for entries in zip(*sets, strict=True):
        meshes = [
            read_mesh(entry.member, one.read(entry.member, 1 << 24)).vertices
            for one, entry in zip(archives, entries, strict=True)
        ]
        assert meshes[0][:, 2] == pytest.approx(meshes[1][:, 2], rel=1e-6)
        reach = [np.hypot(one[:, 0], one[:, 1]) for one in meshes]
        assert reach[0] == pytest.approx(reach[1], rel=1e-5)
        turned.append(not np.allclose(meshes[0], meshes[1]))
    assert np.mean(turned) == pytest.approx(0.3, abs=0.17)
    names = {member.name for member in archives[1].members()}
    assert "modelnet40_manually_aligned/chair/test/chair_0015.annot" in names


@pytest.mark.parametrize(("edition", "archive"), [("original", ARCHIVE), ("aligned", ALIGNED)])
def test_bytes_follow_from_the_seed(edition: str, archive: str, tmp_path: Path) -> None:
    few = SIMULATION | {"objects": 4, "classes": 2}
    for name, seed in (("one", 1), ("two", 1), ("other", 2)):
        simulate_raw({"simulate": few | {"seed": seed}, "edition": edition}, tmp_path / name)
    digests = [sha256_file(tmp_path / name / archive) for name in ("one", "two", "other")]
    assert digests[0] == digests[1] != digests[2]


def test_broken_ones(tmp_path: Path) -> None:
    simulation = SIMULATION | {"objects": 4, "classes": 2, "broken": 3}
    simulate_raw({"simulate": simulation, "edition": "original"}, tmp_path)
    with zipfile.ZipFile(tmp_path / ARCHIVE) as archive:
        assert archive.read("ModelNet40/table/train/table_0005.off") == b""
        assert b"nan nan nan" in archive.read("ModelNet40/table/train/table_0006.off")
        assert "ModelNet40/table/train/table_0007.off" in archive.namelist()
