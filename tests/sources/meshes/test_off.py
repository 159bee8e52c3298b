"""The OFF reader: every layout of the format, and every way in which a file can be bad."""

import io
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.off import read_off

_POINTS = [[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
_TRIANGLES = [[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]]
_COORDINATES = "0 0 0\n1 0 0\n0 1 0\n0 0 1\n"
_FACES = "3 0 2 1\n3 0 1 3\n3 1 2 3\n3 2 0 3\n"
_BODY = _COORDINATES + _FACES


@pytest.mark.parametrize(
    "text",
    [
        "OFF\n4 4 6\n" + _BODY,
        "OFF4 4 6\n" + _BODY,
        "OFF 4 4 6\n" + _BODY,
        "off\n4 4\n" + _BODY,
        "\ufeffOFF\n4 4 0\n" + _BODY,
        ("OFF\n4 4 0\n" + _BODY).replace("\n", "\r\n"),
        ("OFF\n4 4 0\n" + _BODY).replace("\n", "\r"),
        "# first\n\nOFF # the keyword\n# more\n\n4 4 6 # counts\n\n"
        + _BODY.replace("\n", " #\n\n"),
        "OFF\n4 4 0\n" + _BODY + "\n# the end\nand then anything: 1 2\n",
        "OFF\n4 4 0\n" + _BODY + "7 8 9\n",
        "OFF\n4 4 0\n" + _BODY.rstrip(),
        "OFF\n4 4 0\n" + _BODY.replace(" ", "\t  ").replace("\n", "  \n"),
        "OFF\n4 4 0\n" + _COORDINATES + _FACES.replace("\n", " 0.5 0.5 0.5\n"),
        "OFF\n4 4 0\n" + _COORDINATES.replace("\n", " 255 0 0 255\n") + _FACES,
        "COFF\n4 4 0\n"
        + _COORDINATES.replace("\n", " 255 0 0 255\n")
        + _FACES.replace("\n", " 7\n"),
        "NOFF 4 4 0\n" + _COORDINATES.replace("\n", " 0 0 1\n") + _FACES,
        "STOFF\n4 4 0\n" + _COORDINATES.replace("\n", " 0.5 0.5\n") + _FACES,
        "STCNOFF4 4 0\n" + _COORDINATES.replace("\n", " 0 0 1 9 9 9 9 .5 .5\n") + _FACES,
        "OFF\n4 6 0\n" + _COORDINATES + "2 0 1\n" + _FACES + "1 3\n",
        ("OFF 4 4 0 " + _BODY).replace("\n", " "),
        ("OFF 4 4 0 " + _BODY).replace(" ", "\n"),
        "OFF\n4 4 0\n" + _COORDINATES.replace("\n", " ") + "\n" + _FACES,
        ("NOFF 4 4 0 " + _COORDINATES.replace("\n", " 0 0 1\n") + _FACES).replace("\n", " "),
    ],
)
def test_layouts_of_one_tetrahedron(text: str) -> None:
    mesh = read_off(text.encode())
    np.testing.assert_array_equal(mesh.vertices, _POINTS)
    np.testing.assert_array_equal(mesh.faces, _TRIANGLES)


def test_polygons_become_fans() -> None:
    text = (
        "OFF\n5 3 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n-1 .5 0\n4 0 1 2 3 9 9 9\n3 0 3 4\n5 0 1 2 3 4\n"
    )
    fans = [[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 1, 2], [0, 2, 3], [0, 3, 4]]
    np.testing.assert_array_equal(read_off(text.encode()).faces, fans)
    one_line = text.replace(" 9 9 9", "").replace("\n", " ")
    np.testing.assert_array_equal(read_off(one_line.encode()).faces, fans)


def test_numbers_are_rounded_correctly_and_may_be_no_number() -> None:
    text = b"OFF\n3 1 0\n0.1 -1e-7 6.02214076e+23\nnan inf -inf\n.3 3. -0\n3 0 1 2\n"
    expected = [[0.1, -1e-7, 6.02214076e23], [np.nan, np.inf, -np.inf], [0.3, 3, 0]]
    np.testing.assert_array_equal(read_off(text).vertices, expected)


def test_files_without_faces_or_vertices_are_read() -> None:
    assert read_off(b"OFF\n1 0 0\n1 2 3\n").faces.shape == (0, 3)
    assert read_off(b"OFF 0 0 0").vertices.shape == (0, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an OFF file, which begins with OFF; found nothing"),
        (b"\n \n", "found nothing"),
        (b"<!DOCTYPE html>", "found '<!DOCTYPE html>'"),
        (b"\x00\xff" * 50, "found '"),
        (b"OFFSET\n", "not an OFF file"),
        (b"OFF BINARY\n\x00\x00", "'OFF BINARY' is an OFF file of another kind"),
        (b"4OFF\n1 0 0\n1 2 3 4", "'4OFF' is an OFF file of another kind"),
        (b"nOFF 5\n1 0 0\n1 2 3 4 5", "'nOFF' is an OFF file of another kind"),
        (b"OFF", "the file ends before the numbers of vertices and faces"),
        (b"OFF\n# 1 2\nv 1 2 3\n", "line 3 has 'v', which is not a number, before the numbers"),
        (b"OFF\n\n-4 4 0\n", "line 3: expected the numbers of vertices and faces; found -4 4"),
        (b"OFF\n1.5 4 0\n", "line 2: expected the numbers of vertices and faces; found 1.5 4"),
        (b"OFF nan 4 0\n", "line 1: expected the numbers"),
        (b"OFF\n2 1 0\n0 0 0\n1 1\n3 0 1 0\n", "line 4: a vertex needs 3 coordinates; found 2"),
        (b"OFF\n1 1 0\n0 0 0\n4 0 0 0\n", "line 4: a face of 4 corners; found 3 numbers after"),
        (b"OFF\n1 1 0\n0 0 0\n-3 0 0 0\n", "line 4: a face of -3 corners"),
        (b"OFF\n1 1 0\n0 0 0\n1e300 0 0\n", "line 4: a face of 1e+300 corners"),
        (b"OFF\n1 1 0\n0 0 0\nnan 0 0\n", "line 4: a face of nan corners"),
        (
            b"OFF\n1 1 0\n0 0 0\n3 0 0 1\n",
            "line 4: a face has vertex 1, but there are 1, numbered from 0",
        ),
        (b"OFF\n1 1 0\n0 0 0\n3 0 -1 0\n", "line 4: a face has vertex -1"),
        (b"OFF\n1 1 0\n0 0 0\n\n3 0 0.5 0\n", "line 5: a face has vertex 0.5"),
        (b"OFF\n1 1 0\n0 0 0\n3 0 nan 0\n", "line 4: a face has vertex nan"),
        (b"OFF\n0 1 0\n3 0 0 0\n", "line 3: a face has vertex 0, but there are 0"),
        (
            b"OFF\n2 1 0\n0 0 0\n1 x 1\n3 0 1 0",
            "but line 4 has 'x', which is not a number, after 1",
        ),
        (b"OFF\n2 9 0\n0 0 0\n1 1 1\n3 0 1 0\n", "but the file ends after 3 lines"),
        (b"OFF\n1000000000 12 0\n0 0 0\n", "1000000000 vertices and 12 faces are promised"),
        (b"OFF\n12 1000000000 0\n0 0 0\n", "12 vertices and 1000000000 faces are promised"),
        (b"OFF 1e300 1e300 0\n0 0 0\n", "vertices and 1"),
    ],
)
def test_bad_files_are_refused_in_one_line(content: bytes, message: str) -> None:
    with pytest.raises(DeepsphereError) as caught:
        read_off(content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800


def test_a_missing_number_is_not_made_up_for_by_the_next_line() -> None:
    # Read without lines, the six numbers after the second vertex would be faces, too.
    with pytest.raises(DeepsphereError, match="line 4: a vertex needs 3 coordinates; found 2"):
        read_off(b"OFF\n3 1 0\n0 0 0\n1 0\n0 1 0\n3 0 1 2 \n")


def test_a_promise_of_a_billion_vertices_takes_no_memory() -> None:
    tracemalloc.start()
    try:
        for counts in (b"1000000000 1000000000 0", b"0 1000000000", b"1000000000 0"):
            with pytest.raises(DeepsphereError):
                read_off(b"OFF\n" + counts + b"\n" + b"0 0 0\n" * 100)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_long_files_are_read_in_blocks_with_the_right_lines() -> None:
    rng = np.random.default_rng(1)
    vertices, faces = rng.normal(size=(60_000, 3)), rng.integers(0, 60_000, (90_000, 3))
    lines = [
        "OFF",
        "60000 90000 0",
        *(f"{x!r} {y!r} {z!r}" for x, y, z in vertices.tolist()),
        *(f"3 {a} {b} {c}" for a, b, c in faces.tolist()),
    ]
    text = "\n".join(lines).encode()
    assert len(text) > 4 << 20
    mesh = read_off(text)
    np.testing.assert_array_equal(mesh.vertices, vertices)
    np.testing.assert_array_equal(mesh.faces, faces)
    lines[140_000] = "3 0 1 60000"
    with pytest.raises(DeepsphereError, match="line 140001: a face has vertex 60000"):
        read_off("\n".join(lines).encode())
    lines[140_000] = "3 0 1 two"
    with pytest.raises(DeepsphereError, match="but line 140001 has 'two'"):
        read_off("\n".join(lines).encode())


_NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(repr)
_BLANKS = st.sampled_from([" ", "  ", "\t", " \t "])
_ENDS = st.sampled_from(["\n", "\r\n", " \n\n", " # 1 2 3\n", "\n#\n"])


@st.composite
def _files(draw: st.DrawFn) -> tuple[str, list[list[float]], list[list[int]]]:
    """A file in some layout with a line for everything, its vertices and its polygons."""
    count = draw(st.integers(1, 6))
    prefix, extra = draw(st.sampled_from([("", 0), ("N", 3), ("C", 4), ("ST", 2), ("", 3)]))
    points = draw(
        st.lists(st.lists(_NUMBERS, min_size=3, max_size=3), min_size=count, max_size=count)
    )
    corners = st.lists(st.integers(0, count - 1), max_size=6)
    polygons = draw(st.lists(corners, max_size=6))
    blank, end = draw(_BLANKS), draw(_ENDS)
    colours = st.lists(st.sampled_from(["0", "255", "0.5"]), max_size=4)
    rows = [[*point, *["0.25"] * extra] for point in points]
    rows += [[str(len(polygon)), *map(str, polygon), *draw(colours)] for polygon in polygons]
    head = f"{prefix}OFF" + draw(st.sampled_from(["", " ", "\n", "\r\n# c\n\n"]))
    head += f"{count} {len(polygons)}" + draw(st.sampled_from(["", " 0", " 12"])) + end
    text = head + "".join(blank.join(row) + end for row in rows)
    return text, [[float(word) for word in point] for point in points], polygons


@settings(derandomize=True, deadline=None, max_examples=300)
@given(_files())
def test_any_layout_is_read_back(file: tuple[str, list[list[float]], list[list[int]]]) -> None:
    text, points, polygons = file
    mesh = read_off(text.encode())
    np.testing.assert_array_equal(mesh.vertices, points)
    fans = [(p[0], a, b) for p in polygons for a, b in pairwise(p[1:])]
    np.testing.assert_array_equal(mesh.faces, np.array(fans, np.int64).reshape(-1, 3))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.binary(max_size=60)
    | st.text("OFF0123456789 .-\n#eN", max_size=80).map(lambda text: b"OFF" + text.encode())
)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        mesh = read_off(content)
    except DeepsphereError:
        return
    assert mesh.faces.size == 0 or mesh.faces.max() < len(mesh.vertices)


def test_agrees_with_trimesh() -> None:
    content = trimesh.creation.torus(1, 0.25).export(file_type="off").encode()
    expected = trimesh.load(io.BytesIO(content), file_type="off", process=False)
    mesh = read_off(content)
    np.testing.assert_array_equal(mesh.vertices, expected.vertices)
    np.testing.assert_array_equal(mesh.faces, expected.faces)
