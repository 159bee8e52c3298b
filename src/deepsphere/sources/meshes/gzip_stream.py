"""Random access to a gzip file.

gzip can only be decompressed from its start. Python's :mod:`gzip` therefore begins again at each
step back, which makes reading the members of a ``.tar.gz`` in another order than theirs quadratic.
Here the state of the decompressor is copied every few megabytes, and a step back goes to the copy
before it. The idea is that of zlib's example ``zran.c``.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

GZIP_MAGIC = b"\x1f\x8b"

# A copy keeps its block, a window of 32 kB and some tables: about 60 kB for every 8 MB of content.
_INPUT_BYTES = 1 << 14
_BETWEEN_COPIES = 1 << 23
_SKIPPED_BYTES = 1 << 18


@dataclass(frozen=True)
class _State:
    """Where a decompressor stands: what it wrote so far, and what it will read next."""

    position: int
    offset: int
    decompressor: Any


class GzipStream:
    """The content of a gzip file of one or more parts, from any position on.

    Not safe to share between threads.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._copies = [_State(0, 0, zlib.decompressobj(zlib.MAX_WBITS | 16))]
        self._decompressor: Any = None
        self._input = b""
        self._position = 0
        self._restore(self._copies[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def tell(self) -> int:
        """Return the position in the content, in bytes."""
        return self._position

    def seek(self, position: int) -> int:
        """Go to a position, or to the end if that comes before it."""
        nearest = max(
            (copy for copy in self._copies if copy.position <= position),
            key=lambda copy: copy.position,
        )
        if position < self._position or nearest.position > self._position:
            self._restore(nearest)
        while self._position < position and self._next(position - self._position):
            pass
        return self._position

    def read(self, size: int) -> bytes:
        """Return the next bytes; fewer than ``size`` only at the end.

        Raises
        ------
        zlib.error
            If the file is damaged.
        EOFError
            If it is cut short.
        """
        parts = []
        while size and (part := self._next(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _next(self, size: int) -> bytes:
        """Return some of the next bytes, none at the end."""
        while True:
            if self._decompressor.eof and not self._begin_part():
                return b""
            if not self._input:
                self._input = self._file.read(_INPUT_BYTES)
                if not self._input:
                    raise EOFError("the compressed data end too early")
            content: bytes = self._decompressor.decompress(self._input, min(size, _SKIPPED_BYTES))
            ended = self._decompressor.eof
            self._input = (
                self._decompressor.unused_data if ended else self._decompressor.unconsumed_tail
            )
            self._position += len(content)
            if not ended and self._position >= self._copies[-1].position + _BETWEEN_COPIES:
                offset = self._file.tell() - len(self._input)
                self._copies.append(_State(self._position, offset, self._decompressor.copy()))
            if content:
                return content

    def _begin_part(self) -> bool:
        """Go to the next part of the file, if there is one; zeros between parts are padding."""
        self._input = self._input.lstrip(b"\0")
        while not self._input and (more := self._file.read(_INPUT_BYTES)):
            self._input = more.lstrip(b"\0")
        if self._input:
            self._decompressor = zlib.decompressobj(zlib.MAX_WBITS | 16)
        return bool(self._input)

    def _restore(self, state: _State) -> None:
        self._file.seek(state.offset)
        self._position = state.position
        self._decompressor = state.decompressor.copy()
        self._input = b""
