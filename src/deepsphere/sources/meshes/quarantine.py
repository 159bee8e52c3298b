"""Broken meshes: set aside with their reasons as long as they are few."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from deepsphere.errors import DeepsphereError

_NAMED_REASONS = 3
_LONGEST_REASON = 120
_NUMBER = re.compile(r"\d[\d.,e+-]*")


@dataclass(frozen=True)
class Broken:
    """A mesh that cannot be projected.

    Attributes
    ----------
    id : str
        Its id.
    reason : str
        Why, in one line.
    """

    id: str
    reason: str


def refuse_many(broken: Sequence[Broken], meshes: int, share: float) -> None:
    """Refuse to go on when too many meshes are broken.

    Parameters
    ----------
    broken : sequence of Broken
        Those that were found so far.
    meshes : int
        All meshes.
    share : float
        Largest share of them that may be broken.

    Raises
    ------
    DeepsphereError
        With the commonest reasons; those that differ in numbers only count as one.
    """
    if len(broken) <= share * meshes:
        return
    examples: dict[str, Broken] = {}
    counts: Counter[str] = Counter()
    for mesh in broken:
        sort = _NUMBER.sub("#", mesh.reason)
        examples.setdefault(sort, mesh)
        counts[sort] += 1
    reasons = "; ".join(
        f"{count} such as {examples[sort].id} ({_short(examples[sort].reason)})"
        for sort, count in counts.most_common(_NAMED_REASONS)
    )
    raise DeepsphereError(
        f"store: {len(broken)} of {meshes} meshes are broken, more than the share of {share:g} "
        f"that `quarantine` allows: {reasons}; repair the files, or allow more"
    )


def _short(reason: str) -> str:
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[: _LONGEST_REASON - 3]}..."
