import numpy as np
import pytest
import scipy.linalg

from deepsphere.files import canonical_json
from deepsphere.graphs import diagnostics
from deepsphere.graphs.build import build_graph
from deepsphere.graphs.counted import interior
from deepsphere.graphs.degrees import degrees_within
from deepsphere.graphs.diagnostics import describe_equivariance, describe_graph
from deepsphere.graphs.eigenvalue_groups import eigenvalue_groups
from deepsphere.graphs.equivariance import haar_errors, zonal_errors
from deepsphere.graphs.recipe import Recipe
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.stations import Stations


def at(positions):
    return Stations(*longitude_latitude(positions))


def test_ring(polygon):
    """Twelve stations on the equator, each joined to the next: a circle.

    Its eigenvalues are 2 - 2 cos(2πk/12), k = 0, ..., 11: 0, a, a, 1, 1, 2, 2, 3, 3, b, b, 4 with
    a = 2 - √3 and b = 2 + √3; the first nine make the groups of degree 0, 1 and 2.
    """
    ring = at(polygon(12))
    graph = build_graph(ring, Recipe(neighbours=2, weights="unweighted"))
    description = describe_graph(ring, graph)
    groups = description.pop("eigenvalue_groups")
    assert description.pop("equivariance").keys() == {
        "degrees",
        "responses",
        "errors",
        "haar",
        "pixels",
    }
    assert description == {
        "sampling": "stations:12",
        "pixels": 12,
        "edges": 12,
        "neighbours": {"min": 2, "mean": 2, "max": 2},
        "degree": {"min": 2, "mean": 2, "max": 2},
        "weight": {"min": 1, "mean": 1, "max": 1},
        "mass": None,
        "isolated": 0,
        "components": {"count": 1, "largest": [12]},
        "symmetric": True,
        "neighbour_distance": pytest.approx(2 * np.sin(np.pi / 12)),
        "width": None,
        "laplacian": "combinatorial",
        "lmax": 4,
    }
    low = 2 - np.sqrt(3)
    means = np.array([0, (2 * low + 1) / 3, (1 + 2 + 2 + 3 + 3) / 5])
    assert groups["degrees"] == [0, 1, 2]
    assert groups["means"] == pytest.approx(means, rel=1e-5, abs=1e-12)
    assert groups["spreads"] == pytest.approx([0, 1 - low, 2], rel=1e-5, abs=1e-12)
    # Degree 2 should have 6/2 times the eigenvalue of degree 1.
    assert groups["ratios"] == [None, 1, pytest.approx(means[2] / (3 * means[1]), rel=1e-5)]


def test_two_far_clusters_are_two_components(scattered):
    north = scattered(70) * [0.1, 0.1, 0.01] + [0, 0, 1]
    south = scattered(30, seed=1) * [0.1, 0.1, 0.01] - [0, 0, 1]
    positions = np.concatenate([north, south])
    clusters = at(positions / np.linalg.norm(positions, axis=1, keepdims=True))
    recipe = Recipe(neighbours=6, width="mean", laplacian="normalized")
    description = describe_graph(clusters, build_graph(clusters, recipe), "normalized")
    assert description["components"] == {"count": 2, "largest": [70, 30]}
    assert description["isolated"] == 0
    assert description["laplacian"] == "normalized"
    assert 1 < description["lmax"] <= 2
    # One zero for each component: the group of degree 1 begins with the second.
    groups = description["eigenvalue_groups"]
    assert groups["means"][0] == 0
    laplacian = build_graph(clusters, recipe).laplacian("normalized").toarray()
    eigenvalues = np.linalg.eigvalsh(laplacian)
    assert groups["spreads"][1] == pytest.approx(eigenvalues[3], rel=1e-5)


def test_only_the_five_largest_components_are_listed(polygon):
    # Seven pairs of twins, evenly spread: each vertex is joined to its twin only.
    twins = at(np.repeat(polygon(7), 2, axis=0))
    graph = build_graph(twins, Recipe(neighbours=1, weights="unweighted"))
    description = describe_graph(twins, graph)
    assert description["components"] == {"count": 7, "largest": [2, 2, 2, 2, 2]}
    # The operator is zero on every function of the place, which is no error.
    assert set(description["equivariance"]["responses"]) == {0}
    assert set(description["equivariance"]["errors"]) == {0}


def test_a_graph_without_edges_can_be_described():
    corners = at(np.eye(3))
    description = describe_graph(corners, build_graph(corners, Recipe(1, width=1e-3)))
    assert description["edges"] == 0
    assert description["isolated"] == 3
    assert description["neighbours"] == {"min": 0, "mean": 0, "max": 0}
    assert description["degree"] == {"min": 0, "mean": 0, "max": 0}
    assert description["weight"] is None
    assert description["components"] == {"count": 3, "largest": [1, 1, 1]}
    assert description["lmax"] == 0
    assert description["equivariance"] is None
    assert description["eigenvalue_groups"]["means"] == [0]


@pytest.mark.parametrize(
    "single", [Masked(Healpix(1), [7]), at(np.eye(3)[:1])], ids=["part", "all"]
)
def test_a_single_pixel_can_be_described(single):
    description = describe_graph(single, build_graph(single))
    assert (description["pixels"], description["edges"], description["isolated"]) == (1, 0, 1)
    assert description["components"] == {"count": 1, "largest": [1]}
    for key in ("weight", "mass", "neighbour_distance", "width", "equivariance"):
        assert description[key] is None
    canonical_json(description)


def test_errors_and_groups_are_those_of_their_own_modules():
    sphere = Healpix(8)
    graph = build_graph(sphere, Recipe(neighbours=8))
    description = describe_graph(sphere, graph)
    matrix = graph.laplacian()
    found = description["equivariance"]
    degrees = degrees_within(sphere.areas, low=3, high=6)
    assert found["degrees"] == degrees
    # The band of nside 8 ends at 23.
    assert degrees[0] == 4
    assert 20 <= degrees[-1] <= 23
    by_poles = zonal_errors(matrix, sphere.positions, sphere.areas, degrees)
    assert found["responses"] == pytest.approx(by_poles.responses, rel=1e-5)
    assert found["errors"] == pytest.approx(by_poles.errors, rel=1e-5)
    by_functions = haar_errors(matrix, sphere.positions, sphere.areas, degrees, functions=16)
    assert found["haar"] == pytest.approx(by_functions.errors, rel=1e-5)
    assert found["pixels"] == 768
    groups = eigenvalue_groups(matrix)
    assert description["eigenvalue_groups"] == groups.described()
    dense = np.linalg.eigvalsh(matrix.toarray())
    assert description["lmax"] == pytest.approx(dense[-1], rel=1e-4)
    assert groups.eigenvalues == pytest.approx(dense[:81], rel=1e-4, abs=1e-9)


def test_areas_are_part_of_what_is_measured():
    """With a mass M the eigenvalues are those of (D - W) f = λ M f."""
    sphere = Icosahedral(2)
    graph = build_graph(sphere)
    description = describe_graph(sphere, graph)
    assert description["mass"] == {
        "min": pytest.approx(graph.mass.min()),
        "mean": pytest.approx(1),
        "max": pytest.approx(graph.mass.max()),
    }
    weights = graph.weights.toarray()
    operator = np.diag(weights.sum(axis=1)) - weights
    eigenvalues = scipy.linalg.eigvalsh(operator, np.diag(graph.mass))
    assert description["lmax"] == pytest.approx(eigenvalues[-1], rel=1e-4)
    means = [eigenvalues[degree**2 : (degree + 1) ** 2].mean() for degree in range(9)]
    assert description["eigenvalue_groups"]["means"] == pytest.approx(means, rel=1e-5, abs=1e-9)
    measured = description["equivariance"]
    arguments = (graph.laplacian(), sphere.positions, sphere.areas, measured["degrees"], graph.mass)
    assert measured["errors"] == pytest.approx(zonal_errors(*arguments).errors, rel=1e-5)
    of_functions = haar_errors(*arguments, functions=16)
    assert measured["haar"] == pytest.approx(of_functions.errors, rel=1e-5)


def test_a_part_of_a_sphere_is_measured_off_its_border():
    """At the border all neighbours are on one side, so that its graph is not that of the sphere."""
    sphere = Healpix(16)
    cap = Masked(sphere, np.flatnonzero(sphere.positions[:, 2] > -0.2))
    recipe = Recipe(neighbours=8)
    graph = build_graph(cap, recipe)
    description = describe_graph(cap, graph)
    assert description["sampling"] == f"healpix:16[{len(cap)}]"
    assert description["eigenvalue_groups"] is None
    measured = description["equivariance"]
    inside = interior(cap, graph.weights)
    assert measured["pixels"] == inside.sum()
    # The southernmost ring of the cap is its border: 64 pixels.
    assert not inside[cap.positions[:, 2] == cap.positions[:, 2].min()].any()
    assert 0.8 * len(cap) < inside.sum() <= len(cap) - 64
    arguments = (graph.laplacian(), cap.positions, np.where(inside, cap.areas, 0))
    degrees = measured["degrees"]
    assert measured["errors"] == pytest.approx(zonal_errors(*arguments, degrees).errors, rel=1e-5)
    of_functions = haar_errors(*arguments, degrees, functions=16).errors
    assert measured["haar"] == pytest.approx(of_functions, rel=1e-5)
    whole = build_graph(sphere, recipe)
    on_sphere = describe_equivariance(sphere, whole, whole.laplacian())
    assert degrees == on_sphere["degrees"]
    assert measured["responses"] == pytest.approx(on_sphere["responses"], rel=0.02)
    with_border = zonal_errors(graph.laplacian(), cap.positions, cap.areas, degrees).errors
    assert (with_border > measured["errors"]).all()
    assert (with_border[:3] > 5 * np.array(measured["errors"][:3])).all()


def test_what_takes_too_long_on_large_graphs_is_left_out(monkeypatch):
    sphere = Healpix(2)
    graph = build_graph(sphere)
    assert describe_graph(sphere, graph)["equivariance"]["haar"]
    monkeypatch.setattr(diagnostics, "_MOST_PIXELS_HAAR", 47)
    without = describe_graph(sphere, graph)["equivariance"]
    assert without["haar"] is None
    assert len(without["errors"]) == len(without["degrees"])
    monkeypatch.setattr(diagnostics, "_MOST_PIXELS", 47)
    assert describe_graph(sphere, graph)["equivariance"] is None


def numbers(value):
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return [number for part in parts for number in numbers(part)]
    return [value]


def test_every_sampling_has_a_plain_description_that_adds_up(sampling):
    graph = build_graph(sampling, Recipe(neighbours=6, refinement=0))
    description = describe_graph(sampling, graph)
    canonical_json(description)
    weights = graph.weights
    pixels = description["pixels"]
    assert (description["sampling"], pixels) == (sampling.name, len(sampling))
    assert description["neighbours"]["mean"] * pixels == pytest.approx(2 * description["edges"])
    assert description["degree"]["mean"] * pixels == pytest.approx(weights.sum())
    assert description["weight"]["min"] == weights.data.min()
    assert description["weight"]["max"] == weights.data.max()
    assert description["neighbours"]["min"] == (weights.toarray() > 0).sum(axis=1).min()
    assert sum(description["components"]["largest"]) <= pixels
    assert description["symmetric"]
    # The largest eigenvalue is at most twice the largest degree, over the mass.
    bound = (np.asarray(weights.sum(axis=1)) / (1 if graph.mass is None else graph.mass)).max()
    assert bound < description["lmax"] <= 2 * bound * (1 + 1e-5)
    assert (description["eigenvalue_groups"] is None) == isinstance(sampling, Masked)


def test_a_description_is_the_same_every_time_and_rounded_where_machines_differ():
    sphere = Icosahedral(2)
    first = describe_graph(sphere, build_graph(sphere))
    assert describe_graph(sphere, build_graph(sphere, threads=2)) == first
    measured = numbers([first["lmax"], first["equivariance"], first["eigenvalue_groups"]])
    assert len(measured) > 40
    for number in measured:
        assert number is None or number == float(f"{number:.6g}")


def test_an_asymmetric_graph_would_be_noticed(monkeypatch):
    monkeypatch.setattr(diagnostics, "is_symmetric", lambda weights: False)
    sphere = Healpix(1)
    assert describe_graph(sphere, build_graph(sphere))["symmetric"] is False
