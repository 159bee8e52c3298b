"""What the fetched files of a source hold: members of archives, loose meshes, tables of labels."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.archives import open_archive
from deepsphere.sources.meshes.catalogue import is_archive
from deepsphere.sources.meshes.entries import LOOSE
from deepsphere.sources.meshes.matching import Matched
from deepsphere.sources.meshes.members import Member
from deepsphere.sources.meshes.reading import is_mesh

_LISTED = 100
_MOST_BYTES = 1 << 28


def listed_members(raw: Path, listed: Collection[str]) -> dict[str, list[Member]]:
    """Return the members of all archives by the names of these, and under ``.`` the loose meshes.

    Parameters
    ----------
    raw : Path
        The raw folder.
    listed : collection of str
        Names of the files that were fetched; what else lies in the folder is passed over.

    Raises
    ------
    DeepsphereError
        If an archive is damaged, or there is neither an archive nor a mesh.
    """
    names = sorted(listed)
    found = {name: open_archive(raw / name).members() for name in names if is_archive(name)}
    loose = [Member(name, (raw / name).stat().st_size) for name in names if is_mesh(name)]
    if loose:
        found[LOOSE] = loose
    if not found:
        raise DeepsphereError(
            f"store: {raw} holds neither an archive nor a mesh among its {len(names)} files; "
            "correct what the source fetches"
        )
    return found


def archive_of(name: str, files: Collection[str]) -> str | None:
    """Return which archive among some files a name such as ``meshes.zip/labels.csv`` lies in."""
    return next((file for file in files if is_archive(file) and name.startswith(f"{file}/")), None)


def read_listed(raw: Path, listed: Collection[str], name: str) -> bytes:
    """Return the content of a fetched file, or of one inside a fetched archive.

    Parameters
    ----------
    raw : Path
        The raw folder.
    listed : collection of str
        Names of the files that were fetched.
    name : str
        Name of a file, or that of an archive, a slash, and a name in it.

    Raises
    ------
    DeepsphereError
        If there is no such file, or it is larger than a table of labels can be.
    """
    archive = archive_of(name, listed)
    if archive is None:
        return open_archive(raw).read(name, _MOST_BYTES)
    return open_archive(raw / archive).read(name.removeprefix(f"{archive}/"), _MOST_BYTES)


def describe_unmatched(matched: Matched) -> dict[str, Any]:
    """Return, for a manifest, how many rows of a table and how many meshes have no partner."""
    lists = {
        "rows_without_file": matched.rows_without_file,
        "files_without_row": matched.files_without_row,
    }
    return {
        name: {"count": len(found), "first": list(found[:_LISTED])} for name, found in lists.items()
    }
