"""OBJ, the text format of Wavefront: vertices and polygons, in any order.

Only what has a place in space is read: ``v`` and ``f`` of all objects, groups and materials
together. Texture coordinates, normals, colours, materials, lines, curves and free-form surfaces are
left out, and no other file (``mtllib``) is ever opened.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.mesh import Mesh
from deepsphere.sources.meshes.number_rows import (
    NotNumber,
    NumberRows,
    line_blocks,
    plain_text,
    quote,
    read_rows,
)
from deepsphere.sources.meshes.polygons import fan_triangles

_VERTEX = frozenset((b"v ", b"v\t", b"v"))
_FACE = frozenset((b"f ", b"f\t", b"f"))
_INDENTED = re.compile(rb"^[ \t]+", re.MULTILINE)
_NOT_IN_SPACE = re.compile(rb"/\S*")

# A backslash at the end of a line continues it; that of a path in `mtllib C:\set\` does not.
_CONTINUED = re.compile(rb"^[ \t]*[vf][ \t][^\n]*?(?:\\[ \t]*\n[^\n]*?)+$", re.MULTILINE)
_JOINT = re.compile(rb"\\[ \t]*\n")


def read_obj(content: bytes) -> Mesh:
    """Read a mesh in Wavefront's format.

    Polygons become fans of triangles; faces of fewer than three corners are left out. Corners may
    be ``v``, ``v/vt``, ``v//vn`` or ``v/vt/vn``, and count back from the last vertex where
    negative.

    Parameters
    ----------
    content : bytes
        The file.

    Returns
    -------
    Mesh
        As it stands in the file: vertices may be NaN, there may be no face, or faces without area.

    Raises
    ------
    DeepsphereError
        If there is no vertex, or a line of a vertex or face cannot be read.
    """
    text = plain_text(content)
    if b"\\" in text:
        text = _CONTINUED.sub(_join_lines, text)
    if b"\n " in text or b"\n\t" in text or text[:1].isspace():
        text = _INDENTED.sub(b"", text)
    points, corners = [np.zeros((0, 3))], [np.zeros(0)]
    sizes, face_lines = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    known = 0
    for first_line, block in line_blocks(text):
        lines = block.split(b"\n")
        keywords = [line[:2] for line in lines]
        vertices = [place for place, keyword in enumerate(keywords) if keyword in _VERTEX]
        faces = [place for place, keyword in enumerate(keywords) if keyword in _FACE]
        points.append(_read_vertices(lines, vertices, first_line))
        if faces:
            rows = _read_faces(lines, faces, first_line)
            at = first_line + np.array(faces)
            defined = known + np.searchsorted(vertices, faces)
            corners.append(_count_from_zero(rows, defined, at))
            sizes.append(rows.counts)
            face_lines.append(at)
        known += len(vertices)
    if not known:
        found = quote(content.strip()) if content.strip() else "nothing"
        raise DeepsphereError(f"no vertex: no line begins with v; the file begins with {found}")
    return _join_faces(
        np.concatenate(points),
        np.concatenate(corners),
        np.concatenate(sizes),
        np.concatenate(face_lines),
    )


def _join_lines(found: re.Match[bytes]) -> bytes:
    """Return continued lines as one, with empty ones after it, so that all keep their number."""
    joined, count = _JOINT.subn(b" ", found[0])
    return joined + b"\n" * count


def _read_vertices(
    lines: Sequence[bytes], places: Sequence[int], first_line: int
) -> NDArray[np.float64]:
    """Return the vertices on some of a block's lines, float64, shape (vertex, 3)."""
    if not places:
        return np.zeros((0, 3))
    rows = _read_lines(b"\n".join([lines[place][1:] for place in places]), places, first_line)
    short = np.flatnonzero(rows.counts < 3)
    if len(short):
        raise DeepsphereError(
            f"line {first_line + places[short[0]]}: a vertex needs 3 coordinates; found "
            f"{rows.counts[short[0]]}"
        )
    vertices: NDArray[np.float64] = rows.values[rows.starts[:, None] + np.arange(3)]
    return vertices


def _read_faces(lines: Sequence[bytes], places: Sequence[int], first_line: int) -> NumberRows:
    """Return the corners, as numbered in the file, of the faces on some of a block's lines."""
    text = b"\n".join([lines[place][1:] for place in places])
    if b"/" in text:
        text = _NOT_IN_SPACE.sub(b"", text)
    return _read_lines(text, places, first_line)


def _read_lines(text: bytes, places: Sequence[int], first_line: int) -> NumberRows:
    """Return the numbers of lines that stand at other places in the file."""
    try:
        return read_rows(text)
    except NotNumber as error:
        raise DeepsphereError(
            f"line {first_line + places[error.row]}: expected a number; found {error.word}"
        ) from None


def _count_from_zero(
    rows: NumberRows, defined: NDArray[np.int64], lines: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the corners of faces that have so many vertices before them, counted from 0."""
    before = np.repeat(defined, rows.counts)
    corners: NDArray[np.float64] = rows.values + np.where(rows.values < 0, before, -1)
    missing = np.flatnonzero((rows.values < 0) & (corners < 0))
    if len(missing):
        wrong = missing[0]
        raise DeepsphereError(
            f"line {np.repeat(lines, rows.counts)[wrong]}: a face has vertex "
            f"{rows.values[wrong]:.15g}, but only {before[wrong]} stand before it"
        )
    return corners


def _join_faces(
    vertices: NDArray[np.float64],
    corners: NDArray[np.float64],
    sizes: NDArray[np.int64],
    lines: NDArray[np.int64],
) -> Mesh:
    """Return the mesh of faces whose corners count from 0."""
    known = (corners >= 0) & (corners < len(vertices)) & (corners == np.floor(corners))
    if not known.all():
        wrong = int(np.argmin(known))
        raise DeepsphereError(
            f"line {np.repeat(lines, sizes)[wrong]}: a face has vertex {corners[wrong] + 1:.15g}, "
            f"but there are {len(vertices)}, numbered from 1"
        )
    return Mesh(vertices, fan_triangles(corners.astype(np.int64), sizes))
