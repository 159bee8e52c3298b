"""The graph of the 50,469 stations of the published GHCN experiment."""

from pathlib import Path

import numpy as np
import pytest

from deepsphere.graphs.build import build_graph
from deepsphere.graphs.edges import nearest_edges
from deepsphere.graphs.neighbours import nearest_neighbours
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.rescaling import RESCALINGS
from deepsphere.graphs.spectrum import largest_eigenvalue
from deepsphere.graphs.weights import gaussian
from deepsphere.samplings.stations import Stations

FILE = Path(__file__).parents[2].parent / "shared/data/ghcn/ghcn_stations_2010-2014.npz"


@pytest.fixture(scope="module")
def stations():
    if not FILE.exists():
        pytest.skip(f"{FILE} is not there")
    with np.load(FILE, allow_pickle=False) as archive:
        return Stations(archive["lon"], archive["lat"])


def test_stations_at_one_place_find_each_other(stations):
    places, counts = np.unique(
        np.stack([stations.longitude, stations.latitude]), axis=1, return_counts=True
    )
    assert len(stations) - places.shape[1] == 239
    indices, distances = nearest_neighbours(stations.positions, 5)
    # Exactly the stations whose place occurs more than once have a neighbour at distance zero.
    assert (distances[:, 0] == 0).sum() == counts[counts > 1].sum()
    assert not (indices == np.arange(len(stations))[:, np.newaxis]).any()


@pytest.mark.parametrize("kind", ["combinatorial", "normalized"])
def test_the_operator_of_all_stations(stations, kind):
    recipe = Recipe(10, weights="unweighted", symmetrization="average")
    graph = build_graph(stations, recipe)
    laplacian = graph.laplacian(kind)
    operator = RESCALINGS["damped"].apply(laplacian, largest_eigenvalue(laplacian))
    assert abs(operator - operator.T).max() == 0
    # A power of the operator on any vector stays bounded where its spectrum is within [-1, 1].
    vector = np.random.default_rng(0).standard_normal(len(graph))
    before = np.linalg.norm(vector)
    for _ in range(20):
        vector = operator @ vector
    assert np.linalg.norm(vector) < before * 0.75**19


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_published_kernel_makes_all_weights_nearly_one(stations, seed):
    """The experiments had 1,573 stations: exp(-d²/0.1) over their 5 nearest is 0.97 on average.

    exp(-d²/4t) with t = 0.025; the nearest station is 0.014 away, some 90 km.
    """
    subset = np.random.default_rng(seed).choice(len(stations), 1573, replace=False)
    distances = nearest_edges(stations.positions[subset], 5).distances
    assert distances[::5].mean() == pytest.approx(0.014, abs=0.001)
    assert gaussian(distances, 0.025).mean() == pytest.approx(0.975, abs=0.005)
