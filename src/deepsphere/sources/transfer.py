"""One file over HTTP, continued by byte range after any interruption.

The file grows as ``NAME.part``. Beside it, ``NAME.part.json`` records which version of the
content was begun: URL, size, ETag and Last-Modified. What is there is continued only if the server
answers a Range request with "206 Partial Content" of exactly that version; otherwise the download
starts afresh, so a file is never put together from two versions.

Pooch downloads into an anonymous temporary file that a kill orphans, and its retries are the same
for every error; hence this module, which shares with it the names of hashes only.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import requests
import urllib3

from deepsphere.errors import DeepsphereError
from deepsphere.files import read_json, write_json
from deepsphere.sources.progress import report_progress
from deepsphere.sources.retry import Refused, RetryPolicy, Transient, retrying

logger = logging.getLogger(__name__)

_BLOCK_BYTES = 1 << 16
_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE_BEYOND_END = 416
# Without "identity", a server may compress on the fly: sizes, ranges and hashes would not hold.
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "deepsphere"}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


@dataclass(frozen=True)
class Version:
    """What a server says of the content behind a URL.

    Parameters
    ----------
    url : str
        The URL, without a password.
    size : int or None
        Bytes in all.
    etag, modified : str or None
        The headers ``ETag`` and ``Last-Modified``.
    """

    url: str
    size: int | None
    etag: str | None
    modified: str | None

    @property
    def is_distinct(self) -> bool:
        """Whether another version of the content would be told apart from this one."""
        # A weak ETag may stand for several contents that mean the same.
        has_strong_etag = self.etag is not None and not self.etag.startswith("W/")
        return self.size is not None and (has_strong_etag or self.modified is not None)


@dataclass(frozen=True)
class Download:
    """A finished download.

    Parameters
    ----------
    version : Version
        What was downloaded.
    is_continued : bool
        Whether the start of the file is from an earlier call.
    """

    version: Version
    is_continued: bool


def new_session() -> requests.Session:
    """Return a session whose requests ask for the bytes as they are stored."""
    session = requests.Session()
    session.headers.update(_HEADERS)
    return session


def state_path(part: Path) -> Path:
    """Return the path of the record that lies beside an unfinished file."""
    return part.with_name(f"{part.name}.json")


def discard(part: Path) -> None:
    """Delete an unfinished file and the record beside it."""
    part.unlink(missing_ok=True)
    state_path(part).unlink(missing_ok=True)


def download(
    session: requests.Session, url: str, public_url: str, part: Path, policy: RetryPolicy
) -> Download:
    """Download a file, continuing what an earlier call left.

    Parameters
    ----------
    session : requests.Session
        From :func:`new_session`.
    url, public_url : str
        What to request, and what to call it in messages and on disk.
    part : Path
        Where to; the file is whole, but not verified, when this function returns. The record
        beside it stays until :func:`discard`.
    policy : RetryPolicy
        Attempts, pauses and timeouts.

    Raises
    ------
    Refused
        If the server says that it does not have or give the file.
    Unavailable
        If it failed too often.
    """
    is_continued = _begun(part, public_url) is not None
    version = retrying(
        lambda: _download_once(session, url, public_url, part, policy),
        policy,
        lambda: _size(part),
    )
    return Download(version, is_continued)


def read_page(session: requests.Session, url: str, policy: RetryPolicy) -> bytes:
    """Return the small page behind a URL; raises as :func:`download` does."""

    def read_once() -> bytes:
        with _get(session, url, url, 0, policy) as response:
            return b"".join(_blocks(response, url))

    return retrying(read_once, policy, lambda: 0)


def _download_once(
    session: requests.Session, url: str, public_url: str, part: Path, policy: RetryPolicy
) -> Version:
    begun = _begun(part, public_url)
    offset = _size(part) if begun else 0
    if begun and offset == begun.size:
        return begun
    with _get(session, url, public_url, offset, policy) as response:
        version = _version(response, public_url)
        continues = offset > 0 and response.status_code == requests.codes.partial_content
        if begun and offset and not (continues and version == begun and _starts(response, offset)):
            logger.info("%s cannot be continued at byte %d: starting afresh", public_url, offset)
            if response.status_code != requests.codes.ok:
                discard(part)
                return _download_once(session, url, public_url, part, policy)
            offset = 0
        if offset == 0:
            discard(part)
            write_json(state_path(part), asdict(version))
        else:
            logger.info("%s continues at byte %d", public_url, offset)
        with (
            part.open("ab" if offset else "xb") as stream,
            report_progress(part.name.removesuffix(".part"), offset, version.size) as advance,
        ):
            for block in _blocks(response, public_url):
                stream.write(block)
                advance(len(block))
    if version.size is not None and _size(part) != version.size:
        raise Transient(f"{public_url} sent {_size(part)} of {version.size} bytes")
    return version


def _begun(part: Path, public_url: str) -> Version | None:
    """Return the version of which ``part`` is the start, if that can be continued."""
    if not part.is_file() or not state_path(part).is_file():
        return None
    try:
        begun = Version(**read_json(state_path(part), "record of a download"))
        is_start = begun.is_distinct and _size(part) <= (begun.size or 0)
    except (DeepsphereError, TypeError, AttributeError):
        return None
    return begun if is_start and begun.url == public_url else None


def _get(
    session: requests.Session, url: str, public_url: str, offset: int, policy: RetryPolicy
) -> requests.Response:
    """Send one request; the answer is 200, or 206 or 416 if ``offset`` is not zero."""
    try:
        response = session.get(
            url,
            headers={"Range": f"bytes={offset}-"} if offset else {},
            stream=True,
            timeout=(policy.connect_timeout_seconds, policy.read_timeout_seconds),
        )
    except (requests.ConnectionError, requests.Timeout) as error:
        raise Transient(f"{public_url}: {_deepest(error)}") from None
    except requests.RequestException as error:
        # Its text may hold the URL with its password.
        raise Refused(f"{public_url}: {type(error).__name__}") from None
    status = response.status_code
    expected = {requests.codes.ok}
    if offset:
        expected |= {requests.codes.partial_content, _RANGE_BEYOND_END}
    if status in expected:
        return response
    response.close()
    message = f"HTTP {status} {response.reason or ''}".strip() + f" for {public_url}"
    if status in _TRANSIENT_STATUS:
        raise Transient(message, _retry_after(response))
    raise Refused(message)


def _blocks(response: requests.Response, public_url: str) -> Iterator[bytes]:
    """Yield the body as it was sent, whatever Content-Encoding the server claims for it."""
    try:
        yield from response.raw.stream(_BLOCK_BYTES, decode_content=False)
    except urllib3.exceptions.HTTPError as error:
        raise Transient(f"{public_url} broke off: {_deepest(error)}") from None


def _version(response: requests.Response, public_url: str) -> Version:
    headers = response.headers
    ranges = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    if response.status_code == requests.codes.partial_content:
        size = int(ranges.group(2)) if ranges else None
    else:
        length = headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() else None
    return Version(public_url, size, headers.get("ETag"), headers.get("Last-Modified"))


def _starts(response: requests.Response, offset: int) -> bool:
    ranges = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return ranges is not None and int(ranges.group(1)) == offset


def _retry_after(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0


def _deepest(error: BaseException) -> str:
    """Return what went wrong at the bottom: "Connection refused", not the five layers above."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0
