"""Which sample it was."""

import dataclasses

import numpy as np
import pytest
import torch

from deepsphere.training.averaging import copied_state
from deepsphere.training.devices import open_fabric
from deepsphere.training.diagnosis import not_finite
from deepsphere.training.learner import make_learner
from deepsphere.training.objectives import Regression

NUMBERS = [np.array([8, 3]), np.array([5, 0])]


class Reciprocal(torch.nn.Module):
    """A model that is not finite where the first value of a map is 0."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, features):
        return self.weight / features[:, :1, 0].expand(features.shape[:2])


def diagnose(settings, samples, build, spoil=None):
    learner = make_learner(open_fabric(settings), build, Regression(), settings, 0)
    learner.wrapped.train()
    before = copied_state(learner.model)
    if spoil is not None:
        spoil(learner.model)
    error = not_finite(learner, before, samples, NUMBERS, 7)
    assert learner.model.training
    assert "\n" not in str(error)
    return str(error)


def test_a_sample_with_bad_data_is_named(make_settings, make_samples, offset):
    """Sample 5 is the second channel of the window of days 2 to 4, whose last has a gap."""
    samples = make_samples()
    values, fill = samples.values.copy(), samples.fill.copy()
    values[2:5, 6, 1] = np.nan
    fill[6, 1] = np.inf
    samples = dataclasses.replace(samples, values=values, fill=fill)
    assert diagnose(make_settings(), samples, offset) == (
        "training: the loss is not finite in epoch 7: sample 5 (2010-01-06) has "
        "3 times inf in its input; mend it, or mark it as unknown"
    )


def test_a_known_target_that_is_not_finite_is_named(make_settings, make_samples, offset):
    class Known(type(make_samples())):
        def batch(self, samples):
            batch = super().batch(samples)
            target = np.where(samples[:, None] == 3, np.float32(np.inf), batch.target)
            return dataclasses.replace(batch, target=target)

    whole = make_samples()
    fields = {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole)}
    assert "sample 3 (2010-01-05) has 8 times inf in its target" in diagnose(
        make_settings(), Known(**fields), offset
    )


def test_a_gap_that_is_known_as_such_is_no_flaw(make_settings, make_samples, offset):
    samples = make_samples()
    values = samples.values.copy()
    values[3:8] = np.nan
    text = diagnose(make_settings(), dataclasses.replace(samples, values=values), offset)
    assert "sample" not in text.replace("whatever the sample", "")


def test_a_sample_that_the_model_cannot_take_is_named(make_settings, make_samples):
    """Sample 0 is the first channel's first day; normalized, it is 0 where it is the mean."""
    samples = make_samples()
    values = samples.values.copy()
    values[0, 0, 0] = samples.mean[0]
    samples = dataclasses.replace(samples, values=values)
    assert diagnose(make_settings(), samples, Reciprocal) == (
        "training: the loss is not finite in epoch 7: that of sample 0 (2010-01-04) is not, "
        "though its data are; look at it, or lower the learning rate (found 0.01)"
    )


def test_the_model_that_is_asked_is_the_one_before_the_batches(make_settings, make_samples):
    """By then, the real one says NaN whatever the sample."""
    samples = make_samples()
    values = samples.values.copy()
    values[0, 0, 0] = samples.mean[0]
    samples = dataclasses.replace(samples, values=values)
    assert "that of sample 0 (2010-01-04) is not, though its data are" in diagnose(
        make_settings(),
        samples,
        Reciprocal,
        spoil=lambda model: torch.nn.init.constant_(model.weight, np.nan),
    )


def test_a_model_that_diverged_blames_no_sample(make_settings, make_samples):
    def build():
        model = Reciprocal()
        torch.nn.init.constant_(model.weight, np.nan)
        return model

    assert diagnose(make_settings(), make_samples(), build) == (
        "training: the loss is not finite in epoch 7, whatever the sample; "
        "lower the learning rate (found 0.01)"
    )


@pytest.mark.parametrize("bad", [0, 3])
def test_only_the_samples_of_the_batches_are_suspected(make_settings, make_samples, offset, bad):
    samples = make_samples()
    values, fill = samples.values.copy(), samples.fill.copy()
    fill[1] = np.nan
    values[bad, 1] = np.nan
    samples = dataclasses.replace(samples, values=values, fill=fill)
    text = diagnose(make_settings(), samples, offset)
    # The windows of samples 0, 3, 5 and 8 begin on days 0, 1, 2 and 4; day 3 is no window's first.
    assert ("has" in text) == (bad == 0)
