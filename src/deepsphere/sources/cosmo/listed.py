"""The maps among the fetched files, loose or in archives, with what is known of them."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.entries import Entry, check_entries, in_order
from deepsphere.sources.cosmo.published import find_entry
from deepsphere.sources.cosmo.reader import LOOSE, is_map
from deepsphere.sources.cosmo.table import Row, read_table
from deepsphere.sources.fields.catalogue import is_archive
from deepsphere.sources.meshes.archives import open_archive
from deepsphere.sources.meshes.listed import read_listed

_LISTED = 100


@dataclass(frozen=True)
class Listed:
    """The maps of a source.

    Attributes
    ----------
    entries : list of Entry
        In the order of a store.
    report : dict
        Plain data: what of the files and of the table is passed over.
    """

    entries: list[Entry]
    report: dict[str, Any]


def list_entries(raw: Path, listed: Collection[str], source: dict[str, Any]) -> Listed:
    """Return the maps of a source.

    Parameters
    ----------
    raw : Path
        The raw folder.
    listed : collection of str
        Names of the files that were fetched; what else lies in the folder is passed over.
    source : dict
        ``labels`` and ``mask`` of the source.

    Raises
    ------
    DeepsphereError
        If an archive or the table is damaged, there is no map, or nothing is known of any.
    """
    places = [
        (archive, member)
        for archive, member in _find_maps(raw, listed)
        if source["mask"] != PurePosixPath(archive, member).as_posix()
    ]
    if source["labels"]:
        rows, others = read_table(source["labels"], read_listed(raw, listed, source["labels"]))
        entries, missing = _match(rows, places)
        report = {"rows_without_file": _count(missing), "columns_passed_over": others}
        hint = f"correct the column `file` of {source['labels']}"
    else:
        entries = [entry for place in places if (entry := find_entry(*place)) is not None]
        report = {}
        hint = "name a table of the maps in `labels`"
    if not entries:
        found = ", ".join(member for _, member in places[:3]) or f"{len(listed)} files, but no map"
        raise DeepsphereError(
            f"store: nothing is known of the maps in {raw}, which holds {found}; {hint}"
        )
    check_entries(entries)
    known = {(entry.archive, entry.member) for entry in entries}
    unknown = [member for archive, member in places if (archive, member) not in known]
    return Listed(in_order(entries), {**report, "files_passed_over": _count(unknown)})


def _find_maps(raw: Path, listed: Collection[str]) -> list[tuple[str, str]]:
    """Return the archive and the name there of all files that end like maps."""
    places = [(LOOSE, name) for name in sorted(listed) if is_map(name)]
    for name in sorted(listed):
        if is_archive(name):
            members = open_archive(raw / name).members()
            places += [(name, member.name) for member in members if is_map(member.name)]
    # macOS puts a hidden file beside each file of an archive.
    return [place for place in places if not PurePosixPath(place[1]).name.startswith(".")]


def _match(rows: list[Row], places: list[tuple[str, str]]) -> tuple[list[Entry], list[str]]:
    """Return the maps that a table lists, and its files that are not there."""
    by_end = defaultdict(list)
    for archive, member in places:
        parts = PurePosixPath(archive, member).parts
        for start in range(len(parts)):
            by_end["/".join(parts[start:])].append((archive, member))
    entries, missing = [], []
    for row in rows:
        found = by_end.get(row.file, [])
        # A whole name comes before the same name in an archive, and that before one in a folder.
        whole = [place for place in found if PurePosixPath(*place).as_posix() == row.file]
        exact = whole or [place for place in found if place[1] == row.file]
        found = exact if len(exact) == 1 else found
        if len(found) > 1:
            raise DeepsphereError(
                f"line {row.line} of the table of maps: {row.file} may be "
                f"{' or '.join('/'.join(place) for place in found[:3])}; write more of its path"
            )
        if not found:
            missing.append(row.file)
            continue
        entries.append(Entry(*found[0], row.label, row.parameters, row.seed, row.split))
    return entries, missing


def _count(names: list[str]) -> dict[str, Any]:
    return {"count": len(names), "first": names[:_LISTED]}
