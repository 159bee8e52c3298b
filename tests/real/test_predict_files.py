"""A model that is known in closed form, on genuine files of many shapes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from deepsphere.conversion.opening import open_fields
from deepsphere.conversion.packing import unpacked
from deepsphere.errors import DeepsphereError
from deepsphere.inference.trained import Trained
from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.prediction.fields import predict_fields
from deepsphere.samplings.healpix import Healpix
from deepsphere.tasks.normalization import Normalization

DATA = Path(__file__).parents[2].parent / "shared/data/climate"

pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason=f"real data not found: {DATA}"),
    pytest.mark.filterwarnings("ignore:variable .* has non-conforming:Warning"),
]

# File, channels in it, their mean and deviation, their unit, and the mean error of probabilities
# by regridding there and back.
FILES = [
    ("latlon/eraint_uvz.nc", ("u,level=850", "v,level=200"), (0, 15), "m s-1", 0.01),
    ("latlon/rectilinear_grid_3D.nc", ("t,lev=85000", "t,lev=20000"), (250, 20), "K", 0.02),
    ("latlon/coads_climatology.cdf", ("UWND", "VWND"), (0, 5), "m s-1", 0.04),
    ("icosahedral/triangular_grid_ICON.nc", ("S,depth=10", "S,depth=50"), (34, 2), "psu", 0.03),
]


class FirstIsLarger(nn.Module):
    """Two classes, by which of two channels is the larger one."""

    def __init__(self) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.ones(()))

    def forward(self, features):
        return features * self.share


def trained(mean, deviation, unit):
    positions = Healpix(32).positions
    count = len(positions)
    means, deviations = np.full(2, mean, np.float32), np.full(2, deviation, np.float32)
    return Trained(
        model=FirstIsLarger(),
        hierarchy=GraphHierarchy((None,), (), (positions,), (np.ones(count),), (None,)),
        sampling="healpix:32",
        settings={
            "experiment": "any",
            "variant": "any",
            "seed": 0,
            "task": {"kind": "segmentation"},
        },
        digest="0" * 64,
        input_channels=2,
        input_times=1,
        normalization=Normalization(
            ("first", "second"), "map", means, deviations, np.tile(means, (count, 1))
        ),
        unit="1",
        outputs=("first", "second"),
        classes=("first", "second"),
        channels=("first", "second"),
        channel_units=(unit, unit),
    )


@pytest.mark.parametrize(("name", "choices", "scales", "unit", "tolerance"), FILES)
def test_probabilities_are_those_of_the_values_there(name, choices, scales, unit, tolerance):
    path = DATA / name
    chosen = dict(zip(("first", "second"), choices, strict=True))
    found = predict_fields(trained(*scales, unit), path, chosen)
    fields = open_fields(path)
    values = []
    for choice in choices:
        variable, _, place = choice.partition(",")
        field = fields[variable]
        numbers = unpacked(field.values, field.attrs)
        if place:
            dimension, value = place.split("=")
            number = fields[dimension].values.tolist().index(float(value))
            numbers = np.take(numbers, number, field.dims.index(dimension))
        values.append(numbers)
    mean, deviation = scales
    first, second = (np.where(np.isnan(one), mean, one) for one in values)
    truth = 1 / (1 + np.exp((second - first) / deviation))
    known = ~(np.isnan(values[0]) & np.isnan(values[1]))
    answer = found["probability_first"].values
    assert answer.shape == truth.shape
    # Along coasts a cell may have a value and its pixels none, and the other way round.
    assert np.mean(np.isnan(answer) == ~known) > 0.9
    both = known & ~np.isnan(answer)
    assert both.mean() > 0.3
    assert np.abs(answer - truth)[both].mean() < tolerance


def test_what_a_file_has_not():
    with pytest.raises(DeepsphereError, match=r"the file lacks first, second; it has z, u, v; say"):
        predict_fields(trained(0, 1, "m"), DATA / "latlon/eraint_uvz.nc")
    path, chosen = DATA / "latlon/coads_climatology.cdf", {"first": "SST", "second": "AIRT"}
    with pytest.raises(DeepsphereError, match="SST is in 'Deg C', but the run was trained on fi"):
        predict_fields(trained(290, 10, "K"), path, chosen)
