"""What holds for all families: the protocol of ``sampling.py``, and names, copies and texts."""

import copy
import pickle
from dataclasses import fields
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.gauss_legendre import GaussLegendre
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.octahedral import Octahedral
from deepsphere.samplings.polygons import flat, polygon_areas, triangle_areas
from deepsphere.samplings.sampling import Coarsening, coarsening_by_children
from deepsphere.samplings.stations import Stations
from deepsphere.samplings.ugscnn import Ugscnn

KINDS = [
    *("healpix", "icosahedral", "ugscnn", "equiangular", "gauss-legendre", "octahedral", "cubed"),
    "fibonacci",
]


def scattered(stations, seed=0):
    rng = np.random.default_rng(seed)
    latitude = np.degrees(np.arcsin(rng.uniform(-1, 1, stations)))
    return Stations(rng.uniform(-180, 180, stations), latitude)


NAMED = [
    *(Healpix(1), Healpix(6), Healpix(16)),
    *(Icosahedral(0), Icosahedral(3), Icosahedral(0, "faces"), Icosahedral(2, "faces")),
    *(Ugscnn(2), Ugscnn(3, "upward")),
    *(Equiangular(2, 3), Equiangular(8, 12), Equiangular(6, 9)),
    *(Equiangular(8, 12, "north"), Equiangular(9, 12, "both")),
    *(GaussLegendre(8, 12), GaussLegendre(5, 7)),
    *(Octahedral(1), Octahedral(12)),
    *(Cubed(1), Cubed(6), Cubed(8, "equidistant")),
    *(Fibonacci(2), Fibonacci(3), Fibonacci(200)),
]
FULL = [*NAMED, scattered(150)]
PARTS = [
    Masked(Healpix(8), np.arange(64, 192)),
    Masked(Healpix(8), [3, 4, 5, 70, 700]),
    Masked(Icosahedral(3), np.arange(0, 642, 3)),
    Masked(Icosahedral(2, "faces"), np.arange(80)),
    Masked(Equiangular(8, 12), np.arange(20, 70)),
    Masked(Equiangular(9, 12, "both"), np.arange(20)),
    Masked(Octahedral(4), np.arange(0, 208, 2)),
    Masked(Cubed(8), np.arange(32)),
    Masked(Fibonacci(200), np.arange(150)),
    Masked(scattered(64), np.arange(1, 60)),
]
every = pytest.mark.parametrize("sampling", FULL + PARTS, ids=lambda sampling: sampling.name)
every_full = pytest.mark.parametrize("sampling", FULL, ids=lambda sampling: sampling.name)
every_named = pytest.mark.parametrize("sampling", NAMED, ids=lambda sampling: sampling.name)


def full_of(sampling):
    return sampling.full if isinstance(sampling, Masked) else sampling


def tolerance_of_cells(sampling):
    """How far areas are from those of the polygons, as ``cells`` of each family says."""
    full = full_of(sampling)
    if isinstance(full, Healpix):
        return 0.012 if full.nside == 1 else 0.0074
    return 5e-4 if isinstance(full, Equiangular | GaussLegendre | Octahedral) else 1e-12


def tolerance_of_integrals(sampling):
    """How far the share of any fine pixel in integrals over coarse ones is from its area.

    Children that nest fill their parents. Overlaps do up to the polygons of both. The vertices of
    an icosphere have a middle's half from each end of its side, where areas change slowly.
    """
    if isinstance(sampling, Icosahedral | Ugscnn):
        return 0.106 if getattr(sampling, "at", "vertices") == "vertices" else 1e-12
    if isinstance(full_of(sampling), Healpix):
        return 1e-12
    return max(2 * tolerance_of_cells(sampling), 1e-11)


@every
def test_positions_are_unit_vectors(sampling):
    assert sampling.positions.shape == (len(sampling), 3)
    np.testing.assert_allclose(np.linalg.norm(sampling.positions, axis=1), 1, rtol=0, atol=4e-16)


@every
def test_arrays_are_float64_made_once_and_read_only(sampling):
    for array in "positions", "areas":
        found = getattr(sampling, array)
        assert found.dtype == np.float64
        assert getattr(sampling, array) is found
        with pytest.raises(ValueError, match="read-only"):
            found[0] = 0


@every_full
def test_areas_are_those_of_the_sphere(sampling):
    assert sampling.areas.shape == (len(sampling),)
    assert (sampling.areas > 0).all()
    assert sampling.areas.sum() == pytest.approx(4 * np.pi, rel=1e-12)


@every
def test_areas_are_those_of_the_cells(sampling):
    areas = polygon_areas(sampling.cells())
    np.testing.assert_allclose(areas, sampling.areas, rtol=tolerance_of_cells(sampling))


@every
def test_cells_go_counter_clockwise_around_their_positions(sampling):
    """From its position every side of a cell is seen going to the left, or is seen as a point."""
    cells = sampling.cells()
    assert cells.shape[::2] == (len(sampling), 3)
    np.testing.assert_allclose(np.linalg.norm(cells, axis=2), 1, rtol=0, atol=5e-16)
    following = np.roll(cells, -1, axis=1)
    fan = triangle_areas(sampling.positions[:, np.newaxis], cells, following)
    assert fan.min() >= -1e-15
    np.testing.assert_allclose(fan.sum(axis=1), polygon_areas(cells), rtol=1e-12)


@every
def test_repeated_corners_come_last(sampling):
    same = (np.diff(sampling.cells(), axis=1) == 0).all(axis=2)
    assert (np.diff(same.astype(int), axis=1) >= 0).all()


@every_full
def test_cells_share_their_sides_with_one_other_cell(sampling):
    """Each side of a cell leads another one back, so that there are neither gaps nor overlaps."""
    corners, owners = flat(sampling.cells())
    last = np.flatnonzero(np.diff(owners, append=-1))
    following = np.arange(1, len(owners) + 1)
    following[last] = np.concatenate([[0], last[:-1] + 1])
    sides = np.concatenate([corners, corners[following]], axis=1)
    distances, found = cKDTree(sides).query(np.roll(sides, 3, axis=1))
    assert distances.max() < 1e-15
    assert len(np.unique(found)) == len(sides)


@every
def test_neighbours_are_symmetric_others_and_padded_at_the_end(sampling):
    around = sampling.neighbours()
    if around is None:
        assert isinstance(full_of(sampling), Octahedral | Fibonacci)
        return
    assert around.dtype == np.int64
    assert len(around) == len(sampling)
    assert around.min(initial=-1) >= -1
    assert around.max(initial=-1) < len(sampling)
    assert (np.diff((around < 0).astype(int), axis=1) >= 0).all()
    pixel, place = np.nonzero(around >= 0)
    pairs = np.stack([pixel, around[pixel, place]], axis=1)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    distinct = np.unique(pairs, axis=0)
    assert len(distinct) == len(pairs)
    np.testing.assert_array_equal(distinct, np.unique(pairs[:, ::-1], axis=0))


@every
def test_a_hierarchy_leads_to_an_end(sampling):
    while (coarsening := sampling.coarser()) is not None:
        coarse, matrix = coarsening.coarse, coarsening.matrix
        assert matrix.shape == (len(coarse), len(sampling))
        assert len(coarse) <= len(sampling)
        assert matrix.dtype == np.float64
        assert matrix.has_sorted_indices
        assert (matrix.data > 0).all()
        np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=0, atol=1e-14)
        assert len(np.unique(matrix.indices)) == len(sampling)
        if coarsening.children is not None:
            np.testing.assert_array_equal(
                np.sort(coarsening.children, axis=1), matrix.indices.reshape(len(coarse), -1)
            )
        if len(coarse) == len(sampling):
            break
        sampling = coarse
    assert len(sampling) <= 350


@every
def test_coarse_pixels_keep_integrals(sampling):
    """Those of all fine pixels, and on parts those of coarse pixels with all of their children."""
    coarsening = sampling.coarser()
    if coarsening is None or (sampling in PARTS and coarsening.children is None):
        return
    if isinstance(sampling, Stations):
        counts = np.diff(coarsening.matrix.indptr)
        np.testing.assert_allclose(counts @ coarsening.matrix, 1, rtol=1e-14)
        return
    kept = coarsening.coarse.areas @ coarsening.matrix
    np.testing.assert_allclose(kept, sampling.areas, rtol=tolerance_of_integrals(sampling))


@pytest.mark.parametrize(
    "sampling",
    [Healpix(6), Icosahedral(2, "faces"), Equiangular(8, 12), Cubed(8)],
    ids=lambda sampling: sampling.name,
)
def test_children_fill_their_parent_and_count_by_area(sampling):
    coarsening = sampling.coarser()
    areas = sampling.areas[coarsening.children]
    np.testing.assert_allclose(areas.sum(axis=1), coarsening.coarse.areas, rtol=1e-12)
    weights = coarsening.matrix.toarray()[np.arange(len(areas))[:, np.newaxis], coarsening.children]
    np.testing.assert_allclose(weights, areas / areas.sum(axis=1, keepdims=True), rtol=1e-14)


@every
def test_copies_are_equal_small_and_locked(sampling):
    positions = sampling.positions
    arrays = 0 if sampling in NAMED else 8 * (len(sampling) + 2 * len(full_of(sampling)))
    assert len(pickle.dumps(sampling)) < 400 + arrays
    for other in copy.copy(sampling), copy.deepcopy(sampling), pickle.loads(pickle.dumps(sampling)):
        assert other is not sampling
        assert other == sampling
        assert hash(other) == hash(sampling)
        assert not vars(other).keys() & {"positions", "areas"}
        assert other.name == sampling.name
        np.testing.assert_array_equal(other.positions, positions)
        for value in (other.positions, *(getattr(other, field.name) for field in fields(other))):
            assert not (isinstance(value, np.ndarray) and value.flags.writeable)


def test_samplings_differ_from_all_others():
    for place, one in enumerate(FULL + PARTS):
        assert [other for other in FULL + PARTS if other == one] == [one]
        assert hash(one) in {hash(other) for other in (FULL + PARTS)[place:]}
        assert one != one.name
    assert len({*FULL, *PARTS, *FULL}) == len(FULL + PARTS)


@every
def test_samplings_are_frozen_and_printed_in_one_short_line(sampling):
    sampling.positions  # noqa: B018
    assert len(repr(sampling)) < 80
    assert "\n" not in repr(sampling)
    with pytest.raises(AttributeError):
        sampling.anything = 1
    coarsening = sampling.coarser()
    assert coarsening is None or len(repr(coarsening)) < 120


@every_named
def test_names_lead_back(sampling):
    kind, _, text = sampling.name.partition(":")
    module = import_module(f"deepsphere.samplings.{kind.replace('-', '_')}")
    assert module.parse(text) == sampling
    assert len(sampling.name) < 40


@pytest.mark.parametrize("kind", KINDS)
@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.text(max_size=12) | st.text("0123456789:x/-. northbothfacesupwardequidistant\n"))
def test_texts_name_a_sampling_or_are_refused_in_one_line(kind, text):
    parse = import_module(f"deepsphere.samplings.{kind.replace('-', '_')}").parse
    try:
        sampling = parse(text)
    except DeepsphereError as error:
        assert str(error).startswith(kind)
        assert len(str(error).splitlines()) == 1
    else:
        assert sampling.name.startswith(f"{kind}:")
        assert isinstance(sampling, Masked) or parse(sampling.name.partition(":")[2]) == sampling


def test_children_are_averaged_by_their_areas():
    children = np.array([[3, 0], [1, 2]])
    coarsening = coarsening_by_children(Fibonacci(2), children, np.array([1.0, 2, 6, 3]))
    expected = [[0.25, 0, 0, 0.75], [0, 0.25, 0.75, 0]]
    np.testing.assert_array_equal(coarsening.matrix.toarray(), expected)
    assert coarsening.matrix.has_sorted_indices
    assert coarsening.children is children


HALVES = np.array([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (HALVES[:1], r"must have 2 rows, .* found shape \(1, 4\)"),
        ([[1.5, -0.5], [0, 1]], "no negative entry; .* entries from -0.5 on"),
        ([[0.5, 0.4], [0, 1]], "must sum to 1; found 0.9 to 1.0"),
        ([[0.5, np.nan], [0, 1]], "must sum to 1; found nan to nan"),
        ([[0, 0], [0, 1]], "must sum to 1; found 0.0 to 1.0"),
    ],
)
def test_maps_that_average_nothing_are_refused(matrix, message):
    with pytest.raises(DeepsphereError, match=f"the map to fibonacci:2 .*{message}"):
        Coarsening(Fibonacci(2), csr_array(np.array(matrix, dtype=np.float64)))


def test_maps_with_unsorted_indices_are_refused():
    matrix = csr_array((np.full(4, 0.5), [1, 0, 2, 3], [0, 2, 4]), shape=(2, 4))
    with pytest.raises(DeepsphereError, match="must have 2 rows, sorted indices"):
        Coarsening(Fibonacci(2), matrix)


@pytest.mark.parametrize(
    "children",
    [
        [[0, 1], [2, 2]],
        [[0, 1], [2, 4]],
        [[0, 1], [2, -1]],
        [[0, 1, 2, 3]],
        [[0, 1, 2, 3], [4, 5, 6, 7]],
        [[0], [1]],
        [0, 1],
    ],
)
def test_children_that_are_no_partition_are_refused(children):
    with pytest.raises(DeepsphereError, match="must name each of the 4 fine pixels once"):
        Coarsening(Fibonacci(2), csr_array(HALVES), np.array(children))
