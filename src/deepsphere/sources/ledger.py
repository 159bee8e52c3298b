"""What is known of the files in a raw folder: their digests and where they came from.

Digests lie in ``SHA256SUMS``, which ``sha256sum --check SHA256SUMS`` understands; origins in
``.provenance.json``, so that a file that is kept is described the same in every later run.
"""

import json
import logging
import re
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from deepsphere.errors import DeepsphereError
from deepsphere.files import read_json, write_bytes, write_json
from deepsphere.sources.remote import SUMS, FetchedFile

logger = logging.getLogger(__name__)

PROVENANCE = ".provenance.json"

_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_SAVE_SECONDS = 1.0


class Ledger:
    """The records of one folder.

    They are saved at most once a second, so that a hundred thousand small files do not mean as
    many rewrites; what a kill then loses took less than a second to fetch.

    Parameters
    ----------
    folder : Path
        The raw folder.

    Raises
    ------
    DeepsphereError
        If the records cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digests = _read_sums(folder / SUMS)
        self._files = {
            file.name: file
            for file in _read_provenance(folder / PROVENANCE)
            if self._digests.get(file.name) == file.sha256
        }
        self._saved_at = time.monotonic()
        self._is_saved = True

    def digest(self, name: str) -> str | None:
        """Return the recorded SHA-256 of a file, or None."""
        return self._digests.get(name)

    def file(self, name: str, size: int, sha256: str) -> FetchedFile:
        """Return a file that stands in the folder, with its origin if that is recorded."""
        known = self._files.get(name)
        return known if known and known.sha256 == sha256 else FetchedFile(name, size, sha256)

    def record(self, file: FetchedFile) -> None:
        """Record a file, replacing what was known under its name."""
        if self._files.get(file.name) == file:
            return
        self._digests[file.name] = file.sha256
        self._files[file.name] = file
        self._is_saved = False
        if time.monotonic() - self._saved_at >= _SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write what is not written yet."""
        if self._is_saved:
            return
        write_json(
            self._folder / PROVENANCE, [asdict(self._files[name]) for name in sorted(self._files)]
        )
        lines = [f"{digest}  {name}\n" for name, digest in sorted(self._digests.items())]
        write_bytes(self._folder / SUMS, "".join(lines).encode())
        self._saved_at = time.monotonic()
        self._is_saved = True


def _read_sums(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    digests = {}
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise DeepsphereError(
                f"{path}:{number}: expected 'SHA-256  name', found {line[:80]!r}; delete the file "
                "to fetch everything anew"
            )
        digests[match.group(2)] = match.group(1)
    return digests


def _read_provenance(path: Path) -> Iterable[FetchedFile]:
    if not path.exists():
        return []
    entries = read_json(path, "origins of fetched files")
    try:
        return [FetchedFile(**entry) for entry in entries]
    except TypeError:
        raise DeepsphereError(
            f"{path}: expected a list of files with their origin, found "
            f"{json.dumps(entries)[:80]}; delete it and rerun"
        ) from None
