import numpy as np
import pytest
from scipy.sparse import csr_array

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.graph import Graph, build_graph


def test_default_width_is_the_mean_distance(polygon):
    # All neighbours of a regular polygon are equally far: at the width, where the weight is 1/2.
    graph = build_graph(polygon(10), 2)
    np.testing.assert_allclose(graph.weights.data, 0.5)
    assert graph.weights.nnz == 20
    assert graph.neighbour_distance == pytest.approx(2 * np.sin(np.pi / 10))
    assert len(graph) == 10


def test_given_width(polygon):
    distance = 2 * np.sin(np.pi / 10)
    graph = build_graph(polygon(10), 2, width=2 * distance)
    np.testing.assert_allclose(graph.weights.data, 0.5 ** (1 / 4))


def test_unweighted_edges(scattered):
    union = build_graph(scattered(100), 5, "unweighted").weights
    assert set(union.data) == {1.0}
    average = build_graph(scattered(100), 5, "unweighted", symmetrization="average").weights
    assert set(average.data) == {0.5, 1.0}
    # Each of 100 vertices gives its 5 choices half a weight in each direction.
    assert average.sum() == 500
    assert union.nnz == average.nnz


def test_every_vertex_has_at_least_its_own_neighbours(scattered):
    graph = build_graph(scattered(300), 6)
    assert np.diff(graph.weights.indptr).min() >= 6


def test_points_at_one_place_are_joined_with_weight_one(scattered):
    positions = scattered(40)
    positions[7] = positions[3]
    assert build_graph(positions, 4).weights[3, 7] == 1


def test_same_points_same_bits(scattered):
    one, other = build_graph(scattered(500), 8).weights, build_graph(scattered(500), 8).weights
    assert one.data.tobytes() == other.data.tobytes()
    assert one.indices.tobytes() == other.indices.tobytes()


def test_points_that_all_coincide_have_no_width():
    with pytest.raises(DeepsphereError, match=r"width.*coincide"):
        build_graph(np.tile([[0.0, 0.0, 1.0]], (5, 1)), 2)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones((2, 3)), "square"),
        (np.array([[0, 1], [1, 0]], dtype=np.float32), "float64"),
        (np.array([[0, -1.0], [-1.0, 0]]), "positive"),
        (np.array([[0, np.nan], [np.nan, 0]]), "finite"),
        (np.array([[1.0, 1.0], [1.0, 0]]), "self-loops"),
        (np.array([[0, 1.0], [2.0, 0]]), "symmetric"),
    ],
)
def test_weights_of_no_graph_are_refused(weights, message):
    with pytest.raises(DeepsphereError, match=message):
        Graph(csr_array(weights), 1.0)
