"""Members of a tar, plain or compressed with gzip.

Python's :mod:`tarfile` takes the end of a file that is cut short for the end of its members, and
reads headers of any declared length into memory; both are watched here.
"""

import tarfile
import weakref
import zlib
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO, cast

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.gzip_stream import GZIP_MAGIC, GzipStream
from deepsphere.sources.meshes.members import refuse_twice, safe_name

_BLOCK_BYTES = 1 << 20
_RECORD_BYTES = 512
# A chain of extended headers is followed by recursion.
_DEFECTS = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, RecursionError)


@dataclass(frozen=True)
class Place:
    """Where a member's content is in the uncompressed tar, in bytes."""

    start: int
    size: int


class OpenedTar:
    """A tar that is open in this process; its threads may share it.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    DeepsphereError
        If it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._places: dict[str, Place] | None = None
        try:
            self._stream = _open_stream(path)
        except OSError as error:
            raise DeepsphereError(f"{path} cannot be read: {error.strerror}") from None
        weakref.finalize(self, self._stream.close)

    def places(self) -> dict[str, Place]:
        """Return where the plain files are, by name. The first call goes through the whole tar.

        Raises
        ------
        DeepsphereError
            If the tar is damaged, or a member is refused.
        """
        with self._lock:
            if self._places is None:
                self._places = self._find_places()
            return self._places

    def read(self, name: str) -> bytes:
        """Return the content of a member.

        Raises
        ------
        DeepsphereError
            If the tar is damaged there.
        """
        place = self.places()[name]
        left = place.size
        parts = []
        with self._lock:
            try:
                self._stream.seek(place.start)
                while left and (part := self._stream.read(min(left, _BLOCK_BYTES))):
                    parts.append(part)
                    left -= len(part)
            except _DEFECTS as error:
                raise self._refuse(f"is damaged in {name} ({error})") from None
        if left:
            raise self._refuse(f"ends within {name}")
        return b"".join(parts)

    def _find_places(self) -> dict[str, Place]:
        places: dict[str, Place] = {}
        try:
            self._stream.seek(0)
            tar = _open_tar(self._stream)
            for member in tar:
                name = safe_name(member.name, self._path)
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    raise DeepsphereError(
                        f"{self._path} holds {name!a}, which is a link, a device or sparse; pack "
                        "it again with plain files only"
                    )
                if name in places:
                    raise refuse_twice(name, self._path)
                places[name] = Place(member.offset_data, member.size)
            self._stream.seek(tar.offset)
            end = self._stream.read(_RECORD_BYTES)
            while self._stream.read(_BLOCK_BYTES):
                pass  # the checksum stands at the very end of a gzip file
        except _DEFECTS as error:
            raise self._refuse(f"is damaged ({error})") from None
        if end != bytes(_RECORD_BYTES):
            raise self._refuse(f"is damaged or cut short at byte {tar.offset}")
        return places

    def _refuse(self, complaint: str) -> DeepsphereError:
        return DeepsphereError(f"{self._path} {complaint}; fetch it again")


def is_tar(path: Path) -> bool:
    """Return whether a file begins like a tar, plain or compressed with gzip."""
    try:
        with _open_stream(path) as stream:
            _open_tar(stream)
    except _DEFECTS:
        return False
    return True


def _open_stream(path: Path) -> "IO[bytes] | GzipStream":
    with path.open("rb") as stream:
        compressed = stream.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    return GzipStream(path) if compressed else path.open("rb")


def _open_tar(stream: "IO[bytes] | GzipStream") -> tarfile.TarFile:
    return tarfile.open(fileobj=cast("IO[bytes]", _Bounded(stream)), mode="r:")


class _Bounded:
    """A stream that refuses to read much at once: no header of an honest tar is that long."""

    def __init__(self, stream: "IO[bytes] | GzipStream") -> None:
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell

    def read(self, size: int) -> bytes:
        """Read, unless the size is not that of a header."""
        if size > _BLOCK_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._stream.read(size)
