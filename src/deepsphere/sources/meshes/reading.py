"""Meshes of any supported format, told apart by the ends of their names.

OFF and OBJ, the formats of the published sets, have readers of our own, which say on which line a
file is bad, never look beyond it, and read OFF three times faster than trimesh does. PLY, STL and
GLB are left to trimesh.
"""

import io
import struct
from pathlib import PurePosixPath

import numpy as np

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.mesh import Mesh
from deepsphere.sources.meshes.obj import read_obj
from deepsphere.sources.meshes.off import read_off

_OWN = {".off": read_off, ".obj": read_obj}
_BY_TRIMESH = (".ply", ".stl", ".glb")

MESH_SUFFIXES = (*_OWN, *_BY_TRIMESH)
"""Ends of the names of meshes, in lower case; files may have them in any case."""

# What trimesh's readers let through when a file is damaged.
_DEFECTS = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    NotImplementedError,
    EOFError,
    MemoryError,
    NameError,
    RecursionError,
    struct.error,
)


def is_mesh(name: str) -> bool:
    """Return whether a file's name ends like that of a mesh."""
    return name.lower().endswith(MESH_SUFFIXES)


def read_mesh(name: str, content: bytes) -> Mesh:
    """Read a mesh.

    Parameters
    ----------
    name : str
        Name of the file; its end says what format it has.
    content : bytes
        The whole file. Files that it refers to are not read.

    Returns
    -------
    Mesh
        As it stands in the file, all its parts together.

    Raises
    ------
    DeepsphereError
        If the format is not known, or the content is not what it should be.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise DeepsphereError(f"{name}: not a mesh; known are {', '.join(MESH_SUFFIXES)}")
    try:
        return _OWN[suffix](content) if suffix in _OWN else _read_by_trimesh(suffix, content)
    except DeepsphereError as error:
        raise DeepsphereError(f"{name}: {error}") from None


def _read_by_trimesh(suffix: str, content: bytes) -> Mesh:
    # trimesh takes half a second to import, and most sets have none of these formats.
    import trimesh

    kind = suffix[1:]
    try:
        with np.errstate(all="ignore"):
            loaded = trimesh.load_mesh(
                io.BytesIO(content), file_type=kind, process=False, skip_materials=True
            )
        vertices = np.array(loaded.vertices, np.float64)
        faces = np.array(loaded.faces, np.int64)
    except _DEFECTS as error:
        raise DeepsphereError(
            f"not a readable {kind.upper()} file of a mesh ({type(error).__name__}: {error})"
        ) from None
    if not len(faces):
        # That is all trimesh says of some files that are cut short or no STL at all.
        raise DeepsphereError(f"not a readable {kind.upper()} file of a mesh: no face found")
    return Mesh(vertices.reshape(-1, 3), faces.reshape(-1, 3))
