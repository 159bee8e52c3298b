"""The states of a user's file as a model sees them, to be computed when they are asked for."""

from typing import Any

import dask.array
import numpy as np
from numpy.typing import NDArray

from deepsphere.conversion.blocks import block_lengths
from deepsphere.conversion.cells import CELL
from deepsphere.conversion.choosing import MethodOrAuto
from deepsphere.conversion.field_regridder import FieldRegridder, Options
from deepsphere.conversion.places import Places
from deepsphere.errors import DeepsphereError
from deepsphere.inference.trained import Trained
from deepsphere.prediction.layout import Layout
from deepsphere.prediction.pixels import turned
from deepsphere.prediction.windows import windows_in_time
from deepsphere.regridding.grid import Points
from deepsphere.samplings.sampling import Sampling

# A number of a state while it is regridded.
_NUMBER_BYTES = 8
_SMALLEST_SHARE = 0.5


def regridded_states(
    layout: Layout, trained: Trained, sampling: Sampling, block_bytes: int
) -> tuple[Any, NDArray[np.bool_]]:
    """Return states on a model's pixels.

    Parameters
    ----------
    layout : Layout
        Where they lie.
    trained : Trained
        The model.
    sampling : Sampling
        Its pixels.
    block_bytes : int
        About the bytes of a block, counted as float64; one state at least.

    Returns
    -------
    states : dask.array.Array
        float32, shape (dimensions of states..., [time,] pixel, channel), in the unit of the data,
        NaN where nothing is known. Blocks are of whole states.
    complete : ndarray of bool
        Which states have all that the model sees with them, of a shape that broadcasts to the
        dimensions of states.

    Raises
    ------
    DeepsphereError
        If the model sees several states and no state has all that come before it, or the two
        components of a wind that it takes as a vector are at different places.
    """
    lazy: Any = dask.array
    share = max(1, block_bytes // len(layout.places))
    options = Options(_method(layout, trained), "renormalize", _SMALLEST_SHARE, None, share)
    regridder = FieldRegridder(layout.dataset, sampling, options)
    sizes = {**layout.sizes, CELL: len(sampling)}
    bytes_of_state = _NUMBER_BYTES * len(sampling) * trained.input_channels * trained.input_times
    lengths = block_lengths(
        list(layout.sizes.values()), [1] * len(layout.sizes), bytes_of_state, block_bytes
    )
    chunks = (*lengths, len(sampling))
    grids: dict[Places, Places] = {}
    for places in layout.places.values():
        if places not in grids:
            grids[places] = Places(places.dimensions, turned(places.grid, trained))
    fields: dict[str, Any] = {}
    for pair in _winds(layout, trained):
        fields |= regridder.vectors(pair, grids[layout.places[pair[0]]])
    channels = []
    for name, places in layout.places.items():
        field = fields[name] if name in fields else regridder.means(name, grids[places])
        channels.append(field.set_dims(sizes).transpose(*sizes).data.rechunk(chunks))
    states = lazy.stack(channels, axis=-1).rechunk({-1: -1})
    if trained.input_times == 1:
        return states, np.ones((1,) * len(lengths), np.bool_)
    axis, windows = _windows(layout, trained)
    seen = [
        lazy.take(states, np.maximum(column, 0), axis=axis).rechunk((*chunks, -1))
        for column in windows.T
    ]
    complete = (windows >= 0).all(axis=1)
    return (
        lazy.stack(seen, axis=-3).rechunk({-3: -1}),
        complete.reshape(-1, *(1,) * (len(lengths) - axis - 1)),
    )


def _method(layout: Layout, trained: Trained) -> MethodOrAuto:
    """Return how fields are regridded: as in training, where the user's grid allows for it.

    Of cells that are larger than pixels there are no means over pixels, and of points only the
    nearest is known.
    """
    if any(isinstance(places.grid, Points) for places in layout.places.values()):
        return "auto"
    if trained.method == "nearest":
        return "nearest"
    return "bilinear" if trained.method == "bilinear" else "auto"


def _winds(layout: Layout, trained: Trained) -> list[tuple[str, str]]:
    """Return the channels that are regridded as vectors, as in training."""
    pairs = [pair for pair in trained.winds if set(pair) <= layout.places.keys()]
    for east, north in pairs:
        if layout.places[east] is not layout.places[north]:
            raise DeepsphereError(
                f"predict: the run takes {east} and {north} for one wind; they are not at the same "
                "places; bring them to one grid first"
            )
    return pairs


def _windows(layout: Layout, trained: Trained) -> tuple[int, NDArray[np.int64]]:
    """Return the axis of time, and which states are seen together."""
    if layout.time is None:
        raise DeepsphereError(
            f"predict: the run sees {trained.input_times} consecutive states; the file has no "
            "dimension of time"
        )
    axis = list(layout.sizes).index(layout.time)
    length, step = trained.input_times, trained.step_hours
    return axis, windows_in_time(layout.dataset, layout.time, length, step)
