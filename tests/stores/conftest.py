import numpy as np
import pytest
import xarray as xr


@pytest.fixture
def make_dataset():
    """Return a function that makes the dataset of a small store."""

    def make(samples=23, cells=7, channels=("tmin", "tmax"), seed=0):
        random = np.random.default_rng(seed)
        data = random.standard_normal((samples, cells, len(channels)), dtype=np.float32)
        data[random.random(data.shape) < 0.1] = np.nan
        days = np.datetime64("2010-01-01", "ns") + np.arange(samples) * np.timedelta64(1, "D")
        elevation = random.uniform(0, 3000, cells)
        elevation[0] = np.nan
        return xr.Dataset(
            {"data": (("sample", "cell", "channel"), data, {"long_name": "temperature"})},
            coords={
                "time": ("sample", days),
                "longitude": ("cell", random.uniform(-180, 180, cells)),
                "latitude": ("cell", random.uniform(-90, 90, cells)),
                "elevation": ("cell", elevation, {"units": "m"}),
                "split": ("sample", (np.arange(samples) % 3).astype(np.uint8)),
            },
            attrs={
                "title": "Weather",
                "channels": list(channels),
                "units": ["degC"] * len(channels),
                "station_ids": [f"USW{number:08}" for number in range(cells)],
            },
        )

    return make


@pytest.fixture
def sample_bytes():
    """Bytes of a sample of that dataset."""
    return 7 * 2 * 4
