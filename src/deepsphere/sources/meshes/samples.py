"""From the user's own meshes to the samples of a store."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import xarray as xr

from deepsphere.sources.meshes.catalogue import archive_stem, is_archive
from deepsphere.sources.meshes.entries import LOOSE, Entry, Split, find_split, place
from deepsphere.sources.meshes.listed import describe_unmatched, listed_members, read_listed
from deepsphere.sources.meshes.matching import match_table
from deepsphere.sources.meshes.projected import project_entries
from deepsphere.sources.meshes.recipe import Recipe
from deepsphere.sources.meshes.settings import Store
from deepsphere.sources.meshes.table import read_table
from deepsphere.sources.meshes.tree import tree_entries
from deepsphere.workers import Workers


def open_samples(
    raw: Path,
    listed: Collection[str],
    source: dict[str, Any],
    store: dict[str, Any],
    scratch: Path,
    workers: Workers,
) -> tuple[xr.Dataset, Callable[[], dict[str, Any]]]:
    """Project meshes and return their signals.

    Parameters
    ----------
    raw : Path
        Folder of the raw files.
    listed : collection of str
        Names of the files that were fetched, below ``raw``.
    source : dict
        ``labels``, ``layout``, ``up``, ``split`` and ``seed`` of the source.
    store : dict
        Settings of the store; see :class:`deepsphere.sources.meshes.settings.Store`.
    scratch : Path
        Folder for the signals, which the data are read from until they are written.
    workers : Workers
        One process for each.

    Returns
    -------
    dataset : xarray.Dataset
        See :func:`deepsphere.sources.meshes.dataset.mesh_dataset`.
    report : callable
        Returns what :func:`deepsphere.sources.meshes.projected.project_entries` reports, and with
        a table ``rows_without_file`` and ``files_without_row``.

    Raises
    ------
    DeepsphereError
        If an archive or the table is damaged, the meshes have no labels, or too many are broken.
    """
    settings = Store.model_validate(store)
    entries, unmatched = read_entries(raw, listed, source)
    recipe = Recipe(raw.absolute(), source["kind"], settings, source["up"])
    dataset, report = project_entries(sorted(entries, key=place), recipe, scratch, workers)
    archives = sorted({entry.archive for entry in entries} - {LOOSE})
    dataset.attrs |= {
        "title": "Spherical signals of meshes",
        "source": ", ".join(archives) or "mesh files",
    }
    return dataset, lambda: report | unmatched


def read_entries(
    raw: Path, listed: Collection[str], source: dict[str, Any]
) -> tuple[list[Entry], dict[str, Any]]:
    """Return the meshes with their labels, and what of a table and of the files has no partner.

    Where there are several archives that are named like splits (``train.zip``, ``test.zip``), they
    say the splits of meshes whose folders do not.
    """
    members = listed_members(raw, listed)
    labels, seed = source["labels"], source["seed"]
    shares = {name: share for name, share in source["split"].items() if share > 0}
    if labels is None:
        splits = _splits_of_archives(members)
        trees = [
            tree_entries(
                name,
                of_archive,
                shares=shares,
                seed=seed,
                layout=source["layout"],
                split=splits.get(name),
            )
            for name, of_archive in members.items()
        ]
        return [entry for tree in trees for entry in tree], {}
    rows = read_table(labels, read_listed(raw, listed, labels))
    matched = match_table(labels, rows, members, shares=shares, seed=seed)
    return list(matched.entries), describe_unmatched(matched)


def _splits_of_archives(names: Collection[str]) -> dict[str, Split]:
    """Return the splits that all archives are named by; nothing if one of several is not."""
    found = {name: find_split(archive_stem(name)) for name in names if is_archive(name)}
    splits = {name: split for name, split in found.items() if split is not None}
    return splits if len(splits) == len(names) > 1 else {}
