"""The level-5 archive, fetched as the settings of the source say."""

from pathlib import Path
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.sources.climate.catalogue import advice, catalogue
from deepsphere.sources.download import fetch_files
from deepsphere.sources.remote import FetchedFile


def fetch_raw(source: dict[str, Any], folder: Path) -> list[FetchedFile]:
    """Fetch the archive, or the files that a folder has of it.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.climate.settings.Source`.
    folder : Path
        The raw folder.

    Raises
    ------
    DeepsphereError
        If a file cannot be had, with how to get it, or has another hash than is known.
    """
    mirrors = source["mirrors"]
    try:
        files = catalogue(source["files"], source["hashes"], mirrors)
        return fetch_files(files, mirrors, folder)
    except DeepsphereError as error:
        raise DeepsphereError(f"{error}; {advice(source['name'])}") from None
