"""Is a downloaded file what it should be?

A server that answers "200 OK" may still send an error page or half a file. Where the publisher
gives a hash, :func:`check_hash` settles the matter. Where it gives none, :func:`check_content`
reads the whole file for what its format lets one check: a gzip stream ends with a checksum, a
parquet file has its mark at both ends, text is at least not a web page.
"""

import gzip
import html
import re
import tarfile
import zlib
from pathlib import Path
from typing import Literal, get_args

import pooch

from deepsphere.errors import DeepsphereError

Content = Literal["gzip", "tar.gz", "text", "parquet", "any"]

_BLOCK_BYTES = 1 << 20
_SNIFFED_BYTES = 4096
_QUOTED_CHARACTERS = 60
_PARQUET_MARK = b"PAR1"
_SMALLEST_PARQUET_BYTES = 12
_TAR_BLOCK_BYTES = 512
_WEB_PAGE = re.compile(
    rb"\A(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_DIGEST_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}


class Rejected(Exception):
    """A file is not what it should be; the message says how one can tell."""


class WrongHash(Rejected):
    """A file does not have the hash that is known of it."""


def check_known_hash(known_hash: str, what: str) -> None:
    """Refuse a hash that no file could ever have.

    Parameters
    ----------
    known_hash : str
        SHA-256 as 64 hexadecimal digits, or ``algorithm:digest`` (``md5:...``), as pooch takes it.
    what : str
        What the hash belongs to, for the message.

    Raises
    ------
    DeepsphereError
        If the algorithm is unknown or the digest is not hexadecimal digits of its length.
    """
    algorithm = pooch.hashes.hash_algorithm(known_hash)
    if algorithm not in _DIGEST_DIGITS:
        raise DeepsphereError(
            f"{what}: unknown hash {algorithm!r}; give one of {', '.join(_DIGEST_DIGITS)}"
        )
    digest = known_hash.rpartition(":")[2]
    if not re.fullmatch(f"[0-9a-fA-F]{{{_DIGEST_DIGITS[algorithm]}}}", digest):
        raise DeepsphereError(
            f"{what}: a {algorithm} hash is {_DIGEST_DIGITS[algorithm]} hexadecimal digits, found "
            f"{digest!r}"
        )


def check_hash(path: Path, known_hash: str) -> None:
    """Compare a file with the hash that is known of it.

    Parameters
    ----------
    path : Path
        The file.
    known_hash : str
        As :func:`check_known_hash` describes it.

    Raises
    ------
    WrongHash
        If they differ; the message has both.
    """
    algorithm = pooch.hashes.hash_algorithm(known_hash)
    expected = known_hash.rpartition(":")[2].lower()
    found = pooch.file_hash(str(path), alg=algorithm)
    if found != expected:
        raise WrongHash(f"has {algorithm} {found}, expected {expected}")


def check_content(path: Path, content: Content) -> None:
    """Check that a file holds what it should and holds all of it, in constant memory.

    Parameters
    ----------
    path : Path
        The file.
    content : {"gzip", "tar.gz", "text", "parquet", "any"}
        What it should be; "any" is not checked.

    Raises
    ------
    Rejected
        If it is empty, truncated, damaged, of another kind, or a web page.
    """
    if content == "any":
        return
    if path.stat().st_size == 0:
        raise Rejected("is empty")
    check_not_web_page(path)
    if content in ("gzip", "tar.gz"):
        _check_gzip(path, is_tar=content == "tar.gz")
    elif content == "parquet":
        _check_parquet(path)
    elif content == "text":
        _check_text(path)
    else:
        raise ValueError(f"{content=} is not one of {get_args(Content)}")


def check_not_web_page(path: Path) -> None:
    """Raise :class:`Rejected`, with the page's title, if a file is a web page."""
    with path.open("rb") as stream:
        start = stream.read(_SNIFFED_BYTES)
    if _WEB_PAGE.match(start):
        title = _TITLE.search(start)
        quoted = html.unescape((title.group(1) if title else start).decode("utf-8", "replace"))
        raise Rejected(f"is a web page: {' '.join(quoted.split())[:_QUOTED_CHARACTERS]!r}")


def _check_gzip(path: Path, *, is_tar: bool) -> None:
    try:
        with gzip.open(path, "rb") as stream:
            if is_tar:
                _check_tar_header(stream)
            while stream.read(_BLOCK_BYTES):
                pass
    except EOFError:
        raise Rejected("is a truncated gzip file") from None
    except gzip.BadGzipFile as error:
        raise Rejected(f"is not a sound gzip file: {error}") from None
    except zlib.error as error:
        raise Rejected(f"is a damaged gzip file: {error}") from None


def _check_tar_header(stream: gzip.GzipFile) -> None:
    try:
        tarfile.TarInfo.frombuf(stream.read(_TAR_BLOCK_BYTES), "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise Rejected(f"is gzip but holds no tar archive: {error}") from None


def _check_parquet(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(len(_PARQUET_MARK))
        stream.seek(max(0, size - len(_PARQUET_MARK)))
        end = stream.read()
    if start != _PARQUET_MARK:
        raise Rejected(f"is not a parquet file: it starts with {start!r}")
    if end != _PARQUET_MARK or size < _SMALLEST_PARQUET_BYTES:
        raise Rejected("is a truncated parquet file")


def _check_text(path: Path) -> None:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            if b"\0" in block:
                raise Rejected("is not text: it contains NUL bytes")
