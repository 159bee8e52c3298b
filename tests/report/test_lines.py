import numpy as np
import pytest

from deepsphere.report.lines import graticule, visible_pieces
from deepsphere.report.projections import Mollweide, Orthographic
from deepsphere.samplings.coordinates import unit_vectors

EQUATOR = unit_vectors(np.arange(0, 361.0), np.zeros(361))


def test_a_line_around_the_sphere_is_cut_at_the_border_of_the_paper():
    pieces = list(visible_pieces(EQUATOR, Mollweide(0)))
    assert [np.sign(piece[:, 0].mean()) for piece in pieces] == [1, -1]
    assert all((np.abs(np.diff(piece[:, 0])) < 0.1).all() for piece in pieces)


def test_the_far_side_of_a_globe_is_hidden():
    pieces = list(visible_pieces(EQUATOR, Orthographic(0, 30)))
    points = np.concatenate(pieces)
    # A half of the equator, seen from 30° above it: the lower half of an ellipse.
    assert 175 <= len(points) <= 182
    assert points[:, 1].max() < 0.02
    np.testing.assert_allclose(points[:, 0] ** 2 + 4 * points[:, 1] ** 2, 1, atol=1e-12)


@pytest.mark.parametrize("projection", [Mollweide(100), Orthographic(20, -80)])
def test_the_graticule_stays_on_the_paper_and_never_jumps(projection):
    for piece in graticule(projection):
        assert (((piece / projection.half_axes) ** 2).sum(axis=1) < 1 + 1e-9).all()
        assert (np.linalg.norm(np.diff(piece, axis=0), axis=1) < 0.2).all()
