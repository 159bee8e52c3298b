import io
import math

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.image import imread

from deepsphere.report.maps import caps, draw_map
from deepsphere.report.projections import Mollweide, Orthographic
from deepsphere.report.scales import UNKNOWN, class_scale, value_scale
from deepsphere.report.style import to_png
from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.polygons import polygon_areas

SAMPLING = Healpix(4)
CELLS = SAMPLING.cells()
PROJECTIONS = [Orthographic(30, 20), Mollweide(50)]


def colour_at(figure, position, projection):
    """Return the colour in which a place of the sphere is drawn."""
    image = imread(io.BytesIO(to_png(figure)))
    point = projection.project_points(position)[0]
    column, row = figure.axes[0].transData.transform(point)
    return image[len(image) - 1 - int(row), int(column)]


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_every_visible_pixel_is_at_its_place_in_its_colour(projection):
    """Without the lines; at the border of the sphere edges of other cells are in the way."""
    values = SAMPLING.positions[:, 2] ** 3
    scale = value_scale(values)
    figure = draw_map(values, CELLS, projection, scale)
    for artist in figure.axes[0].collections:
        if isinstance(artist, LineCollection):
            artist.remove()
    points, visible = projection.project_points(SAMPLING.positions)
    inside = np.linalg.norm(points / projection.half_axes, axis=1) < 0.9
    image = imread(io.BytesIO(to_png(figure)))
    columns, rows = figure.axes[0].transData.transform(points).astype(int).T
    found = image[len(image) - 1 - rows, columns]
    shown = visible & inside
    assert shown.sum() > 50
    np.testing.assert_allclose(found[shown], scale.colours_of(values)[shown], atol=0.01)


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_pixels_without_a_value_are_grey_and_named(projection):
    pixel = int((SAMPLING.positions @ unit_vectors(np.array(35.0), np.array(10.0))).argmax())
    values = np.arange(len(CELLS), dtype=np.float64)
    scale = value_scale(values)
    values[pixel] = np.nan
    figure = draw_map(values, CELLS, projection, scale)
    found = colour_at(figure, SAMPLING.positions[pixel], projection)
    np.testing.assert_allclose(found, to_rgba(UNKNOWN), atol=0.01)
    (legend,) = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    assert [text.get_text() for text in legend.get_texts()] == ["no value"]


def test_a_map_without_gaps_has_no_legend():
    figure = draw_map(np.zeros(len(CELLS)), CELLS, Mollweide(), value_scale(np.zeros(1)))
    assert figure.axes[0].get_legend() is None


def test_a_part_of_the_sphere_leaves_the_rest_light_grey():
    part = SAMPLING.positions[:, 0] > 0
    figure = draw_map(np.zeros(part.sum()), CELLS[part], Mollweide(), value_scale(np.zeros(1)))
    empty = unit_vectors(np.array(-105.0), np.array(10.0))
    np.testing.assert_allclose(colour_at(figure, empty, Mollweide()), [0.88] * 3 + [1], atol=0.01)


def test_a_map_of_classes_names_them():
    scale = class_scale(["sea", "land"])
    values = (SAMPLING.positions[:, 2] > 0).astype(int)
    figure = draw_map(values, CELLS, Orthographic(), scale, "Where land is")
    assert to_png(figure)
    axes, bar = figure.axes
    assert axes.get_title(loc="left") == "Where land is"
    assert [label.get_text() for label in bar.get_yticklabels()] == ["sea", "land"]
    assert "seen from 0° 0°, lines every 30°" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_nothing_of_the_figure_is_cut_off(projection):
    figure = draw_map(np.zeros(len(CELLS)), CELLS, projection, value_scale(np.zeros(1)), "Title")
    image = imread(io.BytesIO(to_png(figure)))[..., :3]
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert (border == 1).all()


@pytest.mark.parametrize("projection", [Orthographic(33.3, 20), Mollweide(33.3)])
def test_parallels_and_meridians_do_not_jump(projection):
    """Steps are of 0.5°, and largest close to the poles of Mollweide.

    There, 2√2 ε with 4 ε³ / 3 = π δ² / 2 for δ = 0.5° bounds them: 0.127.
    """
    figure = draw_map(np.zeros(len(CELLS)), CELLS, projection, value_scale(np.zeros(1)))
    (lines,) = [item for item in figure.axes[0].collections if isinstance(item, LineCollection)]
    segments = [segment for segment in lines.get_segments() if len(segment) > 1]
    assert len(segments) >= 12
    assert max(np.linalg.norm(np.diff(line, axis=0), axis=1).max() for line in segments) < 0.127


def test_the_same_map_gives_the_same_bytes():
    values = SAMPLING.positions[:, 0]
    first, second = (
        to_png(draw_map(values, CELLS, Mollweide(), value_scale(values))) for _ in range(2)
    )
    assert first == second


def test_one_collection_holds_all_cells():
    values = SAMPLING.positions[:, 0]
    figure = draw_map(values, CELLS, Orthographic(), value_scale(values))
    (cells,) = [item for item in figure.axes[0].collections if isinstance(item, PolyCollection)]
    assert len(CELLS) / 2 <= len(cells.get_paths()) < 0.75 * len(CELLS)


def test_caps_are_circles_around_their_positions():
    """A polygon of n corners at the angle r has the area of a cap but for about (2π/n)²/6 of it."""
    positions = np.concatenate([np.eye(3), -np.eye(3), SAMPLING.positions])
    found = caps(positions, 5.0)
    angles = np.degrees(np.arccos(np.einsum("pci,pi->pc", found, positions)))
    np.testing.assert_allclose(angles, 5)
    areas = polygon_areas(found)
    expected = 2 * math.pi * (1 - math.cos(math.radians(5)))
    np.testing.assert_allclose(areas, expected, rtol=(2 * math.pi / 24) ** 2 / 6 * 1.05)


@pytest.mark.parametrize(("number", "radius"), [(1, 3.0), (1000, 1.812), (100_000, 0.4)])
def test_caps_shrink_as_there_are_more(number, radius):
    """1000 caps of a radius r cover a quarter: 1000 π r² = π, so r = 0.0316 = 1.812°."""
    positions = np.tile([1.0, 0, 0], (number, 1))
    angles = np.degrees(np.arccos(caps(positions)[0] @ positions[0]))
    np.testing.assert_allclose(angles, radius, rtol=1e-3)


def test_wrong_shapes_are_refused():
    scale = value_scale(np.zeros(1))
    with pytest.raises(ValueError, match=r"192 cells must have shape \(192,\); found \(191,\)"):
        draw_map(np.zeros(191), CELLS, Mollweide(), scale)
    with pytest.raises(ValueError, match=r"\(pixel, corners, 3\); found \(192, 3\)"):
        draw_map(np.zeros(192), SAMPLING.positions, Mollweide(), scale)
