import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import leggauss
from scipy.special import sph_harm_y

from deepsphere.regridding.cells import cells_of
from deepsphere.regridding.conservative import backward_matrix, conservative_matrix, shared_areas
from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.regridding.healpix_overlap import healpix_overlap_areas
from deepsphere.regridding.polygon_overlap import polygon_overlap_areas
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.gauss_legendre import GaussLegendre
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.healpix_geometry import pixels_at, positions_inside
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.octahedral import Octahedral
from deepsphere.samplings.overlap import overlap_areas
from deepsphere.samplings.stations import Stations

modest = settings(derandomize=True, deadline=None, max_examples=25)
GAUSS = np.degrees(np.arcsin(leggauss(48)[0]))
GLOBAL = {
    "with poles": (np.linspace(-90, 90, 61), np.arange(120) * 3.0),
    "falling, from -180": (np.linspace(88.5, -88.5, 60), np.arange(120) * 3.0 - 180),
    "Gaussian, westwards": (GAUSS, np.arange(96)[::-1] * 3.75),
    "repeated column": (GAUSS, np.linspace(0, 360, 97)),
    "irregular": (np.array([-88, -50, -49, 0, 3, 60]), np.array([5, 7, 90, 170, 250, 300.0])),
}
SAMPLINGS = (
    Healpix(1),
    Healpix(3),
    Healpix(16),
    Icosahedral(0),
    Icosahedral(3),
    Icosahedral(2, "faces"),
    Cubed(4),
    Equiangular(9, 14, "both"),
    GaussLegendre(6, 11),
    Octahedral(4),
    Stations([0, 120, 240], [0, 0, 0]),
    Stations([10, 20, 30, 200], [80, -30, 5, 60]),
    Stations(np.arange(40) * 97.0 % 360, np.degrees(np.arcsin((np.arange(40) - 19.5) / 20))),
)


def harmonic(positions, degree, order):
    x, y, z = positions.T
    return sph_harm_y(degree, order, np.arccos(np.clip(z, -1, 1)), np.arctan2(y, x)).real


def random_places(random):
    """Places with equal probability everywhere, shape (50000, 3)."""
    places = random.normal(size=(50000, 3))
    return places / np.linalg.norm(places, axis=1, keepdims=True)


def cells_at(places, edges, meridians):
    """The cells between rising edges and meridians that hold places."""
    x, y, z = places.T
    longitude = meridians[0] + np.mod(np.degrees(np.arctan2(y, x)) - meridians[0], 360)
    row = np.searchsorted(edges, np.degrees(np.arcsin(z))) - 1
    return row * (len(meridians) - 1) + np.searchsorted(meridians, longitude) - 1


@pytest.mark.parametrize("name", GLOBAL)
@pytest.mark.parametrize("sampling", SAMPLINGS, ids=lambda sampling: sampling.name)
def test_integrals_are_kept_and_constants_stay(name, sampling):
    """Areas are those of the pixels and of the cells, so that sums over either are integrals."""
    grid = LatitudeLongitude(*GLOBAL[name])
    areas, whole = shared_areas(grid, sampling)
    assert areas.data.min() > 0
    np.testing.assert_allclose(areas.sum(axis=1), whole, rtol=1e-12)
    np.testing.assert_allclose(areas.sum(axis=0), grid.areas, rtol=1e-10, atol=1e-16)
    np.testing.assert_allclose(whole, sampling.areas, rtol=1e-10)

    matrix = conservative_matrix(grid, sampling)
    assert matrix.has_sorted_indices
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=0, atol=1e-13)
    rough = np.random.default_rng(0).lognormal(sigma=2, size=len(grid))
    integral = sampling.areas @ (matrix @ rough)
    assert integral == pytest.approx(grid.areas @ rough, rel=1e-10)
    constant = np.full(len(grid), np.float32(287.3))
    np.testing.assert_array_equal((matrix @ constant).astype(np.float32), np.float32(287.3))


@pytest.mark.parametrize("nside", [1, 2, 5])
@pytest.mark.parametrize("start", [0.0, 2.0, 359.0])
def test_healpix_areas_are_those_that_random_places_find(nside, start):
    """As many places as are expected in what a pixel and a cell share, but for 5 deviations."""
    edges = np.array([-90, -60, -41.8, -30, 10, 41.9, 70, 90.0])
    meridians = start + np.array([0, 40, 90, 91, 200, 290, 360.0])
    grid = LatitudeLongitude(
        (edges[1:] + edges[:-1]) / 2, (meridians[1:] + meridians[:-1]) / 2, edges, meridians
    )
    areas, _ = healpix_overlap_areas(cells_of(grid), nside, np.arange(12 * nside**2))
    places = random_places(np.random.default_rng(nside))
    counts = np.zeros(areas.shape)
    np.add.at(counts, (pixels_at(nside, places), cells_at(places, edges, meridians)), 1)
    expected = areas.toarray() * len(places) / (4 * np.pi)
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected + 1))


@modest
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 4]))
def test_healpix_areas_are_those_of_polygons_with_many_corners(seed, nside):
    """Pixels drawn as polygons with so many corners differ by (length of an arc)² a border."""
    random = np.random.default_rng(seed)
    latitude = np.sort(random.uniform(-90, 90, 6))
    longitude = random.uniform(0, 360) + (np.arange(5) + random.uniform(0, 0.9, 5)) * 72
    grid = LatitudeLongitude(latitude, longitude)
    pixels = np.arange(12 * nside**2)
    steps = np.arange(64) / 64
    zeros = np.zeros(64)
    x = np.concatenate([1 - steps, zeros, steps, zeros + 1])
    y = np.concatenate([zeros + 1, 1 - steps, zeros, steps])
    outlines = positions_inside(nside, pixels[:, np.newaxis], x, y)
    drawn, _ = polygon_overlap_areas(cells_of(grid), outlines)
    exact, _ = healpix_overlap_areas(cells_of(grid), nside, pixels)
    np.testing.assert_allclose(exact.toarray(), drawn.toarray(), rtol=0, atol=3e-4 / nside**2)


@pytest.mark.parametrize(
    "sampling", [Icosahedral(2), Cubed(3), SAMPLINGS[-1]], ids=lambda sampling: sampling.name
)
def test_polygons_share_with_boxes_what_clipping_gives(sampling):
    """The other sampling's parallels are drawn as great arcs of 1°; they enclose δ³/12 with it."""
    source = Equiangular(10, 360)
    latitude = 81 - 18.0 * np.arange(10)
    grid = LatitudeLongitude(latitude, np.arange(360.0))
    areas, _ = shared_areas(grid, sampling)
    clipped = overlap_areas(source, sampling)
    assert np.abs((areas - clipped).data).max() < 2 * np.radians(1) ** 3 / 12


@modest
@given(st.integers(0, 2**32 - 1))
def test_any_polygons_share_with_any_grid_what_they_have(seed):
    """Voronoi cells of few points hold poles, are long, and cross lines more than once."""
    random = np.random.default_rng(seed)
    count = random.integers(2, 12)
    stations = Stations(
        random.uniform(0, 360, count), np.degrees(np.arcsin(random.uniform(-1, 1, count)))
    )
    edges = np.concatenate([[-90], np.sort(random.uniform(-89, 89, 5)), [90]])
    meridians = random.uniform(0, 360) + (np.arange(6) + random.uniform(0, 0.9, 6)) * 60
    meridians = np.append(meridians, meridians[0] + 360)
    grid = LatitudeLongitude(
        (edges[1:] + edges[:-1]) / 2, (meridians[1:] + meridians[:-1]) / 2, edges, meridians
    )
    areas, whole = shared_areas(grid, stations)
    np.testing.assert_allclose(areas.sum(axis=1), whole, rtol=0, atol=1e-12)
    np.testing.assert_allclose(areas.sum(axis=0), grid.areas, rtol=0, atol=1e-12)
    places = random_places(random)
    nearest = np.argmax(places @ stations.positions.T, axis=1)
    counts = np.zeros(areas.shape)
    np.add.at(counts, (nearest, cells_at(places, edges, meridians)), 1)
    expected = areas.toarray() * len(places) / (4 * np.pi)
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected + 1))


@modest
@given(st.integers(0, 2**32 - 1))
def test_sides_along_lines_of_the_grid_are_no_trouble(seed):
    """Between stations at multiples of 15°, sides follow meridians, touch parallels, meet poles."""
    random = np.random.default_rng(seed)
    count = random.integers(1, 30)
    places = {(30 * random.integers(12), 15 * random.integers(-5, 6)) for _ in range(count)}
    stations = Stations(*np.array(sorted(places), np.float64).T)
    step = random.choice([30.0, 15.0, 10.0, 7.5])
    start = random.choice([0.0, step / 2, 1.234])
    latitude = np.arange(-90 + random.choice([0, step / 2]), 90.1, step)
    grid = LatitudeLongitude(latitude, np.arange(0, 360, step) + start)
    areas, whole = shared_areas(grid, stations)
    np.testing.assert_allclose(whole, stations.areas, rtol=0, atol=1e-12)
    np.testing.assert_allclose(areas.sum(axis=1), whole, rtol=0, atol=1e-12)
    np.testing.assert_allclose(areas.sum(axis=0), grid.areas, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sampling", [Healpix(8), Icosahedral(3)], ids=lambda s: s.name)
def test_a_region_covers_pixels_by_the_share_of_their_area(sampling):
    grid = LatitudeLongitude(np.arange(21, 60, 2.0), np.arange(-29, 50, 2.0))
    matrix = conservative_matrix(grid, sampling)
    shares = matrix.sum(axis=1)
    assert shares.max() <= 1 + 1e-12
    assert sampling.areas @ shares == pytest.approx(grid.areas.sum(), rel=1e-10)
    inside = np.isclose(shares, 1, rtol=0, atol=1e-13)
    partly = (shares > 0) & ~inside
    assert inside.sum() > 20
    assert partly.sum() > 10


@pytest.mark.parametrize(
    "sampling", [Healpix(8), Equiangular(12, 24), Icosahedral(2)], ids=lambda s: s.name
)
def test_part_of_a_sampling_has_the_rows_of_the_whole(sampling):
    grid = LatitudeLongitude(*GLOBAL["with poles"])
    pixels = np.array([0, 3, 50, 150])
    part = conservative_matrix(grid, Masked(sampling, pixels))
    whole = conservative_matrix(grid, sampling)[pixels]
    assert np.abs(part - whole).max() < 1e-14


def test_boxes_on_their_own_grid_keep_every_value():
    grid = LatitudeLongitude(90 - 7.5 - 15.0 * np.arange(12), np.arange(24) * 15.0)
    matrix = conservative_matrix(grid, Equiangular(12, 24))
    np.testing.assert_allclose(matrix.toarray(), np.eye(len(grid)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["with poles", "repeated column"])
def test_the_way_back_keeps_integrals_and_has_every_column(name):
    grid, sampling = LatitudeLongitude(*GLOBAL[name]), Icosahedral(2)
    back = backward_matrix(sampling, grid)
    np.testing.assert_allclose(back.sum(axis=1), 1, rtol=0, atol=1e-13)
    field = np.random.default_rng(1).lognormal(size=len(sampling))
    on_grid = back @ field
    assert grid.areas @ on_grid == pytest.approx(sampling.areas @ field, rel=1e-10)
    if grid.repeats:
        on_grid = on_grid.reshape(grid.shape)
        np.testing.assert_array_equal(on_grid[:, 0], on_grid[:, -1])


@pytest.mark.parametrize("sampling", [Healpix(8), Icosahedral(3)], ids=lambda s: s.name)
def test_the_error_falls_with_the_square_of_the_step(sampling):
    """Cells count with the value at their centre, of which their mean differs by the square."""
    means = []
    for rows in (30, 60, 120, 480):
        step = 180 / rows
        latitude = np.arange(rows) * step - 90 + step / 2
        grid = LatitudeLongitude(latitude, np.arange(2 * rows) * step + 0.1)
        means.append(conservative_matrix(grid, sampling) @ harmonic(grid.positions, 6, 2))
    errors = [np.sqrt(np.mean((mean - means[-1]) ** 2)) for mean in means[:-1]]
    np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), 2, atol=0.25)
