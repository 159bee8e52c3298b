import numpy as np
import pytest
from scipy.sparse import csr_array

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.build import build_graph
from deepsphere.graphs.graph import Graph
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.rescaling import RESCALINGS
from deepsphere.graphs.spectrum import largest_eigenvalue
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.fibonacci import Fibonacci


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    # The published codes' own numbers: [-1, 0.98], [-0.75, 0.72] and [-1, 0.47].
    [
        ("symmetric", -1, 2 / 1.01 - 1),
        ("damped", -0.75, 0.75 * (2 / 1.02 - 1)),
        ("shifted", -1, 1.5 / 1.02 - 1),
    ],
)
@pytest.mark.parametrize("kind", ["combinatorial", "normalized"])
def test_spectrum_fills_the_stated_interval(stations, name, lowest, highest, kind):
    laplacian = build_graph(stations(200), Recipe(neighbours=6)).laplacian(kind)
    rescaled = RESCALINGS[name].apply(laplacian, largest_eigenvalue(laplacian))
    eigenvalues = np.linalg.eigvalsh(rescaled.toarray())
    assert eigenvalues[0] == pytest.approx(lowest, abs=1e-12)
    assert eigenvalues[-1] == pytest.approx(highest, abs=1e-5)
    assert RESCALINGS[name].interval == pytest.approx((lowest, highest), abs=1e-15)
    assert abs(rescaled - rescaled.T).max() == 0
    assert rescaled.has_sorted_indices


@pytest.mark.parametrize("name", sorted(RESCALINGS))
@pytest.mark.parametrize("sampling", [Fibonacci(300), Equiangular(14, 28)])
def test_a_large_spectrum_stays_within_one(sampling, name):
    # By Lanczos iterations, with areas and the fit of single weights.
    laplacian = build_graph(sampling, Recipe(neighbours=8)).laplacian()
    rescaled = RESCALINGS[name].apply(laplacian, largest_eigenvalue(laplacian))
    eigenvalues = np.linalg.eigvalsh(rescaled.toarray())
    assert np.abs(eigenvalues).max() <= 1 + 1e-12


def test_lone_vertices_keep_their_diagonal():
    graph = Graph(csr_array([[0, 1.0, 0], [1.0, 0, 0], [0, 0, 0]]), None)
    rescaled = RESCALINGS["symmetric"].apply(graph.laplacian(), 1.0)
    np.testing.assert_array_equal(rescaled.toarray()[2], [0, 0, -1])


def test_a_graph_without_edges_is_refused():
    laplacian = Graph(csr_array((3, 3)), None).laplacian()
    with pytest.raises(DeepsphereError, match="no edges"):
        RESCALINGS["damped"].apply(laplacian, largest_eigenvalue(laplacian))
