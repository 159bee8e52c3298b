"""Simulated shapes as files: OFF and OBJ texts, and archives that are the same every time.

Coordinates have seven significant digits. Compressed bytes also depend on the version of zlib.
"""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from deepsphere.sources.meshes.simulated_surfaces import TRIANGLE, Shape

NOTICE = (
    "SIMULATED by deepsphere: shapes made of formulas and chance, no scans and nobody's models."
)
"""What every simulated data set says of itself."""

_MATERIALS = 4
_ZIP_TIME = (2018, 1, 1, 0, 0, 0)
_TAR_TIME = 1_514_764_800
_ZIP_UNIX = 3
_ZIP_MODE = 0o100644 << 16
_ZIP_LEVEL = 1
_GZIP_LEVEL = 6


def off_text(shape: Shape, *, triangles: bool, glued: bool = False, line_end: str = "\n") -> bytes:
    """Return a shape as an OFF file (Object File Format, Geomview).

    Parameters
    ----------
    shape : Shape
        The shape.
    triangles : bool
        Whether to cut quadrilaterals in two, as ModelNet does; with polygons the file also has a
        comment that says where it is from.
    glued : bool
        Whether the counts stand right behind the word ``OFF``, as in many files of ModelNet40.
    line_end : str
        How lines end.
    """
    three = shape.triangles() if triangles else shape.faces[shape.faces[:, 3] == TRIANGLE, :3]
    four = np.empty((0, 4), np.int64) if triangles else shape.faces[shape.faces[:, 3] != TRIANGLE]
    counts = f"{len(shape.vertices)} {len(three) + len(four)} 0\n"
    head = "OFF" if glued else "OFF\n" if triangles else f"OFF\n# {NOTICE}\n"
    text = (
        head
        + counts
        + _lines("%.7g %.7g %.7g\n", shape.vertices)
        + _lines("3 %d %d %d\n", three)
        + _lines("4 %d %d %d %d\n", four)
    )
    return text.replace("\n", line_end).encode("ascii")


def obj_text(shape: Shape, name: str) -> bytes:
    """Return a shape as a Wavefront OBJ file: an object and a material a part, ``f v/vt/vn``.

    Parameters
    ----------
    shape : Shape
        The shape; its quadrilaterals stay such.
    name : str
        Name of the library of materials that the file refers to, as real ones do, and that is
        missing, as it is beside the real ones.
    """
    corners = shape.vertices[shape.faces[:, :3]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(lengths > 0, normals / np.where(lengths > 0, lengths, 1), [0.0, 0.0, 1.0])
    blocks = [
        f"# {NOTICE}\nmtllib {name}.mtl\n",
        _lines("v %.7g %.7g %.7g\n", shape.vertices),
        "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n",
        _lines("vn %.4f %.4f %.4f\n", normals),
    ]
    for part in np.unique(shape.parts):
        here = np.flatnonzero(shape.parts == part)
        blocks.append(f"o part_{part}\nusemtl material_{part % _MATERIALS}\n")
        for size in (3, 4):
            chosen = here[(shape.faces[here, 3] == TRIANGLE) == (size == 3)]
            numbers = np.empty((len(chosen), size, 2), np.int64)
            numbers[..., 0] = shape.faces[chosen, :size] + 1
            numbers[..., 1] = chosen[:, None] + 1
            line = "f " + " ".join(f"%d/{corner}/%d" for corner in range(1, size + 1)) + "\n"
            blocks.append(_lines(line, numbers.reshape(len(chosen), 2 * size)))
    return "".join(blocks).encode("ascii")


def write_zip(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write a zip archive of members, each a name and its content, in their order.

    Members have one fixed time, so equal members give equal archives. The archive is written in
    place: give a path in a scratch folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_ZIP_LEVEL) as archive:
        for name, content in members:
            member = zipfile.ZipInfo(name, _ZIP_TIME)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = _ZIP_UNIX
            member.external_attr = _ZIP_MODE
            archive.writestr(member, content)


def write_tar(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write a tar archive of members; see :func:`write_zip`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), _TAR_TIME
            archive.addfile(member, io.BytesIO(content))


def write_tree(folder: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write members, each a name with slashes and its content, as files below a folder."""
    for name, content in members:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write_table(path: Path, rows: Sequence[str]) -> None:
    """Write rows of text, compressed if the name ends with ``.gz``.

    As in the table of SHREC'17 there is no line feed after the last.
    """
    content = "\n".join(rows).encode("ascii")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        gzip.compress(content, _GZIP_LEVEL, mtime=0) if path.suffix == ".gz" else content
    )


def _lines(line: str, rows: np.ndarray) -> str:
    """Return a line a row of numbers, formatted at once, which is tenfold faster than row by row.

    A formatted string costs some hundred nanoseconds a number; numpy's ``savetxt`` takes
    microseconds.
    """
    return line * len(rows) % tuple(rows.ravel().tolist())
