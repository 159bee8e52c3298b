from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch
import yaml

from deepsphere.errors import DeepsphereError
from deepsphere.nn.models.dense_regressor import DenseRegressor, Model
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.reference import chebyshev_convolution_reference


@pytest.fixture
def make(hierarchy_of):
    """Return a function that makes a small network on a graph."""

    def network(matrix, widths=(4, 6, 5), kernel_size=3):
        torch.manual_seed(0)
        hierarchy = hierarchy_of(scipy.sparse.csr_array(matrix), torch.float64)
        return DenseRegressor(2, hierarchy, kernel_size=kernel_size, widths=widths).double()

    return network


@pytest.mark.parametrize(("kernel_size", "expected"), [(5, 77_000), (1, 15_600)])
def test_it_has_as_many_parameters_as_published(
    rescaled_laplacian, hierarchy_of, count, kernel_size, expected
):
    model = DenseRegressor(5, hierarchy_of(rescaled_laplacian(8)), kernel_size=kernel_size)
    assert count(model) == expected


@pytest.mark.parametrize("variant", ["p0-wide", "p0-wide-sound"])
def test_the_wide_control_has_as_many_parameters_as_the_graph_network(
    rescaled_laplacian, hierarchy_of, count, variant
):
    path = Path(__file__).parents[3] / "config/config.yaml"
    experiment = yaml.safe_load(path.read_text(encoding="utf-8"))["experiments"]["ghcn"]
    model = experiment["base"]["model"] | experiment["variants"][variant]["model"]
    assert model.pop("kind") == "dense-regressor"
    assert model["kernel_size"] == 1
    window = experiment["tasks"]["temperature"]["window"]
    assert count(Model(window, hierarchy_of(rescaled_laplacian(8)), **model)) == 77_000


def test_the_network_is_the_published_formula(rescaled_laplacian, make, draw):
    matrix = rescaled_laplacian(10)
    model = make(matrix)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for block in model.blocks:
            block.bias.normal_(generator=generator)
            block.normalization.statistics.running_mean.normal_(generator=generator)
            block.normalization.statistics.running_var.uniform_(0.5, 2, generator=generator)
    features = values = draw(3, 10, 2, dtype=torch.float64)
    laplacian = SymmetricOperator(matrix, torch.float64)
    for block in model.blocks:
        statistics = block.normalization.statistics
        values = chebyshev_convolution_reference(values, block.convolution.weight, laplacian)
        values = (values - statistics.running_mean) / (statistics.running_var + 1e-5).sqrt()
        values = (values + block.bias).clamp(min=0)
    expected = chebyshev_convolution_reference(values, model.last.weight, laplacian)[..., 0]
    result = model.eval()(features)
    assert result.shape == (3, 10)
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_relabelled_vertices_give_relabelled_values(rescaled_laplacian, make, draw, training):
    matrix = rescaled_laplacian(10).toarray()
    order = np.random.default_rng(0).permutation(10)
    model = make(matrix).train(training)
    relabelled = make(matrix[np.ix_(order, order)]).train(training)
    relabelled.load_state_dict(model.state_dict())
    features = draw(3, 10, 2, dtype=torch.float64)
    expected = model(features)[:, order]
    torch.testing.assert_close(relabelled(features[:, order]), expected, rtol=0, atol=1e-12)
    # Relabelling the signal alone is another problem: the graph matters.
    assert (model(features[:, order]) - expected).abs().max() > 1e-3


def test_order_0_sees_no_neighbours_and_order_1_the_direct_ones(rescaled_laplacian, make, draw):
    matrix = rescaled_laplacian(10).toarray()
    features = draw(1, 10, 2, dtype=torch.float64)
    changed = features.clone()
    changed[0, 0] += 1
    for kernel_size, reached in ((1, np.arange(10) == 0), (2, matrix[0] != 0)):
        model = make(matrix, widths=(4,), kernel_size=kernel_size)
        # One hidden and one last convolution, the last one without neighbours.
        with torch.no_grad():
            model.last.weight[1:] = 0
        model.eval()
        difference = (model(changed) - model(features)).abs()[0].detach().numpy()
        assert (difference > 0).any()
        assert not difference[~reached].any()


def test_every_parameter_gets_a_gradient(rescaled_laplacian, make, draw):
    model = make(rescaled_laplacian(10))
    model(draw(3, 10, 2, dtype=torch.float64)).square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


def test_the_state_fits_a_model_on_the_same_kind_of_graph_only_by_what_was_learned(
    rescaled_laplacian, make, draw
):
    model = make(rescaled_laplacian(10))
    names = {name.split(".")[-1] for name in model.state_dict()}
    assert names == {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
    larger = make(rescaled_laplacian(13))
    larger.load_state_dict(model.state_dict(), strict=True)
    assert larger(draw(1, 13, 2, dtype=torch.float64)).shape == (1, 13)


def test_what_is_in_the_padding_is_never_seen(rescaled_laplacian, hierarchy_of, draw):
    known = np.arange(10) > 2
    hierarchy = hierarchy_of(rescaled_laplacian(10), known=known)
    model = DenseRegressor(2, hierarchy, kernel_size=3, widths=(4,)).eval()
    features = draw(2, 10, 2)
    other = features.clone()
    other[:, ~known] = torch.nan
    assert torch.equal(model(other), model(features))


def test_it_learns_one_batch_by_heart(hierarchy_on, draw, overfit):
    torch.manual_seed(0)
    model = DenseRegressor(2, hierarchy_on("stations"), kernel_size=3, widths=(32, 32))
    features = draw(2, 80, 2)
    before, after = overfit(model, features, features.prod(dim=2))
    assert after < before / 10


def test_it_can_be_exported(hierarchy_on, draw, assert_exportable):
    model = DenseRegressor(2, hierarchy_on("stations"), kernel_size=3, widths=(4,))
    assert_exportable(model, draw(2, 80, 2))


def test_a_network_without_layers_is_refused(hierarchy_on):
    with pytest.raises(DeepsphereError, match="at least one width; found none"):
        DenseRegressor(2, hierarchy_on("tiny"), kernel_size=3, widths=())
