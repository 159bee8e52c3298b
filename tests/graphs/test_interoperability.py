import sys

import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebinterpolate
from pygsp import filters, graphs
from scipy.linalg import expm
from scipy.sparse import coo_array, csc_array, csr_array, csr_matrix, lil_array
from scipy.special import iv

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.graph import Graph
from deepsphere.graphs.interoperability import from_pygsp, to_pygsp
from deepsphere.graphs.rescaling import RESCALINGS
from deepsphere.graphs.spectrum import largest_eigenvalue

# PyGSP's own: weights that are integers, and its bound where a vertex has no edges.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Input has data type int64:FutureWarning:scipy"),
    pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning:pygsp"),
]

KINDS = ["combinatorial", "normalized"]
TRIANGLE_AND_LONER = np.array([[0.0, 2, 1, 0], [2, 0, 0.5, 0], [1, 0.5, 0, 0], [0, 0, 0, 0]])


def scattered_graph(vertices, seed=0):
    """Return a graph with random weights between random vertices, the last one without edges."""
    generator = np.random.default_rng(seed)
    weights = generator.random((vertices, vertices)) * (
        generator.random((vertices, vertices)) < 0.1
    )
    weights = np.triu(weights, 1)
    weights[:, -1] = 0
    return Graph(csr_array(weights + weights.T), neighbour_distance=0.5)


def chebyshev(operator, coefficients, signal):
    """Return Σ cₖTₖ(L)x, as convolutions compute it."""
    before, now = signal, operator @ signal
    total = coefficients[0] * before + coefficients[1] * now
    for coefficient in coefficients[2:]:
        before, now = now, 2 * (operator @ now) - before
        total += coefficient * now
    return total


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("vertices", [50, 400])
def test_weights_and_laplacian_are_the_same(kind, vertices):
    graph = scattered_graph(vertices)
    converted = to_pygsp(graph, laplacian=kind)
    assert isinstance(converted, graphs.Graph)
    assert converted.lap_type == kind
    np.testing.assert_array_equal(converted.W.toarray(), graph.weights.toarray())
    np.testing.assert_allclose(
        converted.L.toarray(), graph.laplacian(kind).toarray(), rtol=1e-13, atol=1e-15
    )


def test_memory_is_not_shared():
    graph = scattered_graph(30)
    weights = graph.weights.toarray()
    converted = to_pygsp(graph)
    back = from_pygsp(converted)
    converted.W.data[:] = 0
    np.testing.assert_array_equal(graph.weights.toarray(), weights)
    np.testing.assert_array_equal(back.weights.toarray(), weights)


def test_positions_become_coordinates(scattered):
    positions = scattered(30)
    np.testing.assert_array_equal(to_pygsp(scattered_graph(30), positions).coords, positions)
    assert not hasattr(to_pygsp(scattered_graph(30)), "coords")


@pytest.mark.parametrize("kind", KINDS)
def test_largest_eigenvalue_is_ours_with_the_margin_and_stays(kind):
    graph = scattered_graph(400)
    converted = to_pygsp(graph, laplacian=kind)
    ours = 1.01 * largest_eigenvalue(graph.laplacian(kind))
    assert converted.lmax == ours
    converted.estimate_lmax()
    assert converted.lmax == ours
    estimated = graphs.Graph(graph.weights, kind)
    estimated.estimate_lmax()
    assert converted.lmax == pytest.approx(estimated.lmax, rel=0.01)
    converted.compute_fourier_basis()
    assert converted.lmax == pytest.approx(ours / 1.01, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", [2, 5, 30])
def test_heat_filters_are_chebyshev_polynomials_of_our_operator(kind, order):
    """PyGSP's coefficients interpolate exp(-5x) for x from 0 to 1, the spectrum over its lmax."""
    graph = scattered_graph(400)
    signal = np.random.default_rng(1).standard_normal(400)
    filtered = filters.Heat(to_pygsp(graph, laplacian=kind), scale=5).filter(
        signal, method="chebyshev", order=order
    )
    laplacian = graph.laplacian(kind)
    operator = RESCALINGS["symmetric"].apply(laplacian, largest_eigenvalue(laplacian))
    coefficients = chebinterpolate(lambda x: np.exp(-5 * (x + 1) / 2), order)
    expected = chebyshev(operator, coefficients, signal)
    np.testing.assert_allclose(filtered, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", [3, 6, 25])
def test_heat_filters_are_the_exponential_up_to_the_missing_terms(kind, order):
    """exp(-s(1 + x)/2) = exp(-s/2) (I₀(s/2) + 2 Σ (-1)ᵏ Iₖ(s/2) Tₖ(x)), with Bessel functions I.

    Interpolation errs by at most twice the sum of the coefficients beyond its order.
    """
    graph = scattered_graph(60)
    signal = np.random.default_rng(1).standard_normal(60)
    converted = to_pygsp(graph, laplacian=kind)
    filtered = filters.Heat(converted, scale=5).filter(signal, method="chebyshev", order=order)
    exact = expm(-5 / converted.lmax * graph.laplacian(kind).toarray()) @ signal
    missing = 2 * np.exp(-2.5) * iv(np.arange(order + 1, 60), 2.5).sum()
    error = np.linalg.norm(filtered - exact) / np.linalg.norm(signal)
    assert error <= 2 * missing + 1e-14
    assert order == 25 or error > missing / 100


@pytest.mark.parametrize(
    "make",
    [
        lambda: graphs.Ring(12),
        lambda: graphs.Grid2d(4, 5),
        lambda: graphs.Sensor(40, seed=1),
        lambda: graphs.NNGraph(np.random.default_rng(0).standard_normal((50, 3)), k=5),
        graphs.Logo,
        lambda: graphs.ErdosRenyi(30, seed=0),
        lambda: graphs.Path(7),
    ],
)
def test_graphs_of_pygsp_keep_their_weights_and_laplacians(make):
    original = make()
    graph = from_pygsp(original)
    assert graph.mass is None
    assert graph.neighbour_distance is None
    assert graph.weights.dtype == np.float64
    assert graph.weights.has_canonical_format
    np.testing.assert_array_equal(graph.weights.toarray(), original.W.toarray())
    again = to_pygsp(graph)
    assert again.n_edges == original.n_edges
    np.testing.assert_array_equal(again.W.toarray(), original.W.toarray())
    for kind in KINDS:
        original.compute_laplacian(kind)
        np.testing.assert_allclose(
            graph.laplacian(kind).toarray(), original.L.toarray(), rtol=1e-12, atol=1e-14
        )


@pytest.mark.parametrize("form", [csr_array, csr_matrix, csc_array, lil_array, np.asarray])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_form_of_weights_is_taken(form, dtype):
    graph = from_pygsp(graphs.Graph(form(TRIANGLE_AND_LONER.astype(dtype))))
    assert type(graph.weights) is csr_array
    assert graph.weights.dtype == np.float64
    np.testing.assert_array_equal(graph.weights.toarray(), TRIANGLE_AND_LONER)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, bool])
def test_counts_and_truth_values_are_weights_too(dtype):
    adjacency = TRIANGLE_AND_LONER > 0
    graph = from_pygsp(graphs.Graph(adjacency.astype(dtype)))
    assert graph.weights.dtype == np.float64
    np.testing.assert_array_equal(graph.weights.toarray(), adjacency)


def test_explicit_zeros_unsorted_and_repeated_entries_are_put_in_order():
    rows, columns = [0, 1, 0, 1, 2, 0, 0, 2], [2, 0, 1, 0, 0, 1, 2, 1]
    values = [1.0, 1.5, 2.0, 1.5, 3.0, 1.0, 2.0, 0.0]
    order = np.lexsort((-np.array(columns), rows))
    matrix = coo_array((values, (rows, columns)), shape=(3, 3))
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=3))])
    raw = csr_matrix((matrix.data[order], matrix.col[order], starts), shape=(3, 3))
    original = graphs.Graph(np.zeros((3, 3)))
    original._adjacency = raw
    weights = from_pygsp(original).weights
    assert weights.has_canonical_format
    np.testing.assert_array_equal(weights.toarray(), [[0, 3, 3], [3, 0, 0], [3, 0, 0]])
    assert weights.nnz == 4
    assert raw.nnz == 8


@pytest.mark.parametrize(
    ("adjacency", "message"),
    [
        ([[0, 1, 0], [0, 0, 1], [0, 0, 0]], "symmetric"),
        ([[0, -1, 0], [-1, 0, 1], [0, 1, 0]], "positive"),
        ([[0, 1, 0], [1, 2, 1], [0, 1, 0]], "self-loops"),
    ],
)
def test_directed_negative_and_looped_graphs_are_refused_in_one_line(adjacency, message):
    with pytest.raises(DeepsphereError, match=message) as caught:
        from_pygsp(graphs.Graph(np.array(adjacency, dtype=np.float64)))
    assert "\n" not in str(caught.value)


def test_masses_are_refused():
    graph = Graph(csr_array(TRIANGLE_AND_LONER), 0.5, mass=np.array([0.5, 1.5, 1, 1]))
    with pytest.raises(DeepsphereError, match="PyGSP has no graphs whose vertices have masses"):
        to_pygsp(graph)


def test_positions_of_other_vertices_are_refused(scattered):
    with pytest.raises(DeepsphereError, match=r"shape \(30, 3\); found \(29, 3\)"):
        to_pygsp(scattered_graph(30), scattered(29))


def test_without_pygsp_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygsp", None)
    with pytest.raises(DeepsphereError, match="pip install pygsp"):
        to_pygsp(scattered_graph(30))
