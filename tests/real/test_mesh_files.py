"""Genuine meshes of ModelNet and the Princeton benchmarks, and the official labels of SHREC'17."""

import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import trimesh

from deepsphere.sources.meshes.archives import open_archive
from deepsphere.sources.meshes.entries import check_entries
from deepsphere.sources.meshes.matching import match_table
from deepsphere.sources.meshes.members import Member
from deepsphere.sources.meshes.reading import read_mesh
from deepsphere.sources.meshes.table import read_table
from deepsphere.sources.meshes.tree import tree_entries

DATA = Path(__file__).parents[2].parent / "shared/data/meshes"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"real data not found: {DATA}")

_LIMIT = 1 << 30
_SHARES = {"train": 0.6, "validation": 0.1, "test": 0.3}


@pytest.mark.parametrize(
    "name", ["psb_off.zip", "labeleddb_off.zip", "shapedb_obj.zip", "modelnet"]
)
def test_every_mesh_is_what_the_list_says_and_what_trimesh_reads(name: str) -> None:
    with (DATA / "MANIFEST.csv").open() as stream:
        listed = {row["file"]: row for row in csv.DictReader(stream)}
    archive = open_archive(DATA / name)
    compared = 0
    for number, member in enumerate(archive.members()):
        row = listed.get(member.name) or listed.get(f"{name}/{member.name}")
        if row is None:
            continue
        content = archive.read(member.name, _LIMIT)
        mesh = read_mesh(member.name, content)
        assert len(content) == member.size == int(row["bytes"])
        if member.name.endswith(".off"):
            assert len(mesh.vertices) == int(row["n_vertices"])
        assert len(mesh.faces) == int(row["n_faces"])
        assert np.isfinite(mesh.vertices).all()
        if number % 10 == 0:
            kind = member.name[-3:]
            other = trimesh.load_mesh(io.BytesIO(content), file_type=kind, process=False)
            own = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
            np.testing.assert_allclose(own.area, other.area, rtol=1e-9)
            np.testing.assert_array_equal(own.triangles, other.triangles)
        compared += 1
    assert compared > 10


def test_trees_have_the_classes_and_splits_of_the_list() -> None:
    with (DATA / "MANIFEST.csv").open() as stream:
        listed = list(csv.DictReader(stream))
    for name, splits in (("psb_off", True), ("labeleddb_off", False)):
        members = open_archive(DATA / f"{name}.zip").members()
        entries = tree_entries(name, members, shares=_SHARES, seed=0)
        check_entries(entries)
        rows = [row for row in listed if row["file"].startswith(f"{name}/")]
        assert Counter(entry.label for entry in entries) == Counter(row["class"] for row in rows)
        found = {entry.member: entry.split for entry in entries}
        if splits:
            assert found == {row["file"]: row["split"] for row in rows}
        else:
            assert len(entries) == 100
            assert len({(entry.label, entry.split) for entry in entries}) == 30


def test_modelnet_files_with_glued_headers_are_the_same_meshes() -> None:
    plain = open_archive(DATA / "modelnet/modelnet10_header")
    glued = open_archive(DATA / "modelnet/modelnet40_header")
    entries = tree_entries("glued", glued.members(), shares=_SHARES, seed=0)
    assert {(entry.label, entry.split) for entry in entries} == {("bathtub", "train")}
    for entry in entries:
        content = glued.read(entry.member, _LIMIT)
        assert content.startswith(b"OFF") and content[3:4].isdigit()
        mesh = read_mesh(entry.member, content)
        other = read_mesh(entry.member, plain.read(entry.member, _LIMIT))
        np.testing.assert_array_equal(mesh.vertices, other.vertices)
        np.testing.assert_array_equal(mesh.faces, other.faces)


def test_table_in_an_archive_finds_every_mesh() -> None:
    archive = open_archive(DATA / "shapedb_obj.zip")
    table = archive.read("shapedb_obj/labels_shrec17_style.csv", _LIMIT)
    rows = read_table("labels.csv", table)
    members = {"shapedb_obj.zip": archive.members()}
    matched = match_table("labels.csv", rows, members, shares=_SHARES, seed=0)
    check_entries(matched.entries)
    assert len(matched.entries) == 168
    assert matched.rows_without_file == matched.files_without_row == ()
    assert Counter(entry.split for entry in matched.entries) == Counter(row.split for row in rows)
    assert len({entry.label for entry in matched.entries}) == 12


def test_official_labels_find_files_by_their_ids() -> None:
    rows = read_table("all.csv.gz", (DATA / "shrec17/all.csv.gz").read_bytes())
    splits = Counter(row.split for row in rows)
    assert splits == {"train": 35_764, "validation": 5_133, "test": 10_265}
    assert len({row.label for row in rows}) == 55
    assert sum(row.label == row.sublabel for row in rows) == 25_119
    archives = {
        "train.zip": [Member(f"train/{row.id}.obj", 1) for row in rows if row.split == "train"],
        "shapenet": [
            Member(f"{row.label}/{row.model}/model.obj", 1) for row in rows if row.split == "test"
        ],
    }
    matched = match_table("all.csv.gz", rows, archives, shares=_SHARES, seed=0)
    assert len(matched.entries) == 35_764 + 10_265
    assert len(matched.rows_without_file) == 5_133
    assert matched.files_without_row == ()
