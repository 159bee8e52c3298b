"""Bytes of large files in bounded memory: gzip, lines, and the members of NOAA's archives.

Python's own :mod:`gzip` and :mod:`tarfile` are not used for the reading because they are slower
(8 kB steps), keep every member in memory, and take an archive without its end marker for a whole
one. Here a file that is cut short is always an error.
"""

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from deepsphere.errors import DeepsphereError

BLOCK_BYTES = 1 << 20
"""Size in bytes of the blocks of text: small enough for a processor's cache."""

_GZIP_MAGIC = b"\x1f\x8b"
_TAR_RECORD = 512
_LONGEST_LINE = 1 << 20


def open_binary(path: Path) -> IO[bytes]:
    """Open a raw file, or say in one line that it is not there."""
    try:
        return path.open("rb")
    except (FileNotFoundError, IsADirectoryError):
        raise DeepsphereError(f"{path} is missing; fetch the raw files again") from None


def refuse_page(path: Path, head: bytes) -> None:
    """Refuse an HTML or XML page saved under the name of a data file.

    Parameters
    ----------
    path : Path
        The file.
    head : bytes
        Its first bytes.
    """
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise DeepsphereError(
            f"{path} is a web page, not data (it begins {head[:40]!r}); delete it and fetch it "
            f"again, from another mirror if this repeats"
        )


def read_gzip(path: Path) -> Iterator[bytes]:
    """Yield the content of a gzip file, of one or several members, in blocks.

    Yields
    ------
    bytes
        At most :data:`BLOCK_BYTES` each, never empty.

    Raises
    ------
    DeepsphereError
        If the file is missing, is not gzip, is damaged, or ends before its end.
    """
    with open_binary(path) as stream:
        head = stream.read(len(_GZIP_MAGIC))
        if head != _GZIP_MAGIC:
            refuse_page(path, head + stream.read(64))
            raise DeepsphereError(
                f"{path} is not gzip (it begins {head!r}); delete it and fetch it again"
            )
        compressed = head
        try:
            while compressed:
                member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
                while not member.eof:
                    compressed = compressed or stream.read(BLOCK_BYTES)
                    if not compressed:
                        raise DeepsphereError(
                            f"{path} is cut short: it ends inside its compressed data; delete "
                            f"it and fetch it again"
                        )
                    content = member.decompress(compressed, BLOCK_BYTES)
                    compressed = member.unconsumed_tail
                    if content:
                        yield content
                compressed = member.unused_data.lstrip(b"\0")
                while not compressed and (more := stream.read(BLOCK_BYTES)):
                    compressed = more.lstrip(b"\0")
        except zlib.error as error:
            raise DeepsphereError(
                f"{path} is damaged gzip ({error}); delete it and fetch it again"
            ) from None


def read_lines(path: Path) -> Iterator[bytes]:
    r"""Yield a text file in blocks of whole lines; a name that ends in ``.gz`` is gzip.

    Yields
    ------
    bytes
        One or more lines. Every block ends with ``\n``, which is added to a last line without it.

    Raises
    ------
    DeepsphereError
        If the file is missing, is a web page, holds a line of more than a megabyte, or is bad gzip.
    """
    carry = b""
    first = True
    for content in read_gzip(path) if path.suffix == ".gz" else _read_plain(path):
        if first:
            refuse_page(path, content[:64])
            first = False
        cut = content.rfind(b"\n") + 1
        if cut:
            yield carry + content[:cut]
            carry = content[cut:]
        else:
            carry += content
        if len(carry) > _LONGEST_LINE:
            raise DeepsphereError(
                f"{path} is not text: a line of more than {_LONGEST_LINE} bytes, beginning "
                f"{carry[:40]!r}; delete it and fetch it again"
            )
    if carry:
        yield carry + b"\n"


def read_members(path: Path, suffix: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a ``.tar.gz`` archive whose names end in ``suffix``, in archive order.

    Nothing is written to disk and no name in the archive is used as a path.

    Yields
    ------
    tuple of str and bytes
        Name in the archive and whole content.

    Raises
    ------
    DeepsphereError
        If the archive is missing, is not a gzip file of a tar archive, is damaged or cut short.
    """
    stream = _Reader(read_gzip(path))
    while True:
        header = stream.read(_TAR_RECORD)
        if header == bytes(_TAR_RECORD):
            for _ in stream.blocks:
                pass  # the checksum stands at the very end of the gzip file
            return
        try:
            member = tarfile.TarInfo.frombuf(header, "utf-8", "replace")
        except tarfile.HeaderError as error:
            cut = len(header) < _TAR_RECORD
            raise DeepsphereError(
                f"{path} {'is cut short: no end marker' if cut else 'is not a tar archive'} "
                f"({error}); delete it and fetch it again"
            ) from None
        content = stream.read(member.size)
        padding = -member.size % _TAR_RECORD
        if len(content) < member.size or len(stream.read(padding)) < padding:
            raise DeepsphereError(
                f"{path} is cut short inside its member {member.name}; delete it and fetch it again"
            )
        if member.isreg() and member.name.endswith(suffix):
            yield member.name, content


def _read_plain(path: Path) -> Iterator[bytes]:
    with open_binary(path) as stream:
        while content := stream.read(BLOCK_BYTES):
            yield content


class _Reader:
    """Exact counts of bytes out of an iterator of blocks; fewer only at the end."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.blocks = blocks
        self._held = b""
        self._position = 0

    def read(self, count: int) -> bytes:
        parts = []
        while count:
            if self._position == len(self._held):
                self._held = next(self.blocks, b"")
                self._position = 0
                if not self._held:
                    break
            part = self._held[self._position : self._position + count]
            self._position += len(part)
            count -= len(part)
            parts.append(part)
        return b"".join(parts)
