"""The samples of a store of meshes: signals that lie in shards, and what is known of each.

A sample is a copy of an object. Samples are ordered by object, then by set of copies, then by the
number of the copy.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.delayed import delayed
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.sampling import Sampling
from deepsphere.sources.meshes.entries import SPLITS, Entry
from deepsphere.sources.meshes.moments import Moments, join
from deepsphere.sources.meshes.shards import Shard, read_samples

_MOST_NAMES = int(np.iinfo(np.int16).max)


def mesh_dataset(
    entries: Sequence[Entry],
    copies: Mapping[str, int],
    sampling: Sampling,
    channels: Sequence[str],
    shards: Sequence[Shard],
    records: Sequence[dict[str, Any]],
    folder: Path,
    precision: str = "float32",
) -> xr.Dataset:
    """Return the dataset of a store of meshes.

    Parameters
    ----------
    entries : sequence of Entry
        The objects.
    copies : mapping of str to int
        Number of copies in each set, in order.
    sampling : Sampling
        Where the pixels are.
    channels : sequence of str
        Names of the channels.
    shards, records : sequence of Shard and dict
        What :func:`deepsphere.sources.meshes.making.make_shards` was given, and returned.
    folder : Path
        Folder of the shards, which the data are read from when they are asked for.
    precision : {"float32", "float16"}
        What the shards hold.

    Returns
    -------
    xarray.Dataset
        ``data`` (sample, cell, channel), NaN for broken meshes, a Dask array of a block a shard.
        Coordinates of the samples: ``split`` (uint8), ``label`` and ``sublabel`` (int16, the number
        of its name, -1 for none), ``object`` (int32, the number of its id), ``copies`` (uint8, the
        number of the set), ``copy`` (uint8, the number in the set) and ``valid`` (bool, false for
        broken meshes). Names are attributes; ``statistics`` are those of the valid samples by split
        and set of copies.
    """
    names = sorted({entry.label for entry in entries})
    sublabels = sorted({entry.sublabel for entry in entries if entry.sublabel is not None})
    valid = np.ones(len(entries), np.bool_)
    valid[[number for record in records for number, _ in record["broken"]]] = False
    sets = np.repeat(np.arange(len(copies), dtype=np.uint8), list(copies.values()))
    numbers = np.concatenate([np.arange(count, dtype=np.uint8) for count in copies.values()])
    longitude, latitude = longitude_latitude(sampling.positions)

    def of_objects(values: Any, dtype: type[np.generic]) -> tuple[str, NDArray[Any]]:
        return "sample", np.repeat(np.array(values, dtype), len(sets))

    coordinates = {
        "split": of_objects([SPLITS.index(entry.split) for entry in entries], np.uint8),
        "label": of_objects(_numbers([entry.label for entry in entries], names), np.int16),
        "sublabel": of_objects(
            _numbers([entry.sublabel for entry in entries], sublabels), np.int16
        ),
        "object": of_objects(range(len(entries)), np.int32),
        "valid": of_objects(valid, np.bool_),
        "copies": ("sample", np.tile(sets, len(entries))),
        "copy": ("sample", np.tile(numbers, len(entries))),
        "longitude": ("cell", longitude),
        "latitude": ("cell", latitude),
    }
    dataset = xr.Dataset(
        {
            "data": (
                ("sample", "cell", "channel"),
                _signals(shards, len(sets), (len(longitude), len(channels)), folder, precision),
            )
        },
        coords=coordinates,
        attrs={
            "channels": list(channels),
            "units": ["1"] * len(channels),
            "sampling": sampling.name,
            "ids": [entry.id for entry in entries],
            "class_names": names,
            "sublabel_names": sublabels,
            "copies": list(copies),
            "statistics": _statistics(records, copies),
        },
    )
    dataset["split"].attrs = {
        "flag_values": list(range(len(SPLITS))),
        "flag_meanings": " ".join(SPLITS),
    }
    return dataset


def _numbers(values: Sequence[str | None], names: Sequence[str]) -> list[int]:
    if len(names) > _MOST_NAMES:
        raise DeepsphereError(
            f"store: found {len(names)} classes, or classes within classes; a store can tell "
            f"{_MOST_NAMES} apart: leave out the column `sublabel`, or correct the labels"
        )
    number = {name: place for place, name in enumerate(names)}
    return [-1 if value is None else number[value] for value in values]


def _signals(
    shards: Sequence[Shard], copies: int, shape: tuple[int, int], folder: Path, precision: str
) -> da.Array:
    lazy: Any = da
    read = delayed(read_samples, pure=False, traverse=False)
    blocks = []
    for shard in shards:
        of_shard = (len(shard) * copies, *shape)
        name = f"shard-{shard.number:06d}"
        block = read(folder, shard.number, of_shard, precision, dask_key_name=name)
        blocks.append(lazy.from_delayed(block, of_shard, np.dtype(precision)))
    signals: da.Array = lazy.concatenate(blocks)
    return signals


def _statistics(
    records: Sequence[dict[str, Any]], copies: Mapping[str, int]
) -> dict[str, dict[str, Any]]:
    """Return mean, deviation and number of samples by split and set of copies."""
    statistics: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        parts = [record["moments"][split] for record in records if split in record["moments"]]
        if not parts:
            continue
        statistics[split] = {}
        for name in copies:
            moments = join(Moments.from_json(part[name]) for part in parts)
            statistics[split][name] = {
                "mean": moments.mean.tolist(),
                "deviation": moments.deviation().tolist(),
                "samples": moments.samples,
            }
    return statistics
