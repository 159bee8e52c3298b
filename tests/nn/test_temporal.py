import copy

import numpy as np
import pytest
import scipy.sparse
import torch

from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.temporal import GraphGRU, StackedWindows

PIXELS = 7


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


@pytest.fixture
def make(rescaled_laplacian):
    """Return a function that makes a unit of 2 channels and states of 3."""

    def unit(kernel_size):
        torch.manual_seed(0)
        matrix = scipy.sparse.csr_array(rescaled_laplacian(PIXELS))
        made = GraphGRU(2, 3, kernel_size, SymmetricOperator(matrix, torch.float64)).double()
        with torch.no_grad():
            made.entering.bias.normal_()
            made.remembered.bias.normal_()
        return made

    return unit


def test_without_neighbours_it_is_the_unit_of_pytorch_in_each_pixel(make):
    unit = make(kernel_size=1)
    oracle = torch.nn.GRU(2, 3, batch_first=True).double()
    with torch.no_grad():
        oracle.weight_ih_l0.copy_(unit.entering.weight[0].T)
        oracle.weight_hh_l0.copy_(unit.remembered.weight[0].T)
        oracle.bias_ih_l0.copy_(unit.entering.bias)
        oracle.bias_hh_l0.copy_(unit.remembered.bias)
    features, state = draw(4, 5, PIXELS, 2), draw(4, PIXELS, 3, seed=1)
    for given in (None, state):
        of_pixels = None if given is None else given.reshape(1, 4 * PIXELS, 3)
        states, _ = oracle(features.transpose(1, 2).reshape(4 * PIXELS, 5, 2), of_pixels)
        expected = states.reshape(4, PIXELS, 5, 3).transpose(1, 2)
        torch.testing.assert_close(unit(features, given), expected, rtol=0, atol=1e-12)


def test_a_window_may_be_cut(make):
    unit, features = make(kernel_size=3), draw(4, 5, PIXELS, 2)
    states = unit(features)
    first = unit(features[:, :2])
    rest = unit(features[:, 2:], first[:, -1])
    torch.testing.assert_close(torch.cat((first, rest), dim=1), states, rtol=0, atol=1e-12)


def test_what_is_near_reaches_a_state_as_fast_as_the_filters_reach(make):
    """One edge with each convolution: in the first state one, and the second has two more."""
    unit = make(kernel_size=2)
    pattern = torch.zeros(PIXELS, PIXELS, dtype=torch.float64)
    operator = unit.remembered.laplacian
    for row in range(PIXELS):
        entries = slice(operator.offsets[row], operator.offsets[row + 1])
        pattern[row, operator.columns[entries].long()] = 1
    features = draw(1, 3, PIXELS, 2)
    other = features.clone()
    other[:, 0, 0] += 1
    change = (unit(other) - unit(features)).abs().amax(dim=(0, 3)) > 0
    reached = pattern[0] > 0
    for time in range(3):
        assert change[time, 0]
        assert not change[time, ~reached].any()
        reached = (pattern @ reached.double()) > 0


def test_gradients_reach_the_first_map_and_every_weight(make):
    unit = make(kernel_size=3)
    features = draw(2, 4, PIXELS, 2).requires_grad_()
    unit(features)[:, -1].square().sum().backward()
    assert (features.grad[:, 0].abs() > 0).any()
    assert all(parameter.grad.abs().max() > 0 for parameter in unit.parameters())


def test_it_can_be_copied(make):
    unit, features = make(kernel_size=3), draw(2, 4, PIXELS, 2)
    assert torch.equal(copy.deepcopy(unit)(features), unit(features))


def test_a_window_becomes_channels_of_one_map():
    """All channels of the first time, then all of the next."""
    features = torch.arange(2 * 3 * 5 * 2).view(2, 3, 5, 2)
    stacked = StackedWindows(torch.nn.Identity())(features)
    assert stacked.shape == (2, 5, 6)
    for time in range(3):
        assert torch.equal(stacked[..., 2 * time : 2 * time + 2], features[:, time])


def test_other_shapes_are_refused(make):
    for layer in (make(kernel_size=2), StackedWindows(torch.nn.Identity())):
        for shape in [(2, PIXELS, 2), (2, 0, PIXELS, 2)]:
            with pytest.raises(ValueError, match=r"expected features of shape \(batch, time, pix"):
                layer(torch.zeros(shape, dtype=torch.float64))


def test_under_autocast_a_state_of_single_precision_is_taken(make):
    unit = make(kernel_size=2).float()
    features, state = draw(2, 3, PIXELS, 2).float(), draw(2, PIXELS, 3, seed=1).float()
    expected = unit(features, state)
    with torch.autocast("cpu", torch.bfloat16):
        states = unit(features, state)
    torch.testing.assert_close(states.float(), expected, rtol=0, atol=0.05)


def test_what_unknown_pixels_hold_reaches_no_known_one(make, rescaled_laplacian):
    known = np.arange(PIXELS) != 2
    matrix = scipy.sparse.csr_array(rescaled_laplacian(PIXELS))
    unit = GraphGRU(2, 3, 3, SymmetricOperator(matrix, torch.float64), known=known).double()
    plain = make(kernel_size=3)
    unit.load_state_dict(plain.state_dict())
    features, state = draw(2, 3, PIXELS, 2), draw(2, PIXELS, 3, seed=1)
    expected = unit(features, state)
    features[:, :, 2], state[:, 2] = torch.nan, 7
    assert torch.equal(unit(features, state)[:, :, known], expected[:, :, known])
    features[:, :, 2], state[:, 2] = 0, 0
    # Of one step, as the plain unit's state in the pixel is not 0 after it.
    found = unit(features[:, :1], state)[:, :, known]
    torch.testing.assert_close(found, plain(features[:, :1], state)[:, :, known])
