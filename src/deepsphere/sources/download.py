"""Fetch the files of a source into its raw folder: from mirrors in order, verified, or not at all.

:func:`fetch_files` is what a stage calls. A file gets its name only after it was verified against
the publisher's hash or, where there is none, against its own format; its digest is then recorded
in ``SHA256SUMS``. A second call with nothing to do sends no request. A call that was killed is
continued where it stopped (:mod:`deepsphere.sources.transfer`).
"""

import logging
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import requests

from deepsphere.errors import DeepsphereError
from deepsphere.files import sha256_file, sync_folder
from deepsphere.locks import only_writer
from deepsphere.sources.ledger import Ledger
from deepsphere.sources.mirrors import Bucket, Folder, Mirror, Website, open_mirror
from deepsphere.sources.progress import report_progress
from deepsphere.sources.remote import SUMS, FetchedFile, RemoteFile
from deepsphere.sources.retry import DEFAULT_POLICY, Refused, RetryPolicy, Unavailable
from deepsphere.sources.transfer import Version, discard, download, new_session
from deepsphere.sources.verify import (
    Rejected,
    WrongHash,
    check_content,
    check_hash,
    check_not_web_page,
)

logger = logging.getLogger(__name__)

_BLOCK_BYTES = 1 << 20


def fetch_files(
    files: Sequence[RemoteFile],
    mirrors: Sequence[str],
    folder: Path,
    policy: RetryPolicy = DEFAULT_POLICY,
) -> list[FetchedFile]:
    """Make the files stand in a folder, fetching those that do not.

    A file is kept if it has its known hash or, where none is known, the digest that was recorded
    when it was fetched. Otherwise every mirror is asked, in order, at every location. A mirror
    that stopped answering is asked last for the files that follow.

    Parameters
    ----------
    files : sequence of RemoteFile
        What to fetch; names must differ.
    mirrors : sequence of str
        Where from (:mod:`deepsphere.sources.mirrors`).
    folder : Path
        The raw folder; made if it is missing. Nothing is written outside it.
    policy : RetryPolicy, optional
        Attempts, pauses and timeouts.

    Returns
    -------
    list of FetchedFile
        In the order of ``files``, without the optional ones that no mirror gave.

    Raises
    ------
    DeepsphereError
        If a file can be had from no mirror, with each mirror's reason; if the folder cannot be
        written to, or another process is fetching into it.
    """
    for name, count in Counter(file.name for file in files).items():
        if count > 1:
            raise DeepsphereError(f"{name} is to be fetched {count} times; list each name once")
    if not mirrors:
        raise DeepsphereError(
            "no mirror to fetch from; give at least one URL or folder in `mirrors`"
        )
    opened = [open_mirror(text) for text in mirrors]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with only_writer(folder), new_session() as session:
            return _Fetch(folder, opened, session, policy).all(files)
    except OSError as error:
        raise DeepsphereError(
            f"cannot fetch into {folder}: {error.strerror or error} ({error.filename or folder}); "
            "make room or correct the permissions and run again: it continues where it stopped"
        ) from error


class _Fetch:
    """One call of :func:`fetch_files`."""

    def __init__(
        self, folder: Path, mirrors: list[Mirror], session: requests.Session, policy: RetryPolicy
    ) -> None:
        self.folder = folder
        self.mirrors = mirrors
        self.session = session
        self.policy = policy
        self.ledger = Ledger(folder)
        self.failing: set[Mirror] = set()

    def all(self, files: Sequence[RemoteFile]) -> list[FetchedFile]:
        fetched = []
        try:
            for file in files:
                try:
                    fetched.append(self.standing(file) or self.fetch(file))
                except DeepsphereError as error:
                    if not file.optional or file.known_hash is not None:
                        raise
                    logger.warning("going on without an optional file: %s", error)
        finally:
            self.ledger.save()
        return fetched

    def standing(self, file: RemoteFile) -> FetchedFile | None:
        """Return the file if it stands in the folder and is the right one."""
        path = self.folder / file.name
        if not path.is_file():
            return None
        found = sha256_file(path)
        recorded = self.ledger.digest(file.name)
        if file.known_hash is not None:
            try:
                check_hash(path, file.known_hash)
            except WrongHash as error:
                logger.warning("%s: %s; fetching it again", path, error)
                return None
        elif recorded is None:
            logger.warning("%s stands there without a record in %s; fetching it", path, SUMS)
            return None
        elif found != recorded:
            logger.warning(
                "%s was changed: SHA-256 recorded %s, found %s; fetching it again",
                path,
                recorded,
                found,
            )
            return None
        standing = self.ledger.file(file.name, path.stat().st_size, found)
        self.ledger.record(standing)
        return standing

    def fetch(self, file: RemoteFile) -> FetchedFile:
        failures = []
        wrong_hash = False
        for mirror in sorted(self.mirrors, key=self.failing.__contains__):
            reasons = []
            for location in file.locations:
                try:
                    return self.fetch_from(mirror, location, file)
                except Rejected as error:
                    wrong_hash |= isinstance(error, WrongHash)
                    reasons.append(f"{mirror.origin(location)} {error}; what came was deleted")
                except Refused as error:
                    reasons.append(str(error))
                except Unavailable as error:
                    self.failing.add(mirror)
                    reasons.append(str(error))
                    break
            failures.append(f"{mirror} ({', '.join(reasons)})")
            logger.info("%s: not from %s", file.name, failures[-1])
        remedy = (
            "correct its hash in the configuration if the publisher has changed the file"
            if wrong_hash
            else "check the network, or add a folder that has it to `mirrors`"
        )
        raise DeepsphereError(f"{file.name}: no mirror gave it: {'; '.join(failures)}; {remedy}")

    def fetch_from(self, mirror: Mirror, location: str, file: RemoteFile) -> FetchedFile:
        """Fetch a file from one place, verify it, record it and give it its name."""
        path = self.folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        etag = modified = None
        if isinstance(mirror, Folder):
            _copy(mirror, location, part)
            _verify(part, file)
        else:
            version = self.download(mirror, location, part, file)
            etag, modified = version.etag, version.modified
        fetched = FetchedFile(
            name=file.name,
            size=part.stat().st_size,
            sha256=sha256_file(part),
            url=mirror.origin(location),
            modified=modified,
            etag=etag,
        )
        recorded = self.ledger.digest(file.name)
        if recorded not in (None, fetched.sha256) and file.known_hash is None:
            logger.warning(
                "%s: the publisher's file has changed: SHA-256 was %s, is %s",
                file.name,
                recorded,
                fetched.sha256,
            )
        # Recorded first: if killed in between, the next call finds the whole part and goes on.
        self.ledger.record(fetched)
        _publish(part, path)
        logger.info("%s: %d bytes from %s", file.name, fetched.size, mirror)
        return fetched

    def download(
        self, mirror: Website | Bucket, location: str, part: Path, file: RemoteFile
    ) -> Version:
        """Download a file and verify it; what was continued in vain is begun once more."""
        url, public_url = mirror.url(location), mirror.origin(location)
        result = download(self.session, url, public_url, part, self.policy)
        if result.is_continued:
            try:
                _verify(part, file)
            except Rejected as error:
                logger.warning("%s: %s; starting afresh", public_url, error)
            else:
                return result.version
            result = download(self.session, url, public_url, part, self.policy)
        _verify(part, file)
        return result.version


def _copy(mirror: Folder, location: str, part: Path) -> None:
    source = mirror.path / location
    try:
        if not mirror.path.is_dir():
            raise Refused(f"no such folder, seen from {Path.cwd()}")
        if not source.is_file():
            raise Refused(f"it has no {location}")
        stream = source.open("rb")
    except PermissionError as error:
        raise Refused(f"{source}: {error.strerror}") from None
    with stream:
        # Only now: what another mirror has begun must survive a folder that lacks the file.
        discard(part)
        size = source.stat().st_size
        with part.open("xb") as copy, report_progress(source.name, 0, size) as advance:
            while block := stream.read(_BLOCK_BYTES):
                copy.write(block)
                advance(len(block))


def _verify(part: Path, file: RemoteFile) -> None:
    """Check a whole but nameless file; delete it if it is not the right one."""
    try:
        if file.known_hash is None:
            check_content(part, file.content)
        else:
            if file.content != "any":
                check_not_web_page(part)
            check_hash(part, file.known_hash)
    except Rejected:
        discard(part)
        raise


def _publish(part: Path, path: Path) -> None:
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(path)
    discard(part)
    sync_folder(path.parent)
