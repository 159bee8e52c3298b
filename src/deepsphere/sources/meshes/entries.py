"""What a set of meshes holds: one entry a mesh, with its label and its split."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from deepsphere.errors import DeepsphereError

Split = Literal["train", "validation", "test"]

SPLITS: tuple[Split, ...] = get_args(Split)
"""In the order of their numbers in a store."""

LOOSE = "."
"""Name of the archive, below the raw folder, that loose meshes are in: the folder itself."""

_SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Entry:
    """A mesh of a set.

    Attributes
    ----------
    id : str
        Its name in the set, which no other mesh has: whatever is random about it is drawn from it.
    archive : str
        The folder, zip or tar that it is in.
    member : str
        Its path there.
    size : int
        Bytes of its file, as declared.
    label : str
        Its class.
    sublabel : str or None
        Its class within that class, where the set has such.
    split : {"train", "validation", "test"}
        What it is for.
    """

    id: str
    archive: str
    member: str
    size: int
    label: str
    sublabel: str | None
    split: Split

    def __post_init__(self) -> None:
        if not (self.id and self.label and self.split in SPLITS):
            raise ValueError(f"an entry needs an id, a label and a split; found {self}")


def find_split(name: str) -> Split | None:
    """Return the split that a folder or a value names (``val``, ``Training``), None if none."""
    return _SPLIT_NAMES.get(name.strip().lower())


def title(archive: str) -> str:
    """Return what messages call an archive, or the folder of the loose meshes."""
    return "the folder of loose meshes" if archive == LOOSE else archive


def full_name(archive: str, member: str) -> str:
    """Return the name of a member below the raw folder, with that of its archive if it has one."""
    return member if archive == LOOSE else f"{archive}/{member}"


def check_entries(entries: Sequence[Entry]) -> None:
    """Refuse a set that cannot be told apart or trained on.

    Raises
    ------
    DeepsphereError
        If there is no mesh, an id is there twice, or no mesh is to train on.
    """
    if not entries:
        raise DeepsphereError("a set of meshes needs a mesh; found none")
    seen: dict[str, Entry] = {}
    for entry in entries:
        other = seen.setdefault(entry.id, entry)
        if other is not entry:
            raise DeepsphereError(
                f"two meshes are {entry.id!a}: {full_name(other.archive, other.member)} and "
                f"{full_name(entry.archive, entry.member)}; rename one"
            )
    if not any(entry.split == "train" for entry in entries):
        raise DeepsphereError(
            f"none of {len(entries)} meshes is to train on; move some to the train split"
        )


def place(entry: Entry) -> tuple[str, str, str]:
    """Return what sorts entries by where they lie, which is the fastest order to read them in."""
    return entry.archive, entry.member, entry.id
