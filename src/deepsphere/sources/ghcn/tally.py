"""What was counted while reading GHCN-Daily, and when the counts refuse a file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.wanted import Wanted

MALFORMED_SHARE = 0.01
"""A source is refused when more of its lines than this (and more than one) are malformed."""
QUOTED = 5
"""How many malformed lines, and how many unknown stations, are named."""

_QUOTED_CHARACTERS = 80


@dataclass
class Tally:
    """What was counted while reading; grows as the reading goes on.

    Attributes
    ----------
    rows : int
        Lines (or rows of a table) read, of whatever element and year.
    malformed : int
        Lines with something unreadable.
    quotes : list of str
        The first few of them, as ``file:line: reason: text``.
    missing : int
        Values of -9999.
    unknown : Counter of str
        Records of stations that the list does not have, by id.
    flagged : Counter of str
        Records of known stations with a quality flag, by its letter.
    kept : dict of str to Counter of int
        Records kept, by element and by year.
    """

    rows: int = 0
    malformed: int = 0
    missing: int = 0
    quotes: list[str] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)
    kept: dict[str, Counter[int]] = field(default_factory=dict)

    def note_malformed(self, place: str, line: int, text: bytes, reason: str) -> None:
        """Count a malformed line, and quote it if it is among the first."""
        self.malformed += 1
        if len(self.quotes) < QUOTED:
            shown = text[:_QUOTED_CHARACTERS].decode("latin-1").strip()
            quote = "".join(letter if letter.isprintable() else "?" for letter in shown)
            self.quotes.append(f"{place}:{line}: {reason}: {quote}")

    def refuse_malformed(self, path: object) -> None:
        """Raise if too large a share of the lines of ``path`` is malformed."""
        if self.malformed > max(1.0, MALFORMED_SHARE * self.rows):
            raise DeepsphereError(
                f"{path}: {self.malformed} of {self.rows} lines are malformed, more than "
                f"{MALFORMED_SHARE:.0%}; the first is {self.quotes[0]}; fetch it again"
            )

    def refuse_gaps(self, wanted: Wanted, path: object) -> None:
        """Raise if a wanted element has not one kept record in a wanted year."""
        for year in range(wanted.years[0], wanted.years[1] + 1):
            for name in wanted.elements:
                if not self.kept.get(name, Counter())[year]:
                    raise DeepsphereError(
                        f"{path}: not one usable record of {name} in {year}; leave out the "
                        f"element or the year, or fetch the file again"
                    )

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain data; :meth:`from_json` undoes it."""
        return {
            "rows": self.rows,
            "malformed": self.malformed,
            "missing": self.missing,
            "quotes": list(self.quotes),
            "unknown": dict(self.unknown),
            "flagged": dict(self.flagged),
            "kept": {
                name: {str(year): count for year, count in years.items()}
                for name, years in self.kept.items()
            },
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Tally":
        """Return the tally that :meth:`to_json` wrote down."""
        kept = {
            name: Counter({int(year): count for year, count in years.items()})
            for name, years in data["kept"].items()
        }
        counters = {name: Counter(data[name]) for name in ("unknown", "flagged")}
        return cls(
            data["rows"],
            data["malformed"],
            data["missing"],
            list(data["quotes"]),
            counters["unknown"],
            counters["flagged"],
            kept,
        )


def sum_tallies(tallies: Sequence[Tally]) -> Tally:
    """Return the sum; the quotes are the first of all, in the order of the sequence."""
    total = Tally()
    for tally in tallies:
        total.rows += tally.rows
        total.malformed += tally.malformed
        total.missing += tally.missing
        total.quotes = (total.quotes + tally.quotes)[:QUOTED]
        total.unknown.update(tally.unknown)
        total.flagged.update(tally.flagged)
        for name, years in tally.kept.items():
            total.kept.setdefault(name, Counter()).update(years)
    return total
