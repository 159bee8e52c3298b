"""From the entries of any set of meshes to the samples of a store: what all kinds share."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from deepsphere.sources.meshes.dataset import mesh_dataset
from deepsphere.sources.meshes.entries import SPLITS, Entry, check_entries
from deepsphere.sources.meshes.isolation import Limits
from deepsphere.sources.meshes.making import Job, make_shards
from deepsphere.sources.meshes.quarantine import Broken
from deepsphere.sources.meshes.recipe import Recipe, find_sampling
from deepsphere.sources.meshes.shards import cut_shards
from deepsphere.workers import Workers

_LOG = logging.getLogger(__name__)
_LISTED = 100


def project_entries(
    entries: Sequence[Entry], recipe: Recipe, scratch: Path, workers: Workers
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Project all meshes and return their samples.

    Parameters
    ----------
    entries : sequence of Entry
        The meshes, in the order that their samples get.
    recipe : Recipe
        How they become signals.
    scratch : Path
        Folder for the signals, which the samples are read from. A later call with the same
        arguments goes on where a killed one stopped.
    workers : Workers
        One process for each.

    Returns
    -------
    dataset : xarray.Dataset
        See :func:`deepsphere.sources.meshes.dataset.mesh_dataset`.
    report : dict
        Plain data for the manifest: ``meshes``, ``classes``, ``split`` (meshes by split) and
        ``quarantined`` (``count``, and the ``first`` hundred with their reasons).

    Raises
    ------
    DeepsphereError
        If the meshes are no set to learn from, too many of them are broken, or the disk is too
        small.
    """
    check_entries(entries)
    settings = recipe.settings
    sampling = find_sampling(settings.sampling)
    job = Job(
        folder=scratch.absolute() / "shards",
        make=recipe,
        copies={name: copies.count for name, copies in settings.copies.items()},
        pixels=len(sampling),
        channels=len(settings.channels),
        limits=Limits(settings.time_limit, settings.memory_limit),
        # Two bytes hold what lies between -1 and 2 to 1e-3, finer than the pixels are.
        precision=settings.precision,
    )
    shards = cut_shards([entry.size for entry in entries], job.object_bytes)
    records = make_shards(job, shards, entries, workers, settings.quarantine)
    dataset = mesh_dataset(
        entries,
        job.copies,
        sampling,
        settings.channels,
        shards,
        records,
        job.folder,
        settings.precision,
    )
    broken = [
        Broken(entries[number].id, reason)
        for record in records
        for number, reason in record["broken"]
    ]
    if broken:
        _LOG.warning("%d of %d meshes are set aside as broken", len(broken), len(entries))
    splits = Counter(entry.split for entry in entries)
    report = {
        "meshes": len(entries),
        "classes": len(dataset.attrs["class_names"]),
        "split": {split: splits[split] for split in SPLITS},
        "quarantined": {
            "count": len(broken),
            "first": [{"id": mesh.id, "reason": mesh.reason} for mesh in broken[:_LISTED]],
        },
    }
    return dataset, report
