import numpy as np
import pytest
import xarray as xr

from deepsphere.stores.reader import open_store
from deepsphere.stores.writer import write_store

PUBLISHED_SPLIT = {"train": 0.7, "validation": 0.0, "test": 0.3}


@pytest.fixture
def store_of(tmp_path_factory):
    """Return a function that writes daily maps (day, station, channel) to a store and opens it."""

    def make(
        values,
        channels=("TMIN", "TMAX"),
        units=("°C", "°C"),
        split=PUBLISHED_SPLIT,
        start="2010-01-01",
    ):
        days, stations = values.shape[:2]
        times = np.datetime64(start, "D") + np.arange(days)
        dataset = xr.Dataset(
            {"data": (("sample", "cell", "channel"), values.astype(np.float32))},
            coords={
                "time": ("sample", times.astype("datetime64[ns]")),
                "longitude": ("cell", np.linspace(0, 90, stations)),
                "latitude": ("cell", np.linspace(0, 45, stations)),
            },
            attrs={"channels": list(channels), "units": list(units), "split_shares": split},
        )
        folder = tmp_path_factory.mktemp("store") / "store"
        write_store(dataset, folder, fingerprint={})
        return open_store(folder)

    return make


CLASSES = ("cone", "cube", "tube")


@pytest.fixture(scope="session")
def labelled_store(tmp_path_factory):
    """Return a function that writes maps (sample, pixel, channel) with labels to a store.

    Their channels are ``distance``, ``cosine`` and so on; ``attrs`` are added to those of the
    store, or taken away where None, and so are the ``coordinates`` of the samples; ``of_pixels``
    are added to those of the pixels.
    """

    def make(values, labels, split, attrs=None, of_pixels=None, **coordinates):
        names = ["distance", "cosine", "sine"][: values.shape[2]]
        given = {"channels": names, "units": ["1"] * len(names), "class_names": list(CLASSES)}
        of_samples = {"label": np.asarray(labels, np.int16), "split": np.asarray(split, np.uint8)}
        pixels = values.shape[1]
        dataset = xr.Dataset(
            {"data": (("sample", "cell", "channel"), values.astype(np.float32))},
            coords={
                "longitude": ("cell", np.linspace(0, 90, pixels)),
                "latitude": ("cell", np.linspace(0, 45, pixels)),
                **{name: ("cell", column) for name, column in (of_pixels or {}).items()},
                **{
                    name: ("sample", np.asarray(column))
                    for name, column in (of_samples | coordinates).items()
                    if column is not None
                },
            },
            attrs={
                name: value for name, value in (given | (attrs or {})).items() if value is not None
            },
        )
        folder = tmp_path_factory.mktemp("store") / "store"
        write_store(dataset, folder, fingerprint={})
        return open_store(folder)

    return make


OBJECTS, PIXELS = 12, 5


@pytest.fixture(scope="session")
def copied_store(labelled_store):
    """A store of 12 objects as meshes have it: two sets of copies, "up" (1) and "turned" (2).

    Half of the objects are to train on, two to validate and four to test; object 3 (train) and
    object 9 (test) are broken. The values of object n, copy c of three are n + c / 10 + a little of
    the pixel and the channel.
    """
    numbers, copies = np.repeat(np.arange(OBJECTS), 3), np.tile(np.arange(3), OBJECTS)
    values = numbers[:, None, None] + copies[:, None, None] / 10.0
    values = values + np.linspace(0, 0.01, 2 * PIXELS).reshape(PIXELS, 2)
    valid = ~np.isin(numbers, [3, 9])
    values[~valid] = np.nan
    return labelled_store(
        values,
        numbers % 3,
        np.repeat([0, 1, 2], [18, 6, 12]),
        attrs={
            "ids": [f"m{number}" for number in range(OBJECTS)],
            "copies": ["up", "turned"],
            "sublabel_names": ["cone", "low", "high"],
        },
        object=numbers.astype(np.int32),
        copies=np.minimum(copies, 1).astype(np.uint8),
        copy=np.maximum(copies - 1, 0).astype(np.uint8),
        valid=valid,
        sublabel=np.where(numbers % 3 == 0, 0, numbers % 2 * 3 - 1).astype(np.int16),
    )
