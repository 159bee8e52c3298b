"""Models whose answers are known in closed form, and files of smooth fields in many layouts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor, nn

from deepsphere.inference.trained import Trained
from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.registry import load
from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.tasks.normalization import Normalization

CLASSES = ("background", "tropical cyclone", "atmospheric river")
CHANNELS = ("TMQ", "T200")
MEAN = np.array([25.0, 216.0], np.float32)
DEVIATION = np.array([10.0, 8.0], np.float32)
WEIGHTS = np.array([[0.0, 1.0, -0.5], [0.5, 0.0, 1.0]], np.float32)
OF_TIMES = np.array([0.1, 0.3, 1.0], np.float32)


class PerPixel(nn.Module):
    """Logits that are linear in what a pixel has, of the times of a window with fixed shares."""

    def __init__(self, times: int, whole: bool) -> None:
        super().__init__()
        self.whole = whole
        self.weights = nn.Parameter(torch.from_numpy(WEIGHTS))
        self.times = nn.Parameter(torch.from_numpy(OF_TIMES[-times:].copy()))
        self.calls: list[int] = []

    def forward(self, features: Tensor) -> Tensor:
        self.calls.append(len(features))
        if features.ndim == 4:
            features = torch.einsum("btpc,t->bpc", features, self.times)
        if self.whole:
            features = features.mean(dim=1)
        return features @ self.weights


@pytest.fixture(scope="session")
def make_trained() -> Callable[..., Trained]:
    """Return a function that gives a trained model that is linear in each pixel."""

    def make(
        sampling: str = "healpix:16", times: int = 1, kind: str = "segmentation", **others: Any
    ) -> Trained:
        group, _, parameters = sampling.partition(":")
        positions = load("samplings", group).parse(parameters).positions
        hierarchy = GraphHierarchy(
            operators=(None,),
            maps=(),
            positions=(positions,),
            areas=(np.ones(len(positions)),),
            known=(None,),
        )
        fill = np.tile(MEAN, (hierarchy.pixels(0), 1))
        values: dict[str, Any] = {
            "model": PerPixel(times, kind == "classification").eval(),
            "hierarchy": hierarchy,
            "sampling": sampling,
            "settings": {
                "experiment": "climate",
                "variant": "linear",
                "seed": 0,
                "task": {"kind": kind, "channels": list(CHANNELS)},
            },
            "digest": "0" * 64,
            "input_channels": 2,
            "input_times": times,
            "normalization": Normalization(CHANNELS, "map", MEAN, DEVIATION, fill),
            "unit": "1",
            "outputs": CLASSES,
            "classes": CLASSES,
            "channels": CHANNELS,
            "channel_units": ("kg m-2", "K"),
            "step_hours": 3,
        }
        return Trained(**(values | others))

    return make


@pytest.fixture(scope="session")
def expected() -> Callable[..., Any]:
    """Return a function that gives the true probabilities of values, classes first."""

    def answer(*states: Any) -> Any:
        """Take values of the channels, shape (2, ...), of each time of a window."""
        shares = OF_TIMES[-len(states) :]
        normalized = [
            (values - MEAN.reshape(2, *(1,) * (values.ndim - 1)))
            / DEVIATION.reshape(2, *(1,) * (values.ndim - 1))
            for values in states
        ]
        total = sum(share * values for share, values in zip(shares, normalized, strict=True))
        logits = np.tensordot(WEIGHTS.T.astype(np.float64), total, 1)
        powers = np.exp(logits - logits.max(axis=0))
        return powers / powers.sum(axis=0)

    return answer


@pytest.fixture(scope="session")
def make_fields() -> Callable[..., xr.Dataset]:
    """Return a function that gives smooth fields (time, lat, lon) as a file holds them."""

    def make(times: int = 2, rows: int = 18, columns: int = 36) -> xr.Dataset:
        latitude = -90 + (np.arange(rows) + 0.5) * 180 / rows
        longitude = np.arange(columns) * 360.0 / columns
        x, y, z = np.moveaxis(unit_vectors(*np.meshgrid(longitude, latitude)), -1, 0)
        moments = np.arange(times)[:, None, None]
        water = 25 + 15 * z + 6 * x * y + 2 * moments
        heat = 216 + 8 * x + 5 * y * z - moments
        dimensions = ("time", "lat", "lon")
        return xr.Dataset(
            {
                "TMQ": (dimensions, water.astype(np.float32), {"units": "kg/m2"}),
                "T200": (dimensions, heat.astype(np.float32), {"units": "K"}),
            },
            {
                "time": (
                    "time",
                    3 * np.arange(times),
                    {"units": "hours since 2000-02-28", "standard_name": "time"},
                ),
                "lat": ("lat", latitude, {"units": "degrees_north", "long_name": "latitude"}),
                "lon": ("lon", longitude, {"units": "degrees_east", "axis": "X"}),
            },
        )

    return make
