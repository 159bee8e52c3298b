"""Preparing maps as published: without mean, averaged to larger pixels, smoothed, kept on disk.

One map is in memory at a time, by thread, and it is read and smoothed one channel after another.
What comes of it lies in a folder: ``<number>.npy``, float32 of shape (pixel, channel), NESTED, of
which patches are slices; and then ``<number>.json``, which says that the map is finished, or why it
is broken. A later run goes on where a killed one stopped.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.extras import import_extra
from deepsphere.files import read_json, write_json
from deepsphere.sources.cosmo.entries import Entry
from deepsphere.sources.cosmo.reader import LOOSE, read_sky
from deepsphere.sources.cosmo.screening import HIGHEST_DEGREE, Measured
from deepsphere.sources.cosmo.skies import averaged, lacking
from deepsphere.sources.cosmo.spherical import large_scale_power, smoothed
from deepsphere.sources.meshes.archives import open_archive
from deepsphere.sources.meshes.moments import Moments
from deepsphere.sources.meshes.progress import Progress
from deepsphere.workers import Workers

_LOG = logging.getLogger(__name__)
_BYTES_PER_PIXEL = 80
"""Of the store's nside, that a map takes at its peak; see benchmarks/cosmo_preparation.py."""

_COPIES_OF_A_MEMBER = 2
"""Of a map in an archive, that are in memory while it is read; loose ones stay on disk."""

_MAPS_OF_A_CLUSTER = 64
_LARGEST_VALUE = 1e15
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Recipe:
    """How maps are prepared; it can travel to other processes.

    Attributes
    ----------
    raw : Path
        Folder of the raw files.
    folder : Path
        Where prepared maps lie.
    nside : int
        What maps are averaged to.
    sigma : float
        Standard deviation of the Gaussian, in radians; 0 smoothes nothing.
    columns : tuple of int or str
        Columns of the files, one a channel.
    ordering : {"ring", "nested"} or None
        Order of the pixels; None takes what the files say.
    seen : Path or None
        Array of bool, shape (pixel,), NESTED, on disk: which pixels are kept. None keeps all.
    """

    raw: Path
    folder: Path
    nside: int
    sigma: float
    columns: tuple[int | str, ...]
    ordering: str | None
    seen: Path | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of a prepared map: (pixel, channel)."""
        return 12 * self.nside**2, len(self.columns)

    def path(self, number: int) -> Path:
        """Return the file of a prepared map."""
        return self.folder / f"{number:06d}.npy"


@dataclass(frozen=True, eq=False)
class Prepared:
    """What is known of a map once it is prepared.

    Attributes
    ----------
    reason : str or None
        Why it is broken; None if it is not.
    moments : Moments or None
        Mean and deviation of its pixels by channel.
    measured : Measured or None
        What screening compares.
    """

    reason: str | None
    moments: Moments | None = None
    measured: Measured | None = None


def prepare_maps(recipe: Recipe, entries: Sequence[Entry], workers: Workers) -> list[Prepared]:
    """Prepare the maps that are not prepared yet.

    Parameters
    ----------
    recipe : Recipe
    entries : sequence of Entry
        The maps; their places are their numbers.
    workers : Workers
        A thread for each, as far as their memory goes.

    Returns
    -------
    list of Prepared
        In the order of the entries.

    Raises
    ------
    DeepsphereError
        If healpy is not installed.
    """
    import_extra("healpy", "cosmology")
    recipe.folder.mkdir(parents=True, exist_ok=True)
    waiting = [number for number in range(len(entries)) if not _record(recipe, number).exists()]
    workers = _fewer(workers, recipe, entries)
    together = 2 * workers.count if workers.client is None else _MAPS_OF_A_CLUSTER
    prepare = delayed(prepare_map, pure=False, traverse=False)
    done = len(entries) - len(waiting)
    progress = Progress("maps", done, len(entries), float(len(waiting)))
    for start in range(0, len(waiting), together):
        part = waiting[start : start + together]
        workers.compute([prepare(recipe, number, entries[number]) for number in part])
        progress.advance(len(part), float(len(part)))
    return [_read_record(recipe, number) for number in range(len(entries))]


def prepare_map(recipe: Recipe, number: int, entry: Entry) -> None:
    """Prepare a map, and write it and its record.

    Parameters
    ----------
    recipe : Recipe
    number : int
        What the files are called.
    entry : Entry
        The map.
    """
    # Where Dask has lost sight of a worker, another one may prepare the same map.
    scratch = recipe.path(number).with_suffix(f".{os.getpid()}.scratch")
    try:
        prepared = np.lib.format.open_memmap(scratch, "w+", np.float32, recipe.shape)
        moments, powers = [], []
        for channel, column in enumerate(recipe.columns):
            values = prepare_channel(recipe, entry, column)
            prepared[:, channel] = values
            moments.append(_moments(values))
            highest = min(HIGHEST_DEGREE, 2 * recipe.nside)
            powers.append(large_scale_power(values, recipe.nside, highest).tolist())
        prepared.flush()
        del prepared
        scratch.replace(recipe.path(number))
    except DeepsphereError as error:
        # Reasons go into manifests, which must not tell where the files lie.
        reason = str(error).replace(f"{recipe.raw}/", "")
        _LOG.info("map %s is set aside: %s", entry.name, reason)
        write_json(_record(recipe, number), {"reason": reason})
        return
    finally:
        scratch.unlink(missing_ok=True)
    write_json(
        _record(recipe, number),
        {"reason": None, "moments": [each.to_json() for each in moments], "powers": powers},
    )


def prepare_channel(recipe: Recipe, entry: Entry, column: int | str) -> NDArray[np.float64]:
    """Return a column of a map: without mean, averaged, smoothed.

    Parameters
    ----------
    recipe : Recipe
    entry : Entry
        The map.
    column : int or str
        The column.

    Returns
    -------
    ndarray of float64, shape (pixel,)
        NESTED; NaN where the sky was not seen. The mean that is taken away is that of the pixels
        that were.

    Raises
    ------
    DeepsphereError
        If the file is no such map, or lacks values, or they are all equal.
    """
    sky = read_sky(recipe.raw, entry.archive, entry.member, column, recipe.ordering)
    seen = None if recipe.seen is None else np.load(recipe.seen)
    if seen is None and (missing := lacking(sky)):
        raise DeepsphereError(
            f"has no value in {missing:,} of {len(sky.values):,} pixels; if it shows a part of the "
            "sky, name the map of that part in `mask`"
        )
    values = averaged(sky, recipe.nside)
    del sky
    if seen is not None:
        values[~seen] = np.nan
        missing = int(np.isnan(values[seen]).sum())
        if missing:
            raise DeepsphereError(f"has no value in {missing:,} pixels that the mask keeps")
    largest = np.nanmax(np.abs(values))
    if largest > _LARGEST_VALUE:
        raise DeepsphereError(f"holds values as large as {largest:.3g}")
    # As all pixels are equally large, it does not matter that they are averaged already.
    values -= np.nanmean(values)
    if np.nanmax(np.abs(values)) <= _ROUNDING * largest:
        raise DeepsphereError("is constant")
    return smoothed(values, recipe.nside, recipe.sigma) if recipe.sigma else values


def read_patches(path: Path, numbers: NDArray[np.int64], pixels: int) -> NDArray[np.float32]:
    """Return patches of a prepared map.

    Parameters
    ----------
    path : Path
        Its file.
    numbers : ndarray
        Which patches, shape (patch,).
    pixels : int
        Pixels of a patch.

    Returns
    -------
    ndarray of float32, shape (patch, pixel, channel)
        Slices of the NESTED map.
    """
    prepared = np.load(path, mmap_mode="r")
    patches: NDArray[np.float32] = prepared.reshape(-1, pixels, prepared.shape[1])[numbers]
    return patches


def _moments(values: NDArray[np.float64]) -> Moments:
    kept = values[~np.isnan(values)].astype(np.float32)
    return Moments.of(kept[np.newaxis, :, np.newaxis])


def _fewer(workers: Workers, recipe: Recipe, entries: Sequence[Entry]) -> Workers:
    """Return as many threads as have memory for a map each."""
    if workers.client is not None or workers.memory is None:
        return workers
    pixels, channels = recipe.shape
    prepared = pixels * (_BYTES_PER_PIXEL + 4 * channels)
    needed = max(prepared, _COPIES_OF_A_MEMBER * _largest_member(recipe.raw, entries))
    return replace(workers, count=max(1, min(workers.count, workers.memory // needed)))


def _largest_member(raw: Path, entries: Sequence[Entry]) -> int:
    """Return the bytes of the largest map in an archive; 0 if none is in one."""
    places = {(entry.archive, entry.member) for entry in entries}
    return max(
        (
            member.size
            for archive in {archive for archive, _ in places} - {LOOSE}
            for member in open_archive(raw / archive).members()
            if (archive, member.name) in places
        ),
        default=0,
    )


def _record(recipe: Recipe, number: int) -> Path:
    return recipe.path(number).with_suffix(".json")


def _read_record(recipe: Recipe, number: int) -> Prepared:
    record: dict[str, Any] = read_json(_record(recipe, number), "record of a prepared map")
    if record["reason"] is not None:
        return Prepared(record["reason"])
    parts = [Moments.from_json(plain) for plain in record["moments"]]
    moments = Moments(
        samples=1,
        values=parts[0].values,
        mean=np.concatenate([part.mean for part in parts]),
        squares=np.concatenate([part.squares for part in parts]),
    )
    return Prepared(None, moments, Measured(moments.deviation(), np.array(record["powers"])))
