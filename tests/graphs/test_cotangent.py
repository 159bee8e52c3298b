import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import eigsh

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.cotangent import cotangent_weights, lumped_mass
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.voronoi import triangulate

OCTAHEDRON = np.concatenate([np.eye(3), -np.eye(3)])
CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / np.sqrt(3)


def stiffness(positions, triangles):
    """Assemble eᵢ·eⱼ/(4A), where eᵢ is the side of a triangle opposite to its corner i.

    The gradient of the function that is 1 at corner i and 0 at the others has the length 1/height
    = |eᵢ|/(2A) and is perpendicular to eᵢ, so that ∫∇φᵢ·∇φⱼ = A eᵢ·eⱼ/(2A)².
    """
    corners = positions[triangles]
    sides = np.roll(corners, -2, axis=1) - np.roll(corners, -1, axis=1)
    areas = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2
    elements = np.einsum("tix,tjx->tij", sides, sides) / (4 * areas)[:, np.newaxis, np.newaxis]
    rows, columns = np.repeat(triangles, 3, axis=1).ravel(), np.tile(triangles, 3).ravel()
    shape = (len(positions), len(positions))
    return csr_array((elements.ravel(), (rows, columns)), shape).toarray()


def flat_voronoi_areas(positions, triangles):
    """Add up the kites (corner, middle of a side, circumcentre, middle of the other side).

    Their areas count as negative where they are clockwise: outside of an obtuse triangle.
    """
    areas = np.zeros(len(positions))
    for corners in triangles:
        points = positions[corners]
        normal = np.cross(points[1] - points[0], points[2] - points[0])
        normal /= np.linalg.norm(normal)
        centre = normal * (normal @ points[0])  # the circle's plane is perpendicular to the radius
        for k in range(3):
            here, after, before = points[k], points[(k + 1) % 3], points[(k + 2) % 3]
            diagonals = np.cross(centre - here, (before - after) / 2)
            areas[corners[k]] += diagonals @ normal / 2
    return areas


def laplacian(weights):
    return csr_array(diags_array(weights.sum(axis=1)) - weights)


def eigenvalues(positions, triangles, count):
    """Return the smallest eigenvalues of (D - W)f = λMf."""
    weights, mass = cotangent_weights(positions, triangles), lumped_mass(positions, triangles)
    found = eigsh(
        laplacian(weights),
        k=count,
        M=diags_array(mass).tocsc(),
        sigma=-1,
        v0=np.ones(len(mass)) + np.arange(len(mass)) % 7,
        return_eigenvectors=False,
    )
    return np.sort(found)


def grid(rows, columns):
    """Return a grid of latitudes and longitudes from pole to pole."""
    latitude = np.linspace(-np.pi / 2, np.pi / 2, rows)[1:-1, np.newaxis]
    longitude = 2 * np.pi * np.arange(columns) / columns
    x, y = np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude)
    z = np.broadcast_to(np.sin(latitude), x.shape)
    poles = [[0, 0, -1], [0, 0, 1]]
    return np.concatenate([np.stack([x, y, z], axis=-1).reshape(-1, 3), poles])


def test_octahedron():
    """All angles are 60° and all edges √2 long.

    So w = cot 60° = 1/√3, and a third of the four triangles of area √3/2 is m = 2/√3. The graph of
    the octahedron has the Laplacian eigenvalues 0, 4 (3 times) and 6 (2 times), times w/m = 1/2.
    """
    triangles = triangulate(OCTAHEDRON)
    weights = cotangent_weights(OCTAHEDRON, triangles)
    opposite = np.abs(np.arange(6)[:, np.newaxis] - np.arange(6)) == 3
    expected = np.where(opposite | np.eye(6, dtype=bool), 0, 1 / np.sqrt(3))
    np.testing.assert_allclose(weights.toarray(), expected, rtol=1e-14)
    mass = lumped_mass(OCTAHEDRON, triangles)
    np.testing.assert_allclose(mass, 2 / np.sqrt(3), rtol=1e-14)
    operator = laplacian(weights).toarray() / mass[:, np.newaxis]
    np.testing.assert_allclose(
        np.sort(np.linalg.eigvals(operator).real), [0, 2, 2, 2, 3, 3], atol=1e-13
    )


def test_icosahedron():
    """Five triangles meet at a vertex, with edges whose square is a² = 16/(10 + 2√5).

    So w = 1/√3 and m = 5/3 · √3/4 a². The graph of the icosahedron has the Laplacian eigenvalues 0,
    5 - √5 (3 times), 6 (5 times) and 5 + √5 (3 times); w/m = 4/(5a²) = (5 + √5)/10 takes them to 0,
    2, 6 (5 + √5)/10 and 3 + √5.
    """
    icosahedron = Icosahedral(0)
    weights = cotangent_weights(icosahedron.positions, icosahedron.faces)
    mass = lumped_mass(icosahedron.positions, icosahedron.faces)
    np.testing.assert_array_equal(np.diff(weights.indptr), 5)
    np.testing.assert_allclose(weights.data, 1 / np.sqrt(3), rtol=1e-13)
    root = np.sqrt(5)
    np.testing.assert_allclose(mass, 5 * np.sqrt(3) / 12 * 16 / (10 + 2 * root), rtol=1e-13)
    operator = laplacian(weights).toarray() / mass[:, np.newaxis]
    expected = [0, *[2] * 3, *[6 * (5 + root) / 10] * 5, *[3 + root] * 3]
    np.testing.assert_allclose(np.sort(np.linalg.eigvals(operator).real), expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_cube_has_no_diagonals(seed):
    """However its squares are cut: the angles opposite to a diagonal are right, those opposite to
    an edge 45° on both sides. Hence w = 1, and m = 3/4 a² = 1, as a² = 4/3.
    """
    order = np.random.default_rng(seed).permutation(8)
    triangles = triangulate(CUBE[order])
    weights = cotangent_weights(CUBE[order], triangles)
    np.testing.assert_array_equal(np.diff(weights.indptr), 3)
    np.testing.assert_allclose(weights.data, 1, rtol=1e-14)
    np.testing.assert_allclose(lumped_mass(CUBE[order], triangles), 1, rtol=1e-14)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.integers(20, 150), st.integers(0, 2**32 - 1))
def test_delaunay_triangles_agree_with_element_matrices_and_have_no_negative_weight(points, seed):
    positions = np.random.default_rng(seed).standard_normal((points, 3))
    positions /= np.linalg.norm(positions, axis=1, keepdims=True)
    # The six directions make sure that the centre is inside the convex hull.
    positions = np.concatenate([positions, OCTAHEDRON])
    triangles = triangulate(positions)
    weights = cotangent_weights(positions, triangles)
    elements = stiffness(positions, triangles)
    scale = np.abs(elements).max()
    np.testing.assert_allclose(laplacian(weights).toarray(), elements, atol=1e-7 * scale)
    assert (elements - np.diag(np.diag(elements)) <= 1e-12 * scale).all()
    assert (weights.data > 0).all()


def test_matrix_is_sorted_and_symmetric_bit_for_bit_in_any_order_of_triangles(scattered):
    positions = scattered(200)
    triangles = triangulate(positions)
    weights = cotangent_weights(positions, triangles)
    assert weights.dtype == np.float64
    assert weights.has_canonical_format
    assert not (weights - weights.T).count_nonzero()
    generator = np.random.default_rng(1)
    shuffled = generator.permutation(triangles)
    turned = np.roll(shuffled, 1, axis=1)
    for other in (shuffled, turned, shuffled[:, ::-1], triangles.astype(np.uint16)):
        again = cotangent_weights(positions, other)
        np.testing.assert_array_equal(again.toarray(), weights.toarray())


def test_mass_is_the_area_of_flat_voronoi_cells(scattered):
    """Also where triangles are obtuse, and their circumcentres outside of them."""
    positions = scattered(150)
    triangles = triangulate(positions)
    mass = lumped_mass(positions, triangles)
    np.testing.assert_allclose(mass, flat_voronoi_areas(positions, triangles), rtol=1e-9)
    corners = positions[triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert mass.sum() == pytest.approx(np.linalg.norm(cross, axis=1).sum() / 2, rel=1e-12)
    assert (mass > 0).all()


def test_coordinates_have_their_degree_and_constants_are_zero(scattered):
    """xᵢ·((D - W)x)ᵢ = 2mᵢ; see lumped_mass. Area from the circumcentres, not from the weights."""
    positions = scattered(150, seed=3)
    triangles = triangulate(positions)
    operator = laplacian(cotangent_weights(positions, triangles))
    radial = (positions * (operator @ positions)).sum(axis=1)
    np.testing.assert_allclose(radial, 2 * flat_voronoi_areas(positions, triangles), rtol=1e-9)
    np.testing.assert_allclose(operator @ np.ones(150), 0, atol=1e-13 * abs(operator).max())


def test_eigenvalues_approach_those_of_the_sphere_at_second_order():
    """l(l + 1), 2l + 1 times: a refinement halves the edges and divides the errors by four."""
    errors = []
    for level in (2, 3, 4):
        mesh = Icosahedral(level)
        found = eigenvalues(mesh.positions, mesh.faces, 25)
        groups = np.split(found, [1, 4, 9, 16])
        errors.append([values.mean() - d * (d + 1) for d, values in enumerate(groups)])
    errors = np.array(errors)
    np.testing.assert_allclose(errors[:, 0], 0, atol=1e-10)
    np.testing.assert_allclose(errors[0, 2:] / errors[1, 2:], 4, rtol=0.04)
    np.testing.assert_allclose(errors[1, 2:] / errors[2, 2:], 4, rtol=0.01)
    np.testing.assert_allclose(errors[2, 1:] / [2, 6, 12, 20], 0, atol=0.007)


def test_harmonics_are_nearly_eigenvectors_and_more_so_than_with_thirds_of_triangles(fibonacci):
    """f = xy + z² - 1/3 is of degree 2: Δf = -6f."""
    positions = fibonacci(3000)
    triangles = triangulate(positions)
    x, y, z = positions.T
    values = x * y + z**2 - 1 / 3
    flow = laplacian(cotangent_weights(positions, triangles)) @ values
    a, b, c = np.moveaxis(positions[triangles], 1, 0)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    thirds = np.bincount(triangles.ravel(), np.repeat(areas / 3, 3))
    errors = [
        np.linalg.norm(flow / mass - 6 * values) / np.linalg.norm(6 * values)
        for mass in (lumped_mass(positions, triangles), thirds)
    ]
    assert errors[0] < 0.015
    assert errors[1] > 3 * errors[0]


def test_latitude_grid_has_four_neighbours_and_none_across_cells():
    positions = grid(13, 24)
    weights = cotangent_weights(positions, triangulate(positions))
    neighbours = np.diff(weights.indptr)
    np.testing.assert_array_equal(neighbours[-2:], 24)
    np.testing.assert_array_equal(neighbours[:-2], 4)


def test_hemisphere_has_the_spectrum_of_the_even_harmonics():
    """No flow across the equator: of the 2l + 1 harmonics the l + 1 that are even in z remain."""
    expected = np.array([0, 2, 2, 6, 6, 6, 12, 12, 12, 12])
    errors = []
    for rows in (9, 17):
        positions = grid(rows, 2 * rows - 2)
        triangles = triangulate(positions)
        north = triangles[(positions[triangles, 2] > -1e-9).all(axis=1)]
        kept, triangles = np.unique(north, return_inverse=True)
        found = eigenvalues(positions[kept], triangles.reshape(-1, 3), len(expected))
        errors.append(found - expected)
    np.testing.assert_allclose(np.array(errors)[:, 0], 0, atol=1e-10)
    np.testing.assert_allclose(errors[1][1:] / expected[1:], 0, atol=0.025)
    np.testing.assert_allclose(errors[0][1:] / errors[1][1:], 4, rtol=0.1)


def test_a_single_obtuse_triangle_has_the_two_edges_with_acute_angles_opposite():
    """On a border there is one triangle, and half a cotangent; a negative one is no edge."""
    angles = np.array([0, 0.1, 0.25])
    positions = np.stack([np.cos(angles), np.sin(angles), np.zeros(3)], axis=1)
    weights = cotangent_weights(positions, np.array([[0, 1, 2]])).toarray()
    # An angle at a circle is half of that at its centre, over the same chord.
    assert weights[0, 1] == pytest.approx(0.5 / np.tan(0.05))
    assert weights[1, 2] == pytest.approx(0.5 / np.tan(0.075))
    assert weights[0, 2] == 0
    assert (lumped_mass(positions, np.array([[0, 1, 2]])) > 0).all()


def test_points_of_no_triangle_have_neither_edges_nor_mass():
    positions = np.concatenate([OCTAHEDRON, [[0.6, 0.8, 0], [1, 0, 0]]])
    triangles = triangulate(OCTAHEDRON)
    weights = cotangent_weights(positions, triangles)
    assert weights.shape == (8, 8)
    np.testing.assert_array_equal(np.diff(weights.indptr), [4] * 6 + [0] * 2)
    np.testing.assert_array_equal(lumped_mass(positions, triangles)[6:], 0)


@pytest.mark.parametrize("points", [0, 3])
def test_no_triangles_make_no_edges(points):
    none = np.zeros((0, 3), dtype=np.int64)
    weights = cotangent_weights(OCTAHEDRON[:points], none)
    assert weights.shape == (points, points)
    assert weights.nnz == 0
    np.testing.assert_array_equal(lumped_mass(OCTAHEDRON[:points], none), np.zeros(points))


def rhombus(half_width):
    """Return two triangles whose common edge is 2 wide at height 3, and as high as told."""
    positions = np.array([[-1, 0, 3], [0, -half_width, 3], [1, 0, 3], [0, half_width, 3]])
    positions = positions / np.linalg.norm(positions, axis=1, keepdims=True)
    return positions, np.array([[0, 1, 2], [2, 3, 0]])


def test_triangles_that_are_not_delaunay_are_refused():
    assert cotangent_weights(*rhombus(1.1))[0, 2] > 0
    assert cotangent_weights(*rhombus(1.0))[0, 2] == 0
    with pytest.raises(DeepsphereError, match=r"edge \[0, 2\] sum to 1\d\d\.\d+°.*Delaunay"):
        cotangent_weights(*rhombus(0.9))


def test_triangles_across_an_empty_hemisphere_are_refused(scattered):
    """Points within 0.3 of a pole: the angles at the edges of their rim are beyond the proof."""
    positions = scattered(60)
    positions = positions * [0.3, 0.3, 0] + [0, 0, 2]
    positions /= np.linalg.norm(positions, axis=1, keepdims=True)
    triangles = triangulate(positions)
    with pytest.raises(DeepsphereError, match="of points in one hemisphere those between them"):
        cotangent_weights(positions, triangles)
    a, b, c = np.moveaxis(positions[triangles], 1, 0)
    between = triangles[np.einsum("ti,ti->t", np.cross(b - a, c - a), a + b + c) > 0]
    assert len(between) > 60
    assert (cotangent_weights(positions, between).data > 0).all()


@pytest.mark.parametrize(
    ("triangles", "message"),
    [
        ([[0, 1, 2], [0, 1, 6]], r"triangle 1 has the corners \[0, 1, 6\].* 0 to 5 \(1 such"),
        ([[0, 1, -1]], r"triangle 0 has the corners \[0, 1, -1\]"),
        ([[0.0, 1.0, 2.0]], r"integers of shape \(triangles, 3\); found float64 of shape \(1, 3\)"),
        ([[0, 1]], r"found int64 of shape \(1, 2\)"),
        ([0, 1, 2], r"found int64 of shape \(3,\)"),
        ([[0, 1, 2], [3, 1, 3]], r"triangle 1, \[3, 1, 3\], has two corners at one place"),
        ([[0, 1, 2], [1, 0, 5], [0, 1, 3]], r"edge \[0, 1\] belongs to 3 triangles \(1 such edges"),
    ],
)
def test_wrong_triangles_are_refused_in_one_line(triangles, message):
    for function in (cotangent_weights, lumped_mass):
        with pytest.raises(DeepsphereError, match=message) as caught:
            function(OCTAHEDRON, np.array(triangles))
        assert "\n" not in str(caught.value)


def test_two_points_at_one_place_cannot_be_corners_of_a_triangle():
    positions = OCTAHEDRON[[0, 1, 2, 2]]
    with pytest.raises(DeepsphereError, match=r"triangle 0, \[2, 3, 0\], has two corners"):
        cotangent_weights(positions, np.array([[2, 3, 0]]))


def test_positions_that_are_not_unit_vectors_are_refused():
    with pytest.raises(DeepsphereError, match=r"unit vectors; found length 2\.0 at index 0"):
        lumped_mass(2 * OCTAHEDRON, np.array([[0, 1, 2]]))
