"""The samples of a store of states: files that are read and regridded when they are asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.delayed import delayed
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.channels import CLASSES, LABEL, UNITS, wind_pairs
from deepsphere.sources.fields.divisions import SPLITS
from deepsphere.sources.fields.moments import STEP_HOURS
from deepsphere.sources.fields.quarantine import Broken, Quarantine
from deepsphere.sources.fields.snapshots import Snapshot
from deepsphere.sources.fields.states import Reader, State

# A block is a task that cannot be cut: about what stores write at once.
_BLOCK_BYTES = 32_000_000


@dataclass(frozen=True)
class Recipe:
    """How files become samples. It travels to other processes.

    Attributes
    ----------
    raw : Path
        The raw folder.
    reader : Reader
        Reads a file.
    layout : str
        Where the values of every file lie, in the reader's words.
    channels : tuple of str
        Names of the fields.
    label_channels : tuple of str
        Names of the channels that follow them.
    pixels : int
        Number of pixels.
    regrid : callable
        Takes a state, returns float32 of shape (pixels, channels and label channels).
    quarantine : Quarantine
        Where broken files are set aside.
    """

    raw: Path
    reader: Reader
    layout: str
    channels: tuple[str, ...]
    label_channels: tuple[str, ...]
    pixels: int
    regrid: Callable[[State], NDArray[np.float32]]
    quarantine: Quarantine

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels, and channels with those of the labels."""
        return self.pixels, len(self.channels) + len(self.label_channels)

    def __call__(self, snapshots: Sequence[Snapshot]) -> NDArray[np.float32]:
        """Return the samples of files, shape (files, pixels, channels); broken ones are NaN.

        Raises
        ------
        DeepsphereError
            If too many files are broken.
        """
        samples = np.empty((len(snapshots), *self.shape), np.float32)
        for sample, snapshot in zip(samples, snapshots, strict=True):
            try:
                sample[:] = self._sample(snapshot)
            except DeepsphereError as error:
                sample[:] = np.nan
                self.quarantine.add([Broken(snapshot.name, str(error))])
        return samples

    def _sample(self, snapshot: Snapshot) -> NDArray[np.float32]:
        state = self.reader.read(snapshot.open(self.raw), self.channels)
        if state.layout != self.layout:
            raise DeepsphereError(f"has {state.layout}; most files have {self.layout}")
        return self.regrid(state)


def field_dataset(
    snapshots: Sequence[Snapshot],
    split: NDArray[np.uint8],
    recipe: Recipe,
    sampling: str,
    longitude: NDArray[np.float64],
    latitude: NDArray[np.float64],
    method: str | None = None,
    vector_winds: bool = False,
) -> xr.Dataset:
    """Return the dataset of a store of states.

    Parameters
    ----------
    snapshots : sequence of Snapshot
        The files, in the order of the samples.
    split : ndarray
        Number of the split of each.
    recipe : Recipe
        How they become samples.
    sampling : str
        Name of the sampling.
    longitude, latitude : ndarray
        Degrees east and north of the pixels.
    method : str, optional
        How fields were regridded, if they were.
    vector_winds : bool
        Whether winds were regridded as vectors.

    Returns
    -------
    xarray.Dataset
        ``data`` (sample, cell, channel), float32, a Dask array whose blocks are whole samples: the
        fields in their units, then the channel ``label`` (0 background, 1 tropical cyclone, 2
        atmospheric river, NaN unknown) or the share of each class. Coordinates of the samples:
        ``time``; ``step``, the number of the three hours in the model's years of 365 days, by which
        neighbours in time are told; ``run``; ``expert`` (-1 for none), if any has one; ``split``.
        The attributes ``label_channel`` or ``fraction_channels`` and ``class_names`` say what the
        labels are; ``regridding``, if there was any, its ``method`` and ``winds``, the pairs of
        channels that were regridded as vectors.
    """
    moments = [snapshot.moment for snapshot in snapshots]
    coordinates: dict[str, Any] = {
        "time": ("sample", np.array([moment.time for moment in moments], "M8[ns]")),
        "step": ("sample", np.array([moment.step for moment in moments], np.int32)),
        "run": ("sample", np.array([moment.run for moment in moments], np.int16)),
        "split": ("sample", split),
        "longitude": ("cell", longitude),
        "latitude": ("cell", latitude),
    }
    experts = np.array([moment.expert for moment in moments], np.int16)
    if (experts >= 0).any():
        coordinates["expert"] = ("sample", experts)
    labels = (
        {"label_channel": LABEL}
        if recipe.label_channels == (LABEL,)
        else {"fraction_channels": list(recipe.label_channels)}
    )
    dataset = xr.Dataset(
        {"data": (("sample", "cell", "channel"), _samples(snapshots, recipe))},
        coords=coordinates,
        attrs={
            "channels": [*recipe.channels, *recipe.label_channels],
            "units": [
                *(UNITS[name] for name in recipe.channels),
                *["1"] * len(recipe.label_channels),
            ],
            "sampling": sampling,
            **labels,
            "class_names": list(CLASSES),
            "calendar": "365_day",
            "step_hours": STEP_HOURS,
        },
    )
    if method is not None:
        winds = wind_pairs(recipe.channels) if vector_winds else ()
        dataset.attrs["regridding"] = {"method": method, "winds": [list(pair) for pair in winds]}
    dataset["split"].attrs = {
        "flag_values": list(range(len(SPLITS))),
        "flag_meanings": " ".join(SPLITS),
    }
    dataset["step"].attrs = {"long_name": "3-hour steps since the year 0 of 365-day years"}
    return dataset


def _samples(snapshots: Sequence[Snapshot], recipe: Recipe) -> da.Array:
    lazy: Any = da
    read = delayed(recipe, pure=False, traverse=False)
    pixels, channels = recipe.shape
    length = max(1, _BLOCK_BYTES // (pixels * channels * np.dtype(np.float32).itemsize))
    blocks = []
    for start in range(0, len(snapshots), length):
        files = list(snapshots[start : start + length])
        block = read(files, dask_key_name=f"states-{start:09d}")
        blocks.append(lazy.from_delayed(block, (len(files), pixels, channels), np.float32))
    samples: da.Array = lazy.concatenate(blocks)
    return samples
