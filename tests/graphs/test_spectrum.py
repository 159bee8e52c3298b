import numpy as np
import pytest

from deepsphere.graphs.graph import build_graph
from deepsphere.graphs.spectrum import largest_eigenvalue


def is_close(value):
    # The stated tolerance.
    return pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("corners", [8, 13, 300, 301])
def test_ring(polygon, corners):
    # 2 - 2 cos(2πk/n) is largest at k = n/2, or beside it where n is odd. Below 256 vertices all
    # eigenvalues are computed, above it Lanczos runs.
    laplacian = build_graph(polygon(corners), 2, weights="unweighted").laplacian()
    expected = 2 - 2 * np.cos(2 * np.pi * (corners // 2) / corners)
    assert largest_eigenvalue(laplacian) == is_close(expected)


@pytest.mark.parametrize("vertices", [2, 20, 300])
def test_complete_graph(scattered, vertices):
    # L = n I - 1 1ᵀ has the eigenvalues 0 (once) and n.
    laplacian = build_graph(scattered(vertices), vertices - 1, weights="unweighted").laplacian()
    assert largest_eigenvalue(laplacian) == is_close(vertices)


@pytest.mark.parametrize("kind", ["combinatorial", "normalized"])
def test_lanczos_agrees_with_all_eigenvalues(scattered, fibonacci, kind):
    for positions in (scattered(600), fibonacci(600)):
        laplacian = build_graph(positions, 8).laplacian(kind)
        expected = np.linalg.eigvalsh(laplacian.toarray())[-1]
        assert largest_eigenvalue(laplacian) == is_close(expected)


def test_bounds(fibonacci):
    graph = build_graph(fibonacci(3000), 8)
    largest_degree = graph.weights.sum(axis=1).max()
    assert largest_degree < largest_eigenvalue(graph.laplacian()) < 2 * largest_degree
    assert 1 < largest_eigenvalue(graph.laplacian("normalized")) < 2


def test_the_same_number_every_time(fibonacci):
    laplacian = build_graph(fibonacci(3000), 8).laplacian()
    assert len({largest_eigenvalue(laplacian) for _ in range(3)}) == 1
