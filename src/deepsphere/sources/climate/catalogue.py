"""The files of the level-5 archive, and where they are to be had now that their server is gone.

The archive is a zip of 30 GB with one ``.npz`` a state, below ``data_5_all``. Nobody published a
hash of it. A folder may hold the zip, or the files as they come out of it.
"""

from collections.abc import Mapping, Sequence

from deepsphere.sources.fields.catalogue import (
    first_folder,
    list_folder,
    named_files,
    remote_files,
)
from deepsphere.sources.remote import RemoteFile

ARCHIVE = "climate_sphere_l5.zip"
SUFFIXES = (".npz",)


def catalogue(
    files: Sequence[str], hashes: Mapping[str, str], mirrors: Sequence[str]
) -> tuple[RemoteFile, ...]:
    """Return the files that are named, or all that the first folder has, or the archive.

    Parameters
    ----------
    files : sequence of str
        Names of files and folders below a mirror.
    hashes : mapping of str to str
        Known hash by name of a file.
    mirrors : sequence of str
        Where the files are.

    Raises
    ------
    DeepsphereError
        If a folder holds nothing, or a hash belongs to none of the files.
    """
    folder = first_folder(mirrors)
    if files:
        names = named_files(files, mirrors, SUFFIXES)
    elif folder is None:
        names = [ARCHIVE]
    else:
        found = list_folder(folder, SUFFIXES)
        # Beside the archive, its unpacked files would be the same states twice.
        names = [ARCHIVE] if ARCHIVE in found else found
    return remote_files(names, hashes)


def advice(source: str) -> str:
    """Say how to get the archive.

    Parameters
    ----------
    source : str
        What the configuration calls the source.
    """
    return (
        f"the authors' server is gone; the README of github.com/maxjiang93/ugscnn links to copies "
        f"of {ARCHIVE} on Google Drive and Baidu: put it, or the folder data_5_all that is in it, "
        f"into a folder and add that to sources.{source}.mirrors"
    )
