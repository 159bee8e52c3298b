import numpy as np
import pytest
from scipy.spatial import QhullError

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.delaunay import first_joined, hull_triangles, places_of, principal_frame


def _scattered(points, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((points, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_points_at_one_place_are_found_in_any_order():
    positions = _scattered(3)[[0, 1, 0, 2, 1, 0]]
    places = places_of(positions)
    np.testing.assert_array_equal(places.first, [0, 1, 3])
    np.testing.assert_array_equal(places.of_points, [0, 1, 0, 2, 1, 0])
    np.testing.assert_allclose(places.positions, positions[[0, 1, 3]], rtol=0, atol=1e-15)


@pytest.mark.parametrize(("distance", "count"), [(0.9e-6, 1), (1.1e-6, 2)])
def test_nearly_coinciding_points_are_at_one_place(distance, count):
    positions = np.array([[1, 0, 0], [np.cos(distance), np.sin(distance), 0]])
    assert len(places_of(positions).first) == count


def test_places_are_joined_in_steps():
    angles = 0.8e-6 * np.arange(5)
    positions = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    np.testing.assert_array_equal(places_of(positions).of_points, np.zeros(5))


def test_twenty_thousand_points_at_one_place_are_no_two_hundred_million_pairs():
    places = places_of(np.concatenate([np.tile([[0.0, 0.0, 1.0]], (20_000, 1)), _scattered(10)]))
    np.testing.assert_array_equal(places.first, [0, *range(20_000, 20_010)])


def test_lengths_are_made_exact():
    positions = _scattered(10)
    np.testing.assert_allclose(places_of(positions * (1 + 5e-7)).positions, positions, atol=1e-15)


def test_first_joined():
    joined = first_joined(np.array([4, 1]), np.array([2, 4]), 6)
    np.testing.assert_array_equal(joined, [0, 1, 1, 3, 1, 5])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("wobble", "flat"), [(0, True), (1e-11, False), (0.1, False)])
def test_points_on_a_circle_are_recognised(seed, wobble, flat):
    """A circle at 37°N with longitudes at random, turned by a random rotation."""
    rng = np.random.default_rng(seed)
    angles, latitude = rng.uniform(0, 2 * np.pi, 20), np.radians(37)
    latitude = latitude + wobble * rng.uniform(-1, 1, 20)
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    positions = np.stack(
        [np.cos(latitude) * np.cos(angles), np.cos(latitude) * np.sin(angles), np.sin(latitude)],
        axis=1,
    )
    frame = principal_frame(positions @ turn)
    assert frame.flat == flat
    np.testing.assert_allclose(frame.axes @ frame.axes.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(frame.axes) == pytest.approx(1)
    if wobble < 0.1:
        assert abs(frame.axes[2] @ (turn.T @ [0, 0, 1])) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_up_to_three_points_are_on_a_circle(count):
    assert principal_frame(_scattered(count)).flat


def test_a_tetrahedron_has_four_facets_seen_from_outside():
    points = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
    triangles = hull_triangles(points, principal_frame(points))
    assert {frozenset(triangle) for triangle in triangles.tolist()} == {
        frozenset(others) for others in ({0, 1, 2}, {0, 1, 3}, {0, 2, 3}, {1, 2, 3})
    }
    assert (np.linalg.det(points[triangles]) > 0).all()


@pytest.mark.parametrize("seed", [39, 66, 105, 248])
def test_points_nearly_on_a_circle_are_all_on_the_hull(seed):
    """About 1e-13 off: without stretching, Qhull takes some of them for roundings of others."""
    rng = np.random.default_rng(seed)
    count, radius, wobble = int(rng.integers(5, 80)), rng.uniform(0.05, 1), rng.uniform(-13.2, -10)
    angles = np.sort(rng.choice(4 * count, count, replace=False)) * 2 * np.pi / (4 * count)
    height = np.sqrt(1 - radius**2) + 10**wobble * rng.uniform(-1, 1, count)
    points = np.stack([radius * np.cos(angles), radius * np.sin(angles), height], axis=1)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    frame = principal_frame(points)
    assert not frame.flat
    assert hull_triangles(points, frame).shape == (2 * count - 4, 3)


def test_a_point_inside_of_the_hull_is_refused():
    points = np.concatenate([_scattered(20), [[0, 0, 0.1]]])
    with pytest.raises(DeepsphereError, match="triangles of 21 places do not close") as error:
        hull_triangles(points, principal_frame(points))
    assert "\n" not in str(error.value)


def test_a_failure_of_qhull_is_said_in_one_line(monkeypatch):
    def fail(points):
        raise QhullError("QH6154 initial simplex is flat\n\nWhile executing: many lines\n")

    monkeypatch.setattr("deepsphere.samplings.delaunay.ConvexHull", fail)
    points = _scattered(5)
    with pytest.raises(DeepsphereError, match=r"5 places: QH6154 initial simplex is flat$"):
        hull_triangles(points, principal_frame(points))


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (np.zeros((0, 3)), r"found shape \(0, 3\)"),
        (np.zeros((3, 2)), r"found shape \(3, 2\)"),
        (np.zeros(3), r"found shape \(3,\)"),
        (np.array([[1, 0, 0], [0, 2, 0], [0, 0, 3]]), r"length 2.0 at index 1 \(2 such points\)"),
        (np.array([[1, 0, 0], [np.nan, 0, 1]]), "length nan at index 1"),
        (np.array([[np.inf, 0, 0]]), "length inf at index 0"),
    ],
)
def test_bad_input_is_said_in_one_line(positions, message):
    with pytest.raises(DeepsphereError, match=message) as error:
        places_of(positions)
    assert "\n" not in str(error.value)
