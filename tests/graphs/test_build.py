import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse.linalg import eigsh

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.build import build_graph
from deepsphere.graphs.cotangent import cotangent_weights, lumped_mass
from deepsphere.graphs.equivariance import zonal_errors
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.widths import formula_width, mean_square_width, published_width
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.healpix_symmetries import healpix_symmetries
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.octahedral import Octahedral
from deepsphere.samplings.stations import Stations
from deepsphere.samplings.symmetries import symmetries
from deepsphere.samplings.voronoi import triangulate

RECIPES = {
    "default": Recipe(),
    "8": Recipe(8),
    "8, plain": Recipe(8, refinement=0),
    "8, areas": Recipe(8, areas=True, refinement=0),
    "8, no areas": Recipe(8, areas=False),
    "8, average": Recipe(8, symmetrization="average"),
    "8, mean": Recipe(8, width="mean"),
    "8, mean-square": Recipe(8, width="mean-square"),
    "8, published": Recipe(8, width="published"),
    "8, search": Recipe(8, width="search"),
    "8, narrow": Recipe(8, width=0.06),
    "8, wide": Recipe(8, width=10.0),
    "8, normalized": Recipe(8, laplacian="normalized"),
    "8, unweighted": Recipe(8, weights="unweighted"),
    "8, unweighted, average": Recipe(8, weights="unweighted", symmetrization="average"),
    "8, inverse-distance": Recipe(8, weights="inverse-distance"),
    "8, inverse-square": Recipe(8, weights="inverse-square"),
    "adjacent": Recipe("adjacent"),
    "adjacent, unweighted": Recipe("adjacent", weights="unweighted"),
    "adjacent, inverse-distance": Recipe("adjacent", weights="inverse-distance"),
    "adjacent, inverse-square": Recipe("adjacent", weights="inverse-square"),
    "radius": Recipe(radius=0.6),
    "radius, unweighted": Recipe(radius=0.6, weights="unweighted"),
    "cotangent": Recipe(weights="cotangent"),
}


def chord_matrix(positions):
    """Return all chord distances, with the sums of squares in the order x, y, z."""
    x, y, z = np.moveaxis(positions[:, np.newaxis] - positions, -1, 0)
    return np.sqrt(x * x + y * y + z * z)


def chosen(positions, neighbours):
    """Return which points each chooses, by distance and then by index, as a dense matrix."""
    gaps = chord_matrix(positions)
    np.fill_diagonal(gaps, np.inf)
    order = np.argsort(gaps, axis=1, kind="stable")[:, :neighbours]
    found = np.zeros(gaps.shape)
    np.put_along_axis(found, order, 1, axis=1)
    return found


def refusal(sampling, recipe):
    """Return what is wrong with a recipe on one of the small samplings, or None."""
    full = sampling.full if isinstance(sampling, Masked) else sampling
    if recipe.width == "published" and not isinstance(full, Healpix):
        return f"published for HEALPix only; found {sampling.name}".replace("[", r"\[")
    if recipe.neighbours == "adjacent" and isinstance(full, Octahedral | Fibonacci):
        return f"{sampling.name} has no neighbours of its own"
    gaps = chord_matrix(sampling.positions)
    np.fill_diagonal(gaps, np.inf)
    if recipe.weights == "inverse-distance" and not gaps.all():
        return "found two at one place"
    return None


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_every_recipe_on_every_sampling(sampling, recipe):
    message = refusal(sampling, recipe)
    if message is not None:
        with pytest.raises(DeepsphereError, match=message):
            build_graph(sampling, recipe)
        return
    graph = build_graph(sampling, recipe)
    assert graph.weights.shape == (len(sampling), len(sampling))
    assert graph.weights.has_canonical_format
    dense = graph.weights.toarray()
    np.testing.assert_array_equal(dense, dense.T)
    assert not dense.diagonal().any()
    assert np.isfinite(dense).all()
    assert (graph.weights.data > 0).all()
    assert graph.neighbour_distance > 0
    assert (graph.width is not None) == (recipe.weights == "gaussian")
    if graph.mass is not None:
        assert graph.mass.mean() == pytest.approx(1, rel=1e-12)
    laplacian = graph.laplacian(recipe.laplacian)
    np.testing.assert_array_equal(laplacian.toarray(), laplacian.toarray().T)
    # The function in its kernel: √m, or the root of the degree.
    mass = np.ones(len(sampling)) if graph.mass is None else graph.mass
    kernel = np.sqrt(mass if recipe.laplacian == "combinatorial" else dense.sum(axis=1))
    np.testing.assert_allclose(laplacian @ kernel, 0, atol=1e-13 * laplacian.max() * kernel.max())


@pytest.mark.parametrize("symmetrization", ["union", "average"])
@pytest.mark.parametrize("areas", [True, False])
def test_plain_gaussian_weights_agree_with_dense_matrices(sampling, symmetrization, areas):
    recipe = Recipe(7, areas=areas, width="mean", refinement=0, symmetrization=symmetrization)
    graph = build_graph(sampling, recipe)
    gaps, one_sided = chord_matrix(sampling.positions), chosen(sampling.positions, 7)
    joined = np.maximum(one_sided, one_sided.T)
    if symmetrization == "average":
        joined = (one_sided + one_sided.T) / 2
    width = gaps[one_sided > 0].mean()
    assert graph.width == pytest.approx(width, rel=1e-12)
    assert graph.neighbour_distance == pytest.approx(width, rel=1e-12)
    expected = joined * 2 ** -np.square(gaps / width)
    mass = sampling.areas / sampling.areas.mean()
    if areas:
        expected *= mass * mass[:, np.newaxis]
        np.testing.assert_allclose(
            np.ones(len(sampling)) if graph.mass is None else graph.mass, mass
        )
    else:
        assert graph.mass is None
    np.testing.assert_allclose(graph.weights.toarray(), expected, rtol=1e-9)


@pytest.mark.parametrize("symmetrization", ["union", "average"])
@pytest.mark.parametrize(
    ("weights", "kernel"),
    [
        ("unweighted", np.ones_like),
        ("inverse-distance", lambda gaps: 1 / gaps),
        ("inverse-square", lambda gaps: 1 / (gaps**2 + 1e-8)),
    ],
)
def test_other_weights_agree_with_dense_matrices(weights, kernel, symmetrization):
    sampling = Cubed(6)
    found = build_graph(sampling, Recipe(7, weights=weights, symmetrization=symmetrization))
    gaps, one_sided = chord_matrix(sampling.positions), chosen(sampling.positions, 7)
    joined = np.maximum(one_sided, one_sided.T)
    if symmetrization == "average":
        joined = (one_sided + one_sided.T) / 2
    np.fill_diagonal(gaps, 1)
    np.testing.assert_allclose(found.weights.toarray(), joined * kernel(gaps), rtol=1e-14)
    assert found.mass is None
    assert found.width is None


def test_width_by_each_rule():
    sampling = Healpix(4)
    gaps = np.sort(chord_matrix(sampling.positions), axis=1)[:, 1:9]
    expected = {
        "formula": formula_width(192, 8),
        "published": published_width(4, 8),
        "mean": gaps.mean(),
        "mean-square": mean_square_width(gaps),
        0.123: 0.123,
    }
    for rule, width in expected.items():
        graph = build_graph(sampling, Recipe(8, width=rule, refinement=0))
        assert graph.width == pytest.approx(width, rel=1e-14)


def test_a_part_has_the_width_of_the_whole():
    whole, part = Healpix(8), Masked(Healpix(8), np.arange(100))
    for rule in ("formula", "published"):
        recipe = Recipe(20, width=rule, refinement=0)
        assert build_graph(part, recipe).width == build_graph(whole, recipe).width


def test_edges_within_a_radius():
    sampling = Fibonacci(150)
    gaps = chord_matrix(sampling.positions)
    graph = build_graph(sampling, Recipe(radius=0.5, weights="unweighted"))
    expected = (gaps <= 0.5) & (gaps > 0)
    np.testing.assert_array_equal(graph.weights.toarray(), expected)
    assert graph.neighbour_distance == pytest.approx(gaps[expected].mean())
    # The formula's k is the mean number of neighbours.
    plain = build_graph(sampling, Recipe(radius=0.5, refinement=0))
    assert plain.width == pytest.approx(formula_width(150, expected.sum() / 150), rel=1e-14)


def test_edges_of_the_sampling_itself(sampling):
    neighbours = sampling.neighbours()
    if neighbours is None:
        with pytest.raises(DeepsphereError, match=f"{sampling.name} has no neighbours of its own"):
            build_graph(sampling, Recipe("adjacent"))
        return
    expected = np.zeros((len(sampling), len(sampling)))
    rows, places = np.nonzero(neighbours >= 0)
    expected[rows, neighbours[rows, places]] = 1
    graph = build_graph(sampling, Recipe("adjacent", weights="unweighted"))
    np.testing.assert_array_equal(graph.weights.toarray(), expected)


def test_polygon_by_hand(polygon):
    # All neighbours of a regular polygon are equally far: at the width, where the weight is 1/2.
    sampling = Stations(*longitude_latitude(polygon(10)))
    graph = build_graph(sampling, Recipe(2, width="mean"))
    np.testing.assert_allclose(graph.weights.data, 0.5)
    assert graph.weights.nnz == 20
    assert graph.neighbour_distance == pytest.approx(2 * np.sin(np.pi / 10))
    wide = build_graph(sampling, Recipe(2, width=4 * np.sin(np.pi / 10)))
    np.testing.assert_allclose(wide.weights.data, 0.5 ** (1 / 4))


def test_unweighted_edges(stations):
    union = build_graph(stations(100), Recipe(5, weights="unweighted")).weights
    assert set(union.data) == {1.0}
    recipe = Recipe(5, weights="unweighted", symmetrization="average")
    average = build_graph(stations(100), recipe).weights
    assert set(average.data) == {0.5, 1.0}
    # Each of 100 vertices gives its 5 choices half a weight in each direction.
    assert average.sum() == 500
    assert union.nnz == average.nnz
    assert np.diff(union.indptr).min() >= 5


def equal(one, other):
    return (
        one.weights.data.tobytes() == other.weights.data.tobytes()
        and one.weights.indices.tobytes() == other.weights.indices.tobytes()
        and (one.mass is None) == (other.mass is None)
        and one.width == other.width
    )


def test_what_the_defaults_stand_for(stations):
    regular = Cubed(6)
    assert equal(build_graph(regular), build_graph(regular, Recipe()))
    assert equal(build_graph(regular), build_graph(regular, Recipe(areas=True, refinement=10)))
    assert not equal(build_graph(regular), build_graph(regular, Recipe(refinement=9)))
    assert build_graph(regular).mass is not None
    plain = Recipe(areas=False, refinement=0)
    normalized = Recipe(laplacian="normalized")
    assert equal(build_graph(regular, normalized), build_graph(regular, plain))
    for irregular in (stations(100), Masked(stations(150), np.arange(100))):
        assert equal(build_graph(irregular), build_graph(irregular, plain))
        assert not equal(build_graph(irregular), build_graph(irregular, Recipe(areas=True)))


def test_areas_change_nothing_where_all_are_equal():
    for recipe in (Recipe(8), Recipe(8, refinement=0)):
        graph = build_graph(Healpix(4), recipe)
        assert graph.mass is None
        without = Recipe(8, areas=False, refinement=recipe.refinement)
        assert equal(graph, build_graph(Healpix(4), without))


def test_refined_weights_stay_near_the_plain_ones():
    # No pixel is as far as the last neighbour of another, so that both have the same edges.
    sampling = Fibonacci(600)
    plain, refined = (build_graph(sampling, Recipe(20, refinement=steps)) for steps in (0, 10))
    np.testing.assert_array_equal(plain.weights.indices, refined.weights.indices)
    ratios = refined.weights.data / plain.weights.data
    assert ratios.min() >= 0.1 * (1 - 1e-15)
    # Far and weak edges may change by a factor of three, near and strong ones hardly change.
    mean = np.average(ratios, weights=plain.weights.data)
    assert mean == pytest.approx(1, abs=0.03)
    assert 0.01 < np.average((ratios - 1) ** 2, weights=plain.weights.data) ** 0.5 < 0.2
    np.testing.assert_array_equal(plain.mass, refined.mass)
    assert plain.width == refined.width


def asymmetry(graph, permutations):
    """Return by how much rotations that only swap pixels change the Laplacian, of its largest."""
    laplacian = graph.laplacian()
    changes = [abs(laplacian[one][:, one] - laplacian).max() for one in permutations]
    return max(changes) / abs(laplacian).max()


@pytest.mark.parametrize("nside", [1, 2, 3, 4, 8, 16])
@pytest.mark.parametrize("neighbours", [8, 20, 40])
def test_default_graphs_commute_with_the_symmetries_of_healpix(nside, neighbours):
    graph = build_graph(Healpix(nside), Recipe(neighbours))
    assert asymmetry(graph, healpix_symmetries(nside)) < 1e-14


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("adjacent"),
        Recipe(radius=0.6),
        Recipe(7, symmetrization="average"),
        Recipe(12, width="search"),
        Recipe(9, width="mean-square"),
        # The farthest neighbours get a weight of zero.
        Recipe(20, width=0.09),
    ],
)
def test_other_graphs_with_fitted_weights_commute_with_them_too(recipe):
    graph = build_graph(Healpix(4), recipe)
    assert_symmetric(graph)
    assert asymmetry(graph, healpix_symmetries(4)) < 1e-14


@pytest.mark.parametrize("lowest", [-1.0, 0.1])
def test_parts_commute_with_the_symmetries_that_map_them_onto_themselves(lowest):
    full = Healpix(8)
    height = full.positions[:, 2]
    part = Masked.where(full, (height > lowest) & (abs(height) > 0.3))
    permutations = symmetries(part)
    assert len(permutations) == (8 if lowest < 0 else 4)
    graph = build_graph(part)
    assert_symmetric(graph)
    assert asymmetry(graph, permutations) < 1e-14


def test_without_a_fit_exactly_so_many_neighbours_are_not_symmetric():
    """Which of several equally far ones are taken depends on their order."""
    graph = build_graph(Healpix(4), Recipe(8, refinement=0))
    assert asymmetry(graph, healpix_symmetries(4)) > 0.01


def test_with_a_fit_no_neighbour_is_left_out():
    counts = np.diff(build_graph(Healpix(8), Recipe(8)).weights.indptr)
    plain = np.diff(build_graph(Healpix(8), Recipe(8, refinement=0)).weights.indptr)
    assert (counts >= plain).all()
    assert (counts > plain).any()


def assert_symmetric(graph):
    np.testing.assert_array_equal(graph.weights.toarray(), graph.weights.toarray().T)


@pytest.mark.parametrize(
    "sampling", [Icosahedral(4), Cubed(20), Octahedral(20)], ids=lambda sampling: sampling.name
)
def test_area_weights_lower_the_floor_of_uneven_samplings(sampling):
    """Three times and more with 20 neighbours; with 8 the truncation errs as much as the areas."""
    degrees = [5, 10, 20, 30]
    errors = {}
    for areas in (True, False):
        graph = build_graph(sampling, Recipe(20, areas=areas, refinement=0))
        errors[areas] = zonal_errors(
            graph.laplacian(), sampling.positions, sampling.areas, degrees, graph.mass
        ).errors
    assert (errors[False] > 3 * errors[True]).all()


def test_finite_elements():
    sampling = Icosahedral(3)
    graph = build_graph(sampling, Recipe(weights="cotangent"))
    triangles = triangulate(sampling.positions)
    expected = cotangent_weights(sampling.positions, triangles)
    np.testing.assert_array_equal(graph.weights.toarray(), expected.toarray())
    mass = lumped_mass(sampling.positions, triangles)
    np.testing.assert_allclose(graph.mass, mass / mass.mean(), rtol=1e-14)
    rows, columns = graph.weights.nonzero()
    gaps = np.linalg.norm(sampling.positions[rows] - sampling.positions[columns], axis=1)
    assert graph.neighbour_distance == pytest.approx(gaps.mean())
    # Eigenvalues l(l + 1) in steradians: the mass has mean 1 instead of 4π/N.
    found = eigsh(graph.laplacian(), k=9, sigma=-0.01, return_eigenvectors=False)
    expected = np.repeat([0, 2, 6], [1, 3, 5])
    np.testing.assert_allclose(
        np.sort(found) * len(sampling) / (4 * np.pi), expected, rtol=0.02, atol=1e-9
    )


def test_finite_elements_of_a_part_are_those_within():
    whole = Healpix(8)
    part = Masked(whole, np.arange(100))
    found = build_graph(part, Recipe(weights="cotangent")).weights
    full = build_graph(whole, Recipe(weights="cotangent")).weights[:100, :100]
    assert set(zip(*found.nonzero(), strict=True)) <= set(zip(*full.nonzero(), strict=True))
    # Pixels whose neighbours on the whole sphere all belong to the part have the same weights.
    inside = np.flatnonzero((whole.neighbours()[:100] < 100).all(axis=1))
    assert len(inside) > 40
    np.testing.assert_allclose(found[inside].toarray(), full[inside].toarray(), atol=1e-13)


def test_published_widths_are_for_healpix_and_its_parts():
    with pytest.raises(DeepsphereError, match="for HEALPix only; found equiangular:8x16"):
        build_graph(Equiangular(8, 16), Recipe(8, width="published"))
    with pytest.raises(DeepsphereError, match="nside 8 and 10 neighbours"):
        build_graph(Healpix(8), Recipe(10, width="published"))


@pytest.mark.parametrize("recipe", [Recipe(8), Recipe(8, width="search"), Recipe(radius=0.5)])
@pytest.mark.parametrize("sampling", [Octahedral(4), Fibonacci(150)], ids=lambda s: s.name)
def test_built_again_with_any_number_of_threads_a_graph_has_the_same_bytes(sampling, recipe):
    graphs = [build_graph(sampling, recipe, threads) for threads in (1, 2, 1)]
    assert equal(graphs[0], graphs[1])
    assert equal(graphs[0], graphs[2])


SCRIPT = """
import hashlib, os
from deepsphere.graphs.build import build_graph
from deepsphere.graphs.recipe import Recipe
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.healpix import Healpix
digest = hashlib.sha256()
for sampling, recipe in (
    (Healpix(16), Recipe(8)),
    (Cubed(10), Recipe(20, width="search")),
    (Healpix(8), Recipe(8, width="search", laplacian="normalized")),
):
    graph = build_graph(sampling, recipe, threads=int(os.environ["NUMBA_NUM_THREADS"]))
    for part in (graph.weights.data, graph.weights.indices, graph.weights.indptr):
        digest.update(part.tobytes())
    digest.update(repr((graph.width, graph.neighbour_distance)).encode())
os.write(1, digest.hexdigest().encode())
"""


def test_other_processes_with_any_number_of_threads_build_the_same_bytes():
    """Healpix(16) has more edges than BLAS multiplies by one thread."""
    digests = set()
    for threads, seed in (("1", "1"), ("2", "2")):
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
        environment = os.environ | dict.fromkeys(names, threads) | {"PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, check=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1
    assert len(digests.pop()) == 2 * hashlib.sha256().digest_size
