"""From the archive of ModelNet40 to the samples of a store."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import xarray as xr

from deepsphere.sources.meshes.entries import Entry, Split, place
from deepsphere.sources.meshes.layouts import Layout
from deepsphere.sources.meshes.listed import listed_members
from deepsphere.sources.meshes.projected import project_entries
from deepsphere.sources.meshes.recipe import Recipe
from deepsphere.sources.meshes.splits import draw_splits
from deepsphere.sources.meshes.tree import tree_entries
from deepsphere.sources.modelnet40.settings import Store
from deepsphere.workers import Workers

_LAYOUT: Layout = "class/split/file"


def open_samples(
    raw: Path,
    listed: Collection[str],
    source: dict[str, Any],
    store: dict[str, Any],
    scratch: Path,
    workers: Workers,
) -> tuple[xr.Dataset, Callable[[], dict[str, Any]]]:
    """Project the meshes of ModelNet40 and return their signals.

    Parameters
    ----------
    raw : Path
        Folder of the raw files.
    listed : collection of str
        Names of the files that were fetched, below ``raw``: one archive.
    source : dict
        ``validation`` and ``seed`` of the source.
    store : dict
        Settings of the store; see :class:`deepsphere.sources.modelnet40.settings.Store`.
    scratch : Path
        Folder for the signals, which the data are read from until they are written.
    workers : Workers
        One process for each.

    Returns
    -------
    dataset : xarray.Dataset
        See :func:`deepsphere.sources.meshes.dataset.mesh_dataset`.
    report : callable
        Returns what :func:`deepsphere.sources.meshes.projected.project_entries` reports.

    Raises
    ------
    DeepsphereError
        If the archive is damaged or has another layout, or too many meshes are broken.
    """
    settings = Store.model_validate(store)
    entries = read_entries(raw, listed, source)
    recipe = Recipe(raw.absolute(), source["kind"], settings)
    dataset, report = project_entries(sorted(entries, key=place), recipe, scratch, workers)
    dataset.attrs |= {
        "title": "Spherical signals of the meshes of ModelNet40",
        "source": f"ModelNet40 ({entries[0].archive}), Princeton University",
    }
    return dataset, lambda: report


def read_entries(raw: Path, listed: Collection[str], source: dict[str, Any]) -> list[Entry]:
    """Return the meshes of the archive, with validation ones drawn from those to train on."""
    validation, seed = source["validation"], source["seed"]
    shares: dict[Split, float] = {"train": 1 - validation, "validation": validation}
    entries = [
        entry
        for name, members in listed_members(raw, listed).items()
        for entry in tree_entries(name, members, shares=shares, seed=seed, layout=_LAYOUT)
    ]
    if not validation:
        return entries
    train = [entry for entry in entries if entry.split == "train"]
    test = [entry for entry in entries if entry.split == "test"]
    return [*draw_splits(train, shares, seed), *test]
