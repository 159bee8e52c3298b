import io

import numpy as np
import pytest
import trimesh
from matplotlib.image import imread

from deepsphere.regridding.mesh import Mesh, normalized
from deepsphere.regridding.triangles import area_vectors
from deepsphere.report.mesh_pictures import HALF_WIDTH, paint_mesh, render
from deepsphere.report.projections import Orthographic
from deepsphere.report.style import new_figure, to_png
from deepsphere.samplings.coordinates import unit_vectors

# Seen from 0°E 0°N, y is to the right and z is up.
FRONT = Orthographic()
VIEWS = [FRONT, Orthographic(30, 20), Orthographic(-100, -60), Orthographic(7, 90)]


def from_trimesh(mesh):
    return normalized(Mesh(np.array(mesh.vertices, float), np.array(mesh.faces, np.int64)))


def joined(*meshes):
    """Return one mesh of several, as they are."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]
    return Mesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces))


def plate(x, half):
    """Return a square across the x axis, facing along it."""
    corners = np.array([[x, y, z] for y in (-half, half) for z in (-half, half)])
    return Mesh(corners, np.array([[0, 2, 3], [0, 3, 1]]))


def shelf(z):
    """Return a horizontal rectangle between the viewer and the middle."""
    corners = np.array([[x, y, z] for x in (0.0, 0.5) for y in (-0.6, 0.6)])
    return Mesh(corners, np.array([[0, 2, 3], [0, 3, 1]]))


def shown_area(picture):
    """Return the area of a picture's opaque part, in squared radii."""
    return picture[..., 3].sum() / 255 * (2 * HALF_WIDTH / len(picture)) ** 2


def point_of(picture, place):
    """Return the row and the column of a place on paper (to the right, up)."""
    right, up = place
    size = len(picture)
    return int((HALF_WIDTH - up) / (2 * HALF_WIDTH) * size), int(
        (HALF_WIDTH + right) / (2 * HALF_WIDTH) * size
    )


def test_the_silhouette_of_a_sphere_has_the_area_pi():
    """It has 20,480 faces; what they are smaller than the sphere is 0.02 % of its shadow."""
    sphere = from_trimesh(trimesh.creation.icosphere(5))
    np.testing.assert_allclose(shown_area(render(sphere, FRONT, 200)), np.pi, rtol=2e-3)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("sides", [(1, 1, 1), (3, 1, 0.2)])
def test_the_silhouette_of_a_box_has_the_area_of_its_shadow(sides, view):
    """A line along the view meets a convex surface twice or never.

    Its shadow has thus half of the sum of the faces' shadows, |area · direction| each. Rays are
    2 · 1.02 / 400 apart, the outline is no longer than 2π, and off by half of that along it.
    """
    box = from_trimesh(trimesh.creation.box(sides))
    towards = unit_vectors(np.array(view.longitude), np.array(view.latitude))
    expected = np.abs(area_vectors(box.vertices, box.faces) @ towards).sum() / 2
    np.testing.assert_allclose(shown_area(render(box, view, 200)), expected, atol=np.pi * 0.0051)


@pytest.mark.parametrize("view", VIEWS)
def test_a_small_mesh_is_drawn_where_its_place_is(view):
    small = trimesh.creation.icosphere(1, radius=0.05)
    for place in np.random.default_rng(0).uniform(-0.5, 0.5, (5, 3)):
        mesh = Mesh(np.array(small.vertices) + place, np.array(small.faces, np.int64))
        opacity = render(mesh, view, 128)[..., 3].astype(float)
        rows, columns = np.indices(opacity.shape)
        centre = np.array([(opacity * columns).sum(), (opacity * rows).sum()]) / opacity.sum()
        found = ((centre + 0.5) / 128 * 2 - 1) * [HALF_WIDTH, -HALF_WIDTH]
        expected, _ = view.project_points(place)
        np.testing.assert_allclose(found, expected, atol=0.25 * 2 / 128)


def test_what_is_behind_does_not_show_and_what_is_in_front_does():
    """Only what lies before a plate can cover it or shade its front."""
    wall = plate(0.0, 0.6)
    alone = render(wall, FRONT, 64)
    behind = render(joined(wall, plate(-0.3, 0.2)), FRONT, 64)
    np.testing.assert_array_equal(behind, alone)
    found = trimesh.creation.cone(0.3, 0.4)
    found.apply_translation([0.4, 0, -0.2])
    cone = Mesh(np.array(found.vertices), np.array(found.faces, np.int64))
    front = render(joined(wall, cone), FRONT, 64)
    point = point_of(front, (0.0, -0.1))
    assert render(cone, FRONT, 64)[point][3] == 255
    assert front[point][0] != alone[point][0]
    other_side = render(joined(wall, cone), Orthographic(180, 0), 64)
    np.testing.assert_array_equal(other_side, render(wall, Orthographic(180, 0), 64))


def test_a_shelf_shades_the_wall_below_it():
    wall = plate(0.0, 0.6)
    bare, shaded = render(wall, FRONT, 64), render(joined(wall, shelf(0.3)), FRONT, 64)
    below, far_above = point_of(bare, (0.0, 0.2)), point_of(bare, (0.0, 0.55))
    assert shaded[below][0] < bare[below][0] - 20
    assert shaded[far_above][0] > bare[far_above][0] - 20


def test_the_upper_left_is_lit_and_the_lower_right_is_dim():
    sphere = from_trimesh(trimesh.creation.icosphere(4))
    picture = render(sphere, Orthographic(50, -10), 64)
    upper, lower = point_of(picture, (-0.4, 0.5)), point_of(picture, (0.4, -0.5))
    assert picture[upper][0] > picture[lower][0] + 60


def test_winding_changes_nothing():
    mesh = from_trimesh(trimesh.creation.torus(1, 0.3))
    turned = Mesh(mesh.vertices, mesh.faces[:, ::-1].copy())
    view = Orthographic(30, 20)
    np.testing.assert_array_equal(render(mesh, view, 80), render(turned, view, 80))


def test_there_is_nothing_around_a_mesh_and_no_dark_rim():
    picture = render(from_trimesh(trimesh.creation.icosphere(4)), FRONT, 80)
    assert picture.shape == (80, 80, 4) and picture.dtype == np.uint8
    assert (picture[[0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()
    rim = (picture[..., 3] > 0) & (picture[..., 3] < 255)
    assert rim.any() and picture[rim][:, 2].min() > 20


def test_axes_show_a_picture_where_a_globe_would_be():
    figure = new_figure(3, 3)
    axes = figure.subplots()
    # The plate reaches from -0.5 to 0.5 on paper.
    paint_mesh(axes, render(plate(0.0, 0.5), FRONT, 100))
    image = imread(io.BytesIO(to_png(figure)))
    inside, outside = axes.transData.transform([(0.45, 0.45), (0.55, 0.55)]).astype(int)
    assert (image[len(image) - 1 - outside[1], outside[0]] == 1).all()
    assert image[len(image) - 1 - inside[1], inside[0], 0] < 0.95


def test_bad_arguments_are_refused():
    sphere = trimesh.creation.icosphere(1)
    large = Mesh(2 * np.array(sphere.vertices), np.array(sphere.faces, np.int64))
    with pytest.raises(ValueError, match=r"see normalized\); found 80 faces and distance 2"):
        render(large, FRONT)
    with pytest.raises(ValueError, match="found 0 faces"):
        render(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64)), FRONT)
    with pytest.raises(ValueError, match="at least 1 point along each side; found 0"):
        render(from_trimesh(sphere), FRONT, 0)
