import healpy
import numpy as np
import pytest

from deepsphere.report.gnomonic import Gnomonic
from deepsphere.report.scales import value_scale
from deepsphere.report.style import new_figure
from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.samplings.healpix import Healpix


@pytest.mark.parametrize(("longitude", "latitude"), [(0.0, 0.0), (45.0, 41.8), (-120.0, -80.0)])
def test_the_image_is_that_of_healpy(longitude, latitude):
    """healpy shows the sky from inside, east left, and its lower row first."""
    points, reach = 60, 10.0
    directions = Gnomonic(longitude, latitude, reach).directions(points)
    # healpy's points are on the corners of its steps, ours in the middle of them.
    step = np.degrees(2 * np.tan(np.radians(reach)) / points) * 60
    projector = healpy.projector.GnomonicProj(
        rot=(longitude, latitude), coord=None, xsize=points, ysize=points, reso=step
    )
    sampling = Healpix(16)
    values = np.arange(len(sampling), dtype=float)
    nested = projector.projmap(values, lambda x, y, z: healpy.vec2pix(16, x, y, z, nest=True))
    mine = sampling.pixels_at(directions)
    # Half a step may be another pixel at its border.
    assert (mine == nested[::-1, ::-1]).mean() > 0.9


def test_north_is_up_east_is_right_and_sides_are_as_far_as_asked():
    directions = Gnomonic(30.0, 20.0, 8.0).directions(401)
    middle = unit_vectors(np.array(30.0), np.array(20.0))
    np.testing.assert_allclose(directions[200, 200], middle, atol=1e-12)
    up, right = directions[0, 200], directions[200, -1]
    assert up[2] > middle[2]
    np.testing.assert_allclose(np.degrees(np.arctan2(up[1], up[0])), 30, atol=1e-9)
    assert np.degrees(np.arctan2(right[1], right[0])) > 30
    for side in (up, right):
        found = np.arccos(side @ middle)
        np.testing.assert_allclose(np.tan(found), np.tan(np.radians(8)) * 400 / 401, rtol=1e-9)


def test_ticks_are_true_degrees_from_the_middle():
    axes = new_figure(3, 3).subplots()
    Gnomonic(0.0, 0.0, 20.0).paint(axes, np.zeros((4, 4)), value_scale(np.zeros(1)))
    np.testing.assert_allclose(
        axes.get_xticks(), np.tan(np.radians([-20.0, -10, 0, 10, 20])), atol=1e-12
    )
    assert [label.get_text() for label in axes.get_xticklabels()][::4] == ["−20°", "20°"]


@pytest.mark.parametrize("reach", [0.0, 61.0, np.nan])
def test_a_window_is_a_part_of_a_hemisphere(reach):
    with pytest.raises(ValueError, match="a reach above 0 and to 60 degrees"):
        Gnomonic(0.0, 0.0, reach)


def test_a_window_says_where_it_is():
    assert Gnomonic(45.0, 41.8, 5.0).description == "around 41.8°N 45°E"
