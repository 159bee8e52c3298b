import numpy as np

from deepsphere.samplings.dual import Dual

# North, south, and 0°, 90°, 180°, 270°E on the equator.
OCTAHEDRON = np.array(
    [[0, 0, 1], [0, 0, -1], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]], dtype=np.float64
)
FACES = np.array(
    [[0, 2, 3], [0, 3, 4], [0, 4, 5], [0, 5, 2], [1, 3, 2], [1, 4, 3], [1, 5, 4], [1, 2, 5]]
)


def test_the_cells_of_an_octahedron_are_the_faces_of_a_cube():
    corners = Dual(OCTAHEDRON, FACES).corners()
    assert corners.shape == (6, 4, 3)
    np.testing.assert_allclose(np.abs(corners), 1 / np.sqrt(3), atol=1e-15)
    np.testing.assert_allclose(corners.mean(axis=1), OCTAHEDRON / np.sqrt(3), atol=1e-15)
    after = np.roll(corners, -1, axis=1)
    np.testing.assert_allclose((corners * after).sum(axis=2), 1 / 3)
    turns = np.linalg.det(np.stack([corners, after, np.roll(after, -1, axis=1)], axis=2))
    assert (turns > 0).all()


def test_the_cells_of_an_octahedron_are_equal():
    np.testing.assert_allclose(Dual(OCTAHEDRON, FACES).areas(), 4 * np.pi / 6, rtol=1e-14)


def test_the_sides_of_an_octahedron():
    one, other = Dual(OCTAHEDRON, FACES).sides()
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    opposite = {0: 1, 1: 0, 2: 4, 4: 2, 3: 5, 5: 3}
    assert len(one) == 24
    assert pairs == {(i, j) for i in range(6) for j in range(6) if i != j and opposite[i] != j}


def test_long_sides_have_a_corner_in_their_middle():
    """The north pole and three points 6° from it at 0°, 120° and 240°E.

    The cells of these three meet at the south pole. Their sides towards each other are the
    meridians 60°, 180° and 300°E, from the corners of the pole's own cell: by the triangle of the
    pole, a corner of its cell and the middle of the side between, with a right angle at the last,
    these are at the distance d from the pole where tan(3°) = tan(d) cos(60°).
    """
    longitude, distance = np.radians([0, 120, 240]), np.radians(6)
    ring = np.stack(
        [np.sin(distance) * np.cos(longitude), np.sin(distance) * np.sin(longitude)], axis=1
    )
    points = np.concatenate([[[0, 0, 1]], np.insert(ring, 2, np.cos(distance), axis=1)])
    corners = Dual(points, np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]])).corners()
    start = np.arctan(2 * np.tan(distance / 2))
    west, east = np.radians(-60), np.radians(60)
    expected = [
        (np.pi, 0),
        ((start + np.pi) / 2, east),
        (start, east),
        (start, west),
        ((start + np.pi) / 2, west),
    ]
    expected = np.array(
        [[np.sin(d) * np.cos(b), np.sin(d) * np.sin(b), np.cos(d)] for d, b in expected]
    )
    first = np.linalg.norm(expected - corners[1, 0], axis=1).argmin()
    np.testing.assert_allclose(corners[1], np.roll(expected, -first, axis=0), atol=1e-14)
