"""The numbers of filters, against eigenvectors, dense polynomials and spherical trigonometry."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from healpy.projector import GnomonicProj
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import chebyshev, legendre
from scipy.interpolate import BarycentricInterpolator
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.equivariance import haar_errors, zonal_errors
from deepsphere.graphs.hierarchy import build_hierarchy
from deepsphere.graphs.levels import build_levels
from deepsphere.graphs.recipe import Recipe
from deepsphere.nn.bases import BASES
from deepsphere.nn.building import build_graph_hierarchy
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.filters import (
    chebyshev_coefficients_of,
    degree_eigenvalues,
    filter_views,
    impulse_response,
    spectral_response,
)
from deepsphere.nn.hierarchy import graph_hierarchy
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.reference import convolution_reference
from deepsphere.nn.sections import gnomonic, section
from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.samplings.gauss_legendre import GaussLegendre
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.masked import Masked

PIXELS = 12
MASS = np.geomspace(0.2, 5, PIXELS)[np.random.default_rng(0).permutation(PIXELS)]
MASSES = pytest.mark.parametrize("mass", [None, MASS], ids=["even", "masses"])
# In, out, groups.
SIZES = [(2, 3, 1), (4, 6, 2)]
PART = Masked(Healpix(4), np.arange(48))


@pytest.fixture(autouse=True)
def _same_weights():
    torch.manual_seed(0)


def make(operator, sizes=(2, 3, 1), kernel_size=4, basis="chebyshev"):
    """Return a layer with random weights, and a bias, which is no part of any filter."""
    entering, leaving, groups = sizes
    layer = ChebConv(
        entering, leaving, kernel_size, operator, basis=basis, groups=groups, bias=True
    ).double()
    torch.nn.init.normal_(layer.bias)
    return layer


def fit(operator, function, kernel_size):
    """Return a layer of one filter, the polynomial that interpolates a function of x."""
    layer = ChebConv(1, 1, kernel_size, operator).double()
    coefficients = chebyshev.chebinterpolate(function, kernel_size - 1)
    layer.weight.data[:, 0, 0] = torch.from_numpy(coefficients)
    return layer


@MASSES
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("kernel_size", [1, 2, 5])
@pytest.mark.parametrize("basis", BASES)
def test_the_response_is_what_the_layer_multiplies_eigenvectors_with(
    rescaled_laplacian, basis, kernel_size, sizes, mass
):
    """The layer's operator M^(-1/2) S M^(1/2) has the eigenvectors M^(-1/2) u of those u of S.

    A response is a polynomial of degree K - 1, so K of its values give it everywhere.
    """
    matrix = rescaled_laplacian(PIXELS)
    layer = make(SymmetricOperator(matrix, torch.float64, mass), sizes, kernel_size, basis)
    places, responses = spectral_response(layer, count=max(kernel_size, 2))
    polynomial = BarycentricInterpolator(places, responses)
    eigenvalues, vectors = np.linalg.eigh(matrix.toarray())
    np.testing.assert_allclose(places[[0, -1]], eigenvalues[[0, -1]], atol=1e-5)
    vectors = vectors if mass is None else vectors / np.sqrt(mass)[:, None]
    # Of each eigenvector, a map that has it in one of the input channels.
    features = torch.from_numpy(np.einsum("pv,ic->vipc", vectors, np.eye(sizes[0]))).flatten(0, 1)
    filtered = (layer(features) - layer.bias).detach().numpy()
    expected = np.einsum("pv,vio->vipo", vectors, polynomial(eigenvalues))
    np.testing.assert_allclose(filtered, expected.reshape(filtered.shape), rtol=0, atol=1e-11)


@MASSES
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("kernel_size", [1, 2, 5])
@pytest.mark.parametrize("basis", BASES)
def test_the_impulse_response_is_a_column_of_the_dense_polynomial(
    rescaled_laplacian, basis, kernel_size, sizes, mass
):
    operator = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, mass)
    layer = make(operator, sizes, kernel_size, basis)
    entering, _, groups = sizes
    for pixel in (0, 5, PIXELS - 1):
        features = torch.zeros(entering, PIXELS, entering, dtype=torch.float64)
        features[:, pixel] = torch.eye(entering)
        column = convolution_reference(features, layer.weight, operator, basis, groups)
        expected = column.detach().numpy().transpose(1, 0, 2)
        np.testing.assert_allclose(impulse_response(layer, pixel), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("basis", BASES)
def test_coefficients_between_groups_are_zero(rescaled_laplacian, basis):
    operator = SymmetricOperator(rescaled_laplacian(5), torch.float64)
    coefficients = chebyshev_coefficients_of(make(operator, (4, 6, 2), 3, basis))
    same_group = np.kron(np.eye(2), np.ones((2, 3))).astype(bool)
    assert coefficients.shape == (3, 4, 6)
    assert (coefficients[:, ~same_group] == 0).all()
    assert (coefficients[:, same_group] != 0).any(axis=0).all()


def test_chebyshev_weights_are_their_own_coefficients(rescaled_laplacian):
    layer = make(SymmetricOperator(rescaled_laplacian(5)), (2, 3, 1), 4)
    np.testing.assert_array_equal(chebyshev_coefficients_of(layer), layer.weight.detach().numpy())


@pytest.mark.parametrize("rescaling", ["symmetric", "damped", "shifted"])
@pytest.mark.parametrize("sampling", [Healpix(4), GaussLegendre(6, 12), PART], ids=lambda s: s.name)
def test_impulse_responses_sum_to_the_response_to_constants(sampling, rescaling):
    """On a graph, (D - W) 1 = 0; so 1 is an eigenvector of the combinatorial Laplacian, to 0.

    With masses, L = M⁻¹(D - W) is not symmetric. But 1ᵀ M L = 1ᵀ(D - W) = 0, so that 1ᵀ M h(L) is
    h(0) 1ᵀ M for each polynomial h: the column j of h(L) has the sum, weighted with masses, of h(0)
    times the mass of j. A part of a sphere has a graph of its own, on which the same holds. If its
    pixels had the neighbours that they have in the whole, the sum near the border would be smaller.
    """
    recipe = Recipe(neighbours=8, refinement=0)
    stored, _ = build_levels(build_hierarchy(sampling, 1), recipe, rescaling)
    hierarchy = graph_hierarchy(stored, torch.float64)
    assert (hierarchy.operator(0).root_mass is not None) == (sampling.name[:5] == "gauss")
    layer = make(hierarchy.operator(0), kernel_size=5)
    masses, coefficients = hierarchy.areas[0], chebyshev_coefficients_of(layer)
    constants = -0.75 if rescaling == "damped" else -1.0
    expected = chebyshev.chebval(constants, coefficients)
    assert spectral_response(layer)[0][0] == pytest.approx(constants, abs=1e-4)
    for pixel in (0, 7, len(sampling) - 1):
        sums = np.tensordot(masses, impulse_response(layer, pixel), axes=1) / masses[pixel]
        np.testing.assert_allclose(sums, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel_size", [1, 2, 3])
def test_filters_reach_one_edge_less_than_they_have_coefficients(kernel_size):
    recipe = Recipe(neighbours="adjacent", refinement=0)
    operator = build_graph_hierarchy(PART, recipe=recipe, dtype=torch.float64).operator(0)
    edges = shortest_path(
        csr_array((operator.values != 0, operator.columns, operator.offsets)), unweighted=True
    )
    response = impulse_response(make(operator, kernel_size=kernel_size), pixel=3)
    np.testing.assert_array_equal((response != 0).all(axis=(1, 2)), edges[3] < kernel_size)


def test_a_low_pass_filter_looks_the_same_in_all_directions():
    """An operator that commutes with rotations has, of a pixel of area a, the impulse response

        r(θ) = a Σ_l (2l + 1)/(4π) h(λ_l) P_l(cos θ),

    by the addition theorem; it depends on the angle θ only. On a graph, what is beside it is what
    the Laplacian is off from commuting with rotations. On HEALPix of nside 8 that error, averaged
    over the degrees l as the filter weighs them, is 0.8 %, and the response is as near to r(θ).
    """
    hierarchy = build_graph_hierarchy(Healpix(8), dtype=torch.float64)
    operator, positions = hierarchy.operator(0), hierarchy.positions[0]
    layer = fit(operator, lambda x: np.exp(-4 * (x + 1)), 6)
    degrees = np.arange(24)
    eigenvalues = degree_eigenvalues(operator, positions, hierarchy.areas[0], degrees.tolist())
    responses = chebyshev.chebval(eigenvalues, chebyshev_coefficients_of(layer)[:, 0, 0])
    weights = (2 * degrees + 1) * responses / len(positions)
    pixels = [0, 100, 391]
    isotropic = legendre.legval(positions @ positions[pixels].T, weights)
    found = np.stack([impulse_response(layer, pixel)[:, 0, 0] for pixel in pixels], axis=1)
    differences = np.linalg.norm(found - isotropic, axis=0) / np.linalg.norm(found, axis=0)
    matrix = csr_array((operator.values.numpy(), operator.columns, operator.offsets))
    errors = haar_errors(matrix, positions, hierarchy.areas[0], degrees[1:].tolist(), functions=4)
    shares = np.square(responses[1:]) * (2 * degrees[1:] + 1)
    error = np.sqrt(np.average(np.square(errors.errors), weights=shares))
    assert 0.006 < error < 0.01
    assert (differences < 1.5 * error).all()


@pytest.mark.parametrize("sampling", [Healpix(4), GaussLegendre(12, 24)], ids=lambda s: s.name)
def test_the_eigenvalues_of_degrees_are_rescaled_as_the_laplacian_is(sampling):
    stored, _ = build_levels(build_hierarchy(sampling, 1), Recipe(refinement=0), "symmetric")
    (level,) = stored.levels
    hierarchy = graph_hierarchy(stored, torch.float64)
    degrees = [0, 1, 3, 6]
    found = degree_eigenvalues(
        hierarchy.operator(0), hierarchy.positions[0], hierarchy.areas[0], degrees
    )
    original = zonal_errors(
        level.graph.laplacian(), sampling.positions, sampling.areas, degrees, level.graph.mass
    ).responses
    np.testing.assert_allclose(found, 2 * original / (1.01 * level.lmax) - 1, rtol=0, atol=1e-12)
    # As many eigenvalues as there are functions, but for what the graph is off from a sphere.
    exact = np.linalg.eigvalsh(level.operator().toarray())
    assert found[0] == pytest.approx(exact[0], abs=1e-12)
    assert found[1] == pytest.approx(exact[1:4].mean(), abs=2e-3)


angles = st.floats(-180, 180)
latitudes = st.floats(-89, 89)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(angles, latitudes, st.floats(0, 360), st.lists(st.floats(0.1, 170), min_size=1, max_size=5))
def test_places_along_a_great_circle_have_their_distance(longitude, latitude, bearing, distances):
    """The place at the distance d and the bearing β from (λ₁, φ₁), as navigators know it, is

    sin φ₂ = sin φ₁ cos d + cos φ₁ sin d cos β,
    λ₂ = λ₁ + atan2(sin β sin d cos φ₁, cos d - sin φ₁ sin φ₂).
    """
    signed = np.unique(np.round([*distances, *(-distance for distance in distances)], 3))
    along, turn, start = np.radians(signed), math.radians(bearing), math.radians(latitude)
    sines = math.sin(start) * np.cos(along) + math.cos(start) * np.sin(along) * math.cos(turn)
    east = np.arctan2(
        math.sin(turn) * np.sin(along) * math.cos(start), np.cos(along) - math.sin(start) * sines
    )
    places = unit_vectors(longitude + np.degrees(east), np.degrees(np.arcsin(sines)))
    centre = unit_vectors(np.array(longitude), np.array(latitude))
    positions = np.concatenate([places[::-1], centre[None]])
    values = np.append(signed[::-1], 0)
    found, ordered = section(positions, values, len(signed), bearing)
    np.testing.assert_allclose(np.degrees(found), np.sort(values), atol=1e-5)
    np.testing.assert_array_equal(ordered, np.sort(values))
    found, ordered = section(positions, values, len(signed))
    np.testing.assert_allclose(np.degrees(found), np.sort(np.abs(values)), atol=1e-5)
    np.testing.assert_array_equal(np.abs(ordered), np.sort(np.abs(values)))


def test_a_section_holds_all_pixels_in_the_order_of_their_distance():
    positions = Healpix(4).positions
    found, cosines = section(positions, positions @ positions[17], 17)
    assert found[0] == 0
    assert (np.diff(found) >= 0).all()
    np.testing.assert_allclose(np.cos(found), cosines, atol=1e-15)


def test_a_great_circle_passes_by_pixels_within_half_of_the_nearest_distance():
    """The nearest pixel is 10° away in the east, so those up to 5° off are taken, at 4° not 6°.

    Their angles are those from the pixel, cos θ = cos 20° cos 4°.
    """
    longitudes, latitudes = np.array([0.0, 10, -20, -20, 40]), np.array([0.0, 0, 4, 6, 0])
    positions = unit_vectors(longitudes, latitudes)
    found, values = section(positions, np.eye(5), 0, bearing=90)
    aside = -math.degrees(math.acos(math.cos(math.radians(20)) * math.cos(math.radians(4))))
    np.testing.assert_allclose(np.degrees(found), [aside, 0, 10, 40], atol=1e-12)
    np.testing.assert_array_equal(values, np.eye(5)[[2, 0, 1, 4]])
    back, reversed_values = section(positions, np.eye(5), 0, bearing=270)
    np.testing.assert_allclose(back, -found[::-1], atol=1e-15)
    np.testing.assert_array_equal(reversed_values, values[::-1])


@settings(derandomize=True, deadline=None, max_examples=60)
@given(angles, latitudes, st.integers(0, 99))
def test_the_plane_is_that_of_healpy_which_looks_from_inside(longitude, latitude, seed):
    positions = np.random.default_rng(seed).normal(size=(50, 3))
    positions /= np.linalg.norm(positions, axis=1, keepdims=True)
    centre = unit_vectors(np.array(longitude), np.array(latitude))
    pixels, plane = gnomonic(positions, centre, math.radians(80))
    east, north = GnomonicProj(rot=(longitude, latitude)).vec2xy(positions[pixels].T)
    np.testing.assert_allclose(plane, np.stack([-east, north], axis=1), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(
        pixels, np.flatnonzero(positions @ centre >= math.cos(math.radians(80)))
    )


def test_north_is_up_east_is_right_and_distances_are_tangents():
    """45° away is tan 45° = 1, and 30° is 1/√3; what is 60° away is beyond the extent."""
    positions = unit_vectors(np.array([20.0, 20, 65, 350, 20]), np.array([0.0, 45, 0, 0, -60]))
    pixels, plane = gnomonic(positions, positions[0], math.radians(50))
    np.testing.assert_array_equal(pixels, [0, 1, 2, 3])
    expected = [[0, 0], [0, 1], [1, 0], [-1 / math.sqrt(3), 0]]
    np.testing.assert_allclose(plane, expected, atol=1e-15)


@pytest.mark.parametrize("pole", [1, -1])
def test_the_plane_at_a_pole_is_laid_as_if_from_greenwich(pole):
    positions = unit_vectors(np.array([0.0, 90]), pole * np.array([80.0, 80]))
    _, plane = gnomonic(positions, np.array([0.0, 0, pole]), 1.0)
    tangent = math.tan(math.radians(10))
    np.testing.assert_allclose(plane, [[0, -pole * tangent], [tangent, 0]], atol=1e-15)


@pytest.fixture(scope="module")
def hierarchy():
    return build_graph_hierarchy(Healpix(4), recipe=Recipe(8, refinement=0))


def test_views_are_of_the_largest_filters(hierarchy):
    layer = ChebConv(3, 4, 3, hierarchy.operator(0), basis="monomial")
    views = filter_views(layer, hierarchy.positions[0], 5, count=4, areas=hierarchy.areas[0])
    norms = np.linalg.norm(chebyshev_coefficients_of(layer), axis=0)
    shown = norms[tuple(views.channels.T)]
    np.testing.assert_array_equal(shown, np.sort(norms, axis=None)[::-1][:4])
    assert len(filter_views(layer, hierarchy.positions[0], 5, count=99).channels) == 12


def test_views_are_those_of_all_filters_cut_to_some(hierarchy):
    layer, positions = ChebConv(3, 4, 3, hierarchy.operator(0)), hierarchy.positions[0]
    chosen = [(2, 0), (0, 3)]
    views = filter_views(layer, positions, 5, filters=chosen, areas=hierarchy.areas[0])
    np.testing.assert_array_equal(views.channels, chosen)

    def cut(values):
        return np.stack([values[:, entering, leaving] for entering, leaving in chosen], axis=1)

    np.testing.assert_array_equal(views.coefficients, cut(chebyshev_coefficients_of(layer)))
    eigenvalues, responses = spectral_response(layer)
    np.testing.assert_array_equal(views.response[0], eigenvalues)
    np.testing.assert_array_equal(views.response[1], cut(responses))
    impulses = cut(impulse_response(layer, 5))
    for seen, bearing in ((views.around, None), (views.eastward, 90), (views.northward, 0)):
        distances, values = section(positions, impulses, 5, bearing)
        near = np.abs(distances) <= views.extent
        np.testing.assert_array_equal(seen[0], distances[near])
        np.testing.assert_allclose(seen[1], values[near], rtol=0, atol=1e-15)
    near = positions @ positions[5] >= math.cos(views.extent)
    pixels, plane = gnomonic(positions, positions[5], math.atan(2 * math.tan(views.extent)))
    assert set(np.flatnonzero(near)) <= set(pixels)
    np.testing.assert_array_equal(views.plane[0], plane)
    np.testing.assert_allclose(views.plane[1], impulses[pixels], rtol=0, atol=1e-15)
    degrees, places = views.degrees
    # Up to 11, the highest degree of nside 4.
    np.testing.assert_array_equal(degrees, [0, 2, 4, 6, 8, 10])
    expected = degree_eigenvalues(hierarchy.operator(0), positions, hierarchy.areas[0], degrees)
    np.testing.assert_array_equal(places, expected)


def test_views_reach_as_far_as_a_filter_has_a_hundredth_of_its_largest_value():
    hierarchy = build_graph_hierarchy(Healpix(8), recipe=Recipe(8, refinement=0))
    layer = fit(hierarchy.operator(0), lambda x: np.exp(-3 * (x + 1)), 5).float()
    positions = hierarchy.positions[0]
    views = filter_views(layer, positions, 5)
    distances, values = section(positions, np.abs(impulse_response(layer, 5)[:, 0]), 5)
    assert views.extent in distances
    beyond = distances > views.extent
    assert values[beyond].max() <= 0.01 * values.max() < values[distances == views.extent].max()
    assert views.degrees is None


def test_views_of_a_single_coefficient_show_twenty_pixels(hierarchy):
    views = filter_views(ChebConv(1, 1, 1, hierarchy.operator(0)), hierarchy.positions[0], 5)
    assert len(views.around[0]) >= 21
    assert np.count_nonzero(views.around[1]) == 1


def test_views_of_a_wide_filter_end_at_sixty_degrees():
    hierarchy = build_graph_hierarchy(Healpix(2), recipe=Recipe(8, refinement=0))
    layer = fit(hierarchy.operator(0), lambda x: np.exp(-8 * (x + 1)), 8)
    views = filter_views(layer.float(), hierarchy.positions[0], 5)
    assert views.extent == math.radians(60)


def test_looking_at_filters_leaves_them_as_they_are(hierarchy):
    layer = ChebConv(2, 2, 3, hierarchy.operator(0))
    before = layer.weight.detach().clone()
    views = filter_views(layer.to(torch.bfloat16), hierarchy.positions[0], 5)
    assert layer.weight.grad is None
    assert layer.weight.dtype == torch.bfloat16
    np.testing.assert_array_equal(layer.weight.detach().float(), before.bfloat16().float())
    assert views.around[1].dtype == views.coefficients.dtype == np.float64


def test_views_are_of_equally_many_filters(hierarchy):
    views = filter_views(ChebConv(2, 2, 3, hierarchy.operator(0)), hierarchy.positions[0], 5)
    with pytest.raises(ValueError, match="values of 1 filters, found"):
        replace(views, channels=views.channels[:1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"filters": [(0, 2)]}, r"below \(2, 2\), found \[\(0, 2\)\]"),
        ({"filters": [(-1, 0)]}, r"pairs of channels"),
        ({"filters": []}, r"pairs of channels"),
        ({"filters": [(0, 1, 0)]}, r"pairs of channels"),
        ({"count": 0}, "count=0"),
        ({"pixel": 192}, "a pixel from 0 to 191, found 192"),
        ({"pixel": -1}, "a pixel from 0 to 191, found -1"),
        ({"positions": Healpix(2).positions}, "values of 48 pixels"),
    ],
)
def test_what_does_not_fit_the_layer_is_refused(hierarchy, settings, message):
    layer = ChebConv(2, 2, 3, hierarchy.operator(0))
    given = {"positions": hierarchy.positions[0], "pixel": 5, **settings}
    with pytest.raises(ValueError, match=message):
        filter_views(layer, **given)


def test_filters_that_are_not_finite_are_refused(hierarchy):
    layer = ChebConv(2, 2, 3, hierarchy.operator(0))
    layer.weight.data[0, 1, 0] = math.nan
    with pytest.raises(DeepsphereError, match=r"1 filters of the layer .* channel 1 to 0"):
        filter_views(layer, hierarchy.positions[0], 5)


def test_a_graph_of_one_pixel_has_no_views():
    layer = ChebConv(1, 1, 2, SymmetricOperator(csr_array(-np.eye(1))))
    with pytest.raises(ValueError, match="2 pixels at least"):
        filter_views(layer, np.array([[0.0, 0, 1]]), 0)


def test_a_response_needs_two_eigenvalues(hierarchy):
    with pytest.raises(ValueError, match="count=1"):
        spectral_response(ChebConv(1, 1, 2, hierarchy.operator(0)), count=1)


@pytest.mark.parametrize("extent", [0.0, math.pi / 2])
def test_a_plane_shows_less_than_half_of_the_sphere(extent):
    with pytest.raises(ValueError, match="between 0 and π/2"):
        gnomonic(Healpix(1).positions, np.array([1.0, 0, 0]), extent)


def test_positions_are_unit_vectors():
    positions = 2 * Healpix(1).positions
    with pytest.raises(DeepsphereError, match="unit vectors"):
        section(positions, positions, 0)
    with pytest.raises(DeepsphereError, match="unit vectors"):
        gnomonic(positions, np.array([1.0, 0, 0]), 1.0)
    with pytest.raises(DeepsphereError, match="unit vectors"):
        gnomonic(positions / 2, np.array([2.0, 0, 0]), 1.0)
