"""What a trained run says of fields of a user's own, on the user's own grid.

::

    events = predict_fields("results/climate/weighted/seed-0", "era5.nc", channels={"TMQ": "tcwv"})
    events["probability_tropical_cyclone"].max("time").compute()

The run's channels are found by their names, regridded to the run's pixels and normalized as in
training, and shown to the model; its probabilities come back to the cells that the fields are on.
Nothing is read before it is asked for, and then block by block: memory holds some blocks, however
long the file is.
"""

import os
import uuid
from collections.abc import Mapping
from typing import Any

import dask.array
import numpy as np
import torch
import xarray as xr

from deepsphere.conversion.opening import open_fields
from deepsphere.conversion.regridding import BLOCK_BYTES, Fields
from deepsphere.errors import DeepsphereError
from deepsphere.inference.trained import Trained, load
from deepsphere.prediction.answers import Answer, most_likely
from deepsphere.prediction.channels import find_channels
from deepsphere.prediction.described import describe
from deepsphere.prediction.layout import lay_out
from deepsphere.prediction.pixels import pixels_of, turned
from deepsphere.prediction.states import regridded_states
from deepsphere.regridding.build import build_backward_weights
from deepsphere.regridding.grid import Points

KINDS = ("segmentation", "classification")
"""The kinds of task whose runs say something of fields."""


def predict_fields(
    run: str | os.PathLike[str] | Trained,
    fields: Fields,
    channels: Mapping[str, str] | None = None,
    *,
    device: str | torch.device = "cpu",
    block_bytes: int = BLOCK_BYTES,
) -> xr.Dataset:
    """Return what a run says of fields, to be computed when it is asked for.

    Parameters
    ----------
    run : path or Trained
        A run's folder, such as ``"results/climate/weighted/seed-0"``, or the model that
        :func:`~deepsphere.inference.trained.load` took from it: of a segmentation, or of a
        classification.
    fields : path, xarray.Dataset or xarray.DataArray
        Anything that :func:`~deepsphere.conversion.regridding.regrid` takes.
    channels : mapping of str to str, optional
        By the run's names of channels, the names of variables that are called something else.
        Of a variable with levels, ``"u,level=850"`` is the one at 850.
    device : str or torch.device
        Where the model is put, if it is read from a folder.
    block_bytes : int
        About the bytes of a block of states, counted as float64; one state at least.

    Returns
    -------
    xarray.Dataset
        Dask arrays with the dimensions of the fields, in their order; of a classification, without
        those of space. ``probability_<class>`` of each class, float32, and ``most_likely_class``,
        whole numbers with ``flag_values`` and ``flag_meanings``, -1 for none. They are NaN where
        the fields are missing altogether, and for states that lack those before them which the
        run wants to see. The coordinates are those of the fields.

    Raises
    ------
    DeepsphereError
        If the run is of another kind of task or on other pixels than those of a sampling, the
        fields lack a channel or have another unit, or no state has those before it.
    """
    dataset = raw_predictions(run, fields, channels, device=device, block_bytes=block_bytes)
    if isinstance(fields, xr.Dataset | xr.DataArray):
        return dataset
    try:
        return xr.decode_cf(dataset, decode_timedelta=False)
    except (ValueError, OverflowError):
        # Times such as months, which xarray has no numbers for.
        return dataset


def raw_predictions(
    run: str | os.PathLike[str] | Trained,
    fields: Fields,
    channels: Mapping[str, str] | None = None,
    *,
    device: str | torch.device = "cpu",
    block_bytes: int = BLOCK_BYTES,
) -> xr.Dataset:
    """Return what :func:`predict_fields` does, with coordinates as they are in the file."""
    trained = run if isinstance(run, Trained) else load(run, device)
    _check_task(trained)
    sampling, dataset = pixels_of(trained), _dataset(fields)
    layout = lay_out(dataset, find_channels(dataset, trained, channels or {}))
    states, complete = regridded_states(layout, trained, sampling, block_bytes)
    places = layout.places[layout.template]
    if trained.settings["task"]["kind"] == "segmentation":
        grid = turned(places.grid, trained)
        weights = build_backward_weights(
            sampling, grid, "nearest" if isinstance(grid, Points) else "conservative"
        )
        space, answer = places.dimensions, Answer(trained, weights, grid.shape)
    else:
        space, answer = (), Answer(trained, None, ())
    probabilities = _answered(states, answer, len(layout.sizes))
    if not complete.all():
        lazy: Any = dask.array
        wide = complete.reshape(*complete.shape, *(1,) * (1 + len(space)))
        probabilities = lazy.where(wide, probabilities, np.float32(np.nan))
    return describe(trained, layout, space, *_separate(probabilities, len(layout.sizes), trained))


def _dataset(fields: Fields) -> xr.Dataset:
    if isinstance(fields, xr.DataArray):
        return fields.to_dataset(name=fields.name or "data")
    return fields if isinstance(fields, xr.Dataset) else open_fields(fields)


def _check_task(trained: Trained) -> None:
    task = trained.settings["task"]
    if task["kind"] not in KINDS:
        raise DeepsphereError(
            f"predict: the task of the run is of the kind {task['kind']}; this takes runs of "
            f"{' and '.join(KINDS)}; others are used from Python, by deepsphere.load"
        )
    if task.get("parts", 1) > 1:
        raise DeepsphereError(
            "predict: the run answers maps part by part (parts of its task); use it from Python, "
            "by deepsphere.load"
        )


def _answered(states: Any, answer: Answer, kept: int) -> Any:
    """Return a Dask array of (dimensions of states..., class, dimensions of the grid...)."""
    lazy: Any = dask.array
    added = (len(answer.trained.classes or ()), *answer.shape)
    # With a name, Dask does not hash the model.
    return lazy.map_blocks(
        answer,
        states,
        drop_axis=list(range(kept, states.ndim)),
        new_axis=list(range(kept, kept + len(added))),
        chunks=states.chunks[:kept] + tuple((length,) for length in added),
        dtype=np.float32,
        meta=np.empty((0,) * (kept + len(added)), np.float32),
        name=f"answered-{uuid.uuid4().hex}",
    )


def _separate(probabilities: Any, axis: int, trained: Trained) -> tuple[list[Any], Any]:
    """Return the probabilities of each class, and the most likely class."""
    lazy: Any = dask.array
    classes = len(trained.classes or ())
    dtype = np.dtype(np.int8 if classes <= np.iinfo(np.int8).max else np.int16)
    chosen = lazy.map_blocks(most_likely, probabilities, axis, dtype, drop_axis=axis, dtype=dtype)
    before = (slice(None),) * axis
    return [probabilities[(*before, number)] for number in range(classes)], chosen
