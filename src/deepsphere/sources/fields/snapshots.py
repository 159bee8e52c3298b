"""The files of the states in a raw folder: loose ones, and those inside archives."""

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.catalogue import is_archive
from deepsphere.sources.fields.moments import Moment, read_moment
from deepsphere.sources.meshes.archives import open_archive

MOST_BYTES = 1 << 30
"""Size of a file that is not read any more; states of the full resolution have 60 MB."""

_LOOSE = "."
_EXAMPLES = 3


@dataclass(frozen=True)
class Snapshot:
    """The file of a state.

    Attributes
    ----------
    archive : str
        Name of its archive below the raw folder; ``.`` for a loose file.
    member : str
        Its name in the archive, or below the raw folder.
    moment : Moment
        When it is from.
    """

    archive: str
    member: str
    moment: Moment

    @property
    def name(self) -> str:
        """Where it is, for messages."""
        return self.member if self.archive == _LOOSE else f"{self.archive}/{self.member}"

    @property
    def is_loose(self) -> bool:
        """Whether it is a file of its own, which can be opened without reading all of it."""
        return self.archive == _LOOSE

    def open(self, raw: Path) -> Path | io.BytesIO:
        """Return what libraries can read the file from: its path, or its content.

        Parameters
        ----------
        raw : Path
            The raw folder.

        Raises
        ------
        DeepsphereError
            If its archive is damaged, or the file is too large.
        """
        if self.is_loose:
            return raw / self.member
        return io.BytesIO(open_archive(raw / self.archive).read(self.member, MOST_BYTES))


def find_snapshots(
    raw: Path, listed: Collection[str], suffixes: Sequence[str]
) -> tuple[list[Snapshot], list[str]]:
    """Return the files of the states, and the files whose names say no time.

    Parameters
    ----------
    raw : Path
        The raw folder.
    listed : collection of str
        Names of the files that were fetched; what else lies in the folder is passed over.
    suffixes : sequence of str
        How the names of the files end.

    Returns
    -------
    snapshots : list of Snapshot
        In order of run, time and expert.
    others : list of str
        Names of files that end so, but do not say when they are from.

    Raises
    ------
    DeepsphereError
        If an archive is damaged, there is no file, or two are of the same state.
    """
    places = [(_LOOSE, name) for name in sorted(listed) if not is_archive(name)]
    for name in sorted(listed):
        if is_archive(name):
            members = open_archive(raw / name).members()
            places += [(name, member.name) for member in members]
    of_kind = [
        (archive, member)
        for archive, member in places
        # macOS puts a hidden file beside each file of an archive.
        if member.endswith(tuple(suffixes)) and not PurePosixPath(member).name.startswith(".")
    ]
    snapshots, others = [], []
    for archive, member in of_kind:
        moment = read_moment(member)
        if moment is None:
            others.append(member if archive == _LOOSE else f"{archive}/{member}")
        else:
            snapshots.append(Snapshot(archive, member, moment))
    if not snapshots:
        found = ", ".join(others[:_EXAMPLES]) or f"{len(places)} files of other kinds"
        raise DeepsphereError(
            f"store: {raw} holds no file called data-YYYY-MM-DD-SS-R...{suffixes[0]}; found "
            f"{found}; correct what the source fetches"
        )
    snapshots.sort(key=lambda snapshot: snapshot.moment)
    for first, second in pairwise(snapshots):
        if first.moment == second.moment:
            raise DeepsphereError(
                f"store: {first.name} and {second.name} in {raw} are of the same state; fetch one "
                "of them"
            )
    return snapshots, others
