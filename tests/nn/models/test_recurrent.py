import numpy as np
import pytest
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.nn.models.recurrent import Model, Recurrent


def test_it_works_on_every_sampling_and_any_number_of_times(hierarchy, draw):
    pixels = hierarchy.pixels(0)
    model = Recurrent(2, 3, hierarchy, kernel_size=3, widths=(4, 5))
    assert model(draw(2, 1, pixels, 2)).shape == (2, pixels, 3)
    result = model(draw(2, 4, pixels, 2))
    assert result.shape == (2, pixels, 3)
    result.square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


def test_it_remembers_the_first_map_and_the_order_of_maps(hierarchy_on, draw):
    model = Recurrent(2, 3, hierarchy_on("stations"), kernel_size=3, widths=(4,))
    features = draw(2, 4, 80, 2)
    others = features.clone()
    others[:, 0] += 1
    assert (model(others) - model(features)).abs().max() > 1e-3
    assert (model(features.flip(1)) - model(features)).abs().max() > 1e-3


@pytest.mark.parametrize("training", [True, False])
def test_relabelled_vertices_give_relabelled_values(
    rescaled_laplacian, hierarchy_of, draw, training
):
    matrix = rescaled_laplacian(10)
    order = np.random.default_rng(0).permutation(10)
    models = []
    for given in (matrix, matrix[order][:, order]):
        torch.manual_seed(0)
        hierarchy = hierarchy_of(given, torch.float64)
        models.append(Model(2, 3, hierarchy, kernel_size=3).double().train(training))
    features = draw(2, 4, 10, 2, dtype=torch.float64)
    expected = models[0](features)[:, order]
    torch.testing.assert_close(models[1](features[:, :, order]), expected, rtol=0, atol=1e-12)


def test_what_is_in_the_padding_is_never_seen(hierarchy_on, draw):
    hierarchy = hierarchy_on("partial")
    model = Recurrent(2, 3, hierarchy, kernel_size=3, widths=(4,))
    features = draw(2, 3, hierarchy.pixels(0), 2)
    other = features.clone()
    other[:, :, ~hierarchy.known[0]] = torch.nan
    assert torch.equal(model(other), model(features))


def test_its_state_comes_back(hierarchy_on, draw, assert_state_returns):
    hierarchy = hierarchy_on("stations")
    assert_state_returns(lambda: Recurrent(2, 3, hierarchy, kernel_size=3), draw(2, 3, 80, 2))


def test_it_can_be_exported(hierarchy_on, draw, assert_exportable):
    model = Recurrent(2, 3, hierarchy_on("stations"), kernel_size=3, widths=(4,))
    assert_exportable(model, draw(2, 3, 80, 2))


def test_it_learns_one_batch_by_heart(hierarchy_on, draw, overfit):
    """The product of a pixel's numbers at the first and the last time."""
    torch.manual_seed(0)
    model = Recurrent(1, 1, hierarchy_on("tiny"), kernel_size=2, widths=(32,))
    features = draw(2, 3, 48, 1)
    before, after = overfit(model, features, features[:, 0] * features[:, 2], steps=100)
    assert after < before / 10


def test_a_network_without_layers_is_refused(hierarchy_on):
    with pytest.raises(DeepsphereError, match="at least one width; found none"):
        Recurrent(2, 3, hierarchy_on("tiny"), kernel_size=3, widths=())
