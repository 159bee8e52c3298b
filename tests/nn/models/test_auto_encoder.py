import pytest
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.nn.models.auto_encoder import AutoEncoder, Model
from deepsphere.nn.pooling.strided import StridedConv, TransposedStridedConv


@pytest.mark.parametrize("resampling", ["learned", "max", "mean", "stride"])
def test_maps_go_through_a_code(hierarchy, draw, resampling):
    """All but learned resampling work on every sampling."""
    widths = (4, 5)[: len(hierarchy) - 1]
    settings = {"code_channels": 3, "widths": widths, "resampling": resampling}
    if resampling == "learned" and any(map.children is None for map in hierarchy.maps):
        with pytest.raises(ValueError, match="expected a map with children"):
            AutoEncoder(2, hierarchy, **settings)
        return
    model = Model(2, hierarchy, **settings)
    features = draw(2, hierarchy.pixels(0), 2)
    code = model.encode(features)
    assert code.shape == (2, hierarchy.pixels(len(widths)), 3)
    result = model.decode(code)
    assert result.shape == features.shape
    result.square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())
    kinds = (StridedConv, TransposedStridedConv)
    found = [type(module) for module in model.modules() if isinstance(module, kinds)]
    expected = [StridedConv, StridedConv, TransposedStridedConv, TransposedStridedConv]
    assert found == (expected if resampling == "learned" else [])


def test_nothing_but_the_code_comes_through(hierarchy_on, draw):
    model = AutoEncoder(2, hierarchy_on("healpix"), code_channels=3, widths=(4, 5)).eval()
    features = draw(2, 192, 2)
    assert torch.equal(model(features), model.decode(model.encode(features)))
    with torch.no_grad():
        model.encoder[-1].weight.zero_()
    result = model(features)
    assert torch.equal(result[0], result[1])


@pytest.mark.parametrize("resampling", ["learned", "max", "mean", "stride"])
def test_what_is_in_the_padding_is_never_seen(hierarchy_on, draw, resampling):
    hierarchy = hierarchy_on("partial")
    settings = {"code_channels": 3, "widths": (4, 5), "resampling": resampling}
    model = AutoEncoder(2, hierarchy, **settings).eval()
    features = draw(2, hierarchy.pixels(0), 2)
    other = features.clone()
    other[:, ~hierarchy.known[0]] = torch.nan
    assert torch.equal(model(other), model(features))


def test_its_state_comes_back(hierarchy_on, draw, assert_state_returns):
    hierarchy = hierarchy_on("healpix")
    assert_state_returns(
        lambda: AutoEncoder(2, hierarchy, code_channels=3, widths=(4, 5)), draw(2, 192, 2)
    )


def test_it_can_be_exported(hierarchy_on, draw, assert_exportable):
    model = AutoEncoder(2, hierarchy_on("healpix"), code_channels=3, widths=(4, 5))
    assert_exportable(model, draw(2, 192, 2))


def test_it_learns_one_batch_by_heart(hierarchy_on, draw, overfit):
    """Four pixels of one channel fit into the channels of one."""
    torch.manual_seed(0)
    model = AutoEncoder(1, hierarchy_on("tiny"), code_channels=4, widths=(32,))
    features = draw(4, 48, 1)
    before, after = overfit(model, features, features, steps=100)
    assert after < before / 10


def test_what_does_not_fit_is_refused_in_one_line(hierarchy_on):
    with pytest.raises(DeepsphereError, match=r"works on 4 levels, but its graph has 3; give the"):
        AutoEncoder(2, hierarchy_on("healpix"), code_channels=3)
    with pytest.raises(DeepsphereError, match=r"has at least one width; found none"):
        AutoEncoder(2, hierarchy_on("healpix"), code_channels=3, widths=())
