"""Models from the settings of the configuration."""

from functools import cache

import pytest
import torch

from deepsphere.config.models import RecurrentUNet, UNet
from deepsphere.graphs.recipe import Recipe
from deepsphere.nn.building import build_graph_hierarchy
from deepsphere.nn.models import recurrent_unet, unet
from deepsphere.nn.temporal import StackedWindows
from deepsphere.samplings.healpix import Healpix
from deepsphere.training.models import build_model

JIANG = [[8], [16], [32], [64], [128], [128]]
WIDER = [[64, 128], [256], [512], [1024], [1024], [1024]]


@cache
def hierarchy(nside, levels):
    return build_graph_hierarchy(Healpix(nside), levels, Recipe(6, refinement=0))


@pytest.fixture
def without_weights(monkeypatch):
    """Leave out the drawing of weights, which takes most of the time that large networks take."""
    monkeypatch.setattr("deepsphere.nn.chebyshev.initialize", lambda *_: None)


def build(settings, levels, times=1):
    kind = {"unet": UNet, "recurrent-unet": RecurrentUNet}[settings["kind"]]
    plain = kind.model_validate(settings).model_dump(mode="json")
    return build_model(plain, 16, hierarchy(2 ** (levels - 1), levels), 3, times)


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 12_926_432),
        ({"wiring": "latest"}, 12_932_608),
        ({"wiring": "paper"}, 7_674_115),
        ({"wiring": "paper", "kernel_size": 3}, 5_756_579),
        ({"wiring": "jiang", "widths": JIANG}, 590_976),
        ({"wiring": "latest", "widths": WIDER}, 51_710_976),
    ],
)
def test_the_settings_of_the_configuration_give_the_published_networks(
    without_weights, settings, expected
):
    """The counts do not depend on the sampling."""
    pooling = {"pool": "stride", "unpool": "fill", "fill": 1.0}
    model = build({"kind": "unet", **pooling, **settings}, levels=6)
    assert isinstance(model, unet.UNet)
    assert parameters(model) == expected


def test_windows_are_stacked_unless_the_model_recurs():
    """Three times as many input channels: 4 coefficients of 32 more for each of 8 features."""
    small = {"kind": "unet", "widths": [[8], [8]], "wiring": "paper"}
    single, stacked = build(small, 2), build(small, 2, times=3)
    assert isinstance(stacked, StackedWindows)
    assert parameters(stacked) - parameters(single) == 4 * 32 * 8
    recurrent = build({**small, "kind": "recurrent-unet"}, 2, times=3)
    assert isinstance(recurrent, recurrent_unet.RecurrentUNet)
    windows = torch.randn(2, 3, 48, 16)
    for model in (stacked, recurrent):
        assert model(windows).shape == (2, 48, 3)
    assert single(windows[:, 0]).shape == (2, 48, 3)
