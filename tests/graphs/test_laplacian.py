import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csgraph, csr_array

from deepsphere.graphs.graph import build_graph
from deepsphere.graphs.laplacian import (
    LAPLACIANS,
    combinatorial_laplacian,
    normalized_laplacian,
)


@st.composite
def weight_matrices(draw):
    """Draw symmetric weights from 1e-8 to 1, with and without lone vertices."""
    vertices = draw(st.integers(2, 12))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    dense = np.triu(10 ** random.uniform(-8, 0, (vertices, vertices)), 1)
    dense[random.random((vertices, vertices)) < draw(st.floats(0, 1))] = 0
    return csr_array(dense + dense.T)


@settings(derandomize=True, max_examples=100)
@given(weight_matrices(), st.sampled_from(sorted(LAPLACIANS)))
def test_laplacians_agree_with_scipy(weights, kind):
    laplacian = LAPLACIANS[kind](weights)
    expected = csgraph.laplacian(weights, normed=kind == "normalized").toarray()
    np.testing.assert_allclose(laplacian.toarray(), expected, rtol=1e-12, atol=1e-15)
    assert laplacian.has_sorted_indices


@settings(derandomize=True, max_examples=100)
@given(weight_matrices(), st.sampled_from(sorted(LAPLACIANS)))
def test_laplacians_are_symmetric_bit_for_bit_and_positive(weights, kind):
    laplacian = LAPLACIANS[kind](weights)
    assert abs(laplacian - laplacian.T).max() == 0
    eigenvalues = np.linalg.eigvalsh(laplacian.toarray())
    bound = 2 if kind == "normalized" else 2 * weights.sum(axis=1).max()
    assert eigenvalues.min() >= -1e-13
    assert eigenvalues.max() <= bound * (1 + 1e-13)


@settings(derandomize=True, max_examples=100)
@given(weight_matrices())
def test_kernels_are_the_constant_and_the_root_of_the_degree(weights):
    degrees = weights.sum(axis=1)
    constant = combinatorial_laplacian(weights) @ np.ones(len(degrees))
    np.testing.assert_allclose(constant, 0, atol=1e-14)
    root = normalized_laplacian(weights) @ np.sqrt(degrees)
    np.testing.assert_allclose(root, 0, atol=1e-14)


@pytest.mark.parametrize("kind", sorted(LAPLACIANS))
def test_built_graphs_have_symmetric_laplacians(scattered, kind):
    laplacian = build_graph(scattered(2000), 9).laplacian(kind)
    assert abs(laplacian - laplacian.T).max() == 0


def test_ring_has_the_eigenvalues_of_a_ring(polygon):
    # Each of n corners is joined to the two beside it: L = circulant(2, -1, 0, ..., 0, -1), whose
    # eigenvectors are exp(2πijk/n) and eigenvalues 2 - 2 cos(2πk/n).
    graph = build_graph(polygon(17), 2, weights="unweighted")
    expected = np.sort(2 - 2 * np.cos(2 * np.pi * np.arange(17) / 17))
    eigenvalues = np.linalg.eigvalsh(graph.laplacian().toarray())
    np.testing.assert_allclose(eigenvalues, expected, atol=1e-14)
    # All degrees are 2, so the normalized Laplacian is half of that.
    eigenvalues = np.linalg.eigvalsh(graph.laplacian("normalized").toarray())
    np.testing.assert_allclose(eigenvalues, expected / 2, atol=1e-14)


def test_lone_vertices_have_zero_rows():
    weights = csr_array(np.array([[0, 1.0, 0], [1.0, 0, 0], [0, 0, 0]]))
    expected = [[1, -1, 0], [-1, 1, 0], [0, 0, 0]]
    for laplacian in LAPLACIANS.values():
        np.testing.assert_array_equal(laplacian(weights).toarray(), expected)


def test_tiny_weights_neither_overflow_nor_vanish():
    smallest = 5e-324
    weights = csr_array(np.array([[0, smallest], [smallest, 0]]))
    np.testing.assert_array_equal(normalized_laplacian(weights).toarray(), [[1, -1], [-1, 1]])


def test_weights_are_left_as_they_were(scattered):
    weights = build_graph(scattered(50), 4).weights
    before = weights.copy()
    for laplacian in LAPLACIANS.values():
        laplacian(weights)
    assert abs(weights - before).max() == 0
