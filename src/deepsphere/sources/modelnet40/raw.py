"""The archive of ModelNet40, fetched as the settings of the source say."""

from pathlib import Path
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.sources.download import fetch_files
from deepsphere.sources.modelnet40.catalogue import ARCHIVES, catalogue
from deepsphere.sources.remote import FetchedFile


def fetch_raw(source: dict[str, Any], folder: Path) -> list[FetchedFile]:
    """Fetch the archive of the edition that a source's settings name.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.modelnet40.settings.Source`.
    folder : Path
        The raw folder.

    Raises
    ------
    DeepsphereError
        If it cannot be had, or has another hash than is known.
    """
    edition, name = source["edition"], source["name"]
    try:
        return fetch_files(catalogue(edition, source["hashes"]), source["mirrors"], folder)
    except DeepsphereError as error:
        raise DeepsphereError(
            f"{error}; put {ARCHIVES[edition]} into a folder and add that to "
            f"sources.{name}.mirrors, or give a source of kind meshes what you have of it"
        ) from None
