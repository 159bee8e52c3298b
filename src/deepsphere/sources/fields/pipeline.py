"""From the raw files of any of these sources to the samples of a store: what all kinds share."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from dask.delayed import delayed
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.grid import Grid
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.sources.fields.dataset import Recipe, field_dataset
from deepsphere.sources.fields.divisions import LEFT_OUT, SPLITS, at_random, by_time
from deepsphere.sources.fields.quarantine import Broken, Quarantine
from deepsphere.sources.fields.regridding import find_sampling, prepare_regridding
from deepsphere.sources.fields.settings import Division, GridStore
from deepsphere.sources.fields.snapshots import Snapshot, find_snapshots
from deepsphere.sources.fields.states import Reader
from deepsphere.workers import Workers

_LOG = logging.getLogger(__name__)

_LISTED = 100
_INSPECTED_OF_ARCHIVES = 3
_INSPECTED_TOGETHER = 256

Published = Callable[[Sequence[Snapshot]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Found:
    """The files of a source that look sound.

    Attributes
    ----------
    snapshots : list of Snapshot
        In order of run, time and expert.
    layout : str
        Where their values lie, in the reader's words.
    inspected : Snapshot
        One that was opened.
    unnamed : list of str
        Files whose names do not say when they are from.
    quarantine : Quarantine
        Those that are broken.
    """

    snapshots: list[Snapshot]
    layout: str
    inspected: Snapshot
    unnamed: list[str]
    quarantine: Quarantine


def open_grid_samples(
    raw: Path,
    listed: Collection[str],
    reader: Reader,
    grid_of: Callable[[Path, Snapshot], Grid],
    settings: GridStore,
    published: Published,
    scratch: Path,
    workers: Workers,
) -> tuple[xr.Dataset, Callable[[], dict[str, Any]]]:
    """Return the samples of files whose values are in rows and columns.

    Parameters
    ----------
    raw : Path
        Folder of the raw files.
    listed : collection of str
        Names of the files that were fetched, below ``raw``.
    reader : Reader
        Reads them.
    grid_of : callable
        Takes ``raw`` and a file, returns its grid.
    settings : GridStore
        Settings of the store.
    published : callable
        Returns the numbers of the splits as published.
    scratch : Path
        Folder for weights and records, which the data need until they are written.
    workers : Workers
        Where files are inspected.

    Returns
    -------
    dataset : xarray.Dataset
        See :func:`deepsphere.sources.fields.dataset.field_dataset`.
    report : callable
        See :func:`make_report`.

    Raises
    ------
    DeepsphereError
        If there are no files, too many are broken, they cannot be divided so or not regridded so.
    """
    found = find_states(raw, listed, reader, settings.quarantine, scratch, workers)
    split = divide(found.snapshots, settings.split, published)
    regridding = prepare_regridding(
        grid_of(raw, found.inspected),
        settings.sampling,
        settings.channels,
        scratch / "weights",
        method=settings.method,
        fractions=settings.labels == "fractions",
        vector_winds=settings.vector_winds,
    )
    positions = find_sampling(settings.sampling).positions
    recipe = Recipe(
        raw=raw.absolute(),
        reader=reader,
        layout=found.layout,
        channels=settings.channels,
        label_channels=settings.label_channels,
        pixels=len(positions),
        regrid=regridding,
        quarantine=found.quarantine,
    )
    kept = split != LEFT_OUT
    dataset = field_dataset(
        [snapshot for snapshot, is_kept in zip(found.snapshots, kept, strict=True) if is_kept],
        split[kept],
        recipe,
        settings.sampling,
        *longitude_latitude(positions),
        settings.method,
        settings.vector_winds,
    )
    weights = {"fields": regridding.fields.digest, "labels": regridding.labels.digest}
    return dataset, make_report(found, split, {"grid": found.layout, "weights": weights})


def find_states(
    raw: Path,
    listed: Collection[str],
    reader: Reader,
    share: float,
    scratch: Path,
    workers: Workers,
) -> Found:
    """Return the files that look sound: all loose ones are opened, and some of those in archives.

    What is broken inside is found when it is read.

    Parameters
    ----------
    raw, listed, reader, scratch, workers
        As of :func:`open_grid_samples`.
    share : float
        Largest share of broken files.

    Raises
    ------
    DeepsphereError
        If there are no files, or too many of them are broken.
    """
    snapshots, unnamed = find_snapshots(raw, listed, reader.suffixes)
    if unnamed:
        _LOG.warning(
            "%d files are passed over, as their names say no time, such as %s",
            len(unnamed),
            unnamed[0],
        )
    quarantine = Quarantine(scratch.absolute() / "broken", len(snapshots), share)
    archived = [snapshot for snapshot in snapshots if not snapshot.is_loose]
    some = np.linspace(0, len(archived) - 1, min(len(archived), _INSPECTED_OF_ARCHIVES))
    inspected = [snapshot for snapshot in snapshots if snapshot.is_loose]
    inspected += [archived[int(place)] for place in some]
    layouts: dict[Snapshot, str] = {}
    reasons: dict[Snapshot, str] = {}
    inspect = delayed(_inspect, pure=False, traverse=False)
    parts = range(0, len(inspected), _INSPECTED_TOGETHER)
    tasks = [inspect(raw, reader, inspected[at : at + _INSPECTED_TOGETHER]) for at in parts]
    for layouts_of_part, reasons_of_part in workers.compute(tasks):
        layouts |= layouts_of_part
        reasons |= reasons_of_part
    common = Counter(layouts.values()).most_common(1)
    if not common:
        first, reason = next(iter(reasons.items()))
        raise DeepsphereError(
            f"store: none of {len(reasons)} files in {raw} can be used; {first.name}: {reason}"
        )
    layout = common[0][0]
    reasons |= {
        snapshot: f"has {other}; most files have {layout}"
        for snapshot, other in layouts.items()
        if other != layout
    }
    quarantine.add(Broken(snapshot.name, reason) for snapshot, reason in reasons.items())
    sound = [snapshot for snapshot in snapshots if snapshot not in reasons]
    opened = next(snapshot for snapshot, its in layouts.items() if its == layout)
    return Found(sound, layout, opened, unnamed, quarantine)


def divide(
    snapshots: Sequence[Snapshot], division: Division, published: Published
) -> NDArray[np.uint8]:
    """Return the number of the split of each file.

    Parameters
    ----------
    snapshots : sequence of Snapshot
        The files.
    division : Division
        How they are divided.
    published : callable
        Returns the numbers of the splits as published.

    Returns
    -------
    ndarray
        uint8, shape (files,); :data:`~deepsphere.sources.fields.divisions.LEFT_OUT` for those that
        are in none.
    """
    moments = [snapshot.moment for snapshot in snapshots]
    if division.kind == "leak-free":
        return by_time(moments, division.shares, division.gap)
    if division.kind == "random":
        return at_random(moments, division.shares, division.seed)
    return published(snapshots)


def make_report(
    found: Found, split: NDArray[np.uint8], more: dict[str, Any]
) -> Callable[[], dict[str, Any]]:
    """Return what says, once the samples are written, what became of the files.

    Parameters
    ----------
    found : Found
        The files.
    split : ndarray
        Number of the split of each.
    more : dict
        Plain data to add.

    Returns
    -------
    callable
        Returns ``files``, ``split`` (samples by split), ``left_out`` (in the gaps of the division),
        ``unnamed`` and ``quarantined`` (``count``, and the ``first`` hundred).
    """

    def report() -> dict[str, Any]:
        described = found.quarantine.describe()
        if described["count"]:
            _LOG.warning(
                "%d of %d files are set aside as broken",
                described["count"],
                found.quarantine.files,
            )
        return {
            "files": found.quarantine.files,
            "split": {name: int((split == number).sum()) for number, name in enumerate(SPLITS)},
            "left_out": int((split == LEFT_OUT).sum()),
            "unnamed": {"count": len(found.unnamed), "first": found.unnamed[:_LISTED]},
            "quarantined": described,
            **more,
        }

    return report


def _inspect(
    raw: Path, reader: Reader, snapshots: Sequence[Snapshot]
) -> tuple[dict[Snapshot, str], dict[Snapshot, str]]:
    """Return the layouts of files, and what is wrong with the others."""
    layouts, reasons = {}, {}
    for snapshot in snapshots:
        try:
            layouts[snapshot] = reader.layout(snapshot.open(raw))
        except DeepsphereError as error:
            reasons[snapshot] = str(error)
    return layouts, reasons
