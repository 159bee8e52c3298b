"""From HEALPix maps to the samples of a store: patches of smoothed maps, without noise."""

import logging
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from deepsphere.sources.cosmo.dataset import Kept, map_dataset
from deepsphere.sources.cosmo.divisions import divide_maps
from deepsphere.sources.cosmo.entries import Entry
from deepsphere.sources.cosmo.listed import list_entries
from deepsphere.sources.cosmo.masks import read_mask
from deepsphere.sources.cosmo.preparation import Prepared, Recipe, prepare_maps
from deepsphere.sources.cosmo.published import RECORD
from deepsphere.sources.cosmo.screening import find_outliers
from deepsphere.sources.cosmo.settings import Store
from deepsphere.sources.fields.quarantine import Broken, Quarantine
from deepsphere.sources.meshes.entries import SPLITS
from deepsphere.workers import Workers

_LOG = logging.getLogger(__name__)
_ARCMINUTES = 60


def open_samples(
    raw: Path,
    listed: Collection[str],
    source: dict[str, Any],
    store: dict[str, Any],
    scratch: Path,
    workers: Workers,
) -> tuple[xr.Dataset, Callable[[], dict[str, Any]]]:
    """Prepare maps and return their patches.

    Parameters
    ----------
    raw : Path
        Folder of the raw files.
    listed : collection of str
        Names of the files that were fetched, below ``raw``.
    source : dict
        ``edition``, ``labels``, ``mask`` and ``ordering`` of the source.
    store : dict
        Settings of the store; see :class:`deepsphere.sources.cosmo.settings.Store`.
    scratch : Path
        Folder for the prepared maps, which the data are read from until they are written. A later
        call with the same arguments goes on where a killed one stopped.
    workers : Workers
        A thread for each, as far as their memory goes.

    Returns
    -------
    dataset : xarray.Dataset
        See :func:`deepsphere.sources.cosmo.dataset.map_dataset`.
    report : callable
        Returns ``maps``, ``split`` (maps by split, as far as maps decide it), ``left_out`` (maps
        whose seeds stand in the way of the division), ``quarantined`` (``count``, and the ``first``
        hundred with their reasons) and what of the files and of the table is passed over.

    Raises
    ------
    DeepsphereError
        If nothing is known of the maps, they cannot be divided so, too many are broken, or healpy
        is not installed.
    """
    settings = Store.model_validate(store)
    found = list_entries(raw, listed, source)
    folder = scratch.absolute()
    seen = None
    if source["mask"]:
        seen = read_mask(raw, source["mask"], settings.nside, source["ordering"])
        np.save(folder / "seen.npy", seen)
    recipe = Recipe(
        raw=raw.absolute(),
        folder=folder / "maps",
        nside=settings.nside,
        sigma=math.radians(settings.smoothing / _ARCMINUTES),
        columns=settings.chosen_columns,
        ordering=source["ordering"],
        seen=None if seen is None else folder / "seen.npy",
    )
    quarantine = Quarantine(folder / "broken", len(found.entries), settings.quarantine)
    prepared = prepare_maps(recipe, found.entries, workers)
    quarantine.add(
        Broken(entry.name, each.reason)
        for entry, each in zip(found.entries, prepared, strict=True)
        if each.reason is not None
    )
    if settings.screening:
        quarantine.add(_screened(found.entries, prepared))
    broken = {each.name for each in quarantine.found()}
    if broken:
        _LOG.warning("%d of %d maps are set aside as broken", len(broken), len(found.entries))
    sound = [entry for entry in found.entries if entry.name not in broken]
    divided, left_out = divide_maps(sound, settings.split)
    if left_out:
        _LOG.warning(
            "%d maps are left out, as those of a later split have their seeds", len(left_out)
        )
    files = {
        entry.name: (recipe.path(number), each.moments)
        for number, (entry, each) in enumerate(zip(found.entries, prepared, strict=True))
        if each.moments is not None
    }
    maps = [Kept(entry, *files[entry.name]) for entry in divided]
    dataset = map_dataset(maps, settings, seen)
    dataset.attrs |= {
        "title": "Smoothed maps of the sky",
        "source": f"doi:{RECORD}" if source["edition"] == "zenodo" else "HEALPix maps",
    }
    report = {
        "maps": len(found.entries),
        "split": {name: sum(entry.split == name for entry in divided) for name in SPLITS},
        "left_out": [entry.name for entry in left_out],
        "quarantined": quarantine.describe(),
        **found.report,
    }
    return dataset, lambda: report


def _screened(entries: Sequence[Entry], prepared: Sequence[Prepared]) -> list[Broken]:
    """Return the maps that are unlike the others of their class."""
    by_label = defaultdict(list)
    for entry, each in zip(entries, prepared, strict=True):
        if each.measured is not None:
            by_label[entry.label].append((entry, each.measured))
    broken = []
    for of_class in by_label.values():
        outliers = find_outliers([measured for _, measured in of_class])
        broken += [Broken(of_class[place][0].name, why) for place, why in outliers.items()]
    return broken
