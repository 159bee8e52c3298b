import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eigh
from scipy.sparse import csgraph, csr_array

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.build import build_graph
from deepsphere.graphs.graph import Graph
from deepsphere.graphs.laplacian import combinatorial_laplacian, normalized_laplacian
from deepsphere.graphs.recipe import Recipe
from deepsphere.samplings.gauss_legendre import GaussLegendre

LAPLACIANS = {"combinatorial": combinatorial_laplacian, "normalized": normalized_laplacian}


@st.composite
def weight_matrices(draw):
    """Draw symmetric weights from 1e-8 to 1, with and without lone vertices."""
    vertices = draw(st.integers(2, 12))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    dense = np.triu(10 ** random.uniform(-8, 0, (vertices, vertices)), 1)
    dense[random.random((vertices, vertices)) < draw(st.floats(0, 1))] = 0
    return csr_array(dense + dense.T)


def ring(corners):
    """Return weights of 1 between corners that lie beside each other."""
    shifted = np.roll(np.eye(corners), 1, axis=1)
    return csr_array(shifted + shifted.T)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(weight_matrices(), st.sampled_from(sorted(LAPLACIANS)))
def test_laplacians_agree_with_scipy(weights, kind):
    laplacian = LAPLACIANS[kind](weights)
    expected = csgraph.laplacian(weights, normed=kind == "normalized").toarray()
    np.testing.assert_allclose(laplacian.toarray(), expected, rtol=1e-12, atol=1e-15)
    assert laplacian.has_sorted_indices


@settings(derandomize=True, deadline=None, max_examples=100)
@given(weight_matrices(), st.sampled_from(sorted(LAPLACIANS)))
def test_laplacians_are_symmetric_bit_for_bit_and_positive(weights, kind):
    laplacian = LAPLACIANS[kind](weights)
    assert abs(laplacian - laplacian.T).max() == 0
    eigenvalues = np.linalg.eigvalsh(laplacian.toarray())
    bound = 2 if kind == "normalized" else 2 * weights.sum(axis=1).max()
    assert eigenvalues.min() >= -1e-13
    assert eigenvalues.max() <= bound * (1 + 1e-13)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(weight_matrices())
def test_kernels_are_the_constant_and_the_root_of_the_degree(weights):
    degrees = weights.sum(axis=1)
    constant = combinatorial_laplacian(weights) @ np.ones(len(degrees))
    np.testing.assert_allclose(constant, 0, atol=1e-14)
    root = normalized_laplacian(weights) @ np.sqrt(degrees)
    np.testing.assert_allclose(root, 0, atol=1e-14)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(weight_matrices(), st.integers(0, 2**32 - 1))
def test_with_a_mass_the_eigenvalues_are_those_of_the_generalised_problem(weights, seed):
    # M^(-1/2) (D - W) M^(-1/2) v = λ v with v = M^(1/2) f is (D - W) f = λ M f.
    mass = 10 ** np.random.default_rng(seed).uniform(-2, 2, weights.shape[0])
    found = combinatorial_laplacian(weights, mass)
    assert found.has_sorted_indices
    transposed = found.T.tocsr()
    assert transposed.indices.tobytes() == found.indices.tobytes()
    assert transposed.data.tobytes() == found.data.tobytes()
    expected = eigh(combinatorial_laplacian(weights).toarray(), np.diag(mass), eigvals_only=True)
    scale = max(expected[-1], 1e-12)
    np.testing.assert_allclose(np.linalg.eigvalsh(found.toarray()), expected, atol=1e-11 * scale)


def test_masses_of_one_change_nothing(stations):
    weights = build_graph(stations(50), Recipe(neighbours=4)).weights
    found = combinatorial_laplacian(weights, np.ones(50))
    assert (found != combinatorial_laplacian(weights)).nnz == 0


def test_with_a_mass_the_kernel_is_its_root():
    graph = build_graph(GaussLegendre(6, 12), Recipe(neighbours=6))
    assert graph.mass.max() > 1.2 * graph.mass.min()
    found = graph.laplacian() @ np.sqrt(graph.mass)
    np.testing.assert_allclose(found, 0, atol=1e-14 * graph.weights.sum(axis=1).max())
    # (D - W) f = λ M f: the sum of M f over all pixels is zero, the mean of f for λ > 0.
    _, vectors = np.linalg.eigh(graph.laplacian().toarray())
    functions = vectors / np.sqrt(graph.mass)[:, np.newaxis]
    np.testing.assert_allclose(graph.mass @ functions[:, 1:], 0, atol=1e-12)


def test_a_graph_with_a_mass_has_no_normalized_laplacian():
    graph = build_graph(GaussLegendre(6, 12), Recipe(neighbours=6))
    with pytest.raises(DeepsphereError, match="no account of areas"):
        graph.laplacian("normalized")


@pytest.mark.parametrize("kind", sorted(LAPLACIANS))
def test_built_graphs_have_symmetric_laplacians(stations, kind):
    graph = build_graph(stations(2000), Recipe(neighbours=9))
    laplacian = graph.laplacian(kind)
    assert abs(laplacian - laplacian.T).max() == 0
    assert (laplacian != LAPLACIANS[kind](graph.weights)).nnz == 0


def test_ring_has_the_eigenvalues_of_a_ring():
    # Each of n corners is joined to the two beside it: L = circulant(2, -1, 0, ..., 0, -1), whose
    # eigenvectors are exp(2πijk/n) and eigenvalues 2 - 2 cos(2πk/n).
    graph = Graph(ring(17), None)
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


def test_weights_are_left_as_they_were(stations):
    weights = build_graph(stations(50), Recipe(neighbours=4)).weights
    before, mass = weights.copy(), np.full(50, 2.0)
    for laplacian in LAPLACIANS.values():
        laplacian(weights)
    combinatorial_laplacian(weights, mass)
    assert abs(weights - before).max() == 0
    np.testing.assert_array_equal(mass, 2)
