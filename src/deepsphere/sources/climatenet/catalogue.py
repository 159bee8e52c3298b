"""The files of ClimateNet: a folder to train on and one to test on.

The portal shows its folders as web pages with a link to each file, and those pages are read to know
the names. It publishes no hashes: they are recorded when the files are first fetched.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.catalogue import (
    first_folder,
    list_folder,
    named_files,
    remote_files,
)
from deepsphere.sources.listing import list_files
from deepsphere.sources.mirrors import Bucket, Website, open_mirror
from deepsphere.sources.remote import RemoteFile
from deepsphere.sources.retry import DEFAULT_POLICY, RetryPolicy, Unavailable
from deepsphere.sources.transfer import new_session, read_page

SUFFIXES = (".nc", ".nc4")
FOLDERS = ("train", "test")

_LINK = re.compile(r"""href=["']?(?:\./)?(data-[\w.%-]+\.nc4?)["'\s>]""", re.IGNORECASE)


def catalogue(
    files: Sequence[str],
    hashes: Mapping[str, str],
    mirrors: Sequence[str],
    policy: RetryPolicy = DEFAULT_POLICY,
) -> tuple[RemoteFile, ...]:
    """Return the files that are named, or all that the first mirror has that can be listed.

    Parameters
    ----------
    files : sequence of str
        Names of files and folders below a mirror; without any, all of them.
    hashes : mapping of str to str
        Known hash by name of a file.
    mirrors : sequence of str
        Where the files are.
    policy : RetryPolicy, optional
        How often to ask for a page.

    Raises
    ------
    DeepsphereError
        If no mirror can be listed, or a hash belongs to none of the files.
    """
    folder = first_folder(mirrors)
    if files:
        names = named_files(files, mirrors, SUFFIXES)
    elif folder is not None:
        names = list_folder(folder, SUFFIXES)
    else:
        names = _listed(mirrors, policy)
    return remote_files(names, hashes)


def links(page: str) -> list[str]:
    """Return the names of the files of states that a page links to, sorted."""
    return sorted({unquote(name) for name in _LINK.findall(page)})


def _listed(mirrors: Sequence[str], policy: RetryPolicy) -> list[str]:
    reasons = []
    for text in mirrors:
        mirror = open_mirror(text)
        try:
            names = []
            for folder in FOLDERS:
                if isinstance(mirror, Website):
                    with new_session() as session:
                        page = read_page(session, f"{mirror.url(folder)}/", policy)
                    names += [f"{folder}/{name}" for name in links(page.decode(errors="replace"))]
                elif isinstance(mirror, Bucket):
                    names += list_files(mirror, folder, ".nc", policy)
        except Unavailable as error:
            reasons.append(f"{mirror} ({error})")
            continue
        if names:
            return names
        reasons.append(f"{mirror} (nothing there)")
    raise DeepsphereError(
        f"files: no mirror says which files it has: {'; '.join(reasons)}; put the folders train "
        "and test into a folder and add that to mirrors"
    )
