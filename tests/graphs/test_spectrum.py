import numpy as np
import pytest
from scipy.sparse import csr_array

from deepsphere.graphs.build import build_graph
from deepsphere.graphs.laplacian import combinatorial_laplacian
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.spectrum import largest_eigenvalue
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.healpix import Healpix


def is_close(value):
    # The stated tolerance.
    return pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("corners", [8, 13, 300, 301])
def test_ring(corners):
    # 2 - 2 cos(2πk/n) is largest at k = n/2, or beside it where n is odd. Below 256 vertices all
    # eigenvalues are computed, above it Lanczos runs.
    shifted = np.roll(np.eye(corners), 1, axis=1)
    laplacian = combinatorial_laplacian(csr_array(shifted + shifted.T))
    expected = 2 - 2 * np.cos(2 * np.pi * (corners // 2) / corners)
    assert largest_eigenvalue(laplacian) == is_close(expected)


@pytest.mark.parametrize("vertices", [2, 20, 300])
def test_complete_graph(stations, vertices):
    # L = n I - 1 1ᵀ has the eigenvalues 0 (once) and n. A graph has no more neighbours than there
    # are.
    recipe = Recipe(neighbours=300, weights="unweighted")
    laplacian = build_graph(stations(vertices), recipe).laplacian()
    assert largest_eigenvalue(laplacian) == is_close(vertices)


@pytest.mark.parametrize("kind", ["combinatorial", "normalized"])
def test_lanczos_agrees_with_all_eigenvalues(stations, kind):
    for sampling in (stations(300), Fibonacci(300), Equiangular(14, 28)):
        recipe = Recipe(neighbours=8, laplacian=kind)
        laplacian = build_graph(sampling, recipe).laplacian(kind)
        expected = np.linalg.eigvalsh(laplacian.toarray())[-1]
        assert largest_eigenvalue(laplacian) == is_close(expected)


@pytest.mark.parametrize("neighbours", [8, 20])
@pytest.mark.parametrize("kind", ["combinatorial", "normalized"])
def test_the_usual_shortcuts_are_worse(neighbours, kind):
    graph = build_graph(Healpix(6), Recipe(neighbours=neighbours, laplacian=kind))
    laplacian = graph.laplacian(kind)
    expected = np.linalg.eigvalsh(laplacian.toarray())[-1]
    assert largest_eigenvalue(laplacian) == pytest.approx(expected, rel=1e-5)
    # The bound by the degrees.
    assert graph.mass is None
    bound = 2 if kind == "normalized" else 2 * graph.weights.sum(axis=1).max()
    assert 1.3 < bound / expected < 1.65
    # Twenty power iterations.
    vector = np.random.default_rng(0).standard_normal(len(graph))
    for _ in range(20):
        vector = laplacian @ vector
        vector /= np.linalg.norm(vector)
    assert 0.95 < vector @ (laplacian @ vector) / expected < 0.99


def test_the_same_number_every_time():
    laplacian = build_graph(Fibonacci(3000), Recipe(neighbours=8)).laplacian()
    assert len({largest_eigenvalue(laplacian) for _ in range(3)}) == 1
