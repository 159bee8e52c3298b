"""The raw files of a source of this kind, fetched as its settings say."""

from pathlib import Path
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.sources.download import fetch_files
from deepsphere.sources.ghcn.catalogue import catalogue, hint
from deepsphere.sources.remote import FetchedFile


def fetch_raw(source: dict[str, Any], folder: Path) -> list[FetchedFile]:
    """Fetch the files that a source's settings name.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.ghcn.settings.Source`.
    folder : Path
        The raw folder.

    Raises
    ------
    DeepsphereError
        If a file cannot be had, is not what it should be, or has another hash than is known.
    """
    records, mirrors = source["records"], source["mirrors"]
    files = catalogue(records, tuple(source["years"]), source["hashes"], mirrors)
    try:
        return fetch_files(files, mirrors, folder)
    except DeepsphereError as error:
        advice = hint(records, mirrors, source["name"])
        raise DeepsphereError(f"{error}; {advice}" if advice else str(error)) from None
