import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.report.projections import Mollweide, Orthographic, outline
from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.polygons import polygon_areas
from deepsphere.samplings.stations import Stations

LONGITUDES = st.floats(-360, 360)
LATITUDES = st.floats(-90, 90)

SAMPLINGS = [
    Healpix(1),
    Healpix(8),
    Icosahedral(0),
    Icosahedral(2, "faces"),
    Equiangular(12, 24),
    Equiangular(13, 24, "both"),
    Stations([0.0, 180, -170, 90, 200, 30], [90.0, 60, 20, -10, -30, -80]),
]


def area(polygon):
    x, y = polygon.T
    return (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2


def areas_by_pixel(shapes, pixels):
    return np.bincount(shapes.pixels, [area(polygon) for polygon in shapes.polygons], pixels)


@given(LONGITUDES, LATITUDES)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_a_globe_has_the_place_that_it_is_seen_from_in_the_middle_and_north_up(longitude, latitude):
    """From latitude φ, the north pole is 90° - φ away: at sin(90° - φ) = cos φ above the middle."""
    view = Orthographic(longitude, latitude)
    centre = unit_vectors(np.array([longitude]), np.array([latitude]))
    points, visible = view.project_points(centre)
    np.testing.assert_allclose(points, [[0, 0]], atol=1e-15)
    assert visible.all()
    pole = view.project_points(np.array([0.0, 0, 1]))[0]
    np.testing.assert_allclose(pole, [0, math.cos(math.radians(latitude))], atol=1e-15)


def test_a_globe_has_the_east_on_the_right_and_hides_its_far_side():
    """At the equator, λ degrees east of the middle are at sin λ."""
    longitude = np.array([-60.0, 30, 89, 91, 180])
    points, visible = Orthographic(10.0).project_points(unit_vectors(longitude + 10, 0 * longitude))
    np.testing.assert_allclose(points[:, 0], np.sin(np.radians(longitude)), atol=1e-15)
    np.testing.assert_allclose(points[:, 1], 0, atol=1e-15)
    assert visible.tolist() == [True, True, True, False, False]


@given(LONGITUDES, st.floats(-179.9, 179.9), st.floats(-90, 90))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_mollweide_solves_its_equation(centre, east, latitude):
    """With sin θ = y / √2: 2θ + sin 2θ = π sin φ and x = 2√2 λ cos θ / π."""
    position = unit_vectors(np.array([centre + east]), np.array([latitude]))
    ((x, y),), _ = Mollweide(centre).project_points(position)
    # The cosine, unlike the angle, has all its digits near the poles.
    theta = math.asin(np.clip(y / math.sqrt(2), -1, 1))
    assert 2 * theta + math.sin(2 * theta) == pytest.approx(
        math.pi * math.sin(math.radians(latitude)), abs=1e-13
    )
    expected = 2 * math.sqrt(2) / math.pi * math.radians(east) * math.cos(theta)
    assert x == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("distance", [1e-2, 1e-4, 1e-6])
def test_mollweide_is_exact_close_to_the_poles(distance):
    """With ε = π/2 - θ and δ = π/2 - φ, both small, 4 ε³ / 3 = π δ² / 2: cos θ is close to ε."""
    position = np.array([0.0, math.sin(distance), math.cos(distance)])
    x = Mollweide().project_points(position)[0][0]
    epsilon = (3 * math.pi / 8 * distance**2) ** (1 / 3)
    assert x == pytest.approx(math.sqrt(2) * epsilon, rel=max(epsilon**2, 1e-9))


def test_mollweide_has_both_poles_on_its_axis():
    points, visible = Mollweide(77.0).project_points(np.array([[0.0, 0, 1], [0, 0, -1]]))
    np.testing.assert_allclose(points, [[0, math.sqrt(2)], [0, -math.sqrt(2)]], atol=1e-15)
    assert visible.all()


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=lambda sampling: sampling.name)
@pytest.mark.parametrize("centre", [0.0, 33.3, 180.0])
def test_cells_fill_mollweide_with_their_areas(sampling, centre):
    """An ellipse with half axes 2√2 and √2 has the area 4π; straight lines cut a little off it.

    Chords of s = 2° cut s²/6 = 0.0002 off a circle, and those of the ellipse are a little longer.
    """
    cells = sampling.cells()
    shapes = Mollweide(centre).project_cells(cells)
    found = areas_by_pixel(shapes, len(cells))
    assert found.sum() == pytest.approx(4 * math.pi, rel=4e-4)
    assert found.sum() < 4 * math.pi
    expected = polygon_areas(cells)
    # At the poles meridians bend most on paper, and straight lines cut off more.
    away = np.abs(cells[..., 2]).max(axis=1) < 0.97
    np.testing.assert_allclose(found[away], expected[away], rtol=5e-3)
    np.testing.assert_allclose(found, expected, rtol=0.05)


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=lambda sampling: sampling.name)
def test_no_cell_is_smeared_across_mollweide(sampling):
    """A polygon stays on one side of the middle meridian, and no corner leaves the ellipse."""
    shapes = Mollweide(20.0).project_cells(sampling.cells())
    for polygon in shapes.polygons:
        x, y = polygon.T
        assert x.min() > -1e-9 or x.max() < 1e-9
        assert ((x / 2) ** 2 + y**2).max() < 2 + 1e-12


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=lambda sampling: sampling.name)
@pytest.mark.parametrize("view", [(0.0, 0.0), (20.0, 35.0), (200.0, -90.0)])
def test_cells_fill_the_disc_of_a_globe(sampling, view):
    shapes = Orthographic(*view).project_cells(sampling.cells())
    found = areas_by_pixel(shapes, len(sampling))
    assert found.sum() == pytest.approx(math.pi, rel=5e-4)
    assert max(np.hypot(*polygon.T).max() for polygon in shapes.polygons) < 1 + 1e-12


def test_cells_of_a_globe_are_as_large_as_they_are_turned_towards_the_viewer():
    """A flat cell of area A, whose normal is at the angle γ to the line of sight, shows A cos γ.

    Cells are not quite flat, and their positions not quite in their middle.
    """
    sampling = Healpix(16)
    view = Orthographic(20.0, 35.0)
    towards = unit_vectors(np.array([20.0]), np.array([35.0]))[0]
    cosines = sampling.positions @ towards
    found = areas_by_pixel(view.project_cells(sampling.cells()), len(sampling))
    near = cosines > 0.2
    np.testing.assert_allclose(found[near] / cosines[near], sampling.areas[near], rtol=0.03)
    # Cells are at most 4.2° from their middle to a corner: sin 4.2° = 0.073.
    assert (found[cosines < -0.075] == 0).all()
    assert (found[cosines > 0] > 0).all()


def test_a_globe_shows_nothing_of_the_far_side():
    shapes = Orthographic(180.0).project_cells(Stations([0.0, 90, 200], [0.0, 50, 10]).cells()[:0])
    assert shapes.polygons == []
    cells = Healpix(4).cells()
    far = cells[(cells[..., 0] > 0).all(axis=1)]
    assert len(far) > 50
    assert Orthographic(180.0).project_cells(far).polygons == []


def test_a_cell_with_corners_in_between_keeps_its_pixel():
    """Pixel 1 lies around 180°E: in two halves at both ends of the map, the others in one piece."""
    longitude = np.array([[20.0, 40, 40, 20], [170, 190, 190, 170], [-40, -20, -20, -40]])
    cells = unit_vectors(longitude, np.broadcast_to([10.0, 10, 20, 20], (3, 4)))
    shapes = Mollweide().project_cells(cells)
    assert sorted(shapes.pixels.tolist()) == [0, 1, 1, 2]
    middles = {
        float(np.sign(polygon[:, 0].mean()))
        for polygon, pixel in zip(shapes.polygons, shapes.pixels, strict=True)
        if pixel == 1
    }
    assert middles == {-1.0, 1.0}


@pytest.mark.parametrize("projection", [Orthographic(10, 20), Mollweide(50)])
def test_the_border_is_the_ellipse_of_the_half_axes(projection):
    width, height = projection.half_axes
    x, y = outline(projection).T
    np.testing.assert_allclose((x / width) ** 2 + (y / height) ** 2, 1)
    assert (x[0], y[0]) == pytest.approx((x[-1], y[-1]))


def test_the_views_are_said_in_words():
    assert Orthographic(-30.0, 20.0).description == "seen from 20°N 30°W"
    assert Orthographic(390.0, -5.5).description == "seen from 5.5°S 30°E"
    assert Mollweide().description == "centred on 0°"


@pytest.mark.parametrize(
    ("longitude", "latitude"), [(0.0, 90.1), (0.0, -91.0), (math.nan, 0.0), (0.0, math.nan)]
)
def test_views_from_nowhere_are_refused(longitude, latitude):
    with pytest.raises(DeepsphereError, match="latitude from -90 to 90 degrees; found longitude="):
        Orthographic(longitude, latitude)


def test_mollweide_around_no_meridian_is_refused():
    with pytest.raises(DeepsphereError, match="finite longitude"):
        Mollweide(math.inf)
