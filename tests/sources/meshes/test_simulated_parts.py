"""The parts of simulated shapes are closed, face outward, and hold what geometry says."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.sources.meshes.simulated_parts import (
    box,
    frustum,
    hexahedron,
    prism,
    revolved,
    superquadric,
    tube,
)
from deepsphere.sources.meshes.simulated_surfaces import Shape

LENGTHS = st.floats(0.1, 10.0)


def solid(shape: Shape) -> trimesh.Trimesh:
    """Return the shape as trimesh's, which judges it; closed and wound alike, or the test fails."""
    mesh = trimesh.Trimesh(shape.vertices, shape.triangles(), process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    return mesh


def regular_polygon(radius: float, corners: int) -> np.ndarray:
    angle = 2 * np.pi * np.arange(corners) / corners
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def share_of_circle(corners: int) -> float:
    """Area of a regular polygon over that of its circumscribed circle: sin(a) / a, a = 2 pi / n."""
    return float(np.sinc(2 / corners))


@settings(derandomize=True, deadline=None, max_examples=25)
@given(size=st.tuples(LENGTHS, LENGTHS, LENGTHS), centre=st.tuples(LENGTHS, LENGTHS, LENGTHS))
def test_box(size: tuple[float, ...], centre: tuple[float, ...]) -> None:
    mesh = solid(box(size, centre))
    assert mesh.volume == pytest.approx(np.prod(size))
    assert mesh.center_mass == pytest.approx(centre)
    assert mesh.extents == pytest.approx(size)


def test_frustum_is_a_prismatoid_however_it_leans() -> None:
    """V = h / 6 (A0 + 4 Am + A1) with the areas below, in the middle and above."""
    upright = solid(frustum((2, 3), (1, 0.5), 4))
    leaning = solid(frustum((2, 3), (1, 0.5), 4, (5, -7)))
    volume = 4 / 6 * (2 * 3 + 4 * 1.5 * 1.75 + 1 * 0.5)
    assert upright.volume == pytest.approx(volume)
    assert leaning.volume == pytest.approx(volume)
    assert leaning.bounds[1] == pytest.approx([5.5, 1.5, 4])


def test_sides_of_a_twisted_board_do_not_meet() -> None:
    """Each corner of a thin board is moved as much above as below, and the board stays as thick.

    Its faces are then cut along the same diagonals, and the space between them is that of the two
    prisms over the triangles of the face below: their area times the thickness.
    """
    corners = box((2, 1, 0.01)).vertices
    lift = np.tile([0.3, -0.3, 0.3, -0.3], 2)
    twisted = solid(hexahedron(corners + lift[:, None] * [0, 0, 1]))
    assert twisted.volume == pytest.approx(2 * 1 * 0.01, rel=1e-9)


@pytest.mark.parametrize("sectors", [3, 4, 32])
def test_revolved_cylinder_and_cone(sectors: int) -> None:
    """pi r^2 h, and a third of it, times the share that the polygon has of its circle."""
    cylinder = solid(revolved(np.array([[0, 0], [2, 0], [2, 5], [0, 5]]), sectors))
    cone = solid(revolved(np.array([[0, 0], [2, 0], [0, 5]]), sectors))
    full = np.pi * 2**2 * 5 * share_of_circle(sectors)
    assert cylinder.volume == pytest.approx(full)
    assert cone.volume == pytest.approx(full / 3)


def test_revolved_cup_is_hollow() -> None:
    """A cylinder of radius 2 and height 5 less one of radius 1.5 and height 4.5."""
    profile = np.array([[0, 0], [2, 0], [2, 5], [1.5, 5], [1.5, 0.5], [0, 0.5]])
    volume = np.pi * (2**2 * 5 - 1.5**2 * 4.5) * share_of_circle(24)
    assert solid(revolved(profile, 24)).volume == pytest.approx(volume)


def test_prism_over_a_star() -> None:
    """A star of n rays is 2n triangles of sides R and r that meet at the angle pi / n."""
    angle = np.pi * np.arange(10) / 5
    radius = np.where(np.arange(10) % 2, 0.4, 1.0)
    outline = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    area = 10 * 0.5 * 1.0 * 0.4 * np.sin(np.pi / 5)
    assert solid(prism(outline, 3.0)).volume == pytest.approx(3 * area)


def test_tube_along_a_straight_line() -> None:
    path = np.linspace([0, 0, 0], [1, 2, 2], 5)
    volume = np.pi * 0.3**2 * 3 * share_of_circle(12)
    assert solid(tube(path, 0.3, 12)).volume == pytest.approx(volume)


@pytest.mark.parametrize("points", [20, 80])
def test_torus(points: int) -> None:
    """2 pi^2 R r^2, the volume that Pappus gives, times the shares of both polygons.

    The rings stand in planes through the axis, so the tube is a body of revolution whose circles
    are polygons: 2 pi R A becomes 2 pi R A share, and A = pi r^2 share is a polygon's area too.
    """
    path = np.concatenate([2 * regular_polygon(1, points), np.zeros((points, 1))], axis=1)
    mesh = solid(tube(path, 0.5, 16, closed=True))
    exact = 2 * np.pi**2 * 2 * 0.5**2
    assert mesh.volume < exact
    assert mesh.volume == pytest.approx(
        exact * share_of_circle(points) * share_of_circle(16), rel=1e-9
    )
    assert mesh.euler_number == 0


def test_tube_closes_without_a_wrung_seam() -> None:
    """Edges along a knot are nearly as short at the seam as anywhere; a wrung one is 2 r longer."""
    angle = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    distance = 2 + np.cos(3 * angle)
    path = np.stack(
        [distance * np.cos(2 * angle), distance * np.sin(2 * angle), np.sin(3 * angle)], axis=-1
    )
    shape = tube(path, 0.3, 8, closed=True)
    rings = shape.vertices.reshape(100, 8, 3)
    along = np.linalg.norm(np.roll(rings, -1, axis=0) - rings, axis=2)
    assert along.max() < 1.6 * along.mean()
    assert solid(shape).euler_number == 0


def test_superquadrics() -> None:
    """An ellipsoid 4/3 pi abc, nearly a box 8 abc, and an octahedron 4/3 abc."""
    radii = (1.0, 2.0, 0.5)
    ball = solid(superquadric(radii, (1, 1), 64, 64))
    assert ball.volume == pytest.approx(4 / 3 * np.pi, rel=5e-3)
    assert solid(superquadric(radii, (0.05, 0.05), 32, 32)).volume == pytest.approx(8, rel=0.1)
    octahedron = solid(superquadric(radii, (2, 2), 16, 16))
    assert octahedron.volume == pytest.approx(4 / 3, rel=1e-9)
    assert octahedron.extents == pytest.approx([2, 4, 1])
