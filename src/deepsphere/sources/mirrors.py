"""Mirrors: the places from which a file can be had.

A mirror is written in the configuration as one string; :func:`open_mirror` makes it one of

- :class:`Folder`: ``file:///abs/path``, ``file:relative/path`` or a plain path (relative to the
  current directory). Nothing is downloaded, so this is how a machine without network works.
- :class:`Website`: ``https://host/path`` or ``http://host/path``.
- :class:`Bucket`: ``s3://bucket[/prefix]``, a public bucket, read anonymously over HTTPS.
  ``AWS_ENDPOINT_URL_S3``, the variable that Amazon's own tools read, names another S3 service.

Every mirror turns a *location*, a relative path with forward slashes, into a place to read from.
What a mirror calls itself in messages and manifests never contains a password.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, quote, unquote, urlsplit

from deepsphere.errors import DeepsphereError

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):")
_BUCKET_NAME = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")


@dataclass(frozen=True)
class Folder:
    """A folder on this machine.

    Parameters
    ----------
    path : Path
        The folder; relative to the current directory if not absolute.
    """

    path: Path

    def __str__(self) -> str:
        return f"folder {self.path}"

    def origin(self, location: str) -> str:
        """Return what a manifest says of a file: its location, without this machine's paths."""
        return location


@dataclass(frozen=True)
class Website:
    """A folder on a web server.

    Parameters
    ----------
    base : str
        Its URL without a final slash; it may hold ``user:password@``.
    """

    base: str

    def __str__(self) -> str:
        return without_password(self.base)

    def url(self, location: str) -> str:
        """Return the URL to request."""
        return f"{self.base}/{quote_path(location)}"

    def origin(self, location: str) -> str:
        """Return what a manifest says of a file: its URL, without a password."""
        return without_password(self.url(location))


@dataclass(frozen=True)
class Bucket:
    """A public S3 bucket, or the part of it below a prefix.

    Parameters
    ----------
    name : str
        The bucket.
    prefix : str
        Empty, or the start of all keys, without slashes at its ends.
    """

    name: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}".rstrip("/")

    @property
    def endpoint(self) -> str:
        """URL of the bucket itself, without a final slash."""
        service = os.environ.get("AWS_ENDPOINT_URL_S3")
        if service:
            return f"{service.rstrip('/')}/{self.name}"
        if "." in self.name:
            # Amazon's certificate for *.s3.amazonaws.com does not cover a name with a dot.
            return f"https://s3.amazonaws.com/{self.name}"
        return f"https://{self.name}.s3.amazonaws.com"

    def key(self, location: str) -> str:
        """Return the key of an object."""
        return f"{self.prefix}/{location}" if self.prefix else location

    def url(self, location: str) -> str:
        """Return the URL to request."""
        return f"{self.endpoint}/{quote_path(self.key(location))}"

    def origin(self, location: str) -> str:
        """Return what a manifest says of a file: its ``s3:`` URL, the same for any endpoint."""
        return f"s3://{self.name}/{self.key(location)}"


Mirror = Folder | Website | Bucket


def open_mirror(text: str) -> Mirror:
    """Understand a mirror as the configuration writes it.

    Parameters
    ----------
    text : str
        A URL or a path, in one of the forms that this module's docstring lists.

    Raises
    ------
    DeepsphereError
        If it has none of these forms.
    """
    scheme = _SCHEME.match(text)
    if not text.strip():
        raise DeepsphereError("a mirror is empty; give a URL, s3://bucket or the path of a folder")
    if scheme is None:
        return Folder(Path(text).expanduser())
    kind = scheme.group(1).lower()
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise DeepsphereError(f"a mirror is not a URL: {error}; write https://host/path") from None
    if kind == "file":
        return _open_folder(parts)
    shown = without_password(text)
    if parts.query or parts.fragment:
        raise DeepsphereError(
            f"mirror {shown.partition('?')[0]}: a mirror is the start of a path and cannot have "
            "a ? or # part; remove it"
        )
    if kind in ("http", "https"):
        if not parts.hostname:
            raise DeepsphereError(f"mirror {shown}: no host name; write {kind}://host/path")
        return Website(text.rstrip("/"))
    if kind == "s3":
        if not _BUCKET_NAME.match(parts.netloc):
            raise DeepsphereError(
                f"mirror {shown}: {parts.netloc!r} is not a bucket name; write s3://bucket/prefix"
            )
        return Bucket(parts.netloc, parts.path.strip("/"))
    raise DeepsphereError(
        f"mirror {shown}: found scheme {kind!r}, expected https, http, s3, file, or a plain path"
    )


def _open_folder(parts: SplitResult) -> Folder:
    if parts.netloc not in ("", "localhost"):
        raise DeepsphereError(
            f"mirror {parts.geturl()}: {parts.netloc!r} stands where a host name stands; write "
            f"file:{parts.netloc}{parts.path} for a relative path, file:///... for an absolute one"
        )
    return Folder(Path(unquote(parts.path)).expanduser())


def check_relative(path: str, what: str) -> None:
    """Refuse a path that could lead out of its folder.

    Parameters
    ----------
    path : str
        Path with forward slashes.
    what : str
        What it is, for the message ("location of a file").

    Raises
    ------
    DeepsphereError
        Unless the path is relative, in its shortest form, and free of ``..``, backslashes and
        control characters.
    """
    pure = PurePosixPath(path)
    if (
        not path
        or pure.is_absolute()
        or ".." in pure.parts
        or str(pure) != path
        or path == "."
        or "\\" in path
        or not path.isprintable()
    ):
        raise DeepsphereError(
            f"{what}: {path!r} is not a plain relative path; write it as folder/name, without "
            "'..', '.', '//', backslashes or control characters"
        )


def quote_path(path: str) -> str:
    """Return a path as it stands in a URL; ``=`` stays, as S3 keys use it (``YEAR=2010``)."""
    return quote(path, safe="/=")


def without_password(url: str) -> str:
    """Return a URL without the ``user:password@`` that it may contain."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
