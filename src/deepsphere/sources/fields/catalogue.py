"""Which files of states to fetch: those that are named, or all that a folder has."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.archives import open_archive
from deepsphere.sources.mirrors import Folder, open_mirror
from deepsphere.sources.remote import RemoteFile
from deepsphere.sources.verify import Content

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


def is_archive(name: str) -> bool:
    """Return whether a file's name ends like that of an archive."""
    return name.endswith(_ARCHIVES)


def first_folder(mirrors: Sequence[str]) -> Path | None:
    """Return the first mirror that is a folder on this machine."""
    opened = map(open_mirror, mirrors)
    return next((mirror.path for mirror in opened if isinstance(mirror, Folder)), None)


def list_folder(folder: Path, suffixes: Sequence[str]) -> list[str]:
    """Return the files and archives below a folder whose names end as they should, sorted.

    Parameters
    ----------
    folder : Path
        The folder.
    suffixes : sequence of str
        Ends of the names of files; archives are always listed.

    Raises
    ------
    DeepsphereError
        If there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise DeepsphereError(
            f"mirrors: there is no folder {folder}, seen from {Path.cwd()}; correct its path"
        )
    names = [member.name for member in open_archive(folder).members()]
    found = [
        name
        for name in names
        if (name.endswith(tuple(suffixes)) or is_archive(name))
        and not any(part.startswith(".") for part in PurePosixPath(name).parts)
    ]
    if not found:
        raise DeepsphereError(
            f"mirrors: the folder {folder} holds {len(names)} files, but no archive and none that "
            f"ends in {' or '.join(suffixes)}; give the folder that holds them"
        )
    return found


def named_files(files: Sequence[str], mirrors: Sequence[str], suffixes: Sequence[str]) -> list[str]:
    """Return the names of files, with those of folders in place of the folders.

    Parameters
    ----------
    files : sequence of str
        Names below a mirror, of files or, if the mirror is a folder, of folders.
    mirrors : sequence of str
        Where they are.
    suffixes : sequence of str
        Ends of the names of the files to take from folders.
    """
    folder = first_folder(mirrors)
    names: list[str] = []
    for file in files:
        if folder is not None and (folder / file).is_dir():
            below = list_folder(folder / file, suffixes)
            names += [PurePosixPath(file, name).as_posix() for name in below]
        else:
            names.append(file)
    return list(dict.fromkeys(names))


def remote_files(names: Sequence[str], hashes: Mapping[str, str]) -> tuple[RemoteFile, ...]:
    """Return what to fetch, with the hashes that are known.

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


def _content(name: str) -> Content:
    return "tar.gz" if name.endswith((".tar.gz", ".tgz")) else "any"
