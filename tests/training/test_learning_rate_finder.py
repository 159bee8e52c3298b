import numpy as np
import pytest
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.training.learning_rate_finder import find_learning_rate


class Parabola:
    """Gradient descent on c x² / 2: a step at the rate r multiplies x by 1 - r c."""

    def __init__(self, curvature):
        self.curvature, self.place, self.rates = curvature, 1.0, []

    def __call__(self, rate):
        self.rates.append(rate)
        loss = self.curvature * self.place**2 / 2
        self.place *= 1 - rate * self.curvature
        return loss


@pytest.mark.parametrize("curvature", [0.5, 8.0, 300.0])
def test_the_loss_of_a_parabola_is_lowest_at_two_over_its_curvature(curvature):
    """|1 - r c| < 1 exactly for r < 2 / c: there the loss falls, and beyond it rises.

    The mean of five losses is lowest a few steps off; a step is a factor of 1.07.
    """
    parabola = Parabola(curvature)
    found = find_learning_rate(parabola, 1e-6, 100, 273)
    assert found.suggestion == pytest.approx(0.2 / curvature, rel=0.3)
    # It stopped soon after, long before the highest rate.
    assert found.rates[-1] < 5 / curvature
    assert found.rates.tolist() == parabola.rates
    assert len(found.losses) == len(found.rates)
    assert found.losses[0] == curvature / 2


def test_rates_rise_geometrically_over_the_whole_range_unless_the_loss_diverges():
    found = find_learning_rate(Parabola(1.0), 1e-4, 1e-1, 31)
    assert found.rates[[0, 10, 20, 30]] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1])
    np.testing.assert_allclose(np.diff(np.log(found.rates)), np.log(10) / 10)
    # The loss still falls at the end: the lowest mean is that of the last five.
    assert found.suggestion == pytest.approx(found.rates[28] / 10)


def test_single_low_losses_do_not_decide():
    """Losses of 1, but for a valley of width 20 about step 60 and a spike to 0.5 at step 10."""
    number = np.arange(100)
    losses = 1 - 0.6 * np.exp(-(((number - 60) / 10) ** 2))
    losses[10] = 0.5
    stream = iter(losses)
    found = find_learning_rate(lambda rate: next(stream), 1e-6, 1, 100)
    assert found.suggestion == pytest.approx(found.rates[60] / 10)
    np.testing.assert_array_equal(found.losses, losses)


def test_the_run_ends_when_the_mean_of_five_is_four_times_the_lowest():
    """The loss is 1 and then 1 + k / 2: the mean of five is k / 2, and over 4 from k = 9."""
    losses = [2.0] * 5 + [1.0] * 10 + [1 + k / 2 for k in range(1, 86)]
    stream = iter(losses)
    found = find_learning_rate(lambda rate: next(stream), 1e-6, 1, 100)
    assert found.losses.tolist() == losses[: 15 + 9]
    np.testing.assert_array_equal(found.rates, np.geomspace(1e-6, 1, 100)[: 15 + 9])


def test_a_loss_that_is_not_finite_ends_the_run():
    losses = [5.0, 4, 3, 2, 1, 0.5, 0.2, float("nan"), 1]
    found = find_learning_rate(lambda rate: losses.pop(0), 1e-3, 1, 9)
    assert losses == [1]
    assert np.isnan(found.losses[7])
    assert found.suggestion == pytest.approx(found.rates[4] / 10)


def test_a_network_is_trained_at_the_suggestion():
    torch.manual_seed(0)
    inputs = torch.randn(64, 5)
    target = inputs @ torch.randn(5, 1)

    def descend(layer):
        def step(rate):
            loss = (layer(inputs) - target).square().mean()
            layer.zero_grad()
            loss.backward()
            with torch.no_grad():
                for parameter in layer.parameters():
                    parameter -= rate * parameter.grad
            return loss.item()

        return step

    suggestion = find_learning_rate(descend(torch.nn.Linear(5, 1)), 1e-5, 100).suggestion
    step = descend(torch.nn.Linear(5, 1))
    losses = [step(suggestion) for _ in range(200)]
    assert losses[-1] < 1e-3 * losses[0]


@pytest.mark.parametrize(
    "losses", [[1.0, 2, 3, 4, 5, 6, 7, 8], [float("nan")] * 8, [1, 1, float("inf"), 1, 1, 1, 1, 1]]
)
def test_a_loss_that_never_falls_is_an_error(losses):
    stream = iter(losses)
    with pytest.raises(DeepsphereError, match=r"the loss never fell; it went from .* lower rates"):
        find_learning_rate(lambda rate: next(stream), 1e-3, 1, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, 10), "found 0 and 1"),
        ((1, 1, 10), "found 1 and 1"),
        ((1e-3, 1, 5), "more than 5 steps, found 5"),
    ],
)
def test_an_empty_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        find_learning_rate(Parabola(1.0), *arguments)
