"""Files say what the shapes are, to trimesh's readers and to those of this package."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh

from deepsphere.sources.meshes.reading import read_mesh
from deepsphere.sources.meshes.simulated_files import (
    NOTICE,
    obj_text,
    off_text,
    write_table,
    write_tar,
    write_tree,
    write_zip,
)
from deepsphere.sources.meshes.simulated_parts import box, revolved
from deepsphere.sources.meshes.simulated_surfaces import Shape, joined, moved

DIGITS = 5e-7
VOLUME = 2 / 3 * (1 + 0.3 + 0.3**2) * 3.5 * np.sin(2 * np.pi / 7) + 1.1 * 2 * 0.3
"""Of a frustum of a pyramid over regular polygons of 7 corners, 7 / 2 sin(2 pi / 7) r^2; a box."""


def shape() -> Shape:
    """Return a shape of triangles and quadrilaterals in two parts."""
    return joined([revolved(np.array([[0, 0], [1, 0], [0.3, 2], [0, 2]]), 7), box((1.1, 2, 0.3))])


def corners_of(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return ``(triangle, 9)`` sorted rows of coordinates, whatever the order of the triangles."""
    rows = np.round(vertices[triangles].reshape(-1, 9), 4)
    return rows[np.lexsort(rows.T)]


@pytest.mark.parametrize(
    ("triangles", "glued", "line_end"),
    [(True, False, "\n"), (True, True, "\n"), (True, True, "\r\n"), (False, False, "\n")],
)
def test_off_round_trip(triangles: bool, glued: bool, line_end: str) -> None:
    content = off_text(shape(), triangles=triangles, glued=glued, line_end=line_end)
    mesh = read_mesh("a.off", content)
    assert mesh.vertices == pytest.approx(shape().vertices, rel=DIGITS)
    expected = corners_of(shape().vertices, shape().triangles())
    assert np.array_equal(corners_of(mesh.vertices, mesh.faces), expected)
    other = trimesh.load_mesh(io.BytesIO(content), file_type="off", process=False)
    assert other.is_watertight
    assert other.volume == pytest.approx(VOLUME, rel=1e-6)


def test_off_header_as_in_modelnet() -> None:
    glued = off_text(shape(), triangles=True, glued=True, line_end="\r\n")
    assert glued.startswith(b"OFF24 40 0\r\n")
    assert glued.count(b"\n") == glued.count(b"\r\n") == 1 + 24 + 40
    plain = off_text(shape(), triangles=True)
    assert plain.startswith(b"OFF\n24 40 0\n")
    assert b"\r" not in plain
    polygons = off_text(shape(), triangles=False).decode().splitlines()
    assert polygons[:3] == ["OFF", f"# {NOTICE}", "24 27 0"]
    assert sum(line.startswith("4 ") for line in polygons) == 7 + 6


def test_numbers_keep_seven_digits_in_any_unit() -> None:
    far = moved(shape(), (1e6, 0, 0))
    tiny = Shape(1e-6 * shape().vertices, shape().faces, shape().parts)
    for one in (far, tiny):
        mesh = read_mesh("a.off", off_text(one, triangles=True))
        assert mesh.vertices == pytest.approx(one.vertices, rel=DIGITS, abs=0)


def test_obj_round_trip() -> None:
    content = obj_text(shape(), "000012")
    mesh = read_mesh("000012.obj", content)
    assert mesh.vertices == pytest.approx(shape().vertices, rel=DIGITS)
    expected = corners_of(shape().vertices, shape().triangles())
    assert np.array_equal(corners_of(mesh.vertices, mesh.faces), expected)
    other = trimesh.load_mesh(io.BytesIO(content), file_type="obj")
    assert len(other.faces) == len(shape().triangles())
    assert other.volume == pytest.approx(VOLUME, rel=1e-6)


def test_obj_has_what_real_ones_have() -> None:
    lines = obj_text(shape(), "000012").decode().splitlines()
    assert lines[:2] == [f"# {NOTICE}", "mtllib 000012.mtl"]
    assert [line for line in lines if line.startswith("o ")] == ["o part_0", "o part_1"]
    assert len({line for line in lines if line.startswith("usemtl ")}) == 2
    faces = [line.split()[1:] for line in lines if line.startswith("f ")]
    assert {len(face) for face in faces} == {3, 4}
    assert all(corner.count("/") == 2 for face in faces for corner in face)
    normals = [line.split()[1:] for line in lines if line.startswith("vn ")]
    assert len(normals) == len(faces)
    numbers = np.array([[int(part) for part in face[0].split("/")] for face in faces])
    assert numbers[:, 2].max() <= len(normals)
    assert numbers[:, 1].max() <= sum(line.startswith("vt ") for line in lines)


def test_normals_of_the_box_are_its_axes() -> None:
    lines = obj_text(box((1, 2, 3)), "b").decode().splitlines()
    normals = {tuple(map(float, line.split()[1:])) for line in lines if line.startswith("vn ")}
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    assert normals == {tuple(axis + 0.0) for axis in axes}


def test_faces_without_area_have_some_normal() -> None:
    flat = Shape(np.zeros((3, 3)), np.array([[0, 1, 2, -1]]), np.zeros(1, np.int64))
    assert b"vn 0.0000 0.0000 1.0000\n" in obj_text(flat, "flat")


def test_archives_are_the_same_every_time(tmp_path: Path) -> None:
    members = [("a/b.txt", b"b" * 1000), ("a/c.txt", b"")]
    for name in ("one.zip", "two.zip"):
        write_zip(tmp_path / "made" / name, iter(members))
    content = (tmp_path / "made" / "one.zip").read_bytes()
    assert content == (tmp_path / "made" / "two.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert [(name, archive.read(name)) for name in archive.namelist()] == members
        assert {member.date_time for member in archive.infolist()} == {(2018, 1, 1, 0, 0, 0)}


def test_tars_are_the_same_every_time(tmp_path: Path) -> None:
    members = [("a/b.txt", b"b" * 1000), ("a/c.txt", b"")]
    for name in ("one.tar", "two.tar"):
        write_tar(tmp_path / "made" / name, iter(members))
    content = (tmp_path / "made" / "one.tar").read_bytes()
    assert content == (tmp_path / "made" / "two.tar").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        found = [(member.name, archive.extractfile(member).read()) for member in archive]
    assert found == members


def test_trees_and_tables(tmp_path: Path) -> None:
    write_tree(tmp_path, [("a/b/c.txt", b"c"), ("d.txt", b"d")])
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"c"
    assert (tmp_path / "d.txt").read_bytes() == b"d"
    for name in ("t.csv", "t.csv.gz"):
        write_table(tmp_path / "tables" / name, ["id,label", "1,chair"])
    assert (tmp_path / "tables" / "t.csv").read_bytes() == b"id,label\n1,chair"
    packed = (tmp_path / "tables" / "t.csv.gz").read_bytes()
    assert gzip.decompress(packed) == b"id,label\n1,chair"
    assert packed[4:8] == bytes(4)
