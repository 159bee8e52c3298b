"""Files in a folder, in a zip or in a tar, read alike and without trust.

:func:`open_archive` returns one of three kinds of :class:`Archive`. None is ever unpacked: members
are read into memory, one at a time, up to a number of bytes that the caller states, whatever sizes
the archive declares. An archive with a name that leads out of it, or with anything but plain files
and folders, is refused as a whole.

An archive is only a path: it travels to other processes, each of which opens the file for itself at
its first use and keeps it open. Members may be read in any order and by any number of threads. A
``.tar.gz`` is slowest: every process decompresses it all once to find its members, and then some
megabytes for each that it reads.
"""

import logging
import os
import stat
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.members import Member, refuse_twice, safe_name
from deepsphere.sources.meshes.tars import OpenedTar, is_tar

_LOG = logging.getLogger(__name__)
_BLOCK_BYTES = 1 << 20
_NAMED_LINKS = 3
_KEPT_OPEN = 16
_HEAD_BYTES = 16
# Among them: encryption and methods that Python lacks, and names that are not UTF-8.
_ZIP_DEFECTS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class Archive(ABC):
    """Files below one path.

    Attributes
    ----------
    path : Path
        The folder or file.
    """

    path: Path

    @abstractmethod
    def members(self) -> list[Member]:
        """Return the plain files, sorted by name.

        Raises
        ------
        DeepsphereError
            If the archive is damaged, or holds what no set of meshes has a use for: names that lead
            out of it, names that are there twice or are not UTF-8, links, devices, encrypted
            files.
        """

    @abstractmethod
    def read(self, name: str, limit: int) -> bytes:
        """Return the content of a member.

        Parameters
        ----------
        name : str
            Its name, as :meth:`members` has it.
        limit : int
            Bytes that it may have; never many more are in memory.

        Raises
        ------
        DeepsphereError
            If there is no such member, it is larger, or it is damaged.
        """

    def _refuse_large(self, name: str, limit: int) -> DeepsphereError:
        return DeepsphereError(
            f"{self.path}: {name} has more than {limit} bytes, the most that is read of a file; "
            "make it smaller, or leave it out"
        )

    def _refuse_missing(self, name: str) -> DeepsphereError:
        return DeepsphereError(f"{self.path} holds no {name}; it may have been replaced meanwhile")


class Folder(Archive):
    """A folder, with all folders below it.

    Links to files are followed, since it is their owner who made them. Those to folders are not:
    they may lead in circles. A warning names them.
    """

    def members(self) -> list[Member]:
        """Return the plain files, sorted by name."""
        found = []
        skipped = []
        for folder, folders, names in os.walk(self.path, onerror=self._refuse_folder):
            links = [path for name in folders if (path := Path(folder, name)).is_symlink()]
            skipped += [path.relative_to(self.path).as_posix() for path in links]
            for name in names:
                path = Path(folder, name)
                if path.is_file():
                    relative = safe_name(path.relative_to(self.path).as_posix(), self.path)
                    found.append(Member(relative, path.stat().st_size))
        if skipped:
            _LOG.warning(
                "%s: passed over %d links to folders (%s%s); copy the folders there if they are "
                "meant",
                self.path,
                len(skipped),
                ", ".join(sorted(skipped)[:_NAMED_LINKS]),
                ", ..." if len(skipped) > _NAMED_LINKS else "",
            )
        return sorted(found, key=lambda member: member.name)

    def read(self, name: str, limit: int) -> bytes:
        """Return the content of a member."""
        path = self.path / safe_name(name, self.path)
        if not path.is_file():
            raise self._refuse_missing(name)
        if path.stat().st_size > limit:
            raise self._refuse_large(name, limit)
        try:
            return path.read_bytes()
        except OSError as error:
            raise DeepsphereError(f"{path} cannot be read: {error.strerror}") from None

    def _refuse_folder(self, error: OSError) -> None:
        raise DeepsphereError(f"{error.filename} cannot be listed: {error.strerror}")


class Zip(Archive):
    """A zip whose members are stored or deflated, and not encrypted."""

    def members(self) -> list[Member]:
        """Return the plain files, sorted by name."""
        by_name = self._opened().by_name
        return [Member(name, info.file_size) for name, info in sorted(by_name.items())]

    def read(self, name: str, limit: int) -> bytes:
        """Return the content of a member."""
        opened = self._opened()
        info = opened.by_name.get(name)
        if info is None:
            raise self._refuse_missing(name)
        if info.file_size > limit:
            raise self._refuse_large(name, limit)
        parts = []
        try:
            with opened.file.open(info) as stream:
                while part := stream.read(_BLOCK_BYTES):
                    parts.append(part)
        except _ZIP_DEFECTS as error:
            raise DeepsphereError(
                f"{self.path}: {name} is damaged ({error}); fetch the archive again"
            ) from None
        content = b"".join(parts)
        if len(content) != info.file_size:
            raise DeepsphereError(
                f"{self.path}: {name} has {len(content)} bytes, not {info.file_size} as declared; "
                "fetch the archive again"
            )
        return content

    def _opened(self) -> "_OpenedZip":
        return _open_zip(self.path, *_version(self.path))


class Tar(Archive):
    """A tar, plain or compressed with gzip."""

    def members(self) -> list[Member]:
        """Return the plain files, sorted by name."""
        places = self._opened().places()
        return [Member(name, place.size) for name, place in sorted(places.items())]

    def read(self, name: str, limit: int) -> bytes:
        """Return the content of a member."""
        opened = self._opened()
        place = opened.places().get(name)
        if place is None:
            raise self._refuse_missing(name)
        if place.size > limit:
            raise self._refuse_large(name, limit)
        return opened.read(name)

    def _opened(self) -> OpenedTar:
        return _open_tar(self.path, *_version(self.path))


def open_archive(path: Path) -> Archive:
    """Return the archive at a path: what it is shows in its content, not in its name.

    Raises
    ------
    DeepsphereError
        If there is nothing, or neither a folder, nor a zip, nor a tar.
    """
    if path.is_dir():
        return Folder(path)
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        raise DeepsphereError(f"{path} cannot be read: {error.strerror}") from None
    if head.startswith(b"PK"):
        return Zip(path)
    if is_tar(path):
        return Tar(path)
    raise DeepsphereError(
        f"{path} is neither a folder, nor a zip, nor a tar or tar.gz; it begins {head!r}"
    )


@dataclass(frozen=True)
class _OpenedZip:
    file: zipfile.ZipFile
    by_name: dict[str, zipfile.ZipInfo]


def _version(path: Path) -> tuple[int, int, int]:
    """Return what changes when an opened file is no longer the one at its path, or not ours.

    A file that was opened before a fork shares its position with the other process.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise DeepsphereError(f"{path} cannot be read: {error.strerror}") from None
    return status.st_ino, status.st_mtime_ns, os.getpid()


@lru_cache(maxsize=_KEPT_OPEN)
def _open_zip(path: Path, inode: int, changed: int, process: int) -> _OpenedZip:
    """Open a zip and check its list of members; the other arguments keep apart what is cached."""
    try:
        file = zipfile.ZipFile(path)
    except _ZIP_DEFECTS as error:
        raise DeepsphereError(
            f"{path} is not a whole zip ({error}); fetch it again, it may be cut short"
        ) from None
    by_name: dict[str, zipfile.ZipInfo] = {}
    for info in file.infolist():
        name = safe_name(info.filename, path)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if info.is_dir() or kind == stat.S_IFDIR:
            continue
        if info.flag_bits & 1:
            raise DeepsphereError(f"{path}: {name} is encrypted; pack it again without a password")
        if kind not in (0, stat.S_IFREG):
            raise DeepsphereError(
                f"{path} holds {name!a}, which is a link or a device; pack it again with plain "
                "files only"
            )
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # Python bounds the memory of no other method.
            raise DeepsphereError(
                f"{path}: {name} is compressed by method {info.compress_type}; pack it again with "
                "deflate"
            )
        if name in by_name:
            raise refuse_twice(name, path)
        by_name[name] = info
    return _OpenedZip(file, by_name)


@lru_cache(maxsize=_KEPT_OPEN)
def _open_tar(path: Path, inode: int, changed: int, process: int) -> OpenedTar:
    """Open a tar; the other arguments keep apart what is cached."""
    return OpenedTar(path)
