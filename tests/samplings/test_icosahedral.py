import numpy as np
import pytest
import trimesh
from scipy.spatial import SphericalVoronoi

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.icosahedral import Icosahedral, parse

LEVELS = range(5)


def _sides(faces):
    """Return the sides of triangles as sorted pairs of vertices, each once."""
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0)


def _polygon_area(corners):
    """Return the area of a spherical polygon by Girard: angles between its sides - (n - 2) π."""
    after, before = np.roll(corners, -1, axis=0), np.roll(corners, 1, axis=0)
    to_after, to_before = np.cross(corners, after), np.cross(corners, before)
    cosine = (to_after * to_before).sum(axis=1)
    sine = np.linalg.norm(np.cross(to_after, to_before), axis=1)
    return np.arctan2(sine, cosine).sum() - (len(corners) - 2) * np.pi


@pytest.mark.parametrize("level", LEVELS)
def test_counts_follow_from_eulers_formula(level):
    """V - E + F = 2 for a closed surface without holes, and 3F = 2E for triangles."""
    sampling = Icosahedral(level)
    vertices, sides, faces = len(sampling), len(_sides(sampling.faces)), len(sampling.faces)
    assert (vertices, faces) == (10 * 4**level + 2, 20 * 4**level)
    assert vertices - sides + faces == 2
    assert 3 * faces == 2 * sides
    assert sampling.positions.shape == (vertices, 3)
    assert Icosahedral(level, "faces").positions.shape == (faces, 3)
    assert len(Icosahedral(level, "faces")) == faces
    assert sampling.faces.dtype == np.int64
    np.testing.assert_array_equal(np.unique(sampling.faces), np.arange(vertices))


@pytest.mark.parametrize("at", ["vertices", "faces"])
@pytest.mark.parametrize("level", LEVELS)
def test_positions_are_unit_vectors(level, at):
    lengths = np.linalg.norm(Icosahedral(level, at).positions, axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=0, atol=1e-15)


@pytest.mark.parametrize("level", LEVELS)
def test_faces_are_counter_clockwise_seen_from_outside(level):
    sampling = Icosahedral(level, "faces")
    first, second, third = np.moveaxis(sampling.cells(), 1, 0)
    outward = np.cross(second - first, third - first)
    cosines = (outward * sampling.positions).sum(axis=1) / np.linalg.norm(outward, axis=1)
    # The normal of a triangle points to its circumcentre, which is near its centroid.
    assert cosines.min() > 0.99


def test_base_vertices_are_where_they_are_said_to_be():
    x, y, z = Icosahedral(0).positions.T
    np.testing.assert_array_equal([x[[0, 11]], y[[0, 11]], z[[0, 11]]], [[0, 0], [0, 0], [1, -1]])
    np.testing.assert_allclose(np.arcsin(z[1:6]), np.arctan(0.5), rtol=1e-14)
    np.testing.assert_allclose(np.arcsin(z[6:11]), -np.arctan(0.5), rtol=1e-14)
    longitude = np.degrees(np.arctan2(y, x))[1:11] % 360
    expected = [0, 72, 144, 216, 288, 36, 108, 180, 252, 324]
    np.testing.assert_allclose(longitude, expected, atol=1e-12)


def test_base_faces_are_in_the_order_they_are_said_to_be():
    """Five caps, five pointing down, five pointing up, five caps: centroids go down and east."""
    x, y, z = Icosahedral(0, "faces").positions.T
    rows = z.reshape(4, 5)
    np.testing.assert_allclose(rows, rows[:, :1] * np.ones(5), atol=1e-15)
    assert (np.diff(rows[:, 0]) < 0).all()
    longitude = np.radians(np.array([[36], [36], [72], [72]]) + 72 * np.arange(5)).ravel()
    np.testing.assert_allclose(x, np.hypot(x, y) * np.cos(longitude), atol=1e-15)
    np.testing.assert_allclose(y, np.hypot(x, y) * np.sin(longitude), atol=1e-15)


@pytest.mark.parametrize("level", LEVELS)
def test_coarse_vertices_come_first_bit_for_bit(level):
    coarse, fine = Icosahedral(level), Icosahedral(level + 1)
    np.testing.assert_array_equal(fine.positions[: len(coarse)], coarse.positions)


@pytest.mark.parametrize("level", [0, 1, 3])
def test_new_vertices_are_middles_of_sides_sorted_by_their_ends(level):
    coarse, fine = Icosahedral(level), Icosahedral(level + 1)
    middles = coarse.positions[_sides(coarse.faces)].mean(axis=1)
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    np.testing.assert_allclose(fine.positions[len(coarse) :], middles, rtol=0, atol=1e-15)


@pytest.mark.parametrize("level", LEVELS)
def test_children_of_a_face_lie_in_it_and_share_its_orientation(level):
    """A point is in a spherical triangle if it is to the left of its three sides."""
    coarse, fine = Icosahedral(level, "faces"), Icosahedral(level + 1, "faces")
    corners = coarse.cells()
    left_of_sides = np.cross(corners, np.roll(corners, -1, axis=1))
    children = fine.cells().reshape(len(coarse), 4, 3, 3)
    heights = np.einsum("fsx,fkcx->fskc", left_of_sides, children)
    assert heights.min() > -1e-15
    centres = fine.positions.reshape(len(coarse), 4, 3)
    depths = np.einsum("fsx,fkx->fsk", left_of_sides, centres)
    # In the plane the centroid of a child is a√3/12 or more away from a side of length a, and the
    # depth is that times a, for a of 1.05 / 2^level or more.
    assert depths.min() > 0.9 * 1.05**2 * np.sqrt(3) / 12 / 4**level
    np.testing.assert_array_equal(children[:, [0, 1, 2], [0, 1, 2]], corners)


@pytest.mark.parametrize("level", LEVELS)
def test_against_trimesh(level):
    """Another implementation gives the same sides and triangles, up to a rotation."""
    mesh = trimesh.creation.icosphere(subdivisions=level)
    sampling = Icosahedral(level)
    ends = sampling.positions[_sides(sampling.faces)]
    lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    np.testing.assert_allclose(np.sort(lengths), np.sort(mesh.edges_unique_length), rtol=1e-12)
    ours = trimesh.Trimesh(sampling.positions, sampling.faces, process=False)
    np.testing.assert_allclose(np.sort(ours.area_faces), np.sort(mesh.area_faces), rtol=1e-11)


@pytest.mark.parametrize("level", LEVELS)
def test_cells_of_vertices_are_their_voronoi_cells(level):
    """The mesh is Delaunay: SciPy, which starts from the points alone, finds the same cells."""
    sampling = Icosahedral(level)
    voronoi = SphericalVoronoi(sampling.positions)
    np.testing.assert_allclose(sampling.areas, voronoi.calculate_areas(), rtol=1e-10)
    assert len(voronoi.vertices) == len(sampling.faces)
    sizes = [len(region) for region in voronoi.regions]
    np.testing.assert_array_equal((sampling.neighbours() >= 0).sum(axis=1), sizes)


@pytest.mark.parametrize("level", [0, 1, 3])
def test_a_corner_of_a_cell_is_as_far_from_the_vertex_as_from_two_neighbours(level):
    sampling = Icosahedral(level)
    cells, neighbours, positions = sampling.cells(), sampling.neighbours(), sampling.positions
    for pixel in range(len(sampling)):
        around = neighbours[pixel][neighbours[pixel] >= 0]
        corners = cells[pixel, : len(around)]
        distance = np.linalg.norm(corners - positions[pixel], axis=1)
        for ends in (around, np.roll(around, -1)):
            other = np.linalg.norm(corners - positions[ends], axis=1)
            np.testing.assert_allclose(other, distance, rtol=1e-13)
        assert (cells[pixel, len(around) :] == corners[-1]).all()


@pytest.mark.parametrize("at", ["vertices", "faces"])
def test_areas_are_those_of_the_cells(at):
    sampling = Icosahedral(2, at)
    cells = [np.array(list(dict.fromkeys(map(tuple, cell)))) for cell in sampling.cells()]
    np.testing.assert_allclose(sampling.areas, [_polygon_area(cell) for cell in cells], rtol=1e-12)


@pytest.mark.parametrize("at", ["vertices", "faces"])
@pytest.mark.parametrize("level", range(7))
def test_areas_cover_the_sphere(level, at):
    areas = Icosahedral(level, at).areas
    assert areas.min() > 0
    assert areas.sum() == pytest.approx(4 * np.pi, rel=1e-12)


def test_areas_are_as_unequal_as_documented():
    for at, documented in [("vertices", 1.37), ("faces", 1.31)]:
        areas = Icosahedral(6, at).areas
        assert documented - 0.015 < areas.max() / areas.min() < documented


@pytest.mark.parametrize(("at", "count"), [("vertices", 12), ("faces", 20)])
def test_all_cells_of_the_icosahedron_are_alike(at, count):
    np.testing.assert_allclose(Icosahedral(0, at).areas, 4 * np.pi / count, rtol=1e-14)


@pytest.mark.parametrize("at", ["vertices", "faces"])
@pytest.mark.parametrize("level", LEVELS)
def test_cells_are_counter_clockwise_around_their_pixels(level, at):
    sampling = Icosahedral(level, at)
    cells = sampling.cells()
    heights = np.einsum(
        "pcx,px->pc", np.cross(cells, np.roll(cells, -1, axis=1)), sampling.positions
    )
    is_side = (cells != np.roll(cells, -1, axis=1)).any(axis=2)
    assert heights[is_side].min() > 0
    assert (heights[~is_side] == 0).all()


@pytest.mark.parametrize("at", ["vertices", "faces"])
@pytest.mark.parametrize("level", LEVELS)
def test_neighbours_are_symmetric_and_padded_at_the_end(level, at):
    sampling = Icosahedral(level, at)
    neighbours = sampling.neighbours()
    assert neighbours.dtype == np.int64
    pixel, place = np.nonzero(neighbours >= 0)
    other = neighbours[pixel, place]
    pairs = set(zip(pixel.tolist(), other.tolist(), strict=True))
    assert len(pairs) == len(pixel)
    assert pairs == {(b, a) for a, b in pairs}
    assert all(a != b for a, b in pairs)
    counts = (neighbours >= 0).sum(axis=1)
    np.testing.assert_array_equal(neighbours >= 0, np.arange(neighbours.shape[1]) < counts[:, None])
    if at == "faces":
        assert (counts == 3).all()
    else:
        assert (counts == 5).sum() == 12
        assert ((counts == 5) | (counts == 6)).all()
        assert neighbours.shape[1] == (5 if level == 0 else 6)
        assert (counts[:12] == 5).all()


@pytest.mark.parametrize("level", [0, 1, 3])
def test_neighbours_of_vertices_are_the_ends_of_sides(level):
    sampling = Icosahedral(level)
    neighbours = sampling.neighbours()
    pixel, place = np.nonzero(neighbours >= 0)
    pairs = np.stack([pixel, neighbours[pixel, place]], axis=1)
    np.testing.assert_array_equal(np.unique(np.sort(pairs), axis=0), _sides(sampling.faces))
    np.testing.assert_array_equal(
        neighbours[:, 0], np.where(neighbours < 0, len(sampling), neighbours).min(1)
    )


@pytest.mark.parametrize("level", [0, 1, 3])
def test_neighbours_of_faces_share_the_side_they_stand_for(level):
    sampling = Icosahedral(level, "faces")
    faces, neighbours = sampling.faces, sampling.neighbours()
    for side in range(3):
        ends = faces[:, [side, (side + 1) % 3]]
        shared = (ends[:, :, None] == faces[neighbours[:, side]][:, None, :]).any(axis=2)
        assert shared.all()


def test_coarsening_of_the_first_level_in_closed_form():
    """At level 1 there are two kinds of vertices: the first 12 of area A, the 30 middles of area B.

    A row of the map takes A of its own and B/2 of each of five middles.
    """
    fine = Icosahedral(1)
    coarsening = fine.coarser()
    assert coarsening.coarse == Icosahedral(0)
    assert coarsening.children is None
    own, middle = fine.areas[0], fine.areas[12]
    assert 12 * own + 30 * middle == pytest.approx(4 * np.pi, rel=1e-14)
    whole = own + 5 * middle / 2
    matrix = coarsening.matrix.toarray()
    np.testing.assert_allclose(matrix[:, :12], np.eye(12) * own / whole, rtol=1e-13)
    distance = np.linalg.norm(fine.positions[None, 12:] - fine.positions[:12, None], axis=2)
    is_near = distance < 0.6  # the middle of a side is 0.55 away from its ends, others 1 or more
    np.testing.assert_allclose(matrix[:, 12:], is_near * middle / whole / 2, rtol=1e-13)


@pytest.mark.parametrize("level", [1, 2, 4])
def test_coarsening_of_vertices_shares_each_middle_between_two(level):
    fine = Icosahedral(level)
    coarsening = fine.coarser()
    matrix, count = coarsening.matrix, len(coarsening.coarse)
    assert matrix.shape == (count, len(fine))
    assert matrix.has_sorted_indices
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-14)
    per_column = np.bincount(matrix.indices, minlength=len(fine))
    np.testing.assert_array_equal(per_column, np.where(np.arange(len(fine)) < count, 1, 2))
    # Undo the normalisation of rows: a fine vertex counts once in all, by its area.
    share = matrix.diagonal() / fine.areas[:count]
    np.testing.assert_allclose((matrix / share[:, None]).sum(axis=0), fine.areas, rtol=1e-12)


@pytest.mark.parametrize("level", [1, 2, 4])
def test_coarsening_of_faces_averages_four_children(level):
    fine = Icosahedral(level, "faces")
    coarsening = fine.coarser()
    assert coarsening.coarse == Icosahedral(level - 1, "faces")
    np.testing.assert_array_equal(coarsening.children.ravel(), np.arange(len(fine)))
    # The children tile their parent, so areas add up and the mean of any field is kept.
    children_areas = fine.areas[coarsening.children].sum(axis=1)
    np.testing.assert_allclose(children_areas, coarsening.coarse.areas, rtol=1e-12)
    field = np.exp(fine.positions[:, 0])
    mean = coarsening.coarse.areas @ (coarsening.matrix @ field)
    assert mean == pytest.approx(fine.areas @ field, rel=1e-12)


@pytest.mark.parametrize("at", ["vertices", "faces"])
def test_the_icosahedron_has_nothing_coarser(at):
    assert Icosahedral(0, at).coarser() is None


@pytest.mark.parametrize("at", ["vertices", "faces"])
def test_arrays_are_made_once_and_read_only(at):
    sampling = Icosahedral(1, at)
    assert sampling.positions is sampling.positions
    assert sampling.areas is sampling.areas
    for array in (sampling.positions, sampling.areas, sampling.faces):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_equality_and_hash_follow_level_and_place():
    assert Icosahedral(3) == Icosahedral(3, "vertices")
    assert hash(Icosahedral(3)) == hash(Icosahedral(3, "vertices"))
    assert Icosahedral(3) != Icosahedral(3, "faces")
    assert Icosahedral(3) != Icosahedral(2)
    assert Icosahedral(np.int64(3)) == Icosahedral(3)
    # 4^5 is more than an int8 holds.
    assert len(Icosahedral(np.int8(5))) == 10_242


@pytest.mark.parametrize("at", ["vertices", "faces"])
@pytest.mark.parametrize("level", range(10))
def test_names_give_the_sampling_back(level, at):
    sampling = Icosahedral(level, at)
    assert parse(sampling.name.removeprefix("icosahedral:")) == sampling


def test_names():
    assert Icosahedral(5).name == "icosahedral:5"
    assert Icosahedral(5, "faces").name == "icosahedral:5:faces"


@pytest.mark.parametrize("text", ["", "five", "-1", "5.0", " 5", "5:", "5:faces:", "5:cells", "٥"])
def test_texts_that_are_no_names(text):
    with pytest.raises(DeepsphereError, match=r'as in "icosahedral:5" or .*; found') as error:
        parse(text)
    assert repr(text) in str(error.value)


def test_levels_that_are_too_fine():
    with pytest.raises(DeepsphereError, match=r"icosahedral: level must .* from 0 to 9; found 10"):
        parse("10")
    with pytest.raises(DeepsphereError, match=r"icosahedral: level must .* found -1"):
        Icosahedral(-1)


def test_places_that_are_none():
    with pytest.raises(DeepsphereError, match=r'"vertices" or at "faces"; found \'edges\''):
        Icosahedral(3, "edges")
