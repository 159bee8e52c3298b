"""Reading a map, loose or in an archive, by the end of its name."""

from pathlib import Path

from deepsphere.sources.cosmo import arrays, fits
from deepsphere.sources.cosmo.skies import MOST_BYTES, Sky
from deepsphere.sources.meshes.archives import open_archive

LOOSE = "."
"""Name of the archive, below the raw folder, that loose files are in: the folder itself."""

SUFFIXES = (*arrays.SUFFIXES, *fits.SUFFIXES)
"""How the names of maps end, in lower case."""


def is_map(name: str) -> bool:
    """Return whether a file's name ends like that of a map."""
    return name.lower().endswith(SUFFIXES)


def read_sky(
    raw: Path,
    archive: str,
    member: str,
    column: int | str,
    ordering: str | None,
) -> Sky:
    """Read a column of a file.

    Parameters
    ----------
    raw : Path
        The raw folder.
    archive : str
        Name of an archive in it, or :data:`LOOSE`.
    member : str
        Name of the file there.
    column : int or str
        Number of a column from 0, or its name.
    ordering : {"ring", "nested"} or None
        Order of the pixels; None takes what the file says, and RING if it says nothing.

    Raises
    ------
    DeepsphereError
        If the file is no full HEALPix map, or has no such column.
    """
    is_nested = None if ordering is None else ordering == "nested"
    content: Path | bytes = raw / member
    if archive != LOOSE:
        content = open_archive(raw / archive).read(member, MOST_BYTES)
    is_array = member.lower().endswith(arrays.SUFFIXES)
    read = arrays.read_array if is_array else fits.read_fits
    return read(content, column, is_nested)
