"""The user's own meshes, copied into the raw folder as the settings of the source say."""

from pathlib import Path
from typing import Any

from deepsphere.sources.download import fetch_files
from deepsphere.sources.meshes.catalogue import list_files, refuse_links_out, remote_files
from deepsphere.sources.meshes.listed import archive_of
from deepsphere.sources.remote import FetchedFile


def fetch_raw(source: dict[str, Any], folder: Path) -> list[FetchedFile]:
    """Fetch the files that a source's settings name, or all that its folder has.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.meshes.settings.Source`.
    folder : Path
        The raw folder.

    Raises
    ------
    DeepsphereError
        If there are none, a file cannot be had, leads out of its folder by a link, or has another
        hash than is known.
    """
    mirrors = source["mirrors"]
    names = list_files(source["files"], mirrors)
    labels = source["labels"]
    if labels and labels not in names and archive_of(labels, names) is None:
        refuse_links_out([labels], mirrors)
        names.append(labels)
    return fetch_files(remote_files(names, source["hashes"]), mirrors, folder)
