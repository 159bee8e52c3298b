import numpy as np
import pytest
import scipy.sparse
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.nn.models.global_regressor import GlobalRegressor, Model


@pytest.fixture
def make(hierarchy_of):
    """Return a function that makes a small network on a graph."""

    def network(matrix, widths=(4, 6, 5), kernel_size=3, **others):
        torch.manual_seed(0)
        hierarchy = hierarchy_of(scipy.sparse.csr_array(matrix), torch.float64, **others)
        return GlobalRegressor(2, hierarchy, kernel_size=kernel_size, widths=widths).double()

    return network


@pytest.mark.parametrize(("kernel_size", "expected"), [(5, 75_600), (1, 15_400)])
def test_it_has_as_many_parameters_as_published(
    rescaled_laplacian, hierarchy_of, count, kernel_size, expected
):
    model = Model(1, hierarchy_of(rescaled_laplacian(8)), kernel_size=kernel_size)
    assert count(model) == expected


@pytest.mark.parametrize("training", [True, False])
def test_relabelled_vertices_give_the_same_value(rescaled_laplacian, make, draw, training):
    matrix = rescaled_laplacian(10).toarray()
    order = np.random.default_rng(0).permutation(10)
    model = make(matrix).train(training)
    relabelled = make(matrix[np.ix_(order, order)]).train(training)
    relabelled.load_state_dict(model.state_dict())
    features = draw(3, 10, 2, dtype=torch.float64)
    expected = model(features)
    assert expected.shape == (3,)
    torch.testing.assert_close(relabelled(features[:, order]), expected, rtol=0, atol=1e-12)
    # Relabelling the signal alone is another problem: the graph matters.
    assert (model(features[:, order]) - expected).abs().max() > 1e-4


def test_without_neighbours_it_is_a_perceptron_averaged_over_the_pixels(
    rescaled_laplacian, make, draw
):
    """In evaluation, before any training, the normalization only divides by √(1 + 1e-5)."""
    model = make(rescaled_laplacian(10), widths=(4,), kernel_size=1).eval()
    with torch.no_grad():
        model.blocks[0].bias.copy_(torch.tensor([0.1, -0.2, 0.3, 0]))
    features = draw(3, 10, 2, dtype=torch.float64)
    [block] = model.blocks
    hidden = features.numpy() @ block.convolution.weight[0].detach().numpy() / np.sqrt(1 + 1e-5)
    hidden = np.maximum(hidden + block.bias.detach().numpy(), 0)
    expected = hidden.mean(axis=1) @ model.dense.weight[0].detach().numpy()
    np.testing.assert_allclose(model(features).detach().numpy(), expected, rtol=0, atol=1e-14)


def test_every_parameter_gets_a_gradient(rescaled_laplacian, make, draw):
    model = make(rescaled_laplacian(10))
    model(draw(3, 10, 2, dtype=torch.float64)).square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


def test_the_mean_is_weighted_by_areas_and_without_padding(rescaled_laplacian, make, draw):
    matrix = rescaled_laplacian(10)
    areas, known = np.linspace(0.5, 1.5, 10), np.arange(10) > 2
    features = draw(3, 10, 2, dtype=torch.float64)
    features[:, :3] = 0
    plain, model = make(matrix).eval(), make(matrix, areas=areas, known=known).eval()
    weights = torch.as_tensor(areas * known / areas[known].sum())
    values = features
    for block in plain.blocks:
        values = block(values * torch.as_tensor(known)[:, None])
    expected = (weights @ values) @ plain.dense.weight[0]
    features[:, :3] = torch.nan
    torch.testing.assert_close(model(features), expected, rtol=0, atol=1e-6)
    assert (expected - plain(features.nan_to_num())).abs().max() > 1e-4


def test_it_learns_one_batch_by_heart(hierarchy_on, draw, overfit):
    torch.manual_seed(0)
    model = GlobalRegressor(2, hierarchy_on("stations"), kernel_size=3, widths=(32, 32))
    before, after = overfit(model, draw(8, 80, 2), draw(8, seed=1))
    assert after < before / 10


def test_a_network_without_layers_is_refused(hierarchy_on):
    with pytest.raises(DeepsphereError, match="at least one width; found none"):
        GlobalRegressor(2, hierarchy_on("tiny"), kernel_size=3, widths=())


def test_on_stations_the_mean_is_plain_as_published(hierarchy_on):
    assert GlobalRegressor(2, hierarchy_on("stations"), kernel_size=3).mean.areas is None
    assert GlobalRegressor(2, hierarchy_on("equiangular"), kernel_size=3).mean.areas is not None
