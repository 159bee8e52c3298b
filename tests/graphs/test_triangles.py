import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.triangles import triangles_of
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.gauss_legendre import GaussLegendre
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked


def rolled(triangles):
    """Return the triangles as a set, each from its smallest corner on, in the same sense."""
    first = np.argmin(triangles, axis=1)[:, np.newaxis]
    return set(map(tuple, np.take_along_axis(triangles, (first + np.arange(3)) % 3, axis=1)))


def sides(triangles):
    """Return how often each side of a triangle occurs, in either sense."""
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0, return_counts=True)[1]


@pytest.mark.parametrize("level", [0, 1, 3])
def test_an_icosahedral_mesh_has_its_own_triangles(level):
    sampling = Icosahedral(level)
    assert rolled(triangles_of(sampling)) == rolled(sampling.faces)


@pytest.mark.parametrize("sampling", [Fibonacci(300), Healpix(4), GaussLegendre(8, 16)])
def test_a_full_sphere_is_closed(sampling):
    # Euler: V - E + F = 2 and 2E = 3F, so F = 2V - 4. Every side belongs to two triangles.
    triangles = triangles_of(sampling)
    assert triangles.dtype == np.int64
    assert triangles.shape == (2 * len(sampling) - 4, 3)
    assert (sides(triangles) == 2).all()
    # Counter-clockwise seen from outside: the determinant of the corners is positive.
    assert (np.linalg.det(sampling.positions[triangles]) > 0).all()


def test_pixels_at_one_place_share_their_triangles():
    # The 16 pixels at the pole are one corner: 15 of them have no triangle.
    triangles = triangles_of(Equiangular(8, 16, "north"))
    assert len(np.unique(triangles)) == 8 * 16 - 15
    assert len(triangles) == 2 * (8 * 16 - 15) - 4


@pytest.mark.parametrize("full", [Fibonacci(300), Icosahedral(3)])
def test_a_part_has_the_triangles_of_the_full_sphere_that_are_all_in_it(full):
    part = Masked.where(full, full.positions @ [0.36, 0.48, 0.8] > 0.2)
    inside = set(part.pixels.tolist())
    expected = {one for one in rolled(triangles_of(full)) if inside.issuperset(one)}
    found = triangles_of(part)
    assert found.dtype == np.int64
    assert rolled(part.pixels[found]) == expected
    # Its border is open: the sides there belong to one triangle.
    counts = sides(found)
    assert set(counts) == {1, 2}
    # A disc: V - E + F = 1.
    assert len(np.unique(found)) - len(counts) + len(found) == 1


def test_a_part_that_is_everything_has_all_triangles():
    full = Fibonacci(100)
    np.testing.assert_array_equal(triangles_of(Masked(full, np.arange(100))), triangles_of(full))


@pytest.mark.parametrize("pixels", [[3], [0, 299], [0, 100, 200]])
def test_a_part_without_a_triangle_is_refused(pixels):
    part = Masked(Fibonacci(300), pixels)
    message = rf"no triangle .* fibonacci:300\[{len(pixels)}\]; finite elements need one"
    with pytest.raises(DeepsphereError, match=message):
        triangles_of(part)


def test_points_on_one_circle_are_refused():
    with pytest.raises(DeepsphereError, match="one circle"):
        triangles_of(Fibonacci(3))
