import math

import healpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix import Healpix, parse
from deepsphere.samplings.healpix_geometry import positions_inside
from deepsphere.samplings.healpix_indices import MAX_NSIDE, ring_of_nested
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.polygons import polygon_areas

NSIDES = [1, 2, 3, 6, 8, 12]


@pytest.mark.parametrize("nside", NSIDES)
def test_positions_are_those_of_healpy_in_nested_order(nside):
    sampling = Healpix(nside)
    ring = ring_of_nested(nside, np.arange(12 * nside**2))
    expected = np.stack(healpy.pix2vec(nside, ring), axis=-1)
    assert len(sampling) == 12 * nside**2
    np.testing.assert_allclose(sampling.positions, expected, rtol=0, atol=3e-15)
    np.testing.assert_array_equal(sampling.pixels_at(sampling.positions), np.arange(len(sampling)))


@pytest.mark.parametrize("nside", NSIDES)
def test_areas_are_equal_and_those_of_the_sphere(nside):
    areas = Healpix(nside).areas
    assert areas.shape == (12 * nside**2,)
    assert (areas == areas[0]).all()
    assert areas.sum() == pytest.approx(4 * math.pi, rel=1e-12)


@pytest.mark.parametrize("nside", NSIDES)
def test_pixels_really_have_equal_areas(nside):
    """Areas within great arcs along curved sides err by the square of the length of the arcs.

    With 4 of them to a side the error is below 1.2 %, see ``cells``; with 400 below 1.2e-6.
    """
    parts = np.linspace(0, 1, 400, endpoint=False)
    x = np.concatenate([1 - parts, 0 * parts, parts, 1 + 0 * parts])
    y = np.concatenate([1 + 0 * parts, 1 - parts, 0 * parts, parts])
    some = np.unique(np.linspace(0, 12 * nside**2 - 1, 100).astype(int))
    areas = polygon_areas(positions_inside(nside, some[:, np.newaxis], x, y))
    np.testing.assert_allclose(areas, Healpix(nside).areas[some], rtol=1.2e-6)


@pytest.mark.parametrize("nside", NSIDES)
def test_cells_are_the_boundaries_of_healpy(nside):
    cells = Healpix(nside).cells()
    ring = ring_of_nested(nside, np.arange(12 * nside**2))
    expected = np.moveaxis(healpy.boundaries(nside, ring, step=4), 1, 2)
    assert cells.shape == (12 * nside**2, 16, 3)
    np.testing.assert_allclose(cells, expected, rtol=0, atol=3e-15)


@pytest.mark.parametrize(("nside", "worst"), [(1, 0.012), (2, 0.0074), (6, 0.0074), (32, 0.0074)])
def test_cells_cover_the_sphere_and_have_about_the_area_of_their_pixels(nside, worst):
    """Cells are counter-clockwise, else their areas were negative; and as documented."""
    sampling = Healpix(nside)
    areas = polygon_areas(sampling.cells())
    errors = areas / sampling.areas - 1
    assert areas.sum() == pytest.approx(4 * math.pi, rel=1e-12)
    assert np.abs(errors).max() < worst
    if nside == 32:
        assert np.sqrt(np.square(errors).mean()) == pytest.approx(2e-4, rel=0.05)


@pytest.mark.parametrize("nside", NSIDES)
def test_neighbours_are_symmetric_and_padded_at_the_end(nside):
    neighbours = Healpix(nside).neighbours()
    assert neighbours.shape == (12 * nside**2, 8)
    assert neighbours.dtype == np.int64
    pixel, place = np.nonzero(neighbours >= 0)
    pairs = set(zip(pixel.tolist(), neighbours[pixel, place].tolist(), strict=True))
    assert len(pairs) == len(pixel)
    assert all((other, one) in pairs and one != other for one, other in pairs)
    assert (np.diff((neighbours < 0).astype(int), axis=1) >= 0).all()
    assert np.count_nonzero(neighbours < 0) == 24


def test_neighbours_agree_with_healpy():
    expected = healpy.get_all_neighbours(8, np.arange(768), nest=True).T
    found = Healpix(8).neighbours()
    np.testing.assert_array_equal(np.sort(found, axis=1), np.sort(expected, axis=1))


@pytest.mark.parametrize("nside", [2, 8, 32])
def test_coarsening_is_ud_grade(nside):
    values = np.random.default_rng(nside).standard_normal(12 * nside**2)
    expected = healpy.ud_grade(values, nside // 2, order_in="NESTED", order_out="NESTED")
    coarsening = Healpix(nside).coarser()
    assert coarsening.coarse == Healpix(nside // 2)
    np.testing.assert_allclose(coarsening.matrix @ values, expected, rtol=0, atol=1e-15)
    np.testing.assert_allclose(values[coarsening.children].mean(axis=1), expected, atol=1e-15)


def test_hierarchy_ends_where_nside_is_odd():
    nsides = []
    sampling = Healpix(40)
    while (coarsening := sampling.coarser()) is not None:
        np.testing.assert_array_equal(
            coarsening.coarse.pixels_at(sampling.positions)[coarsening.children],
            np.arange(len(coarsening.coarse))[:, np.newaxis] * [1, 1, 1, 1],
        )
        sampling = coarsening.coarse
        nsides.append(sampling.nside)
    assert nsides == [20, 10, 5]
    assert Healpix(1).coarser() is None


@pytest.mark.parametrize("nside", [4, 16])
def test_reordering_is_that_of_healpy(nside):
    sampling = Healpix(nside)
    maps = np.random.default_rng(nside).standard_normal((3, len(sampling))).astype(np.float32)
    ring = sampling.to_ring(maps, axis=1)
    np.testing.assert_array_equal(ring, healpy.reorder(maps, n2r=True))
    np.testing.assert_array_equal(sampling.from_ring(maps, axis=1), healpy.reorder(maps, r2n=True))
    assert ring.dtype == np.float32
    assert not np.shares_memory(ring, maps)


def test_reordering_goes_there_and_back_along_any_axis():
    sampling = Healpix(6)
    values = np.arange(2 * 432 * 3).reshape(2, 432, 3)
    for axis in 1, -2:
        ring = sampling.to_ring(values, axis)
        np.testing.assert_array_equal(ring[1, sampling.ring_indices, 2], values[1, :, 2])
        np.testing.assert_array_equal(sampling.from_ring(ring, axis), values)
    np.testing.assert_array_equal(sampling.to_ring(values[0])[:, 0], ring[0, :, 0])
    # In RING order latitudes never rise.
    assert (np.diff(sampling.to_ring(sampling.positions)[:, 2]) <= 1e-15).all()


@pytest.mark.parametrize(("shape", "axis"), [((431,), 0), ((432, 3), 1), ((432,), 1), ((), 0)])
def test_values_of_other_pixels_are_not_reordered(shape, axis):
    for reorder in Healpix(6).to_ring, Healpix(6).from_ring:
        with pytest.raises(DeepsphereError, match=f"axis {axis} must have 432 pixels; found shape"):
            reorder(np.zeros(shape), axis)


@pytest.mark.parametrize(
    ("nside", "orders"), [(1, [1]), (8, [1, 2, 4, 8]), (12, [1, 3, 6, 12]), (5, [1, 5])]
)
def test_patches_are_the_pixels_of_a_coarser_sampling(nside, orders):
    sampling = Healpix(nside)
    for order in orders:
        patches = 12 * order**2
        numbers = Healpix(order).pixels_at(sampling.positions)
        for number in range(patches):
            pixels = sampling.patch(number, patches)
            assert pixels.dtype == np.int64
            np.testing.assert_array_equal(pixels, np.flatnonzero(numbers == number))


@pytest.mark.parametrize(
    ("nside", "number", "patches", "message"),
    [
        (4, 0, 24, "healpix:4 cannot be cut in 24 equal patches; give one of 12, 48, 192$"),
        (4, 0, 768, "give one of 12, 48, 192$"),
        (12, 0, 48, "give one of 12, 108, 432, 1728$"),
        (4, 48, 48, "48 patches go from 0 to 47; found 48"),
        (4, -1, 48, "48 patches go from 0 to 47; found -1"),
    ],
)
def test_patches_that_are_none_are_refused(nside, number, patches, message):
    with pytest.raises(DeepsphereError, match=message):
        Healpix(nside).patch(number, patches)


def test_work_in_blocks_gives_the_same(monkeypatch):
    whole = Healpix(8)
    arrays = whole.positions, whole.ring_indices, whole.neighbours(), whole.cells()
    monkeypatch.setattr("deepsphere.samplings.healpix._BLOCK_NUMBERS", 100)
    parts = Healpix(8)
    for one, other in zip(
        arrays,
        (parts.positions, parts.ring_indices, parts.neighbours(), parts.cells()),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("nside", [1, 6, 16])
def test_some_pixels_are_made_without_the_others(nside):
    sampling = Healpix(nside)
    some = np.array([11, 3, 0, 12 * nside**2 - 1])
    np.testing.assert_array_equal(sampling.positions_of(some), sampling.positions[some])
    np.testing.assert_array_equal(sampling.neighbours_of(some), sampling.neighbours()[some])
    np.testing.assert_array_equal(sampling.cells_of(some), sampling.cells()[some])


def test_pixels_of_a_map_that_fits_in_no_memory():
    """nside 2^26 has 5.4e16 pixels, 94 cm² each on the Earth: parts of it are made all the same."""
    nside = 2**26
    sampling = Healpix(nside)
    patch = Masked(sampling, 12 * nside**2 - np.array([64, 63, 62, 61, 1]))
    np.testing.assert_array_equal(sampling.pixels_at(patch.positions), patch.pixels)
    assert patch.areas[0] == pytest.approx(4 * math.pi / (12 * nside**2))
    assert patch.neighbours().shape == (5, 3)
    assert polygon_areas(patch.cells()) == pytest.approx(patch.areas, rel=1e-6)
    coarser = patch.coarser()
    assert coarser.coarse.full == Healpix(nside // 2)
    np.testing.assert_array_equal(coarser.matrix.toarray(), [[0.25] * 4 + [0], [0] * 4 + [1]])
    assert len(patch.complete()) == 8
    assert len(patch.complete(3)) == 64


def test_arrays_are_kept_and_read_only():
    sampling = Healpix(2)
    for array in sampling.positions, sampling.areas, sampling.ring_indices:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert sampling.positions is sampling.positions
    assert sampling.areas.dtype == sampling.positions.dtype == np.float64


def test_equality_and_hash_follow_nside():
    sampling = Healpix(np.int64(4))
    assert type(sampling.nside) is int
    assert sampling.positions.shape == (192, 3)
    assert sampling == Healpix(4)
    assert hash(sampling) == hash(Healpix(4))
    assert sampling != Healpix(8)
    assert sampling != 4
    with pytest.raises(AttributeError):
        sampling.nside = 8


@pytest.mark.parametrize("nside", [0, -1, 1.0, "1", False, MAX_NSIDE + 1])
def test_an_nside_that_is_none_is_refused(nside):
    with pytest.raises(DeepsphereError, match=f"from 1 to {MAX_NSIDE}; found {nside!r}"):
        Healpix(nside)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(1, MAX_NSIDE))
def test_names_lead_back(nside):
    sampling = Healpix(nside)
    assert sampling.name == f"healpix:{nside}"
    assert parse(sampling.name.removeprefix("healpix:")) == sampling


def test_the_name_of_a_patch_gives_the_masked_sampling():
    masked = parse("1024:7/48")
    assert isinstance(masked, Masked)
    assert masked.full == Healpix(1024)
    np.testing.assert_array_equal(masked.pixels, np.arange(7 * 2**18, 8 * 2**18))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((text, f'"healpix:32".*"healpix:1024:7/48"; found {text!r}') for text in ["", "x", "-2"]),
        ("2.0", "found '2.0'"),
        ("32:7", "found '32:7'"),
        ("32:7/48/2", "found '32:7/48/2'"),
        ("٣", "found '٣'"),
        ("32\n", r"found '32\\n'"),
        ("9" * 5000, "found '999"),
        ("0", "whole number from 1 to 536870912; found 0"),
        ("32:48/48", "from 0 to 47; found 48"),
        ("32:0/7", "cannot be cut in 7"),
    ],
)
def test_texts_that_name_nothing_are_refused_in_one_line(text, message):
    with pytest.raises(DeepsphereError, match=message) as error:
        parse(text)
    assert "\n" not in str(error.value)
