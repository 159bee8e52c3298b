import numpy as np
import pytest
import scipy.sparse
import scipy.stats
import torch

from deepsphere.nn.models.global_regressor import GlobalRegressor, Model
from deepsphere.nn.operator import SymmetricOperator


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def make(matrix, widths=(4, 6, 5), kernel_size=3):
    torch.manual_seed(0)
    laplacian = SymmetricOperator(scipy.sparse.csr_array(matrix), torch.float64)
    return GlobalRegressor(2, widths, kernel_size, laplacian).double()


@pytest.mark.parametrize(("kernel_size", "expected"), [(5, 75_600), (1, 15_400)])
def test_it_has_as_many_parameters_as_published(rescaled_laplacian, kernel_size, expected):
    laplacian = SymmetricOperator(rescaled_laplacian(8))
    model = Model(1, (50, 100, 100), kernel_size, laplacian)
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


@pytest.mark.parametrize("training", [True, False])
def test_relabelled_vertices_give_the_same_value(rescaled_laplacian, training):
    matrix = rescaled_laplacian(10).toarray()
    order = np.random.default_rng(0).permutation(10)
    model = make(matrix).train(training)
    relabelled = make(matrix[np.ix_(order, order)]).train(training)
    relabelled.load_state_dict(model.state_dict())
    features = draw(3, 10, 2)
    expected = model(features)
    assert expected.shape == (3,)
    torch.testing.assert_close(relabelled(features[:, order]), expected, rtol=0, atol=1e-12)
    # Relabelling the signal alone is another problem: the graph matters.
    assert (model(features[:, order]) - expected).abs().max() > 1e-4


def test_without_neighbours_it_is_a_perceptron_averaged_over_the_pixels(rescaled_laplacian):
    """In evaluation, before any training, the normalization only divides by √(1 + 1e-5)."""
    model = make(rescaled_laplacian(10), widths=(4,), kernel_size=1).eval()
    with torch.no_grad():
        model.blocks[0].bias.copy_(torch.tensor([0.1, -0.2, 0.3, 0]))
    features = draw(3, 10, 2)
    [block] = model.blocks
    hidden = features.numpy() @ block.convolution.weight[0].detach().numpy() / np.sqrt(1 + 1e-5)
    hidden = np.maximum(hidden + block.bias.detach().numpy(), 0)
    expected = hidden.mean(axis=1) @ model.weight.detach().numpy()
    np.testing.assert_allclose(model(features).detach().numpy(), expected, rtol=0, atol=1e-14)


def test_the_last_weights_start_as_published(rescaled_laplacian):
    """A normal distribution of standard deviation 1/√F, cut at two of them."""
    torch.manual_seed(0)
    model = GlobalRegressor(1, (5000,), 1, SymmetricOperator(rescaled_laplacian(3)))
    scaled = model.weight.detach().numpy() * np.sqrt(5000)
    assert np.abs(scaled).max() <= 2 + 1e-6
    assert scipy.stats.kstest(scaled, scipy.stats.truncnorm(-2, 2).cdf).pvalue > 0.01


def test_every_parameter_gets_a_gradient(rescaled_laplacian):
    model = make(rescaled_laplacian(10))
    model(draw(3, 10, 2)).square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())
