"""Made-up meshes as a user's own would lie: a tree of folders, or a table, loose or in archives.

**These are nobody's models**: see :mod:`deepsphere.sources.meshes.simulated_shapes`, and the README
beside them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.simulated_collection import SimulatedObject, simulated_objects
from deepsphere.sources.meshes.simulated_files import (
    NOTICE,
    off_text,
    write_table,
    write_tree,
    write_zip,
)
from deepsphere.sources.meshes.simulated_surfaces import turned

_HELD_OUT = {"validation": 0.1, "test": 0.2}
_USUAL = "class/split/file"
_FLAT = "file"
_PLACES = {
    _USUAL: "{label}/{split}",
    "split/class/file": "{split}/{label}",
    "class/file": "{label}",
    "split/file": "{split}",
    _FLAT: "objects",
}


def simulate_raw(source: dict[str, Any], folder: Path) -> None:
    """Write OFF files of polygons, with any names of folders and archives that the settings give.

    Files are laid out as ``layout`` says, class by split where it leaves that open, with the axis
    ``up`` upwards. They are loose, or dealt out to the archives in ``files``. With ``labels`` the
    table says classes, styles as sub-classes and splits, and the files lie in one folder
    ``objects``.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.meshes.settings.Source`.
    folder : Path
        Where to write the files.

    Raises
    ------
    DeepsphereError
        If a name in ``files`` is not that of a zip archive.
    """
    archives = source["files"]
    for archive in archives:
        if not archive.lower().endswith(".zip"):
            raise DeepsphereError(
                f"simulated meshes: files names {archive}; simulated ones can be put into zip "
                "archives, or be loose files if it names none"
            )
    listed = list(simulated_objects(source["simulate"], _HELD_OUT))
    up = source["up"]
    layout = _FLAT if source["labels"] else source["layout"] or _USUAL
    if source["labels"]:
        rows = ["id,label,sublabel,split", *map(_row, listed)]
        write_table(folder / source["labels"], rows)
    if not archives:
        write_tree(folder, _members(listed, layout, up))
    for place, archive in enumerate(archives):
        write_zip(folder / archive, _members(listed[place :: len(archives)], layout, up))


def _members(listed: list[SimulatedObject], layout: str, up: str) -> Iterator[tuple[str, bytes]]:
    """Yield the names of files and their contents."""
    yield "README.txt", f"{NOTICE}\n".encode("ascii")
    for one in listed:
        label = one.shape_class.name
        place = _PLACES[layout].format(label=label, split=one.split)
        shape = one.draw()
        if up == "y":
            shape = turned(shape, "x", -90)
        content = one.broken(off_text(shape, triangles=False))
        yield f"{place}/{_identifier(one)}.off", content


def _row(listed: SimulatedObject) -> str:
    """Return the row of an object in the table of labels."""
    label = listed.shape_class.name
    sublabel = f"{label}_{listed.style + 1}" if listed.shape_class.divided else label
    return f"{_identifier(listed)},{label},{sublabel},{listed.split}"


def _identifier(listed: SimulatedObject) -> str:
    return f"{listed.shape_class.name}_{listed.number + 1:04d}"
