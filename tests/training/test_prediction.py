"""What a model says about samples."""

import dataclasses

import numpy as np
import pytest
import torch

from deepsphere.errors import DeepsphereError
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
    found = predict(offset(), samples, numbers, Regression(), batch_size, CPU)
    prediction, target, known = found.prediction, found.target, found.known
    np.testing.assert_array_equal(found.numbers, numbers)
    assert found.descriptors is None
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
    first = predict(model, samples, np.arange(20), Regression(), 20, CPU).prediction
    second = predict(model, samples, np.arange(20), Regression(), 3, CPU).prediction
    # In evaluation a sample's prediction does not depend on its batch.
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert weights_digest(model.state_dict()) == before
    assert model.training is training


def test_score_is_that_of_the_predictions(make_samples, make_settings, small):
    torch.manual_seed(0)
    model, samples = small(), make_samples()
    numbers = samples.splits["test"]
    found = predict(model, samples, numbers, Regression(), 9, CPU)
    expected = regression_metrics(found.prediction, found.target, found.known)
    fabric = open_fabric(make_settings())
    assert score(model, samples, numbers, Regression(), 9, fabric) == expected


@pytest.mark.parametrize("part", ["input", "target"])
def test_a_sample_that_is_not_finite_is_named(make_samples, make_settings, offset, part):
    """Not so where a target is unknown."""
    whole = make_samples()

    class Flawed(type(whole)):
        def batch(self, samples):
            batch = super().batch(samples)
            inputs, target = batch.inputs.copy(), batch.target.copy()
            bad = samples == 31
            if part == "input":
                inputs[bad, 0, 1] = np.inf
            else:
                target[bad, :2] = -np.inf
            target[~batch.known] = np.nan
            return dataclasses.replace(batch, inputs=inputs, target=target)

    fields = {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole)}
    samples, fabric = Flawed(**fields), open_fabric(make_settings())
    assert not samples.batch(np.arange(40)).known.all()
    found = "1 times inf in its input" if part == "input" else "2 times -inf in its target"
    message = rf"^data: sample 31 \(2010-01-19\) has {found}; mend it, or mark it as unknown$"
    with pytest.raises(DeepsphereError, match=message):
        predict(offset(), samples, np.arange(40), Regression(), 7, CPU)
    with pytest.raises(DeepsphereError, match=message):
        score(offset(), samples, np.arange(40), Regression(), 7, fabric)
    predict(offset(), samples, np.arange(31), Regression(), 7, CPU)


def test_infinite_predictions_have_no_finite_score(make_samples, make_settings, offset):
    model = offset()
    torch.nn.init.constant_(model.value, np.inf)
    samples = make_samples()
    numbers = samples.splits["test"]
    fabric = open_fabric(make_settings())
    assert np.isinf(score(model, samples, numbers, Regression(), 9, fabric)["mse"])
