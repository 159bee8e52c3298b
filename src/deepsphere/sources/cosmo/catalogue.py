"""Which files of maps to fetch: those of the published record, or those of the user."""

from collections.abc import Mapping, Sequence

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.published import ARCHIVES
from deepsphere.sources.cosmo.reader import SUFFIXES
from deepsphere.sources.fields.catalogue import (
    first_folder,
    list_folder,
    named_files,
    remote_files,
)
from deepsphere.sources.remote import RemoteFile

_SUFFIXES = (
    *SUFFIXES,
    *(suffix.upper() for suffix in SUFFIXES),
    *(".FITS.gz", ".FIT.gz"),
)
"""As names are written: ``.fits``, ``.FITS`` and ``.FITS.gz``."""


def published_files(hashes: Mapping[str, str]) -> tuple[RemoteFile, ...]:
    """Return the archives of the published record, with the hashes of the configuration, or
    else those that are published.
    """
    return remote_files(list(ARCHIVES), {**ARCHIVES, **hashes})


def user_files(
    files: Sequence[str],
    tables: Sequence[str | None],
    hashes: Mapping[str, str],
    mirrors: Sequence[str],
) -> tuple[RemoteFile, ...]:
    """Return the files of a user's maps.

    Parameters
    ----------
    files : sequence of str
        Names below a mirror, of files or, if the mirror is a folder, of folders; without any, the
        first mirror that is a folder is taken whole.
    tables : sequence of str or None
        Names of the table of labels and of the mask, below a mirror or in one of the archives.
    hashes : mapping of str to str
        Known hash by name.
    mirrors : sequence of str
        Where the files are.

    Raises
    ------
    DeepsphereError
        If a folder holds no map, no file is named and no mirror is a folder, or a hash belongs to
        none of the files.
    """
    folder = first_folder(mirrors)
    if files:
        names = named_files(files, mirrors, _SUFFIXES)
    elif folder is not None:
        names = list_folder(folder, _SUFFIXES)
    else:
        raise DeepsphereError(
            f"files: none is named, and none of the mirrors {', '.join(mirrors)} is a folder that "
            "could be listed; name the maps or archives"
        )
    for table in tables:
        # One in an archive comes with it.
        if table and table not in names and not any(table.startswith(f"{name}/") for name in names):
            names.append(table)
    return remote_files(names, hashes)
