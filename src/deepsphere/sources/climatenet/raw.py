"""The files of ClimateNet, fetched as the settings of the source say."""

from pathlib import Path
from typing import Any

from deepsphere.sources.climatenet.catalogue import catalogue
from deepsphere.sources.download import fetch_files
from deepsphere.sources.remote import FetchedFile


def fetch_raw(source: dict[str, Any], folder: Path) -> list[FetchedFile]:
    """Fetch the files that a source's settings name, or all that a mirror has.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.climatenet.settings.Source`.
    folder : Path
        The raw folder.

    Raises
    ------
    DeepsphereError
        If a file cannot be had, or has another hash than is known.
    """
    mirrors = source["mirrors"]
    files = catalogue(source["files"], source["hashes"], mirrors)
    return fetch_files(files, mirrors, folder)
