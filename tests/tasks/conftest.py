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
        write_store(dataset, folder, fingerprint={}, workers=1)
        return open_store(folder)

    return make
