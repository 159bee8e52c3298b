import numpy as np
import pytest

from deepsphere.files import canonical_json
from deepsphere.graphs.diagnostics import describe_graph
from deepsphere.graphs.graph import build_graph


def test_ring(polygon):
    description = describe_graph(build_graph(polygon(12), 2, weights="unweighted"))
    assert description == {
        "vertices": 12,
        "edges": 12,
        "neighbours": {"min": 2, "mean": 2, "max": 2},
        "degree": {"min": 2, "mean": 2, "max": 2},
        "weight": {"min": 1, "mean": 1, "max": 1},
        "isolated": 0,
        "components": {"count": 1, "largest": [12]},
        "symmetric": True,
        "neighbour_distance": pytest.approx(2 * np.sin(np.pi / 12)),
        "laplacian": "combinatorial",
        "lmax": 4,
    }


def test_two_far_clusters_are_two_components(scattered):
    north = scattered(70) * [0.1, 0.1, 0.01] + [0, 0, 1]
    south = scattered(30, seed=1) * [0.1, 0.1, 0.01] - [0, 0, 1]
    positions = np.concatenate([north, south])
    positions /= np.linalg.norm(positions, axis=1, keepdims=True)
    description = describe_graph(build_graph(positions, 6), "normalized")
    assert description["components"] == {"count": 2, "largest": [70, 30]}
    assert description["isolated"] == 0
    assert description["laplacian"] == "normalized"
    assert 1 < description["lmax"] <= 2


def test_only_the_five_largest_components_are_listed(polygon):
    # Seven pairs of twins, evenly spread: each vertex is joined to its twin only.
    positions = np.repeat(polygon(7), 2, axis=0)
    description = describe_graph(build_graph(positions, 1, weights="unweighted"))
    assert description["components"] == {"count": 7, "largest": [2, 2, 2, 2, 2]}


def test_a_graph_without_edges_can_be_described():
    description = describe_graph(build_graph(np.eye(3), 1, width=1e-3))
    assert description["edges"] == 0
    assert description["isolated"] == 3
    assert description["weight"] is None
    assert description["components"] == {"count": 3, "largest": [1, 1, 1]}
    assert description["lmax"] == 0


def test_a_description_is_plain_data(scattered):
    canonical_json(describe_graph(build_graph(scattered(100), 5)))
