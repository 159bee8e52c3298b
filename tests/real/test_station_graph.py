"""The graph of the 50,469 stations of the published GHCN experiment."""

from pathlib import Path

import numpy as np
import pytest

from deepsphere.graphs.graph import build_graph
from deepsphere.graphs.neighbours import nearest_neighbours
from deepsphere.graphs.rescaling import RESCALINGS
from deepsphere.graphs.spectrum import largest_eigenvalue
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
    graph = build_graph(stations.positions, 10, "unweighted", symmetrization="average")
    laplacian = graph.laplacian(kind)
    operator = RESCALINGS["damped"].apply(laplacian, largest_eigenvalue(laplacian))
    assert abs(operator - operator.T).max() == 0
    # A power of the operator on any vector stays bounded where its spectrum is within [-1, 1].
    vector = np.random.default_rng(0).standard_normal(len(graph))
    before = np.linalg.norm(vector)
    for _ in range(20):
        vector = operator @ vector
    assert np.linalg.norm(vector) < before * 0.75**19
