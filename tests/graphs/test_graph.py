import numpy as np
import pytest
from scipy.sparse import csgraph, csr_array

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.graph import Graph
from deepsphere.graphs.pattern import is_symmetric

TRIANGLE = csr_array(np.array([[0, 1.0, 2], [1, 0, 4], [2, 4, 0]]))


@pytest.fixture
def weights():
    """Return random symmetric weights of 30 vertices, half of them zero."""
    random = np.random.default_rng(0)
    dense = np.triu(random.uniform(0.1, 1, (30, 30)) * (random.random((30, 30)) < 0.5), 1)
    return csr_array(dense + dense.T)


def test_a_graph_without_mass(weights):
    graph = Graph(weights, 0.25)
    assert len(graph) == 30
    assert graph.mass is None
    assert graph.width is None
    for kind in ("combinatorial", "normalized"):
        expected = csgraph.laplacian(weights, normed=kind == "normalized").toarray()
        np.testing.assert_allclose(graph.laplacian(kind).toarray(), expected, atol=1e-14)
    np.testing.assert_array_equal(
        graph.laplacian().toarray(), graph.laplacian("combinatorial").toarray()
    )


def test_laplacian_with_mass_has_the_eigenvalues_of_the_operator(weights):
    """S = M^(-1/2) (D - W) M^(-1/2) is similar to M⁻¹(D - W), and M^(1/2) 1 is in its kernel."""
    mass = np.random.default_rng(1).uniform(0.2, 1.8, 30)
    found = Graph(weights, 0.25, mass).laplacian()
    operator = csgraph.laplacian(weights).toarray() / mass[:, np.newaxis]
    expected = np.sort(np.linalg.eigvals(operator).real)
    np.testing.assert_allclose(np.linalg.eigvalsh(found.toarray()), expected, atol=1e-12)
    np.testing.assert_allclose(found @ np.sqrt(mass), 0, atol=1e-13)
    np.testing.assert_array_equal(found.toarray(), found.toarray().T)
    assert found.has_sorted_indices


def test_the_normalized_laplacian_has_no_place_for_a_mass(weights):
    graph = Graph(weights, 0.25, np.ones(30))
    with pytest.raises(DeepsphereError, match="takes no account of areas: build the graph without"):
        graph.laplacian("normalized")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones((2, 3)), r"square; found shape \(2, 3\)"),
        (np.array([[0, 1], [1, 0]], dtype=np.float32), "float64; found float32"),
        (np.array([[0, -1.0], [-1.0, 0]]), "positive"),
        (np.array([[0, np.nan], [np.nan, 0]]), "finite"),
        (np.array([[0, np.inf], [np.inf, 0]]), "finite"),
        (np.array([[1.0, 1.0], [1.0, 0]]), "self-loops"),
        (np.array([[0, 1.0], [2.0, 0]]), r"symmetric; take max\(W, Wᵀ\)"),
        (np.array([[0, 1.0], [0, 0]]), "symmetric"),
    ],
)
def test_weights_of_no_graph_are_refused(weights, message):
    with pytest.raises(DeepsphereError, match=message):
        Graph(csr_array(weights), 1.0)


def test_edges_of_weight_zero_are_refused():
    stored_zeros = csr_array((np.zeros(2), np.array([1, 0]), np.array([0, 1, 2])), (2, 2))
    with pytest.raises(DeepsphereError, match="positive"):
        Graph(stored_zeros, 1.0)


@pytest.mark.parametrize(
    "mass",
    [
        np.ones(2),
        np.ones((3, 1)),
        np.array([1, 2, 0.0]),
        np.array([1, 2, -1.0]),
        np.array([1, np.nan, 1]),
        np.array([1, np.inf, 1]),
    ],
)
def test_a_mass_of_no_graph_is_refused(mass):
    with pytest.raises(DeepsphereError, match=r"mass .* positive and finite, of shape \(3,\)"):
        Graph(TRIANGLE, 1.0, mass)


def test_symmetric_is_meant_bit_for_bit():
    assert is_symmetric(TRIANGLE)
    nearly = TRIANGLE.copy()
    nearly.data[0] = np.nextafter(nearly.data[0], 2)
    assert not is_symmetric(nearly)
    # A stored zero that faces nothing makes another pattern, though equal values.
    lopsided = csr_array((np.array([0.0]), np.array([1]), np.array([0, 1, 1])), (2, 2))
    assert not is_symmetric(lopsided)
    assert is_symmetric(csr_array((4, 4)))
