"""What a set of maps holds: one entry a map, with what is known of its universe."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.entries import Split

RESERVED = frozenset(
    {
        *("data", "sample", "cell", "channel"),
        *("longitude", "latitude", "time", "split", "seen", "valid"),
        *("label", "sublabel", "map", "patch", "seed", "object", "copies", "copy"),
    }
)
"""Names of coordinates of stores, which parameters cannot have."""


@dataclass(frozen=True)
class Entry:
    """A map of a set.

    Attributes
    ----------
    archive : str
        The archive that it is in, or :data:`~deepsphere.sources.cosmo.reader.LOOSE`.
    member : str
        Its name there.
    label : str or None
        Its class.
    parameters : tuple of (str, float)
        Names of cosmological parameters and their values.
    seed : int or None
        Number of its initial conditions, which maps of other universes may share.
    split : {"train", "validation", "test"} or None
        What it is for; None if that is not said.
    """

    archive: str
    member: str
    label: str | None
    parameters: tuple[tuple[str, float], ...]
    seed: int | None
    split: Split | None

    @property
    def name(self) -> str:
        """Where it is below the raw folder."""
        return self.member if self.archive == "." else f"{self.archive}/{self.member}"


def class_names(entries: Sequence[Entry]) -> list[str]:
    """Return the labels of maps, those that are numbers in their order; empty without labels."""
    labels = {entry.label for entry in entries if entry.label is not None}
    return sorted(labels, key=_label_order)


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """Return maps in the order of a store: by label, then by seed, then by name."""
    numbers = {name: number for number, name in enumerate(class_names(entries))}
    return sorted(
        entries,
        key=lambda entry: (
            -1 if entry.label is None else numbers[entry.label],
            -1 if entry.seed is None else entry.seed,
            entry.name,
        ),
    )


def check_entries(entries: Sequence[Entry]) -> None:
    """Refuse a set whose maps do not all say the same things, or that says nothing.

    Raises
    ------
    DeepsphereError
        If there is no map, one has no label though others have, one file stands twice, or there
        are neither labels nor parameters.
    """
    if not entries:
        raise DeepsphereError("a set of maps needs a map; found none")
    seen: set[str] = set()
    for entry in entries:
        if entry.name in seen:
            raise DeepsphereError(f"{entry.name} is listed twice; remove one of the rows")
        seen.add(entry.name)
    unlabelled = [entry for entry in entries if entry.label is None]
    if unlabelled and len(unlabelled) < len(entries):
        raise DeepsphereError(f"{unlabelled[0].name} has no label, but others have; give it one")
    if unlabelled and not entries[0].parameters:
        raise DeepsphereError(
            f"the {len(entries)} maps have neither labels nor parameters that a model could learn; "
            "add a column `label`, or columns of numbers"
        )


def _label_order(label: str) -> Any:
    try:
        number = float(label)
    except ValueError:
        number = math.nan
    # NaN comes neither before nor after other numbers.
    return (1, 0.0, label) if math.isnan(number) else (0, number, label)
