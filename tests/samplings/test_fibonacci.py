import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.fibonacci import Fibonacci, parse
from deepsphere.samplings.polygons import polygon_areas

SIZES = [1, 2, 3, 4, 5, 12, 97, 768]


def test_positions_follow_the_formula():
    """Point i of n is at z = 1 - (2i + 1)/n; the golden angle is 2π (1 - 1/φ) = 137.5077...°."""
    sampling = Fibonacci(5)
    x, y, z = sampling.positions.T
    np.testing.assert_allclose(z, [0.8, 0.4, 0, -0.4, -0.8], atol=1e-15)
    golden = 360 * (1 - 2 / (1 + np.sqrt(5)))
    assert golden == pytest.approx(137.50776405003785)
    np.testing.assert_allclose(np.degrees(np.arctan2(y, x)) % 360, golden * np.arange(5) % 360)


@pytest.mark.parametrize("pixels", SIZES)
def test_positions_are_unit_vectors(pixels):
    positions = Fibonacci(pixels).positions
    assert positions.shape == (pixels, 3)
    np.testing.assert_allclose(np.linalg.norm(positions, axis=1), 1, rtol=0, atol=1e-15)


@pytest.mark.parametrize("pixels", SIZES)
def test_areas_fill_the_sphere(pixels):
    areas = Fibonacci(pixels).areas
    assert areas.shape == (pixels,)
    assert areas.min() > 0
    assert areas.sum() == pytest.approx(4 * np.pi, rel=1e-12)


@pytest.mark.parametrize("pixels", SIZES[1:])
def test_areas_are_those_of_the_cells(pixels):
    sampling = Fibonacci(pixels)
    np.testing.assert_allclose(polygon_areas(sampling.cells()), sampling.areas, rtol=1e-11)


def test_pixels_are_nearly_equal():
    """Each point has a belt of the same area to itself; cells differ at the poles at most."""
    areas = Fibonacci(2000).areas * 2000 / (4 * np.pi)
    np.testing.assert_allclose(areas[30:-30], 1, atol=0.02)
    np.testing.assert_allclose(areas, 1, atol=0.07)


def test_there_are_no_neighbours():
    assert Fibonacci(12).neighbours() is None


def test_coarsening_keeps_constants_and_integrals():
    """Rows sum to 1, and overlaps sum to cells both ways: areas of coarse cells times the map are
    the areas of fine ones."""
    sampling = Fibonacci(200)
    coarsening = sampling.coarser()
    assert coarsening.coarse == Fibonacci(50)
    assert coarsening.children is None
    np.testing.assert_allclose(coarsening.matrix @ np.ones(200), 1)
    np.testing.assert_allclose(coarsening.coarse.areas @ coarsening.matrix, sampling.areas)


def test_the_coarsest_has_no_coarser():
    assert Fibonacci(48).coarser().coarse == Fibonacci(12)
    assert Fibonacci(47).coarser() is None


def test_arrays_are_kept_and_read_only():
    sampling = Fibonacci(10)
    assert sampling.positions is sampling.positions
    assert sampling.areas is sampling.areas
    for array in (sampling.positions, sampling.areas):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_names_and_equality():
    sampling = Fibonacci(768)
    assert sampling.name == "fibonacci:768"
    assert parse("768") == sampling
    assert hash(parse("768")) == hash(sampling)
    assert sampling != Fibonacci(769)
    assert len(sampling) == 768
    assert Fibonacci(np.int64(768)) == sampling
    assert type(Fibonacci(np.int64(768)).pixels) is int


@pytest.mark.parametrize("text", ["", "-4", "4.0", "ten", "5:6", "768 ", "1" * 10])
def test_a_wrong_name_is_said_in_one_line(text):
    with pytest.raises(DeepsphereError, match='as in "fibonacci:12288"'):
        parse(text)


@pytest.mark.parametrize("pixels", [0, -1, 3.0, True, "12", None])
def test_a_wrong_number_is_said_in_one_line(pixels):
    with pytest.raises(
        DeepsphereError, match=f"pixels must be .* from 1 to 100000000; found {pixels!r}"
    ):
        Fibonacci(pixels)
