"""What nobody draws in a textbook: each case has a graph, or ends with one line that says why."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.build import build_graph
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.rescaling import RESCALINGS
from deepsphere.graphs.spectrum import largest_eigenvalue
from deepsphere.graphs.widths import published_width
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.stations import Stations

GAUSSIANS = [
    Recipe(4),
    Recipe(4, width="mean"),
    Recipe(4, width="search"),
    Recipe(4, areas=True, refinement=10),
    Recipe(4, symmetrization="average"),
    Recipe(4, laplacian="normalized"),
]
OTHERS = [
    Recipe(4, weights="unweighted"),
    Recipe(4, weights="inverse-square"),
    Recipe(radius=0.3),
    Recipe("adjacent"),
]


def components(graph):
    return connected_components(graph.weights, directed=False)[0]


def assert_sound(graph):
    """Assert that the weights are finite, positive and symmetric, and so are the Laplacians."""
    weights = graph.weights
    assert np.isfinite(weights.data).all()
    assert (weights.data > 0).all()
    for matrix in (weights, graph.laplacian()):
        assert np.isfinite(matrix.data).all()
        assert abs(matrix - matrix.T).max() == 0


@pytest.fixture
def clusters():
    """Return 40 stations around 10°E 10°N and 30 on the other side."""
    random = np.random.default_rng(0)
    near, far = random.uniform(-3, 3, (2, 40)), random.uniform(-3, 3, (2, 30))
    return Stations(
        np.concatenate([10 + near[0], 190 + far[0]]), np.concatenate([10 + near[1], far[1] - 10])
    )


@pytest.mark.parametrize("recipe", GAUSSIANS + OTHERS[:3])
def test_two_far_clusters_are_two_components(clusters, recipe):
    graph = build_graph(clusters, recipe)
    assert_sound(graph)
    count, labels = connected_components(graph.weights, directed=False)
    assert count == 2
    assert set(labels[:40]) == {labels[0]} != set(labels[40:])
    eigenvalues = np.linalg.eigvalsh(graph.laplacian().toarray())
    assert (np.abs(eigenvalues) < 1e-12 * eigenvalues[-1]).sum() == 2


def test_adjacent_cells_join_far_clusters(clusters):
    """Voronoi cells cover the sphere; the gap may still be too wide for a gaussian weight."""
    assert components(build_graph(clusters, Recipe("adjacent", weights="unweighted"))) == 1
    assert components(build_graph(clusters, Recipe("adjacent", width=0.05))) == 2


@pytest.mark.parametrize("neighbours", [11, 12, 20, 1000])
def test_with_fewer_pixels_than_neighbours_all_are_joined(neighbours):
    graph = build_graph(Healpix(1), Recipe(neighbours))
    assert_sound(graph)
    assert graph.weights.nnz == 12 * 11
    assert graph.width == build_graph(Healpix(1), Recipe(11)).width


def test_with_fewer_pixels_than_neighbours_a_published_width_is_that_of_the_number_asked_for():
    recipe = Recipe(20, width="published", laplacian="normalized")
    for sampling in (Healpix(1), Masked(Healpix(4), np.arange(15))):
        graph = build_graph(sampling, recipe)
        nside = 1 if len(sampling) == 12 else 4
        assert graph.width == published_width(nside, 20)
        assert (np.diff(graph.weights.indptr) == len(sampling) - 1).all()


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_handful_of_stations(count, stations):
    for recipe in (Recipe(), Recipe(width="mean"), Recipe(width="mean-square")):
        graph = build_graph(stations(count), recipe)
        assert_sound(graph)
        assert len(graph) == count
    assert graph.weights.nnz == count * (count - 1)


@pytest.mark.parametrize("recipe", GAUSSIANS)
def test_twins_are_joined_with_the_largest_weight(stations, recipe):
    sampling = stations(60, twins=10)
    graph = build_graph(sampling, recipe)
    assert_sound(graph)
    for twin in range(10):
        assert graph.weights[twin, 50 + twin] > 0
        if recipe.areas is None and recipe.symmetrization == "union":
            assert graph.weights[twin, 50 + twin] == graph.weights.max() == 1


@pytest.mark.parametrize("recipe", GAUSSIANS + OTHERS)
def test_more_twins_than_neighbours(stations, recipe):
    """Ten stations at one place choose four of each other, the first by index; with a fit, all."""
    one = stations(60)
    sampling = Stations(
        np.concatenate([one.longitude, np.full(9, one.longitude[0])]),
        np.concatenate([one.latitude, np.full(9, one.latitude[0])]),
    )
    graph = build_graph(sampling, recipe)
    assert_sound(graph)
    twins = np.r_[0, 60:69]
    assert (np.diff(graph.weights.indptr)[twins] >= 4).all()
    if recipe.refinement:
        assert set(graph.weights[[68]].indices) >= set(twins[:-1])
    elif recipe.neighbours == 4 and recipe.radius is None:
        # The last one is chosen by nobody there.
        assert set(graph.weights[[68]].indices) == {0, 60, 61, 62}


def test_stations_at_the_pole_are_at_one_place_whatever_their_longitude():
    longitude = [0.0, 90, 180, 13, 50, 170, 290]
    sampling = Stations(longitude, [90.0] * 4 + [80] * 3)
    for recipe in (Recipe(3), Recipe(3, width="mean"), Recipe("adjacent", width="mean")):
        graph = build_graph(sampling, recipe)
        assert_sound(graph)
        np.testing.assert_allclose(graph.weights[:4, :4].toarray(), 1 - np.eye(4), atol=1e-12)
    with pytest.raises(DeepsphereError, match="found two at one place"):
        build_graph(sampling, Recipe(3, weights="inverse-distance"))


@pytest.mark.parametrize("latitude", [90.0, -90.0])
def test_a_station_at_the_pole_is_a_station(stations, latitude):
    one = stations(80)
    sampling = Stations(np.append(one.longitude, 33.0), np.append(one.latitude, latitude))
    gaps = np.linalg.norm(sampling.positions[80] - sampling.positions[:80], axis=1)
    for recipe in GAUSSIANS:
        graph = build_graph(sampling, recipe)
        assert_sound(graph)
        assert set(np.argsort(gaps)[:4]) <= set(graph.weights[[80]].indices)


@pytest.mark.parametrize("field", ["longitude", "latitude"])
def test_nan_coordinates_of_stations(field):
    coordinates = {"longitude": [1.0, 2.0, 3.0], "latitude": [4.0, 5.0, 6.0]}
    coordinates[field][1] = np.nan
    with pytest.raises(DeepsphereError, match=f"{field} must be .* found nan at index 1"):
        Stations(**coordinates)


@dataclass(frozen=True)
class Wrong:
    """An octahedron with one coordinate that is no number of a unit vector."""

    value: float

    name = "wrong"

    def __len__(self):
        return 6

    @property
    def positions(self):
        corners = np.concatenate([np.eye(3), -np.eye(3)])
        corners[2, 1] = self.value
        return corners

    @property
    def areas(self):
        return np.full(6, np.pi / 1.5)

    def neighbours(self):
        return np.array([[1, 2], [0, 2], [0, 1], [4, 5], [3, 5], [3, 4]])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.0])
@pytest.mark.parametrize("recipe", [*GAUSSIANS, *OTHERS, Recipe(weights="cotangent")])
def test_positions_that_are_no_unit_vectors(value, recipe):
    with pytest.raises(DeepsphereError, match=r"must be unit vectors; found length .* at index 2"):
        build_graph(Wrong(value), recipe)


@pytest.mark.parametrize("recipe", GAUSSIANS + OTHERS)
def test_a_mask_of_one_pixel_has_a_graph_without_edges(recipe):
    graph = build_graph(Masked(Healpix(8), [100]), recipe)
    assert len(graph) == 1
    assert graph.weights.shape == (1, 1)
    assert graph.weights.nnz == 0
    assert graph.neighbour_distance is None
    for kind in ("combinatorial", "normalized"):
        laplacian = graph.laplacian(kind)
        assert not laplacian.toarray().any()
        with pytest.raises(DeepsphereError, match=r"eigenvalue 0\.0: the graph has no edges"):
            RESCALINGS["symmetric"].apply(laplacian, largest_eigenvalue(laplacian))


def test_a_mask_of_one_pixel_has_no_triangle():
    with pytest.raises(DeepsphereError, match=r"three corners in healpix:8\[1\]"):
        build_graph(Masked(Healpix(8), [100]), Recipe(weights="cotangent"))


@pytest.mark.parametrize("weights", ["gaussian", "unweighted", "inverse-distance"])
def test_a_radius_so_small_that_nothing_is_joined(weights):
    graph = build_graph(Cubed(4), Recipe(radius=1e-3, weights=weights))
    assert len(graph) == components(graph) == 96
    assert graph.weights.nnz == 0
    assert graph.neighbour_distance is None
    with pytest.raises(DeepsphereError, match="no edges; give it more neighbours"):
        laplacian = graph.laplacian()
        RESCALINGS["damped"].apply(laplacian, largest_eigenvalue(laplacian))


def test_a_radius_that_joins_twins_only(stations):
    graph = build_graph(stations(60, twins=10), Recipe(radius=1e-6))
    assert_sound(graph)
    assert graph.weights.nnz == 20
    assert graph.neighbour_distance == 0
    assert components(graph) == 50


def test_a_width_so_narrow_that_no_edge_is_left():
    graph = build_graph(Healpix(4), Recipe(8, width=1e-3))
    assert graph.weights.nnz == 0
    # There were neighbours, whose weights are nothing beside 1.
    assert graph.neighbour_distance > 0.2
    assert graph.width == 1e-3


@pytest.mark.parametrize("recipe", GAUSSIANS + OTHERS)
@pytest.mark.parametrize(
    "sampling",
    [Equiangular(9, 12, "both"), Equiangular(8, 12, "north")],
    ids=lambda sampling: sampling.name,
)
def test_rows_at_the_poles_are_pixels_at_one_place(sampling, recipe):
    graph = build_graph(sampling, recipe)
    assert_sound(graph)
    cap = graph.weights[:12, :12]
    assert cap.nnz > 0
    if recipe.weights == "inverse-square":
        assert cap.data.max() == pytest.approx(1e8)


@pytest.mark.parametrize("neighbours", [4, "adjacent"])
def test_pixels_at_one_place_have_no_inverse_distance(neighbours):
    recipe = Recipe(neighbours, weights="inverse-distance")
    with pytest.raises(DeepsphereError, match="inverse distances need points at different places"):
        build_graph(Equiangular(9, 12, "both"), recipe)
    assert_sound(build_graph(Equiangular(9, 12), recipe))


@pytest.fixture
def together():
    """Return a dozen stations at one place."""
    return Stations(np.full(12, 10.0), np.full(12, 20.0))


def test_stations_that_are_all_at_one_place_have_weights_of_one(together):
    for recipe in (Recipe(4), Recipe(4, width=0.1), Recipe(4, weights="unweighted")):
        graph = build_graph(together, recipe)
        assert_sound(graph)
        assert set(graph.weights.data) == {1.0}
        assert graph.neighbour_distance == 0


def test_stations_that_are_all_at_one_place_have_no_mean_distance(together):
    for rule in ("mean", "mean-square"):
        with pytest.raises(DeepsphereError, match=r"width .* found 0.0; .* do not all coincide"):
            build_graph(together, Recipe(4, width=rule))
    with pytest.raises(DeepsphereError, match="have no triangles"):
        build_graph(together, Recipe(weights="cotangent"))


def test_stations_that_are_all_in_one_hemisphere_have_no_finite_elements(stations):
    """The triangles of their convex hull also reach across the other hemisphere."""
    one = stations(60)
    north = Stations(one.longitude, 20 + np.abs(one.latitude) * 7 / 9)
    with pytest.raises(DeepsphereError, match="points in one hemisphere"):
        build_graph(north, Recipe(weights="cotangent"))
    for recipe in GAUSSIANS + OTHERS:
        assert_sound(build_graph(north, recipe))


def test_stations_of_one_hemisphere_as_a_part_have_finite_elements(stations):
    """With triangles of all stations the border of the part is open."""
    whole = stations(200)
    part = Masked(whole, np.flatnonzero(whole.latitude > 0))
    graph = build_graph(part, Recipe(weights="cotangent"))
    assert_sound(graph)
    gaps = np.linalg.norm(part.positions[:, np.newaxis] - part.positions, axis=-1)
    assert gaps[graph.weights.nonzero()].max() < 0.8
    np.testing.assert_allclose(graph.laplacian() @ np.sqrt(graph.mass), 0, atol=1e-12)


def test_twins_have_no_edges_of_finite_elements(stations):
    """The first of two at one place stands for it; the other is alone, with a harmless mass."""
    graph = build_graph(stations(60, twins=10), Recipe(weights="cotangent"))
    assert_sound(graph)
    counts = np.diff(graph.weights.indptr)
    assert (counts[:50] >= 3).all()
    assert not counts[50:].any()
    assert (graph.mass > 0).all()


def test_area_weights_and_the_normalized_laplacian_exclude_each_other():
    with pytest.raises(DeepsphereError, match="are for the combinatorial Laplacian"):
        Recipe(areas=True, laplacian="normalized")
    graph = build_graph(Cubed(4), Recipe(8, laplacian="normalized"))
    assert graph.mass is None
    assert largest_eigenvalue(graph.laplacian("normalized")) < 2
    with pytest.raises(DeepsphereError, match="takes no account of areas"):
        build_graph(Cubed(4), Recipe(8)).laplacian("normalized")
