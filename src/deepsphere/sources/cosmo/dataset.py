"""The samples of a store of maps: patches of prepared maps, and what is known of each.

Samples are ordered by map, and by the number of the patch in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.delayed import delayed
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.healpix import Healpix
from deepsphere.sources.cosmo.divisions import number_splits
from deepsphere.sources.cosmo.entries import Entry, class_names
from deepsphere.sources.cosmo.preparation import read_patches
from deepsphere.sources.cosmo.settings import Store
from deepsphere.sources.meshes.entries import SPLITS
from deepsphere.sources.meshes.moments import Moments, join

_SET = "maps"
"""Name of the one set of copies, in the statistics."""


@dataclass(frozen=True, eq=False)
class Kept:
    """A map that samples are made of.

    Attributes
    ----------
    entry : Entry
        What it is.
    path : Path
        Its prepared file.
    moments : Moments
        Mean and deviation of its pixels.
    """

    entry: Entry
    path: Path
    moments: Moments


def map_dataset(
    maps: Sequence[Kept], settings: Store, seen: NDArray[np.bool_] | None = None
) -> xr.Dataset:
    """Return the dataset of a store of maps.

    Parameters
    ----------
    maps : sequence of Kept
        In the order of the store.
    settings : Store
        Settings of the store.
    seen : ndarray of bool, optional
        Which pixels were seen, shape (pixel,), NESTED. Patches without any are no samples.

    Returns
    -------
    xarray.Dataset
        ``data`` (sample, cell, channel), float32, a Dask array of a block a map, NaN where the sky
        was not seen. Coordinates of the samples: ``split`` (uint8), ``patch`` (int16, 0 for a whole
        map), ``map`` (int32, the number of its name in the attribute ``maps``), ``seed`` (int32, -1
        for none), ``label`` (int16, the number of its name in ``class_names``) if there are labels,
        and the parameters by their names (float64, NaN where a map's is not known). Cells are those
        of the reference patch, whose number is the attribute ``reference_patch``; ``seen`` (bool)
        says which of a whole map were seen. ``statistics`` are those of the pixels of the maps of
        each split, and in the published division those of all that are not tested on, as published.

    Raises
    ------
    DeepsphereError
        If no patch was seen.
    """
    entries = [each.entry for each in maps]
    numbers = _patches(settings, seen)
    owners = np.repeat(np.arange(len(maps), dtype=np.int32), len(numbers))
    splits = number_splits(entries, owners, settings.split)
    names = class_names(entries)
    sphere = Healpix(settings.nside)
    pixels = len(sphere) // settings.patches
    first = settings.reference * pixels
    longitude, latitude = longitude_latitude(
        sphere.positions_of(np.arange(first, first + pixels, dtype=np.int64))
    )
    coordinates: dict[str, Any] = {
        "split": ("sample", splits),
        "patch": ("sample", np.tile(numbers.astype(np.int16), len(maps))),
        "map": ("sample", owners),
        "seed": (
            "sample",
            np.array([-1 if each.seed is None else each.seed for each in entries], np.int32)[
                owners
            ],
        ),
        "longitude": ("cell", longitude),
        "latitude": ("cell", latitude),
    }
    if names:
        labels = np.array([names.index(str(entry.label)) for entry in entries], np.int16)
        coordinates["label"] = ("sample", labels[owners])
    parameters = [dict(entry.parameters) for entry in entries]
    known = list(dict.fromkeys(name for each in parameters for name in each))
    for name in known:
        values = np.array([each.get(name, np.nan) for each in parameters])
        coordinates[name] = ("sample", values[owners])
    if seen is not None and not settings.order:
        coordinates["seen"] = ("cell", seen)
    dataset = xr.Dataset(
        {"data": (("sample", "cell", "channel"), _data(maps, numbers, pixels, settings))},
        coords=coordinates,
        attrs={
            "channels": list(settings.channels),
            "units": [settings.unit] * len(settings.channels),
            "sampling": settings.sampling,
            "nside": settings.nside,
            "order": settings.order,
            "patch_pixels": pixels,
            "reference_patch": settings.reference,
            "smoothing": settings.smoothing,
            "maps": [entry.name for entry in entries],
            "parameters": known,
            "statistics": _statistics(maps, splits, settings),
        },
    )
    if names:
        dataset.attrs["class_names"] = names
    dataset["split"].attrs = {
        "flag_values": list(range(len(SPLITS))),
        "flag_meanings": " ".join(SPLITS),
    }
    return dataset


def _patches(settings: Store, seen: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Return the numbers of the patches of a map that are samples."""
    if seen is None:
        return np.arange(settings.patches)
    numbers = np.flatnonzero(seen.reshape(settings.patches, -1).any(axis=1))
    if not len(numbers):
        raise DeepsphereError("mask: it shows no pixel; it must be positive where it does")
    return numbers


def _data(
    maps: Sequence[Kept], numbers: NDArray[np.int64], pixels: int, settings: Store
) -> da.Array:
    lazy: Any = da
    read = delayed(read_patches, pure=False, traverse=False)
    shape = (len(numbers), pixels, len(settings.channels))
    blocks = [
        lazy.from_delayed(
            read(each.path, numbers, pixels, dask_key_name=f"map-{place:06d}"), shape, np.float32
        )
        for place, each in enumerate(maps)
    ]
    data: da.Array = lazy.concatenate(blocks)
    return data


def _statistics(
    maps: Sequence[Kept], splits: NDArray[np.uint8], settings: Store
) -> dict[str, dict[str, Any]]:
    """Return mean, deviation and number of samples by split."""
    # Of patches that were drawn from maps, all that they were drawn from: as published.
    together = settings.split.kind == "published"
    statistics: dict[str, dict[str, Any]] = {}
    for number, split in enumerate(SPLITS):
        count = int((splits == number).sum())
        whose = {split}
        if together and split != "test":
            whose = {"train", "validation"}
        parts = [each.moments for each in maps if each.entry.split in whose]
        if count and parts:
            moments = join(parts)
            statistics[split] = {
                _SET: {
                    "mean": moments.mean.tolist(),
                    "deviation": moments.deviation().tolist(),
                    "samples": count,
                }
            }
    return statistics
