import io

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.image import imread

from deepsphere.report.projections import Mollweide, Orthographic
from deepsphere.report.scales import UNKNOWN, value_scale
from deepsphere.report.sphere_images import look_up, view_axes
from deepsphere.report.style import new_figure, to_png
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.healpix import Healpix

PROJECTIONS = [Orthographic(30, 20), Orthographic(-90, -90), Mollweide(), Mollweide(123)]


def cells_of(image, points):
    """Return rows and columns of an image where points on paper are."""
    height, width = image.pixels.shape
    half_width, half_height = image.projection.half_axes
    columns = (points[:, 0] / half_width + 1) / 2 * width
    rows = (1 - points[:, 1] / half_height) / 2 * height
    return rows.astype(int), columns.astype(int)


@pytest.mark.parametrize("projection", PROJECTIONS)
@pytest.mark.parametrize("sampling", [Healpix(8), Equiangular(12, 24)])
def test_every_visible_pixel_is_where_its_centre_is(sampling, projection):
    """Close to the border, where a cell may be narrower than a point of the image, are others."""
    image = look_up(sampling.positions, projection, 400)
    points, visible = projection.project_points(sampling.positions)
    shown = visible & (np.linalg.norm(points / projection.half_axes, axis=1) < 0.97)
    assert shown.sum() > 80
    found = image.pixels[cells_of(image, points[shown])]
    np.testing.assert_array_equal(found, np.flatnonzero(shown))


def test_pixels_of_equal_areas_have_equal_areas_on_a_map_of_equal_areas():
    """A pixel of nside 4 has 4π/192 of the ellipse of area 4π: 2 H² · π/4 points over 192."""
    image = look_up(Healpix(4).positions, Mollweide(20), 400)
    rows, columns = np.indices(image.pixels.shape)
    inside = ((columns + 0.5) / 400 - 1) ** 2 + ((rows + 0.5) / 200 - 1) ** 2 < 1
    counts = np.bincount(image.pixels[inside], minlength=192)
    # Nearest centres are not quite HEALPix's cells.
    np.testing.assert_allclose(counts, 2 * 400**2 * np.pi / 4 / 192, rtol=0.15)


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_axes_show_values_in_their_colours(projection):
    sampling = Healpix(4)
    values = sampling.positions[:, 2].copy()
    values[7] = np.nan
    scale = value_scale(values)
    figure = new_figure(4, 3)
    axes = figure.subplots()
    look_up(sampling.positions, projection, 300).paint(axes, values, scale)
    image = imread(io.BytesIO(to_png(figure)))
    points, visible = projection.project_points(sampling.positions)
    shown = visible & (np.linalg.norm(points / projection.half_axes, axis=1) < 0.9)
    columns, rows = axes.transData.transform(points[shown]).astype(int).T
    found = image[len(image) - 1 - rows, columns]
    np.testing.assert_allclose(found, scale.colours_of(values)[shown], atol=0.02)
    if shown[7]:
        np.testing.assert_allclose(found[shown[:7].sum()], to_rgba(UNKNOWN), atol=0.02)
    corner = (axes.transAxes.transform((0.03, 0.97))).astype(int)
    assert (image[len(image) - 1 - corner[1], corner[0]] == 1).all()


@pytest.mark.parametrize("view", [Orthographic(30, 20), Orthographic(-10, -90)])
def test_axes_of_a_view_are_as_the_view_says(view):
    axes = view_axes(view)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(np.linalg.det(axes), 1)
    positions = Healpix(2).positions
    points, visible = view.project_points(positions)
    np.testing.assert_allclose(positions @ axes[1:].T, points, atol=1e-15)
    np.testing.assert_array_equal(positions @ axes[0] > 0, visible)


@pytest.mark.parametrize(
    ("positions", "height"),
    [(np.zeros((0, 3)), 10), (np.zeros((5, 2)), 10), (np.eye(3), 0)],
)
def test_bad_arguments_are_refused(positions, height):
    with pytest.raises(ValueError, match="an image needs positions"):
        look_up(positions, Mollweide(), height)
