"""The user's files of DeepCAM, copied into the raw folder as the settings of the source say."""

from pathlib import Path
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.sources.download import fetch_files
from deepsphere.sources.fields.catalogue import (
    first_folder,
    list_folder,
    named_files,
    remote_files,
)
from deepsphere.sources.remote import FetchedFile

SUFFIXES = (".h5", ".hdf5")


def fetch_raw(source: dict[str, Any], folder: Path) -> list[FetchedFile]:
    """Fetch the files that a source's settings name, or all that its folder has.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.deepcam.settings.Source`.
    folder : Path
        The raw folder.

    Raises
    ------
    DeepsphereError
        If there are none, a file cannot be had, or it has another hash than is known.
    """
    files, mirrors = source["files"], source["mirrors"]
    mine = first_folder(mirrors)
    if files:
        names = named_files(files, mirrors, SUFFIXES)
    elif mine is not None:
        names = list_folder(mine, SUFFIXES)
    else:
        raise DeepsphereError(
            f"files: none is named, and none of the mirrors {', '.join(mirrors)} is a folder that "
            "could be listed; name the files, such as train/data-1996-01-01-00-1.h5"
        )
    # What else lies there: the statistics of the publisher.
    states = [name for name in names if not name.endswith("stats.h5")]
    return fetch_files(remote_files(states, source["hashes"]), mirrors, folder)
