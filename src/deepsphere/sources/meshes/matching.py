"""Which mesh each row of a table is about."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.entries import Entry, Split, full_name, title
from deepsphere.sources.meshes.members import Member
from deepsphere.sources.meshes.splits import draw_splits
from deepsphere.sources.meshes.table import Row
from deepsphere.sources.meshes.tree import mesh_members


@dataclass(frozen=True)
class Matched:
    """A table's rows and the meshes that are there.

    Attributes
    ----------
    entries : tuple of Entry
        The rows that have a mesh, sorted by id.
    rows_without_file : tuple of str
        Ids of the others.
    files_without_row : tuple of str
        Meshes that no row is about, as ``archive/member``.
    """

    entries: tuple[Entry, ...]
    rows_without_file: tuple[str, ...]
    files_without_row: tuple[str, ...]


def match_table(
    name: str,
    rows: Sequence[Row],
    archives: Mapping[str, Sequence[Member]],
    *,
    shares: Mapping[Split, float],
    seed: int,
) -> Matched:
    """Find the meshes that rows of a table are about.

    Parameters
    ----------
    name : str
        Name of the table, for messages.
    rows : sequence of Row
        The rows; see :func:`~deepsphere.sources.meshes.table.read_table`.
    archives : mapping of str to sequence of Member
        Names of the folders and archives, and what they hold.
    shares : mapping of str to float
        Shares of the splits; see :func:`~deepsphere.sources.meshes.splits.draw_splits`. Used only
        where the table has none.
    seed : int
        Seed of these splits.

    Returns
    -------
    Matched
        What was found, and what was not.

    Raises
    ------
    DeepsphereError
        If no row has a mesh, or there are several for one row.
    """
    meshes = [
        (archive, member)
        for archive, members in archives.items()
        for member in mesh_members(members)
    ]
    index = _index(member for _, member in meshes)
    entries, missing, used = [], [], set()
    for row in rows:
        found = next((index[key] for key in _keys(row) if key in index), [])
        if not found:
            missing.append(row.id)
            continue
        places = [full_name(meshes[number][0], meshes[number][1].name) for number in found]
        if len(places) > 1:
            raise DeepsphereError(
                f"{name}:{row.line}: {row.id!a} may be {places[0]!a} or {places[1]!a}; leave out "
                "one of them, or name the file in a column `file`"
            )
        used.update(places)
        archive, member = meshes[found[0]]
        split = row.split or "train"
        entries.append(
            Entry(row.id, archive, member.name, member.size, row.label, row.sublabel, split)
        )
    if not entries:
        raise DeepsphereError(
            f"{name}: no mesh of its {len(rows)} rows is among the {len(meshes)} of "
            f"{', '.join(map(title, archives))}; the first of each are "
            f"{rows[0].file or rows[0].id if rows else 'none'} and "
            f"{meshes[0][1].name if meshes else 'none'}"
        )
    if rows[0].split is None:
        entries = draw_splits(entries, shares, seed)
    places = [full_name(archive, member.name) for archive, member in meshes]
    return Matched(
        tuple(sorted(entries, key=lambda entry: entry.id)),
        tuple(missing),
        tuple(place for place in places if place not in used),
    )


def _keys(row: Row) -> Iterator[tuple[str, str]]:
    """Yield what to look a row's mesh up by, the surest first."""
    if row.file is not None:
        yield "path", row.file
        yield "end of path", row.file
        return
    yield "stem", row.id
    if row.model is not None:
        yield "folder", f"{row.label}/{row.model}"
        yield "folder", row.model


def _index(members: Iterable[Member]) -> dict[tuple[str, str], list[int]]:
    """Return the numbers of members by all that a row may call them."""
    index: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, member in enumerate(members):
        path = PurePosixPath(member.name)
        folders = path.parts[:-1]
        keys = {("path", member.name), ("stem", path.stem)}
        keys |= {("end of path", "/".join(path.parts[n:])) for n in range(len(path.parts))}
        keys |= {
            ("folder", "/".join(folders[n : n + depth]))
            for n in range(len(folders))
            for depth in (1, 2)
        }
        for key in keys:
            index[key].append(number)
    return dict(index)
