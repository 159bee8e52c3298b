"""The files of SHREC'17, fetched as the settings of the source say."""

from pathlib import Path
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.sources.download import fetch_files
from deepsphere.sources.remote import FetchedFile
from deepsphere.sources.shrec17.catalogue import advice, catalogue


def fetch_raw(source: dict[str, Any], folder: Path) -> list[FetchedFile]:
    """Fetch the meshes of the edition that a source's settings name, and their table.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.shrec17.settings.Source`.
    folder : Path
        The raw folder.

    Raises
    ------
    DeepsphereError
        If a file cannot be had, with how to get it, or has another hash than is known.
    """
    edition, mirrors = source["edition"], source["mirrors"]
    try:
        files = catalogue(edition, source["files"], source["hashes"], mirrors)
        return fetch_files(files, mirrors, folder)
    except DeepsphereError as error:
        raise DeepsphereError(f"{error}; {advice(edition, source['name'])}") from None
