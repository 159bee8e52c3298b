"""Broken files: set aside with their reasons as long as they are few.

Reasons lie in a folder, one file each, so that all who read, in threads and on other machines, can
add theirs, and those that a killed run found are still known when it goes on.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.files import digest_json, read_json, write_json

_LISTED = 100
_NAMED_REASONS = 3
_LONGEST_REASON = 160
_NUMBER = re.compile(r"\d[\d.,e+-]*")


@dataclass(frozen=True)
class Broken:
    """A file that cannot be used.

    Attributes
    ----------
    name : str
        Its name below the raw folder; of a file in an archive, that of the archive goes before.
    reason : str
        Why, in one line.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Quarantine:
    """The broken ones among some files.

    Attributes
    ----------
    folder : Path
        Where the reasons lie; made when there is one.
    files : int
        All files.
    share : float
        Largest share of them that may be broken.
    """

    folder: Path
    files: int
    share: float

    def add(self, broken: Iterable[Broken]) -> None:
        """Set files aside.

        Raises
        ------
        DeepsphereError
            If too many are broken now, with the commonest reasons.
        """
        new = list(broken)
        for file in new:
            write_json(self.folder / f"{digest_json(file.name)}.json", asdict(file))
        if new:
            _refuse_many(self.found(), self.files, self.share)

    def found(self) -> list[Broken]:
        """Return the broken files, sorted by name."""
        paths = self.folder.glob("*.json")
        records = [read_json(path, "record of a broken file") for path in paths]
        return sorted((Broken(**record) for record in records), key=lambda file: file.name)

    def describe(self) -> dict[str, Any]:
        """Return, for a manifest, how many files are broken, and the first hundred of them."""
        found = self.found()
        first = [{"file": file.name, "reason": file.reason} for file in found[:_LISTED]]
        return {"count": len(found), "first": first}


def _refuse_many(broken: Sequence[Broken], files: int, share: float) -> None:
    if len(broken) <= share * files:
        return
    examples: dict[str, Broken] = {}
    counts: Counter[str] = Counter()
    for file in broken:
        # Reasons that differ in numbers only count as one.
        sort = _NUMBER.sub("#", file.reason)
        examples.setdefault(sort, file)
        counts[sort] += 1
    reasons = "; ".join(
        f"{count} such as {examples[sort].name} ({_short(examples[sort].reason)})"
        for sort, count in counts.most_common(_NAMED_REASONS)
    )
    raise DeepsphereError(
        f"store: {len(broken)} of {files} files are broken, more than the share of {share:g} that "
        f"`quarantine` allows: {reasons}; repair the files, or allow more"
    )


def _short(reason: str) -> str:
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[: _LONGEST_REASON - 3]}..."
