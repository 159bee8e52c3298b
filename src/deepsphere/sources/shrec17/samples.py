"""From the files of SHREC'17 to the samples of a store."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import xarray as xr

from deepsphere.sources.meshes.listed import describe_unmatched, listed_members, read_listed
from deepsphere.sources.meshes.matching import match_table
from deepsphere.sources.meshes.projected import project_entries
from deepsphere.sources.meshes.recipe import Recipe
from deepsphere.sources.meshes.table import read_table
from deepsphere.sources.shrec17.catalogue import NAMES, TABLE
from deepsphere.sources.shrec17.settings import Store
from deepsphere.workers import Workers


def open_samples(
    raw: Path,
    listed: Collection[str],
    source: dict[str, Any],
    store: dict[str, Any],
    scratch: Path,
    workers: Workers,
) -> tuple[xr.Dataset, Callable[[], dict[str, Any]]]:
    """Project the meshes of SHREC'17 and return their signals.

    Parameters
    ----------
    raw : Path
        Folder of the raw files.
    listed : collection of str
        Names of the files that were fetched, below ``raw``.
    source : dict
        ``edition`` and ``seed`` of the source.
    store : dict
        Settings of the store; see :class:`deepsphere.sources.shrec17.settings.Store`.
    scratch : Path
        Folder for the signals, which the data are read from until they are written.
    workers : Workers
        One process for each.

    Returns
    -------
    dataset : xarray.Dataset
        See :func:`deepsphere.sources.meshes.dataset.mesh_dataset`; labels are synsets.
        The attribute ``class_titles`` has their names, those of unknown ones being themselves.
    report : callable
        Returns what :func:`deepsphere.sources.meshes.projected.project_entries` reports, with
        ``rows_without_file`` and ``files_without_row``.

    Raises
    ------
    DeepsphereError
        If an archive or the table is damaged, no row has a mesh, or too many are broken.
    """
    settings = Store.model_validate(store)
    rows = read_table(TABLE, read_listed(raw, listed, TABLE))
    # The table has splits: none are drawn.
    matched = match_table(TABLE, rows, listed_members(raw, listed), shares={"train": 1.0}, seed=0)
    turning = source["seed"] if source["edition"] == "rebuilt" else None
    # ShapeNetCore has y upwards; once meshes are turned at random, no axis means anything.
    recipe = Recipe(raw.absolute(), source["kind"], settings, up="y", turning=turning)
    # In the order of the table, by which the contest's own program numbers them.
    dataset, report = project_entries(matched.entries, recipe, scratch, workers)
    dataset.attrs |= {
        "title": "Spherical signals of the meshes of SHREC'17, track 3",
        "source": f"SHREC'17, {source['edition']} edition; ShapeNetCore",
        "class_titles": [NAMES.get(synset, synset) for synset in dataset.attrs["class_names"]],
    }
    return dataset, lambda: report | describe_unmatched(matched)
