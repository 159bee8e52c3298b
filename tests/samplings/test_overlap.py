from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import SphericalVoronoi

from deepsphere.errors import DeepsphereError
from deepsphere.samplings import intersections
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.overlap import Overlap, area_overlap, overlap, overlap_areas
from deepsphere.samplings.polygons import polygon_areas

modest = settings(derandomize=True, deadline=None, max_examples=25)
COUNTS = st.integers(4, 60)
SEEDS = st.integers(0, 2**32 - 1)


@dataclass(frozen=True, eq=False)
class Polygons:
    """Pixels of any positions and cells."""

    positions: np.ndarray
    corners: np.ndarray
    name: str = "polygons"

    def __len__(self):
        return len(self.positions)

    def __getitem__(self, chosen):
        return Polygons(self.positions[chosen], self.corners[chosen], "part")

    def cells(self):
        return self.corners


def voronoi(count, seed, spread=3.0):
    """Scipy's Voronoi cells of random points, more of them at the pole the smaller the spread."""
    random = np.random.default_rng(seed)
    points = [0, 0, 1] + spread * random.normal(size=(count, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    diagram = SphericalVoronoi(points)
    diagram.sort_vertices_of_regions()
    most = max(len(region) for region in diagram.regions)
    corners = np.empty((count, most, 3))
    for cell, region in zip(corners, diagram.regions, strict=True):
        cell[:] = diagram.vertices[region + region[-1:] * (most - len(region))]
        cell /= np.linalg.norm(cell, axis=1, keepdims=True)
        if polygon_areas(cell) < 0:
            cell[:] = np.roll(cell[::-1], -(most - len(region)), axis=0)
    return Polygons(points, corners)


def means(sampling):
    """Mean of (x, y, z) over each cell, by the divergence theorem.

    The integral of the outward normal over the closed surface of the cone over a cell is zero.
    Its sides are sectors of discs, of area θ/2 for a side of length θ, with the normals of the
    sides' planes: ∫ (x, y, z) dA = ½ Σ θ n, with n pointing inwards.
    """
    corners = sampling.cells()
    following = np.roll(corners, -1, axis=1)
    normals = np.cross(corners, following - corners)
    sines = np.linalg.norm(normals, axis=-1, keepdims=True)
    angles = np.arctan2(sines, (corners * following).sum(axis=-1, keepdims=True))
    integrals = (normals * angles / np.where(sines == 0, 1, sines)).sum(axis=1) / 2
    return integrals / polygon_areas(corners)[:, np.newaxis]


def check_conservation(source, target, rtol=1e-10):
    """Rows and columns sum to the areas of cells, as the cells of both cover the sphere once."""
    areas = overlap_areas(source, target)
    assert areas.shape == (len(target), len(source))
    assert areas.dtype == np.float64
    assert areas.has_sorted_indices
    assert (areas.data > 0).all()
    np.testing.assert_allclose(areas.sum(axis=1), polygon_areas(target.cells()), rtol=rtol)
    np.testing.assert_allclose(areas.sum(axis=0), polygon_areas(source.cells()), rtol=rtol)


@modest
@given(COUNTS, SEEDS, COUNTS, SEEDS, st.floats(-2, 0.5))
def test_voronoi_cells_conserve_areas(few, seed, many, other_seed, log_spread):
    """With a small spread, cells range from nearly a hemisphere to 1e-5 steradians."""
    check_conservation(voronoi(few, seed), voronoi(many, other_seed, 10**log_spread))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (Icosahedral(3), Cubed(8)),
        (Icosahedral(2, "faces"), Equiangular(12, 24)),
        (Equiangular(9, 16, "both"), Healpix(4)),
        (Healpix(8), Equiangular(8, 16, "north")),
        (Healpix(1), Healpix(3)),
        (Equiangular(4, 6), Equiangular(6, 4, "both")),
        (voronoi(300, 0), Healpix(4)),
    ],
    ids=lambda sampling: sampling.name,
)
def test_families_conserve_areas_both_ways(source, target):
    """Cells that are convex and others, and pixels at a pole that share their position."""
    check_conservation(source, target)
    check_conservation(target, source)


@modest
@given(COUNTS, SEEDS, COUNTS, SEEDS)
def test_exchanged_samplings_have_transposed_overlaps(few, seed, many, other_seed):
    source, target = voronoi(few, seed), voronoi(many, other_seed)
    np.testing.assert_allclose(
        overlap_areas(source, target).toarray(),
        overlap_areas(target, source).toarray().T,
        rtol=1e-9,
        atol=1e-14,
    )


@modest
@given(COUNTS, SEEDS, COUNTS, SEEDS)
def test_constants_and_integrals_are_preserved(few, seed, many, other_seed):
    source, target = voronoi(few, seed), voronoi(many, other_seed)
    maps = overlap(source, target)
    values = np.random.default_rng(seed).normal(size=few)
    for matrix in maps.forward, maps.backward:
        np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=0, atol=1e-14)
        assert matrix.has_sorted_indices
    integral = polygon_areas(target.cells()) @ (maps.forward @ values)
    assert integral == pytest.approx(polygon_areas(source.cells()) @ values, abs=1e-12)


@modest
@given(COUNTS, SEEDS, COUNTS, SEEDS)
def test_backward_is_forward_of_the_exchanged_samplings(few, seed, many, other_seed):
    source, target = voronoi(few, seed), voronoi(many, other_seed)
    np.testing.assert_allclose(
        overlap(source, target).backward.toarray(),
        overlap(target, source).forward.toarray(),
        rtol=1e-8,
        atol=1e-12,
    )


@pytest.mark.parametrize(
    "sampling",
    [Cubed(6), Icosahedral(3), Healpix(4), Equiangular(8, 16, "both"), voronoi(200, 1)],
    ids=lambda sampling: sampling.name,
)
def test_a_sampling_overlaps_with_itself_pixel_by_pixel(sampling):
    """Cells that touch, along a side or in a corner, do not overlap."""
    areas = overlap_areas(sampling, sampling)
    assert areas.nnz == len(sampling)
    np.testing.assert_allclose(areas.diagonal(), polygon_areas(sampling.cells()), rtol=1e-12)
    np.testing.assert_array_equal(area_overlap(sampling, sampling).toarray(), np.eye(len(sampling)))


@pytest.mark.parametrize("spacing", ["equiangular", "equidistant"])
def test_nested_cells_with_great_arcs_give_the_exact_coarsening(spacing):
    fine = Cubed(8, spacing)
    coarsening = fine.coarser()
    matrix = area_overlap(fine, coarsening.coarse)
    assert matrix.nnz == coarsening.matrix.nnz
    np.testing.assert_allclose(matrix.toarray(), coarsening.matrix.toarray(), rtol=1e-12)


@pytest.mark.parametrize("nside", [2, 4, 8])
def test_nested_cells_with_curved_sides_give_nearly_the_coarsening(nside):
    """Polygons cut the curved sides of large cells shorter than those of the children."""
    coarsening = Healpix(nside).coarser()
    difference = np.abs(area_overlap(Healpix(nside), coarsening.coarse) - coarsening.matrix)
    assert difference.max() < 2.5e-3
    assert difference.sum(axis=1).max() < 0.02


def test_nested_cells_average_linear_functions_exactly():
    """Means over parts, weighted by their areas, are the mean over the whole."""
    fine, coarse = Cubed(8), Cubed(2)
    np.testing.assert_allclose(area_overlap(fine, coarse) @ means(fine), means(coarse), atol=1e-14)


def test_linear_functions_are_averaged_to_the_size_of_source_cells():
    """A cell that straddles a border counts with the mean over all of it, not over its part inside.

    These means are at most a diameter apart. Parts on all sides of the border cancel but for a
    few hundredths of it, and the integral over the sphere is exact.
    """
    fine, coarse = Icosahedral(4), Cubed(4)
    averages = area_overlap(fine, coarse) @ means(fine)
    diameter = 2 * np.linalg.norm(fine.cells() - fine.positions[:, np.newaxis], axis=2).max()
    assert np.linalg.norm(averages - means(coarse), axis=1).max() < 0.02 * diameter
    np.testing.assert_allclose(polygon_areas(coarse.cells()) @ averages, 0, atol=1e-14)


def test_pixels_with_one_cell_share_its_overlaps():
    """Pixels 0, 3 and 5 have the cell of pixel 0; what it overlaps goes to each in thirds."""
    distinct = voronoi(30, 2)
    repeated = distinct[np.array([0, 1, 2, 0, 3, 0, *range(4, 30)])]
    target = voronoi(20, 3)
    single, shared = overlap_areas(distinct, target), overlap_areas(repeated, target)
    for pixel in 0, 3, 5:
        np.testing.assert_allclose(shared[:, [pixel]].toarray(), single[:, [0]].toarray() / 3)
    np.testing.assert_allclose(shared.sum(axis=1), polygon_areas(target.cells()), rtol=1e-12)
    np.testing.assert_allclose(
        overlap_areas(target, repeated).toarray(), shared.toarray().T, rtol=1e-9, atol=1e-14
    )
    both = overlap_areas(repeated, repeated)
    assert both.sum() == pytest.approx(4 * np.pi, rel=1e-12)
    np.testing.assert_allclose(area_overlap(repeated, repeated).sum(axis=1), 1, atol=1e-14)


def at(longitudes, z):
    """Unit vectors at degrees of longitude and the heights z."""
    longitudes, z = np.broadcast_arrays(np.radians(longitudes), z)
    radii = np.sqrt(1 - np.square(z))
    return np.stack([radii * np.cos(longitudes), radii * np.sin(longitudes), z], axis=-1)


@pytest.mark.parametrize("z", [-0.6, 0.2, 0.9])
def test_a_cell_may_be_of_any_shape_and_its_position_anywhere(z):
    """A quarter of a ring, with positions outside of it, north and south."""
    east = np.linspace(0, 90, 7)
    corners = np.concatenate([at(east, 0.3), at(east[::-1], 0.6)])
    ring = Polygons(at(45.0, z)[np.newaxis], corners[np.newaxis])
    for areas in overlap_areas(ring, Healpix(2)), overlap_areas(Healpix(2), ring):
        assert (areas.data > 0).all()
        assert areas.sum() == pytest.approx(polygon_areas(corners), rel=1e-12)


def test_a_cell_of_nearly_a_hemisphere_is_found_everywhere():
    """Most of its corners are around 0°E; at 180°E it is farther from their mean than any."""
    longitudes = [-16, -12, -8, -4, 0, 4, 8, 12, 16, 150, 210]
    corners = at(longitudes, 0.05)
    cell = Polygons(at(0.0, 0.9)[np.newaxis], corners[np.newaxis])
    area = overlap_areas(Cubed(24), cell).sum()
    assert area == pytest.approx(polygon_areas(corners), rel=1e-12)


def test_a_sliver_is_kept_and_rounding_is_not():
    """Cells that cover 1e-11 radians of another overlap; 1e-15 radians are how corners round."""

    def box(west, east):
        corners = at(np.degrees([west, east, east, west]), [-0.1, -0.1, 0.1, 0.1])
        return Polygons(corners.mean(axis=0, keepdims=True), corners[np.newaxis])

    for overhang, found in ((1e-11, 1), (1e-15, 0), (-1e-11, 0)):
        assert overlap_areas(box(-0.1, 0.0), box(-overhang, 0.1)).nnz == found


def test_disjoint_parts_of_the_sphere_do_not_overlap():
    cells = Cubed(4)
    whole = Polygons(cells.positions, cells.cells())
    north, south = whole[cells.positions[:, 2] > 0.3], whole[cells.positions[:, 2] < -0.3]
    maps = overlap(north, south)
    assert maps.areas.shape == (len(south), len(north))
    assert maps.areas.nnz == maps.forward.nnz == maps.backward.nnz == 0
    with pytest.raises(DeepsphereError, match=f"{len(south)} of the {len(south)} pixels of part"):
        area_overlap(north, south)


def test_pixels_without_overlap_have_empty_rows():
    """The target is the northern half of the source's cube: the south of the source has none."""
    cells = Cubed(4)
    is_north = cells.positions[:, 2] > 0
    target = Polygons(cells.positions, cells.cells())[is_north]
    maps = overlap(cells, target)
    np.testing.assert_allclose(maps.forward.sum(axis=1), 1, atol=1e-14)
    np.testing.assert_array_equal(np.diff(maps.backward.indptr), is_north)
    np.testing.assert_array_equal(maps.backward @ np.ones(len(target)), is_north)


def test_a_pixel_covered_in_part_has_the_mean_over_that_part():
    """Half of a face of the cube in its four cells, then values of the covered two of them."""
    fine, coarse = Cubed(2), Cubed(1)
    source = Polygons(fine.positions, fine.cells())[np.array([0, 1])]
    target = Polygons(coarse.positions, coarse.cells())[np.array([0])]
    np.testing.assert_allclose(area_overlap(source, target) @ [1.0, 3.0], [2.0], rtol=1e-13)


def test_opposite_corners_are_refused():
    """Two lunes of a hemisphere each, as the Voronoi cells of two points are."""
    lune = np.array([[0, 0, -1.0], [0, 1, 0], [0, 0, 1], [0, -1, 0]])
    cells = np.stack([lune, lune * [1, -1, 1]])
    halves = Polygons(np.array([[1.0, 0, 0], [-1, 0, 0]]), cells, "halves")
    for source, target in ((halves, Cubed(2)), (Cubed(2), halves)):
        with pytest.raises(DeepsphereError, match="cell of pixel 0 of halves has opposite corners"):
            overlap_areas(source, target)


def test_blocks_do_not_change_the_result(monkeypatch):
    source, target = voronoi(200, 4), Equiangular(6, 12)
    expected = overlap_areas(source, target)
    monkeypatch.setattr(intersections, "_BLOCK_PAIRS", 100)
    monkeypatch.setattr(intersections, "_BLOCK_CORNERS", 64)
    blocked = overlap_areas(source, target)
    np.testing.assert_array_equal(blocked.indices, expected.indices)
    np.testing.assert_allclose(blocked.data, expected.data, rtol=1e-13)


def test_the_maps_are_computed_once():
    maps = Overlap(overlap_areas(Cubed(2), Cubed(3)))
    assert maps.forward is maps.forward
    assert maps.backward is maps.backward
