"""What a model says about samples."""

import numpy as np
import pytest
import torch

from deepsphere.nn.digest import weights_digest
from deepsphere.tasks.regression import regression_metrics
from deepsphere.training.devices import open_fabric
from deepsphere.training.objectives import Regression
from deepsphere.training.prediction import predict, score

CPU = torch.device("cpu")


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_predictions_are_in_order_and_in_the_unit_of_the_data(make_samples, offset, batch_size):
    samples = make_samples()
    numbers = samples.splits["test"][::-1]
    prediction, target, known = predict(offset(), samples, numbers, batch_size, CPU)
    observed = samples.observed(numbers)
    np.testing.assert_array_equal(known, np.isfinite(observed))
    np.testing.assert_allclose(target[known], observed[known], rtol=1e-5, atol=1e-6)
    # 0.75 deviations above the mean of each channel.
    channel = np.broadcast_to((numbers % 2)[:, None], prediction.shape)
    np.testing.assert_allclose(prediction, np.where(channel, -0.2 + 1.5, 0.1 + 0.375), rtol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_predicting_changes_nothing_in_the_model(make_samples, small, training):
    torch.manual_seed(0)
    model, samples = small().train(training), make_samples()
    before = weights_digest(model.state_dict())
    first, _, _ = predict(model, samples, np.arange(20), 20, CPU)
    second, _, _ = predict(model, samples, np.arange(20), 3, CPU)
    # In evaluation a sample's prediction does not depend on its batch.
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert weights_digest(model.state_dict()) == before
    assert model.training is training


def test_score_is_that_of_the_predictions(make_samples, make_settings, small):
    torch.manual_seed(0)
    model, samples = small(), make_samples()
    numbers = samples.splits["test"]
    expected = regression_metrics(*predict(model, samples, numbers, 9, CPU))
    fabric = open_fabric(make_settings())
    assert score(model, samples, numbers, Regression(), 9, fabric) == expected


def test_infinite_predictions_have_no_finite_score(make_samples, make_settings, offset):
    model = offset()
    torch.nn.init.constant_(model.value, np.inf)
    samples = make_samples()
    numbers = samples.splits["test"]
    fabric = open_fabric(make_settings())
    assert np.isinf(score(model, samples, numbers, Regression(), 9, fabric)["mse"])
