import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.neighbours import nearest_neighbours
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.ugscnn import Ugscnn, parse

ORIENTATIONS = ["equator", "upward"]

# A few of the 10,242 vertices of level 5 of the published meshes, to six digits.
GOLDEN = [
    ("upward", 0, (0.525731, -0.723607, 0.447214)),
    ("upward", 11, (0, 0, 1)),
    ("upward", 12, (0, -0.850651, 0.525731)),
    ("upward", 42, (0, -0.273267, -0.961938)),
    ("upward", 162, (0, 0.971871, 0.235512)),
    ("upward", 642, (0, -0.111974, 0.993711)),
    ("upward", 2562, (0, 0.727941, -0.685640)),
    ("upward", 5000, (0.841094, -0.215215, 0.496230)),
    ("upward", 10241, (-0.494553, 0.404874, 0.769087)),
    ("equator", 0, (-0.525731, 0.850651, 0)),
    ("equator", 12, (0, 0, 1)),
    ("equator", 42, (0, -0.273267, 0.961938)),
    ("equator", 162, (0, -0.702907, -0.711282)),
    ("equator", 642, (0, 0.617676, -0.786433)),
    ("equator", 5000, (0.841094, 0.443956, -0.308973)),
    ("equator", 10241, (-0.494553, -0.059926, -0.867079)),
]
GOLDEN_NEIGHBOURS = [
    ("upward", [1804, 2256, 3873, 4582, 5865, 6511]),
    ("equator", [1806, 2255, 3875, 4583, 5865, 6512]),
]


@pytest.fixture(scope="module")
def fifth_level():
    return {orientation: Ugscnn(5, orientation) for orientation in ORIENTATIONS}


def _sides(faces):
    """Return the sides of triangles as sorted pairs of vertices, each once."""
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0)


@pytest.mark.parametrize(("orientation", "index", "position"), GOLDEN)
def test_golden_positions(fifth_level, orientation, index, position):
    found = fifth_level[orientation].positions[index]
    np.testing.assert_allclose(found, position, rtol=0, atol=5.1e-7)


@pytest.mark.parametrize(("orientation", "expected"), GOLDEN_NEIGHBOURS)
def test_golden_neighbours(fifth_level, orientation, expected):
    sampling = fifth_level[orientation]
    nearest, _ = nearest_neighbours(sampling.positions, 6)
    assert sorted(nearest[5000]) == expected
    assert sorted(sampling.neighbours()[5000]) == expected


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_published_graph(fifth_level, orientation):
    """k = 6: every pentagon takes one of the second ring, which takes it not."""
    nearest, distances = nearest_neighbours(fifth_level[orientation].positions, 6)
    pairs = {(i, j) for i, row in enumerate(nearest.tolist()) for j in row}
    assert len(pairs) == 61_452
    one_way = {(i, j) for i, j in pairs if (j, i) not in pairs}
    assert len(one_way) == 12
    assert {i for i, _ in one_way} == set(range(12))
    assert distances.mean() == pytest.approx(0.037770, abs=5.1e-7)


def test_the_orientations_share_a_quarter_of_their_sides(fifth_level):
    equator, upward = (
        set(map(tuple, _sides(fifth_level[orientation].faces).tolist()))
        for orientation in ORIENTATIONS
    )
    assert len(equator) == len(upward) == 30_720
    assert len(equator & upward) / 30_720 == pytest.approx(0.247, abs=5e-4)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("level", range(4))
def test_new_vertices_are_sorted_by_the_bytes_of_their_keys(level, orientation):
    """The rule word by word, with Python's own comparison of byte strings."""
    coarse, fine = Ugscnn(level, orientation), Ugscnn(level + 1, orientation)
    middles = {}
    for ends in _sides(coarse.faces):
        middle = coarse.positions[ends].mean(axis=0)
        key = b"".join(
            round(1e8 * coordinate - 1e-6).to_bytes(4, "little", signed=True)
            for coordinate in middle.tolist()
        )
        middles[key] = middle / np.linalg.norm(middle)
    expected = [middles[key] for key in sorted(middles)]
    assert len(expected) == len(fine) - len(coarse)
    np.testing.assert_allclose(fine.positions[len(coarse) :], expected, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(fine.positions[: len(coarse)], coarse.positions)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_order_does_not_hang_on_the_last_bits_of_coordinates(orientation):
    """No coordinate to be rounded is near the border of two integers, up to level 5.

    Coordinates are good to some 4e-16, the keys before rounding to 4e-8 of a unit.
    """
    for level in range(5):
        coarse = Ugscnn(level, orientation)
        keys = 1e8 * coarse.positions[_sides(coarse.faces)].mean(axis=1) - 1e-6
        assert np.abs(keys - np.floor(keys) - 0.5).min() > 1e-5


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_faces_are_the_triangles_of_the_icosahedral_sampling(orientation):
    """Same mesh, other order: sorted areas agree, and faces are counter-clockwise."""
    sampling, other = Ugscnn(3, orientation), Icosahedral(3, "faces")
    corners = sampling.positions[sampling.faces]
    volumes = np.linalg.det(corners)
    assert (volumes > 0).all()
    expected = np.linalg.det(other.cells())
    np.testing.assert_allclose(np.sort(volumes), np.sort(expected), rtol=1e-12)
    np.testing.assert_allclose(np.sort(sampling.areas), np.sort(Icosahedral(3).areas), rtol=1e-12)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("level", range(4))
def test_children_of_faces_keep_a_corner_of_their_parent(level, orientation):
    coarse, fine = Ugscnn(level, orientation), Ugscnn(level + 1, orientation)
    children = fine.faces.reshape(-1, 4, 3)
    np.testing.assert_array_equal(children[:, [0, 1, 2], [0, 1, 2]], coarse.faces)
    assert (children[:, 3] >= len(coarse)).all()


def test_base_vertices_are_golden_rectangles():
    """Cyclic permutations of (±1, ±φ, 0), in the order of the list that everybody copies."""
    golden = (1 + 5**0.5) / 2
    base = Ugscnn(0).positions * np.hypot(1, golden)
    expected = [[-1, golden, 0], [1, golden, 0], [-1, -golden, 0], [1, -golden, 0]]
    expected += [[0, -1, golden], [0, 1, golden], [0, -1, -golden], [0, 1, -golden]]
    expected += [[golden, 0, -1], [golden, 0, 1], [-golden, 0, -1], [-golden, 0, 1]]
    np.testing.assert_allclose(base, expected, rtol=0, atol=1e-15)


def test_upward_is_a_rotation_of_equator():
    """Two sets of points with equal inner products and equal determinants differ by a rotation."""
    equator, upward = (Ugscnn(0, orientation).positions for orientation in ORIENTATIONS)
    np.testing.assert_allclose(upward @ upward.T, equator @ equator.T, rtol=0, atol=1e-15)
    assert np.linalg.det(upward[:3]) == pytest.approx(np.linalg.det(equator[:3]), rel=1e-14)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_areas_cells_and_neighbours(orientation):
    sampling = Ugscnn(4, orientation)
    assert len(sampling) == len(sampling.positions) == 2562
    assert sampling.areas.sum() == pytest.approx(4 * np.pi, rel=1e-12)
    assert sampling.cells().shape == (2562, 6, 3)
    neighbours = sampling.neighbours()
    counts = (neighbours >= 0).sum(axis=1)
    assert (counts[:12] == 5).all()
    assert (counts[12:] == 6).all()
    distances = np.linalg.norm(sampling.positions[neighbours] - sampling.positions[:, None], axis=2)
    assert distances[neighbours >= 0].max() < 1.3 * distances[neighbours >= 0].min()


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_coarsening_goes_to_the_first_vertices(orientation):
    fine = Ugscnn(3, orientation)
    coarsening = fine.coarser()
    assert coarsening.coarse == Ugscnn(2, orientation)
    assert coarsening.children is None
    matrix = coarsening.matrix
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-14)
    # The vertex weighs about as much as the halves of its six middles: 1 / (1 + 3).
    assert 0.2 < matrix.diagonal().min() < matrix.diagonal().max() < 0.3
    # Around a vertex the mesh is nearly symmetric: means of positions point to the vertices.
    means = matrix @ fine.positions
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    assert np.linalg.norm(means - coarsening.coarse.positions, axis=1).max() < 0.02
    assert Ugscnn(0, orientation).coarser() is None


def test_arrays_are_made_once_and_read_only():
    sampling = Ugscnn(1)
    assert sampling.positions is sampling.positions
    assert sampling.areas is sampling.areas
    for array in (sampling.positions, sampling.areas, sampling.faces):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("level", range(10))
def test_names_give_the_sampling_back(level, orientation):
    sampling = Ugscnn(level, orientation)
    assert parse(sampling.name.removeprefix("ugscnn:")) == sampling


def test_names():
    assert Ugscnn(5).name == "ugscnn:5"
    assert Ugscnn(5, "upward").name == "ugscnn:5:upward"


@pytest.mark.parametrize("text", ["", "five", "-1", "5.0", "5:", "5:up", "5:upward:", "upward:5"])
def test_texts_that_are_no_names(text):
    with pytest.raises(DeepsphereError, match=r'as in "ugscnn:5" or "ugscnn:5:upward"; found') as e:
        parse(text)
    assert repr(text) in str(e.value)


def test_orientations_that_are_none():
    with pytest.raises(DeepsphereError, match=r'"equator" or "upward"; found \'north\''):
        Ugscnn(3, "north")
