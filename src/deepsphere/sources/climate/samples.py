"""From the level-5 archive to the samples of a store."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.build import Method
from deepsphere.regridding.grid import Points
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.ugscnn import Ugscnn
from deepsphere.sources.climate.reader import MeshReader, find_order
from deepsphere.sources.climate.settings import Store
from deepsphere.sources.climate.splits import as_published
from deepsphere.sources.climate.statistics import STATISTICS
from deepsphere.sources.fields.dataset import Recipe, field_dataset
from deepsphere.sources.fields.divisions import LEFT_OUT
from deepsphere.sources.fields.pipeline import divide, find_states, make_report
from deepsphere.sources.fields.regridding import (
    Regridding,
    find_sampling,
    label_numbers,
    prepare_regridding,
)
from deepsphere.sources.fields.states import State
from deepsphere.workers import Workers


def open_samples(
    raw: Path,
    listed: Collection[str],
    source: dict[str, Any],
    store: dict[str, Any],
    scratch: Path,
    workers: Workers,
) -> tuple[xr.Dataset, Callable[[], dict[str, Any]]]:
    """Return the states of the archive, on its own mesh or on another sampling.

    Parameters
    ----------
    raw : Path
        Folder of the raw files.
    listed : collection of str
        Names of the files that were fetched, below ``raw``.
    source : dict
        Its ``kind``.
    store : dict
        Settings of the store; see :class:`deepsphere.sources.climate.settings.Store`.
    scratch : Path
        Folder for weights and records, which the data need until they are written.
    workers : Workers
        Where files are inspected.

    Returns
    -------
    dataset : xarray.Dataset
        See :func:`deepsphere.sources.fields.dataset.field_dataset`. The attribute
        ``published_statistics`` has the mean and the deviation of each channel that others
        normalized with.
    report : callable
        See :func:`deepsphere.sources.fields.pipeline.make_report`; ``order`` is the sampling whose
        order the archive is in.

    Raises
    ------
    DeepsphereError
        If there are no files, too many are broken, their vertices are in no known order or in
        another one than the store asks for, or the states cannot be divided so.
    """
    settings = Store.model_validate(store)
    reader = MeshReader()
    found = find_states(raw, listed, reader, settings.quarantine, scratch, workers)
    split = divide(found.snapshots, settings.split, as_published)
    order = find_order(raw, found.snapshots)
    longitude, latitude = places(order)
    regrid: Regridding | _AsItIs = _AsItIs(len(order))
    method: Method | None = None
    if settings.sampling != order.name:
        method = "nearest"
        _refuse_other_order(settings.sampling, order)
        regrid = prepare_regridding(
            Points(latitude, longitude),
            settings.sampling,
            settings.channels,
            scratch / "weights",
            method=method,
        )
        longitude, latitude = longitude_latitude(find_sampling(settings.sampling).positions)
    recipe = Recipe(
        raw=raw.absolute(),
        reader=reader,
        layout=found.layout,
        channels=settings.channels,
        label_channels=settings.label_channels,
        pixels=len(longitude),
        regrid=regrid,
        quarantine=found.quarantine,
    )
    kept = split != LEFT_OUT
    snapshots = [snapshot for snapshot, keep in zip(found.snapshots, kept, strict=True) if keep]
    dataset = field_dataset(
        snapshots, split[kept], recipe, settings.sampling, longitude, latitude, method
    )
    dataset.attrs |= {
        "title": "States of the atmosphere with heuristic labels of extreme events",
        "source": "climate_sphere_l5 (CAM5, HAPPI20), prepared by Jiang et al. 2019",
        "published_statistics": {
            name: {"mean": STATISTICS[name][0], "deviation": STATISTICS[name][1]}
            for name in settings.channels
        },
    }
    return dataset, make_report(found, split, {"order": order.name})


def places(order: Ugscnn) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the degrees east and north that the values of the archive are from.

    The authors took their longitude arctan2(y, x), from -180 to 180, for the place in rows that
    start at 0°E: what they call 180°W is 0°E.
    """
    longitude, latitude = longitude_latitude(order.positions)
    return np.mod(longitude + 180.0, 360.0), latitude


class _AsItIs:
    """Leaves states on the mesh that they are on."""

    def __init__(self, vertices: int) -> None:
        self.vertices = vertices

    def __call__(self, state: State) -> NDArray[np.float32]:
        """Return float32 of shape (vertices, channels), the label as the last channel."""
        if state.fields.shape[1] != self.vertices:
            raise DeepsphereError(f"has {state.fields.shape[1]} vertices; expected {self.vertices}")
        channels = np.concatenate([state.fields, label_numbers(state.labels)])
        return np.ascontiguousarray(channels.T)


def _refuse_other_order(sampling: str, order: Ugscnn) -> None:
    if sampling.startswith("ugscnn:"):
        raise DeepsphereError(
            f"store: the vertices of the files are in the order of {order.name}; found sampling "
            f"{sampling}, which has other places or another order: set sampling to {order.name}"
        )
