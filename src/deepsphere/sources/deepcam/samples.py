"""From the files of DeepCAM to the samples of a store."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import xarray as xr

from deepsphere.sources.deepcam.reader import DeepCamReader, grid_of
from deepsphere.sources.deepcam.settings import Store
from deepsphere.sources.fields.divisions import by_folder
from deepsphere.sources.fields.pipeline import open_grid_samples
from deepsphere.workers import Workers


def open_samples(
    raw: Path,
    listed: Collection[str],
    source: dict[str, Any],
    store: dict[str, Any],
    scratch: Path,
    workers: Workers,
) -> tuple[xr.Dataset, Callable[[], dict[str, Any]]]:
    """Return the states of DeepCAM on a sampling.

    Parameters
    ----------
    raw : Path
        Folder of the raw files.
    listed : collection of str
        Names of the files that were fetched, below ``raw``.
    source : dict
        Its ``kind``.
    store : dict
        Settings of the store; see :class:`deepsphere.sources.deepcam.settings.Store`.
    scratch : Path
        Folder for weights and records, which the data need until they are written.
    workers : Workers
        Where files are inspected.

    Returns
    -------
    dataset : xarray.Dataset
        See :func:`deepsphere.sources.fields.dataset.field_dataset`.
    report : callable
        See :func:`deepsphere.sources.fields.pipeline.make_report`.

    Raises
    ------
    DeepsphereError
        If there are no files, too many are broken, they cannot be divided so or not regridded so.
    """
    settings = Store.model_validate(store)
    dataset, report = open_grid_samples(
        raw, listed, DeepCamReader(), grid_of, settings, by_folder, scratch, workers
    )
    dataset.attrs |= {
        "title": "States of the atmosphere with heuristic labels of extreme events",
        "source": "DeepCAM (CAM5), Lawrence Berkeley National Laboratory",
    }
    return dataset, report
