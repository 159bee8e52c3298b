import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.neighbours import nearest_neighbours
from deepsphere.graphs.weights import (
    gaussian,
    inverse_distance,
    join,
    symmetrize,
    time_of_width,
)


@settings(derandomize=True, max_examples=50, deadline=None)
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


def test_vanishing_weights_are_zero():
    epsilon = np.finfo(np.float64).eps
    # 2^(-(d/s)²) reaches epsilon = 2^-52 at d = s sqrt(52).
    weights = gaussian(np.sqrt([51.9, 52.1, 1e4]), time_of_width(1))
    assert weights[0] > epsilon
    assert not weights[1:].any()


def test_distances_are_left_as_they_were():
    distances = np.array([0.1, 0.2])
    gaussian(distances, 0.01)
    inverse_distance(distances, 1)
    inverse_distance(distances, 2)
    np.testing.assert_array_equal(distances, [0.1, 0.2])


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_widths_and_times_must_be_positive(value):
    with pytest.raises(DeepsphereError, match=r"width .* must be positive"):
        time_of_width(value)
    with pytest.raises(DeepsphereError, match=r"time .* must be positive"):
        gaussian(np.ones(1), value)


def test_a_width_may_be_so_wide_that_all_weights_are_one():
    for width in (1e9, 1e300):
        np.testing.assert_array_equal(gaussian(np.array([0.0, 2]), time_of_width(width)), 1)


def test_inverse_distances():
    np.testing.assert_array_equal(inverse_distance(np.array([0.25, 2]), 1), [4, 0.5])
    # 1/(d² + 1e-8) is 1e8 at one place, and half of it 1e-4 further.
    found = inverse_distance(np.array([0, 1e-4, 0.5]), 2)
    np.testing.assert_allclose(found, [1e8, 5e7, 1 / (0.25 + 1e-8)], rtol=1e-14)


def test_points_at_one_place_have_no_inverse_distance():
    # Longitudes turn a station at a pole by rounding errors.
    for distance in (0.0, 1e-16):
        with pytest.raises(DeepsphereError, match="different places; found two at one place"):
            inverse_distance(np.array([0.1, distance]), 1)


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


@st.composite
def one_sided_matrices(draw):
    """Draw matrices whose entries (i, j) and (j, i) agree where both exist."""
    points = draw(st.integers(1, 12))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = np.triu(random.uniform(0.1, 1, (points, points)), 1)
    values += values.T
    values[random.random((points, points)) < draw(st.floats(0, 1))] = 0
    return values


@settings(derandomize=True, max_examples=100, deadline=None)
@given(one_sided_matrices(), st.sampled_from(["union", "average"]), st.integers(1, 13))
def test_symmetrized_by_any_blocks_agrees_with_dense_matrices(dense, symmetrization, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deepsphere.graphs.weights._BLOCK_ROWS", block)
        found = symmetrize(csr_array(dense), symmetrization)
    expected = {"union": np.maximum(dense, dense.T), "average": (dense + dense.T) / 2}
    np.testing.assert_array_equal(found.toarray(), expected[symmetrization])
    assert found.nnz == np.count_nonzero(expected[symmetrization])
    assert found.has_canonical_format
    assert found.dtype == np.float64


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
