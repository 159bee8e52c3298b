import io

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgba
from matplotlib.image import imread

from deepsphere.regridding.mesh_channels import CHANNELS
from deepsphere.report.projections import Mollweide, Orthographic
from deepsphere.report.scales import UNKNOWN
from deepsphere.report.signals import draw
from deepsphere.report.style import to_png
from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.samplings.healpix import Healpix

POSITIONS = Healpix(4).positions
VIEW = Orthographic(30, 20)
TITLES = [f"{name}, {on}" for on in ("mesh", "convex hull") for name in CHANNELS[:3]]
PICTURE = np.full((40, 40, 4), 255, np.uint8)


@pytest.fixture
def signal():
    """Rays meet the mesh in the north only; distances differ from 0.2 to 1.2."""
    angle = np.arange(192) / 192
    signal = np.stack([0.2 + angle, np.cos(angle), np.sin(angle)] * 2, axis=1)
    signal[:, 3] = 0.2
    signal[POSITIONS[:, 2] < 0, :3] = 1, 0, 0
    return signal.astype(np.float32)


def draw_channels(signal, projection=VIEW, channels=CHANNELS):
    columns = [CHANNELS.index(name) for name in channels]
    return draw(signal[:, columns], POSITIONS, channels, PICTURE, VIEW, projection, "chair.off")


def colours_at(figure, pixel, projection):
    """Return the colour that each panel shows of a pixel, by the panel's title."""
    image = imread(io.BytesIO(to_png(figure)))
    point, _ = projection.project_points(POSITIONS[pixel])
    found = {}
    for axes in figure.axes:
        title = axes.get_title()
        if title in TITLES:
            column, row = axes.transData.transform(point).astype(int)
            found[title] = image[len(image) - 1 - row, column]
    return found


def pixel_near(longitude, latitude):
    return int((POSITIONS @ unit_vectors(np.array(longitude), np.array(latitude))).argmax())


@pytest.mark.parametrize("projection", [VIEW, Mollweide(-50)])
def test_each_channel_has_a_panel_of_its_values(signal, projection):
    """Distances are coloured from the least to the largest of both surfaces, the others fixed."""
    pixel = pixel_near(projection.longitude, 35)
    distance, cosine, sine, _, hull_cosine, hull_sine = signal[pixel]
    largest = signal[POSITIONS[:, 2] >= 0, 0].max()
    blue_red, dark_bright = colormaps["RdBu_r"], colormaps["viridis"]
    expected = {
        "distance, mesh": dark_bright(float((distance - 0.2) / (largest - 0.2))),
        "cosine, mesh": blue_red(float(cosine + 1) / 2),
        "sine, mesh": dark_bright(float(sine)),
        "distance, convex hull": dark_bright(0.0),
        "cosine, convex hull": blue_red(float(hull_cosine + 1) / 2),
        "sine, convex hull": dark_bright(float(hull_sine)),
    }
    found = colours_at(draw_channels(signal, projection), pixel, projection)
    assert found.keys() == expected.keys()
    for title, colour in expected.items():
        np.testing.assert_allclose(found[title], colour, atol=0.03, err_msg=title)


def test_where_rays_meet_nothing_is_grey_and_named(signal):
    figure = draw_channels(signal)
    for title, colour in colours_at(figure, pixel_near(30, -30), VIEW).items():
        is_grey = np.allclose(colour, to_rgba(UNKNOWN), atol=0.01)
        assert is_grey == title.endswith(", mesh"), title
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["the ray meets nothing"]


def test_a_closed_mesh_has_no_legend(signal):
    figure = draw_channels(signal[:, [3, 4, 5] * 2])
    assert figure.axes[0].get_legend() is None


def test_colour_bars_have_units(signal):
    labels = [axes.get_xlabel() for axes in draw_channels(signal).axes if axes.get_xlabel()]
    assert labels == [
        "distance / radii of the sphere",
        "cosine of ray and normal",
        "sine of ray and normal",
    ]


def test_some_channels_have_some_panels(signal):
    figure = draw_channels(signal, channels=("hull-sine", "distance"))
    titles = [axes.get_title() for axes in figure.axes if axes.get_title() in TITLES]
    assert titles == ["distance, mesh", "sine, convex hull"]
    assert to_png(figure)


def test_it_is_said_where_mesh_and_maps_are_seen_from(signal):
    texts = [text.get_text() for text in draw_channels(signal).axes[0].texts]
    assert texts == ["seen from 20°N 30°E"]
    texts = [text.get_text() for text in draw_channels(signal, Mollweide(-50)).axes[0].texts]
    assert texts == ["seen from 20°N 30°E, maps centred on 50°W"]


@pytest.mark.parametrize("projection", [VIEW, Mollweide(-50)])
def test_nothing_of_the_figure_is_cut_off(signal, projection):
    image = imread(io.BytesIO(to_png(draw_channels(signal, projection))))[..., :3]
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert (border == 1).all()
    assert max(image.shape) < 2000


def test_what_does_not_fit_is_refused(signal):
    with pytest.raises(ValueError, match=r"must have shape \(192, 5\)"):
        draw(signal, POSITIONS, CHANNELS[:5], PICTURE, VIEW, VIEW, "")
    with pytest.raises(ValueError, match="depth"):
        draw(signal[:, :1], POSITIONS, ["depth"], PICTURE, VIEW, VIEW, "")
