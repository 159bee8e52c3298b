import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.neighbours import nearest_neighbours
from deepsphere.graphs.weights import gaussian, join, time_of_width, unweighted


@settings(derandomize=True, max_examples=50)
@given(st.floats(1e-3, 2))
def test_weight_is_one_half_at_the_width(width):
    # exp(-d²/(4t)) with t = s²/(4 ln 2) is 2^(-(d/s)²).
    distances = width * np.array([0, 1, 2, 3])
    weights = gaussian(distances, time_of_width(width))
    np.testing.assert_allclose(weights, [1, 1 / 2, 1 / 16, 1 / 512], rtol=1e-13)


def test_published_kernel_is_nearly_unweighted():
    # exp(-d²/0.1) has t = 0.025; 0.014 is the mean distance to 5 neighbours of 1,573 stations.
    assert gaussian(np.array([0.014]), 0.025)[0] == pytest.approx(np.exp(-(0.014**2) / 0.1))
    assert gaussian(np.array([0.014]), 0.025)[0] > 0.99
    np.testing.assert_array_equal(unweighted(np.array([0, 0.5, 2])), [1, 1, 1])


def test_vanishing_weights_are_zero():
    epsilon = np.finfo(np.float64).eps
    # 2^(-(d/s)²) reaches epsilon = 2^-52 at d = s sqrt(52).
    weights = gaussian(np.sqrt([51.9, 52.1, 1e4]), time_of_width(1))
    assert weights[0] > epsilon
    assert not weights[1:].any()


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_widths_and_times_must_be_positive(value):
    with pytest.raises(DeepsphereError, match=r"width .* must be positive"):
        time_of_width(value)
    with pytest.raises(DeepsphereError, match=r"time .* must be positive"):
        gaussian(np.ones(1), value)


def test_one_sided_edges_by_hand():
    # 0 and 1 choose each other; 2 chooses 1, which does not choose 2.
    indices = np.array([[1], [0], [1]])
    weights = np.array([[0.5], [0.5], [0.25]])
    union = join(indices, weights, "union").toarray()
    np.testing.assert_array_equal(union, [[0, 0.5, 0], [0.5, 0, 0.25], [0, 0.25, 0]])
    average = join(indices, weights, "average").toarray()
    np.testing.assert_array_equal(average, [[0, 0.5, 0], [0.5, 0, 0.125], [0, 0.125, 0]])


def test_zero_weights_are_no_edges():
    joined = join(np.array([[1], [0]]), np.zeros((2, 1)), "union")
    assert joined.nnz == 0


@pytest.mark.parametrize("symmetrization", ["union", "average"])
def test_joined_weights_are_symmetric_bit_for_bit(scattered, symmetrization):
    indices, distances = nearest_neighbours(scattered(400), 7)
    weights = gaussian(distances, time_of_width(distances.mean()))
    joined = join(indices, weights, symmetrization)
    assert abs(joined - joined.T).max() == 0
    assert joined.has_canonical_format
    assert joined.dtype == np.float64
    one_sided = np.zeros((400, 400))
    one_sided[np.arange(400)[:, np.newaxis], indices] = weights
    expected = {
        "union": np.maximum(one_sided, one_sided.T),
        "average": (one_sided + one_sided.T) / 2,
    }[symmetrization]
    np.testing.assert_array_equal(joined.toarray(), expected)
