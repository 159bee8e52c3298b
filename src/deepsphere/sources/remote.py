"""A file before and after it is fetched: what to look for, and what came of it."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from deepsphere.errors import DeepsphereError
from deepsphere.sources.mirrors import check_relative
from deepsphere.sources.verify import Content, check_known_hash

SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch.

    Parameters
    ----------
    name : str
        Its path below the raw folder, with forward slashes.
    locations : tuple of str
        Where to look for it at each mirror, in this order; paths relative to the mirror.
    content : {"gzip", "tar.gz", "text", "parquet", "any"}
        What it must hold (:func:`deepsphere.sources.verify.check_content`).
    known_hash : str, optional
        The publisher's hash: SHA-256, or ``md5:...``, ``sha1:...``, ``sha512:...``.
    optional : bool
        Whether to go on, with a warning, if no mirror gives it; never if its hash is known.

    Raises
    ------
    DeepsphereError
        If a path could lead out of its folder, or the hash is malformed.
    """

    name: str
    locations: tuple[str, ...]
    content: Content
    known_hash: str | None = None
    optional: bool = False

    def __post_init__(self) -> None:
        check_relative(self.name, "name of a file to fetch")
        hidden = any(part.startswith(".") for part in PurePosixPath(self.name).parts)
        if hidden or self.name == SUMS or self.name.endswith((".part", ".part.json")):
            raise DeepsphereError(
                f"name of a file to fetch: {self.name!r} is reserved for the downloads' own "
                "records; choose another"
            )
        if not self.locations:
            raise DeepsphereError(f"{self.name}: no location; say where a mirror has it")
        for location in self.locations:
            check_relative(location, f"location of {self.name}")
        if self.known_hash is not None:
            check_known_hash(self.known_hash, self.name)


@dataclass(frozen=True)
class FetchedFile:
    """A verified file in a raw folder.

    Parameters
    ----------
    name : str
        Path below the folder, with forward slashes.
    size : int
        Bytes.
    sha256 : str
        64 hexadecimal digits.
    url : str or None
        Where it came from: a URL without password, or, from a folder, only its location there.
        None if it stood in the folder already, with the hash that is known of it.
    modified, etag : str or None
        The server's headers ``Last-Modified`` and ``ETag``.
    """

    name: str
    size: int
    sha256: str
    url: str | None = None
    modified: str | None = None
    etag: str | None = None
