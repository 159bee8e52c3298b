"""Which files of meshes to fetch: those that are named, or all that a folder has."""

from collections.abc import Mapping, Sequence
from os.path import realpath
from pathlib import Path, PurePosixPath

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.archives import open_archive
from deepsphere.sources.meshes.reading import is_mesh
from deepsphere.sources.mirrors import Folder, open_mirror
from deepsphere.sources.remote import RemoteFile
from deepsphere.sources.verify import Content

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""Ends of the names of archives, in lower case; files may have them in any case."""

_CONTENTS: dict[str, Content] = {
    ".tar.gz": "tar.gz",
    ".tgz": "tar.gz",
    ".gz": "gzip",
    ".csv": "text",
}
# Meshes themselves may be anything: a broken one is set aside later, with its reason.


def is_archive(name: str) -> bool:
    """Return whether a file's name ends like that of an archive."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def archive_stem(name: str) -> str:
    """Return the name of an archive without folders and suffix.

    >>> archive_stem("shapes/train.tar.gz")
    'train'
    """
    last = PurePosixPath(name).name
    suffix = max((end for end in ARCHIVE_SUFFIXES if last.lower().endswith(end)), key=len)
    return last[: -len(suffix)]


def list_files(files: Sequence[str], mirrors: Sequence[str]) -> list[str]:
    """Return the names of the archives and meshes to fetch.

    Parameters
    ----------
    files : sequence of str
        Names below a mirror, of files or, if the mirror is a folder, of folders; without any, the
        first mirror that is an existing folder is taken whole.
    mirrors : sequence of str
        Where the files are.

    Returns
    -------
    list of str
        Names of files, each once; of a folder, of all archives and meshes below it that are not
        hidden.

    Raises
    ------
    DeepsphereError
        If a folder holds none, there is no folder among the mirrors and no file is named, or a
        file is a link that leads out of its folder.
    """
    folders = [mirror.path for mirror in map(open_mirror, mirrors) if isinstance(mirror, Folder)]
    if not files:
        if not folders:
            raise DeepsphereError(
                f"files: none is named, and none of the mirrors {', '.join(mirrors)} is a folder "
                "that could be listed; name the archives"
            )
        folder = next((path for path in folders if path.is_dir()), folders[0])
        names = _list_folder(folder)
        refuse_links_out(names, mirrors)
        return names
    names = []
    for file in files:
        whole = next((folder for folder in folders if (folder / file).is_dir()), None)
        if whole is None:
            names.append(file)
        else:
            below = _list_folder(whole / file)
            names += [PurePosixPath(file, name).as_posix() for name in below]
    refuse_links_out(names, mirrors)
    return list(dict.fromkeys(names))


def refuse_links_out(names: Sequence[str], mirrors: Sequence[str]) -> None:
    """Refuse files of folders that are links to somewhere else: nobody asked for those.

    Parameters
    ----------
    names : sequence of str
        Names of files below a mirror.
    mirrors : sequence of str
        Where the files are; only folders have links.

    Raises
    ------
    DeepsphereError
        If a link leads out of its folder.
    """
    for mirror in map(open_mirror, mirrors):
        if not isinstance(mirror, Folder):
            continue
        # Unlike Path.resolve, this has an answer where links lead in circles.
        top = Path(realpath(mirror.path))
        for name in names:
            if not Path(realpath(mirror.path / name)).is_relative_to(top):
                raise DeepsphereError(
                    f"mirrors: {name} leads out of the folder {mirror.path}, by a link or `..`; "
                    "copy what is meant into the folder, or leave it out"
                )


def remote_files(names: Sequence[str], hashes: Mapping[str, str]) -> tuple[RemoteFile, ...]:
    """Return what to fetch, with the hashes that are known.

    Parameters
    ----------
    names : sequence of str
        Names of files below a mirror, and below the raw folder.
    hashes : mapping of str to str
        Known hash by name.

    Raises
    ------
    DeepsphereError
        If a hash belongs to none of the files.
    """
    unknown = sorted(set(hashes) - set(names))
    if unknown:
        raise DeepsphereError(
            f"hashes: {unknown[0]!r} is not among the files to fetch, which are {names[0]}, ..., "
            f"{names[-1]}; correct the name or remove the hash"
        )
    return tuple(RemoteFile(name, (name,), _content(name), hashes.get(name)) for name in names)


def _list_folder(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise DeepsphereError(
            f"mirrors: there is no folder {folder}, seen from {Path.cwd()}; correct its path"
        )
    names = [member.name for member in open_archive(folder).members()]
    found = [
        name
        for name in names
        if (is_mesh(name) or is_archive(name))
        and not any(part.startswith(".") for part in PurePosixPath(name).parts)
    ]
    if not found:
        raise DeepsphereError(
            f"mirrors: the folder {folder} holds {len(names)} files, but no mesh and no archive; "
            "give the folder that holds them"
        )
    return found


def _content(name: str) -> Content:
    lower = name.lower()
    return next((kind for end, kind in _CONTENTS.items() if lower.endswith(end)), "any")
