"""The OBJ reader: every way to write a vertex and a face, and every way in which a file is bad."""

import io
from itertools import pairwise

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.obj import read_obj

_POINTS = [[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
_TRIANGLES = [[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]]
_VERTICES = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n"
_FACES = "f 1 3 2\nf 1 2 4\nf 2 3 4\nf 3 1 4\n"
_TEXT = _VERTICES + _FACES
_CORNERS = _FACES.replace("f ", "f_")


@pytest.mark.parametrize(
    "text",
    [
        _TEXT,
        "\ufeff" + _TEXT,
        _TEXT.replace("\n", "\r\n"),
        _TEXT.replace("\n", "\r"),
        _TEXT.replace(" ", "\t"),
        _TEXT.replace("\n", "  \n   "),
        _TEXT.rstrip(),
        _FACES + _VERTICES,
        _VERTICES.replace("\n", " 1.0\n") + _FACES,
        _VERTICES.replace("\n", " 0.5 0.25 1\n") + _FACES,
        _VERTICES.replace("\n", " # a vertex\n") + "# faces\n\n" + _FACES,
        _VERTICES + "vt 0 0\nvn 0 0 1\n" + _CORNERS.replace(" ", "/1 ").replace("\n", "/1\n"),
        _VERTICES + "vt 0 0\nvn 0 0 1\n" + _CORNERS.replace(" ", "/1/1 ").replace("\n", "/1/1\n"),
        _VERTICES + "vn 0 0 1\n" + _CORNERS.replace(" ", "//1 ").replace("\n", "//1\n"),
        _VERTICES + "f -4 -2 -3\nf 1 -3 4\nf -3 -2 -1\nf 3/-1/-1 -4//-1 4/-1\n",
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -1 -2\nv 0 0 1\nf -4 -3 -1\nf 2 3 4\nf 3 1 4\n",
        "mtllib /etc/passwd\no one\n" + _VERTICES + "usemtl red\ng a b\ns off\n"
        "f 1 3 2\nf 1 2 4\no two\nusemtl blue\nl 1 2\np 1\nvp 1 2\nf 2 3 4\nf 3 1 4\n"
        "f 1 2\nf 3\nf\n",
        "v 0 0 \\\n0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 \\  \n3 \\\n2\n" + _FACES[8:],
        "# made in C:\\meshes\\\nmtllib C:\\meshes\\\n" + _TEXT,
        _TEXT.replace("1", "1e0").replace("f", " f"),
    ],
)
def test_layouts_of_one_tetrahedron(text: str) -> None:
    mesh = read_obj(text.replace("f_", "f ").encode())
    np.testing.assert_array_equal(mesh.vertices, _POINTS)
    np.testing.assert_array_equal(mesh.faces, _TRIANGLES)


def test_polygons_become_fans() -> None:
    text = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv -1 .5 0\nf 1/1 2/2 3/3 4/4\nf -5 -4 -3 -2 -1\n"
    fans = [[0, 1, 2], [0, 2, 3], [0, 1, 2], [0, 2, 3], [0, 3, 4]]
    np.testing.assert_array_equal(read_obj(text.encode()).faces, fans)


def test_vertices_may_be_no_numbers_and_faces_may_be_missing() -> None:
    mesh = read_obj(b"v nan NaN -nan\nv 1e-320 -inf 1e5\n")
    np.testing.assert_array_equal(mesh.vertices, [[np.nan] * 3, [1e-320, -np.inf, 1e5]])
    assert mesh.faces.shape == (0, 3)


def test_a_very_long_line_is_one_polygon() -> None:
    count = 200_000
    text = b"v 1 2 3\n" * count + b"f " + b" ".join(b"%d" % n for n in range(1, count + 1))
    mesh = read_obj(text)
    assert mesh.vertices.shape == (count, 3)
    assert mesh.faces.shape == (count - 2, 3)
    np.testing.assert_array_equal(mesh.faces[-1], [0, count - 2, count - 1])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no vertex: no line begins with v; the file begins with nothing"),
        (b"<html>\n", "the file begins with '<html>"),
        (bytes(range(256)), "no vertex"),
        (b"f 1 2 3\n", "no vertex"),
        (b"v 1 2 3\nv\n", "line 2: a vertex needs 3 coordinates; found 0"),
        (b"#\nv 1 2\n", "line 2: a vertex needs 3 coordinates; found 2"),
        (b"v 1 2 x\n", "line 1: expected a number; found 'x'"),
        (b"v 1,5 2 3\n", "line 1: expected a number; found '1,5'"),
        (b"v 1.#IND 2 3\n", "line 1: expected a number; found '1.#IND'"),
        (b"v 1 2 3\n\nf 1 1 a/1\n", "line 3: expected a number; found 'a'"),
        (b"v 1 2 3\nf 1 2 1\n", "line 2: a face has vertex 2, but there are 1, numbered from 1"),
        (b"v 1 2 3\nf 1 0 1\n", "line 2: a face has vertex 0"),
        (b"v 1 2 3\nf 1 -2 1\n", "line 2: a face has vertex -2, but only 1 stand before it"),
        (b"f -1 -1 -1\nv 1 2 3\n", "line 1: a face has vertex -1, but only 0 stand"),
        (b"v 1 2 3\nf 1 1.5 1\n", "line 2: a face has vertex 1.5"),
        (b"v 1 2 3\nf 1 nan 1\n", "line 2: a face has vertex nan"),
        (b"v 1 2 3\nf 1 99999999999999999999999 1\n", "line 2: a face has vertex 1e+23"),
        (b"v 1 2 \\\n3\nf 1 \\\n1 \\\n1\nf 7 1 1\n", "line 6: a face has vertex 7"),
    ],
)
def test_bad_files_are_refused_in_one_line(content: bytes, message: str) -> None:
    with pytest.raises(DeepsphereError) as caught:
        read_obj(content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_long_files_are_read_in_blocks_with_the_right_lines() -> None:
    rng = np.random.default_rng(2)
    points = rng.normal(size=(30_000, 3))
    lines = []
    for number, (x, y, z) in enumerate(points.tolist(), 1):
        lines += [f"v {x!r} {y!r} {z!r}", "vn 0 0 1", f"f -1/1/1 {number}//1 1"]
    text = "\n".join(lines).encode()
    assert len(text) > 2 << 20
    mesh = read_obj(text)
    np.testing.assert_array_equal(mesh.vertices, points)
    counted = np.arange(len(points))
    np.testing.assert_array_equal(mesh.faces, np.stack([counted, counted, 0 * counted], axis=1))
    lines[80_000] = "f 1 2 x"
    with pytest.raises(DeepsphereError, match="line 80001: expected a number; found 'x'"):
        read_obj("\n".join(lines).encode())
    lines[80_000] = "f 1 2 30001"
    with pytest.raises(DeepsphereError, match="line 80001: a face has vertex 30001"):
        read_obj("\n".join(lines).encode())


_OTHERS = ["", "# v 9 9 9", "vn 0 0 1", "vt 0.5 0.5", "o name", "g v f", "usemtl f 1 2 3", "s 1"]
_NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def _files(draw: st.DrawFn) -> tuple[str, list[list[float]], list[list[int]]]:
    """A file in some layout, its vertices and its polygons."""
    points: list[list[float]] = []
    polygons: list[list[int]] = []
    lines: list[str] = []
    blank = draw(st.sampled_from([" ", "\t", "  ", " \\\n "]))
    total = draw(st.integers(1, 6))
    kinds = ["v"] * total + draw(st.lists(st.sampled_from(["f", "other"]), max_size=8))
    for kind in draw(st.permutations(kinds)):
        if kind == "v":
            points.append([draw(_NUMBERS) for _ in range(3)])
            extra = draw(st.sampled_from([[], ["1.0"], ["0.5", "0.5", "0.5"]]))
            lines.append(blank.join(["v", *map(repr, points[-1]), *extra]))
        elif kind == "f":
            polygons.append(draw(st.lists(st.integers(0, total - 1), min_size=1, max_size=5)))
            ending = draw(st.sampled_from(["", "/1", "//1", "/1/1"]))
            back = draw(st.booleans())
            words = [
                f"{n - len(points) if back and n < len(points) else n + 1}{ending}"
                for n in polygons[-1]
            ]
            lines.append(blank.join(["f", *words]))
        else:
            lines.append(draw(st.sampled_from(_OTHERS)))
    end = draw(st.sampled_from(["\n", "\r\n", " \n", "\n\n", " # f 1 1 1\n", "\n  "]))
    return end.join(lines), points, polygons


@settings(derandomize=True, deadline=None, max_examples=300)
@given(_files())
def test_any_layout_is_read_back(file: tuple[str, list[list[float]], list[list[int]]]) -> None:
    text, points, polygons = file
    mesh = read_obj(text.encode())
    np.testing.assert_array_equal(mesh.vertices, points)
    fans = [(p[0], a, b) for p in polygons for a, b in pairwise(p[1:])]
    np.testing.assert_array_equal(mesh.faces, np.array(fans, np.int64).reshape(-1, 3))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text("vf0123 .-/\\\n#e", max_size=80).map(lambda text: b"v 1 2 3\n" + text.encode()))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        mesh = read_obj(content)
    except DeepsphereError:
        return
    assert mesh.faces.size == 0 or mesh.faces.max() < len(mesh.vertices)


def test_agrees_with_trimesh() -> None:
    content = trimesh.creation.torus(1, 0.25).export(file_type="obj").encode()
    expected = trimesh.load(io.BytesIO(content), file_type="obj", process=False)
    mesh = read_obj(content)
    np.testing.assert_array_equal(mesh.vertices, expected.vertices)
    np.testing.assert_array_equal(mesh.faces, expected.faces)
