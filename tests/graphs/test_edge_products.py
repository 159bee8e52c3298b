import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from deepsphere.graphs.edge_products import products_of_differences, sums_of_differences
from deepsphere.graphs.neighbours import nearest_neighbours
from deepsphere.graphs.threads import compiled_threads
from deepsphere.graphs.weights import join


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Start no threads for problems of a few numbers."""
    with compiled_threads(1):
        yield


@st.composite
def problems(draw):
    """Draw symmetric weights on 1 to 9 vertices, some without edges, and two sets of functions."""
    vertices, functions = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dense = np.triu(random.uniform(0.1, 1, (vertices, vertices)), 1)
    dense[random.random((vertices, vertices)) < draw(st.floats(0, 1))] = 0
    left, right = random.standard_normal((2, vertices, functions))
    return dense + dense.T, left, right


@pytest.fixture(scope="module")
def large():
    """A graph of 3000 scattered points, and two sets of functions on it."""
    random = np.random.default_rng(0)
    points = random.standard_normal((3000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    indices, distances = nearest_neighbours(points, 6)
    weights = join(indices, np.exp(-distances), "union")
    return weights, *random.standard_normal((2, 3000, 7))


@pytest.fixture
def threads():
    """Every number of threads that there may be; the one there was comes back afterwards."""
    before = numba.get_num_threads()
    yield range(1, numba.config.NUMBA_NUM_THREADS + 1)
    numba.set_num_threads(before)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(problems())
def test_sums_are_the_laplacian_times_the_fields(problem):
    dense, fields, _ = problem
    weights = csr_array(dense)
    found = sums_of_differences(weights.indptr, weights.indices, weights.data, fields)
    expected = (np.diag(dense.sum(axis=1)) - dense) @ fields
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(problems())
def test_products_are_those_of_the_differences(problem):
    dense, left, right = problem
    weights = csr_array(dense)
    differences = [fields[:, np.newaxis] - fields[np.newaxis] for fields in (left, right)]
    expected = np.sum(differences[0] * differences[1], axis=2)[np.nonzero(dense)]
    found = products_of_differences(weights.indptr, weights.indices, left, right)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(problems())
def test_the_two_are_transposes_of_each_other(problem):
    # Σ_i l_i Σ_j w_ij (r_i - r_j), where the edge {i, j} contributes from both of its ends:
    # w_ij (l_i (r_i - r_j) + l_j (r_j - r_i)) = w_ij (l_i - l_j)(r_i - r_j). The products of both
    # directions add up to twice that.
    dense, left, right = problem
    weights = csr_array(dense)
    offsets, columns, values = weights.indptr, weights.indices, weights.data
    one = np.sum(left * sums_of_differences(offsets, columns, values, right))
    other = values @ products_of_differences(offsets, columns, left, right) / 2
    assert one == pytest.approx(other, rel=1e-11, abs=1e-11)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(problems())
def test_a_product_is_the_derivative_by_the_weight_of_an_edge(problem):
    # The sum is linear in the weights: 1 more, in both directions, is the whole derivative.
    dense, left, right = problem
    weights = csr_array(dense)
    offsets, columns, values = weights.indptr, weights.indices, weights.data
    products = products_of_differences(offsets, columns, left, right)
    rows = np.repeat(np.arange(len(dense)), np.diff(offsets))
    before = np.sum(left * sums_of_differences(offsets, columns, values, right))
    for edge in range(min(len(columns), 4)):
        ends = {rows[edge], columns[edge]}
        more = np.array([{i, j} == ends for i, j in zip(rows, columns, strict=True)], dtype=float)
        assert more.sum() == 2
        after = np.sum(left * sums_of_differences(offsets, columns, values + more, right))
        assert after - before == pytest.approx(products[edge], rel=1e-9, abs=1e-9)


def test_an_edge_has_the_same_bits_from_either_end(large):
    weights, left, right = large
    products = products_of_differences(weights.indptr, weights.indices, left, right)
    found = csr_array((products, weights.indices, weights.indptr), weights.shape)
    transposed = found.T.tocsr()
    np.testing.assert_array_equal(transposed.indices, found.indices)
    assert transposed.data.tobytes() == found.data.tobytes()


def test_the_bits_do_not_depend_on_the_number_of_threads(large, threads):
    weights, left, right = large
    found = set()
    for number in threads:
        numba.set_num_threads(number)
        sums = sums_of_differences(weights.indptr, weights.indices, weights.data, right)
        products = products_of_differences(weights.indptr, weights.indices, left, right)
        found.add((sums.tobytes(), products.tobytes()))
    assert len(found) == 1


def test_functions_are_left_as_they_were(large):
    weights, left, right = large
    before = left.copy(), right.copy(), weights.copy()
    sums_of_differences(weights.indptr, weights.indices, weights.data, right)
    products_of_differences(weights.indptr, weights.indices, left, right)
    np.testing.assert_array_equal(left, before[0])
    np.testing.assert_array_equal(right, before[1])
    assert (weights != before[2]).nnz == 0
