"""OFF, the Object File Format of Geomview: vertices and polygons as text.

The files of ModelNet and of the Princeton benchmarks have one vertex or face a line, which is the
only layout in which colours can be told from what follows. Without colours the format allows any
layout: numbers are separated by blanks of any kind.
"""

import re
from dataclasses import dataclass

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

# Many files of ModelNet have the number of vertices glued to the keyword, as in OFF8 12 0.
_KEYWORD = re.compile(rb"\s*((?:ST|C|N|4|n)*)(?:OFF|off)(?=[\s\d]|$)(?:\s+(BINARY))?")
_WIDTHS = ((b"N", 3), (b"C", 4), (b"ST", 2))


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a file after its keyword, up to the first line with a word that is none.

    Attributes
    ----------
    rows : NumberRows
        The numbers, line by line.
    line : int
        Number of the first of these lines.
    end : str
        What ends the numbers, for a message.
    """

    rows: NumberRows
    line: int
    end: str

    def line_of(self, position: int) -> int:
        """Return the number of the line that a number is on."""
        ends = np.cumsum(self.rows.counts)
        return self.line + int(np.searchsorted(ends, position, side="right"))


@dataclass(frozen=True)
class _Places:
    """Where in the numbers each vertex and each face begins, and how many corners it has."""

    vertices: NDArray[np.int64]
    faces: NDArray[np.int64]
    sizes: NDArray[np.int64]


def read_off(content: bytes) -> Mesh:
    """Read a mesh in the Object File Format.

    Polygons become fans of triangles, points and segments are left out, and so are colours, normals
    and texture coordinates (``COFF``, ``NOFF``, ``STOFF``; or colours that no keyword announces).
    The number of edges may be missing, and anything may follow the last face. Nothing is allocated
    for what the header only promises.

    Parameters
    ----------
    content : bytes
        The file.

    Returns
    -------
    Mesh
        As it stands in the file: vertices may be NaN, faces may have no area.

    Raises
    ------
    DeepsphereError
        If this is no OFF text of three dimensions, is cut short, or has a corner without a vertex.

    References
    ----------
    http://www.geomview.org/docs/html/OFF.html
    """
    text = plain_text(content)
    keyword = _KEYWORD.match(text)
    if keyword is None:
        found = quote(text.strip()) if text.strip() else "nothing"
        raise DeepsphereError(f"not an OFF file, which begins with OFF; found {found}")
    prefix = keyword[1]
    if keyword[2] or b"4" in prefix or b"n" in prefix:
        raise DeepsphereError(
            f"{quote(keyword[0].strip())} is an OFF file of another kind; "
            f"export it as OFF text of three dimensions"
        )
    numbers = _read_numbers(text, keyword.end())
    vertices, faces = _read_counts(numbers)
    lines = int(np.count_nonzero(numbers.rows.counts))
    try:
        places = _places_by_line(numbers, vertices, faces)
    except DeepsphereError:
        # A file that has a line for everything is damaged, not laid out in another way.
        if lines == 1 + vertices + faces:
            raise
        width = 3 + sum(extra for letters, extra in _WIDTHS if letters in prefix)
        free = _places_by_count(numbers.rows.values, vertices, faces, width)
        if free is None:
            raise
        places = free
    return _gather(numbers, places)


def _read_numbers(text: bytes, start: int) -> _Numbers:
    values, counts = [np.zeros(0)], [np.zeros(0, np.int64)]
    end = "the file ends"
    for line, block in line_blocks(text, start):
        whole = block
        try:
            rows = read_rows(block)
        except NotNumber as error:
            end = f"line {line + error.row} has {error.word}, which is not a number,"
            whole = b"\n".join(block.split(b"\n")[: error.row])
            rows = read_rows(whole)
        values.append(rows.values)
        counts.append(rows.counts)
        if whole is not block:
            break
    rows = NumberRows(np.concatenate(values), np.concatenate(counts))
    return _Numbers(rows, 1 + text.count(b"\n", 0, start), end)


def _read_counts(numbers: _Numbers) -> tuple[int, int]:
    """Return the numbers of vertices and of faces, as promised."""
    promised = numbers.rows.values[:2]
    if len(promised) < 2:
        raise DeepsphereError(f"{numbers.end} before the numbers of vertices and faces")
    if not all(float(number).is_integer() and number >= 0 for number in promised):
        raise DeepsphereError(
            f"line {numbers.line_of(0)}: expected the numbers of vertices and faces; "
            f"found {promised[0]:.15g} {promised[1]:.15g}"
        )
    return int(promised[0]), int(promised[1])


def _places_by_line(numbers: _Numbers, vertices: int, faces: int) -> _Places:
    """Find vertices and faces where each has a line, and perhaps more on it."""
    lines = np.flatnonzero(numbers.rows.counts)
    if len(lines) < 1 + vertices + faces:
        raise DeepsphereError(
            f"{vertices} vertices and {faces} faces are promised, but {numbers.end} after "
            f"{len(lines) - 1} lines; the file may be cut short, fetch it again"
        )
    starts = numbers.rows.starts
    of_vertices = lines[1 : 1 + vertices]
    short = of_vertices[numbers.rows.counts[of_vertices] < 3]
    if len(short):
        raise DeepsphereError(
            f"line {numbers.line + int(short[0])}: "
            f"a vertex needs 3 coordinates; found {numbers.rows.counts[short[0]]}"
        )
    of_faces = lines[1 + vertices : 1 + vertices + faces]
    sizes = numbers.rows.values[starts[of_faces]]
    room = numbers.rows.counts[of_faces] - 1
    wrong = np.flatnonzero(~((sizes >= 0) & (sizes <= room) & (sizes == np.floor(sizes))))
    if len(wrong):
        face = wrong[0]
        raise DeepsphereError(
            f"line {numbers.line + int(of_faces[face])}: "
            f"a face of {sizes[face]:.15g} corners; found {room[face]} numbers after that",
        )
    return _Places(starts[of_vertices], starts[of_faces], sizes.astype(np.int64))


def _places_by_count(
    values: NDArray[np.float64], vertices: int, faces: int, width: int
) -> _Places | None:
    """Find vertices and faces where lines mean nothing; None unless that uses up all numbers."""
    position = 3 + width * vertices
    if position + 4 * faces > len(values):
        return None
    starts, sizes = [], []
    for _ in range(faces):
        size = values[position] if position < len(values) else 0
        if not (size >= 3 and float(size).is_integer()):
            return None
        starts.append(position)
        sizes.append(int(size))
        position += 1 + int(size)
    if position != len(values):
        return None
    return _Places(
        3 + width * np.arange(vertices), np.array(starts, np.int64), np.array(sizes, np.int64)
    )


def _gather(numbers: _Numbers, places: _Places) -> Mesh:
    """Return the mesh whose numbers begin at known places."""
    vertices = numbers.rows.values[places.vertices[:, None] + np.arange(3)]
    first = np.cumsum(places.sizes) - places.sizes
    positions = np.repeat(places.faces + 1 - first, places.sizes) + np.arange(places.sizes.sum())
    corners = numbers.rows.values[positions]
    known = (corners >= 0) & (corners < len(vertices)) & (corners == np.floor(corners))
    if not known.all():
        wrong = int(np.argmin(known))
        raise DeepsphereError(
            f"line {numbers.line_of(int(positions[wrong]))}: a face has vertex "
            f"{corners[wrong]:.15g}, but there are {len(vertices)}, numbered from 0"
        )
    return Mesh(vertices, fan_triangles(corners.astype(np.int64), places.sizes))
