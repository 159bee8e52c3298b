"""Made-up meshes in the layout and with the quirks of ModelNet40's archives.

**These are not ModelNet's models**: see :mod:`deepsphere.sources.meshes.simulated_shapes`, and the
README in the archive. There are fewer classes, and some that ModelNet does not have.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepsphere.sources.meshes.simulated_collection import SimulatedObject, simulated_objects
from deepsphere.sources.meshes.simulated_files import NOTICE, off_text, write_tar, write_zip
from deepsphere.sources.meshes.simulated_surfaces import Shape, turned
from deepsphere.sources.modelnet40.catalogue import ARCHIVES

_TEST_SHARE = 0.2
_GLUED_SHARE = 0.4
_CARRIAGE_RETURN_SHARE = 0.1
_TURNED_SHARE = 0.3
_APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(58)
_QUIRKS, _TURN = 0, 1


def simulate_raw(source: dict[str, Any], folder: Path) -> None:
    """Write the archive of an edition, with ``<class>/{train,test}/<class>_NNNN.off``.

    Meshes are triangles, upright, of any size, anywhere. In 40 % of the files the counts are glued
    to the word ``OFF``, and in 10 % lines end as on Windows. The original edition is a zip; in 30 %
    of its files the mesh is turned about the vertical axis, by quarters, and beside the tree there
    is one of ``__MACOSX`` whose files are no meshes but are named as such. The aligned edition is a
    tar, with a file of angles beside each mesh.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.modelnet40.settings.Source`.
    folder : Path
        Where to write the archive.
    """
    listed = simulated_objects(source["simulate"], {"test": _TEST_SHARE})
    path = folder / ARCHIVES[source["edition"]]
    if source["edition"] == "original":
        write_zip(path, _original(listed))
    else:
        write_tar(path, _aligned(listed))


def _original(listed: Iterator[SimulatedObject]) -> Iterator[tuple[str, bytes]]:
    """Yield the names of the members of the published archive and their contents."""
    yield "ModelNet40/README.txt", f"{NOTICE}\n".encode("ascii")
    yield "ModelNet40/.DS_Store", b"\x00\x00\x00\x01Bud1" + bytes(24)
    for one in listed:
        shape, chance = one.draw(), one.chance(_TURN)
        if chance.random() < _TURNED_SHARE:
            shape = turned(shape, "z", 90 * int(chance.integers(1, 4)))
        place, name = _place(one)
        yield f"ModelNet40/{place}/{name}.off", _content(one, shape)
        if one.number == 0:
            yield f"__MACOSX/ModelNet40/{place}/._{name}.off", _APPLE_DOUBLE


def _aligned(listed: Iterator[SimulatedObject]) -> Iterator[tuple[str, bytes]]:
    """Yield the names of the members of the aligned archive and their contents."""
    top = ARCHIVES["aligned"].removesuffix(".tar")
    yield f"{top}/README.txt", f"{NOTICE}\n".encode("ascii")
    for one in listed:
        place, name = _place(one)
        yield f"{top}/{place}/{name}.off", _content(one, one.draw())
        yield f"{top}/{place}/{name}.annot", b"0\n0\n"


def _place(listed: SimulatedObject) -> tuple[str, str]:
    """Return the folder of an object and the name of its file, without suffix."""
    name = listed.shape_class.name
    return f"{name}/{listed.split}", f"{name}_{listed.number + 1:04d}"


def _content(listed: SimulatedObject, shape: Shape) -> bytes:
    """Return the content of an object's file."""
    quirks = listed.chance(_QUIRKS).random(2) < [_GLUED_SHARE, _CARRIAGE_RETURN_SHARE]
    line_end = "\r\n" if quirks[1] else "\n"
    text = off_text(shape, triangles=True, glued=bool(quirks[0]), line_end=line_end)
    return listed.broken(text)
