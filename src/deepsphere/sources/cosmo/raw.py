"""The maps of the published record, or the user's own, fetched as the settings say."""

from pathlib import Path
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.catalogue import published_files, user_files
from deepsphere.sources.cosmo.published import ARCHIVES, MIRROR, RECORD
from deepsphere.sources.download import fetch_files
from deepsphere.sources.remote import FetchedFile


def fetch_raw(source: dict[str, Any], folder: Path) -> list[FetchedFile]:
    """Fetch the files of a source.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.cosmo.settings.Source`.
    folder : Path
        The raw folder.

    Raises
    ------
    DeepsphereError
        If a file cannot be had, or has another hash than is known. The published record is
        restricted: the message says how to get it.
    """
    mirrors = source["mirrors"]
    if source["edition"] == "maps":
        tables = [source["labels"], source["mask"]]
        return fetch_files(
            user_files(source["files"], tables, source["hashes"], mirrors), mirrors, folder
        )
    files = published_files(source["hashes"])
    try:
        return fetch_files(files, mirrors or (MIRROR,), folder)
    except DeepsphereError as error:
        raise DeepsphereError(
            f"{error}; the authors give the record to those who ask: request access, with a "
            f"description of your project, at https://doi.org/{RECORD}, put "
            f"{' and '.join(ARCHIVES)} into a folder and add that to "
            f"sources.{source['name']}.mirrors; or set simulate"
        ) from None
