import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.polygons import polygon_areas
from deepsphere.samplings.stations import Stations

FULL = Healpix(8)
# One of each way to have, or not to have, neighbours, children and a coarser sampling.
SAMPLINGS = [
    FULL,
    Healpix(3),
    Icosahedral(3),
    Icosahedral(2, "faces"),
    Fibonacci(200),
    Stations(np.linspace(-180, 170, 40), np.linspace(-80, 75, 40)[::-1]),
]


def _some(full, seed=0, share=0.3):
    """Return a random mask, for what must hold for any."""
    mask = np.random.default_rng(seed).uniform(size=len(full)) < share
    mask[seed % len(full)] = True
    return Masked.where(full, mask)


@pytest.mark.parametrize("full", SAMPLINGS, ids=lambda full: full.name)
def test_pixels_are_those_of_the_full_sampling(full):
    part = _some(full)
    pixels = part.pixels
    assert len(part) == len(pixels) == len(part.positions) == len(part.areas)
    np.testing.assert_array_equal(part.positions, full.positions[pixels])
    np.testing.assert_array_equal(part.cells(), full.cells()[pixels])
    np.testing.assert_array_equal(part.areas, full.areas[pixels])


def test_areas_are_those_of_what_is_covered():
    """The northern third of base pixels, and a half of the faces of an icosahedron."""
    assert Masked(FULL, np.arange(4 * 64)).areas.sum() == pytest.approx(4 * np.pi / 3, rel=1e-13)
    half = Masked(Icosahedral(2, "faces"), np.arange(160))
    assert half.areas.sum() == pytest.approx(2 * np.pi, rel=1e-12)
    np.testing.assert_allclose(polygon_areas(half.cells()), half.areas, rtol=1e-11)


@pytest.mark.parametrize("full", SAMPLINGS, ids=lambda full: full.name)
def test_neighbours_are_those_that_are_kept(full):
    part = _some(full)
    if full.neighbours() is None:
        assert part.neighbours() is None
        return
    found = part.neighbours()
    longest = 0
    for pixel, row in zip(part.pixels, found, strict=True):
        expected = [i for i in full.neighbours()[pixel] if i in part.pixels]
        assert part.pixels[row[row >= 0]].tolist() == expected
        assert (row[len(expected) :] == -1).all()
        longest = max(longest, len(expected))
    assert found.shape == (len(part), longest)
    assert found.dtype == np.int64


@pytest.mark.parametrize("full", SAMPLINGS, ids=lambda full: full.name)
def test_all_pixels_are_the_sampling_itself(full):
    part = Masked(full, np.arange(len(full)))
    assert part.complete() == part
    if full.neighbours() is not None:
        np.testing.assert_array_equal(part.neighbours(), full.neighbours())
    theirs, ours = full.coarser(), part.coarser()
    if theirs is None:
        assert ours is None
        return
    assert ours.coarse == Masked(theirs.coarse, np.arange(len(theirs.coarse)))
    np.testing.assert_allclose(ours.matrix.toarray(), theirs.matrix.toarray(), atol=1e-15)
    assert (ours.children is None) == (theirs.children is None)
    if ours.children is not None:
        np.testing.assert_array_equal(ours.children, theirs.children)


@pytest.mark.parametrize("full", [s for s in SAMPLINGS if s.coarser()], ids=lambda full: full.name)
@pytest.mark.parametrize("share", [0, 0.05, 0.5])
def test_coarse_pixels_average_the_children_that_are_kept(full, share):
    """Dense matrices say it again: drop columns, drop the rows without any left, rescale."""
    part = _some(full, seed=3, share=share)
    weights = full.coarser().matrix.toarray()[:, part.pixels]
    kept = np.flatnonzero(weights.any(axis=1))
    expected = weights[kept] / weights[kept].sum(axis=1, keepdims=True)
    coarsening = part.coarser()
    assert coarsening.coarse == Masked(full.coarser().coarse, kept)
    assert coarsening.matrix.has_sorted_indices
    np.testing.assert_allclose(coarsening.matrix.toarray(), expected, atol=1e-14)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.sets(st.integers(0, 4 * 192 - 1), min_size=1, max_size=60))
def test_complete_masks_of_healpix_are_whole_parents(pixels):
    """In NESTED order the children of p are 4p to 4p + 3: one line of arithmetic."""
    part = Masked(FULL, sorted(pixels))
    parents = np.unique(part.pixels // 4)
    whole = part.complete()
    np.testing.assert_array_equal(whole.pixels, (4 * parents[:, np.newaxis] + np.arange(4)).ravel())
    assert whole.complete() == whole
    coarsening = whole.coarser()
    np.testing.assert_array_equal(coarsening.coarse.pixels, parents)
    np.testing.assert_array_equal(coarsening.children, np.arange(len(whole)).reshape(-1, 4))
    if len(whole) > len(part):
        assert part.coarser().children is None
    np.testing.assert_array_equal(part.coarser().coarse.pixels, parents)


def test_children_are_weighted_by_their_areas():
    """Triangle 0 of the base icosahedron keeps two of its four children, of different areas."""
    full = Icosahedral(1, "faces")
    areas = full.areas[[1, 3]]
    assert areas[0] != pytest.approx(areas[1], rel=1e-3)
    matrix = Masked(full, [1, 3]).coarser().matrix.toarray()
    np.testing.assert_allclose(matrix, [areas / areas.sum()], rtol=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize(
    "full",
    [FULL, Cubed(8), Icosahedral(3, "faces"), Equiangular(16, 24)],
    ids=lambda full: full.name,
)
def test_parts_are_complete_over_many_steps(full, steps):
    """The descendants of pixels are those with any weight in the product of all maps to them."""
    part = _some(full, share=0.01)
    maps, sampling = np.eye(len(full)), full
    for _ in range(steps):
        coarsening = sampling.coarser()
        maps, sampling = coarsening.matrix @ maps, coarsening.coarse
    reached = maps[:, part.pixels].any(axis=1)
    whole = part.complete(steps)
    np.testing.assert_array_equal(whole.pixels, np.flatnonzero(maps[reached].any(axis=0)))
    for _ in range(steps):
        coarsening = whole.coarser()
        assert coarsening.children is not None
        whole = coarsening.coarse
    np.testing.assert_array_equal(whole.pixels, np.flatnonzero(reached))


def test_parts_are_complete_as_far_as_the_hierarchy_goes():
    """nside 8 becomes 1 in three steps: pixel 70 is in base pixel 1, pixels 64 to 127."""
    part = Masked(FULL, [70])
    np.testing.assert_array_equal(part.complete(9).pixels, np.arange(64, 128))
    assert part.complete(0) == part


@pytest.mark.parametrize(
    "full", [Healpix(3), Icosahedral(3), Fibonacci(200), Stations(np.arange(37), np.arange(37))]
)
def test_what_has_no_children_is_complete(full):
    """Clusters of 37 stations are of two sizes."""
    part = Masked(full, [0, 5, 9])
    assert part.complete(2) == part


def test_no_coarser_of_the_full_one_is_none_of_the_part():
    assert Masked(Healpix(1), [3, 4]).coarser() is None
    assert Masked(Stations([1, 2, 3], [4, 5, 6]), [1]).coarser() is None


def test_a_part_of_a_healpix_map_is_made_without_the_rest(monkeypatch):
    part = _some(FULL)
    expected = part.positions, part.areas, part.neighbours(), part.cells()
    alone = Masked(Healpix(8), part.pixels)

    def refuse(*_):
        raise AssertionError("all pixels were made")

    monkeypatch.setattr(Healpix, "_of_all_pixels", refuse)
    monkeypatch.setattr(Healpix, "coarser", refuse)
    found = alone.positions, alone.areas, alone.neighbours(), alone.cells()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    coarse = alone.complete(2).coarser().coarse
    np.testing.assert_array_equal(coarse.positions, Healpix(4).positions_of(coarse.pixels))


def test_one_pixel():
    part = Masked(FULL, [70])
    assert part.neighbours().shape == (1, 0)
    assert part.coarser().coarse == Masked(Healpix(4), [17])
    assert part.coarser().matrix.toarray() == [[1]]
    assert len(part.complete()) == 4


def test_a_hierarchy_goes_on_to_its_end():
    part = Masked(FULL, [70, 71, 300])
    names = [part.name]
    while (coarsening := part.coarser()) is not None:
        part = coarsening.coarse
        names.append(part.name)
    assert names == ["healpix:8[3]", "healpix:4[2]", "healpix:2[2]", "healpix:1[2]"]


def test_a_part_of_a_part_is_a_part_of_the_full_one():
    part = Masked(Masked(FULL, [2, 30, 31, 500]), [0, 2, 3])
    assert part == Masked(FULL, [2, 31, 500])
    assert part.full == FULL
    with pytest.raises(DeepsphereError, match=r"healpix:8\[2\] go from 0 to 1; found 2"):
        Masked(Masked(FULL, [5, 6]), [1, 2])


def test_where_a_mask_is_true():
    positions = FULL.positions
    north = Masked.where(FULL, positions[:, 2] > 0.5)
    np.testing.assert_array_equal(north.positions, positions[positions[:, 2] > 0.5])
    twice = Masked.where(north, north.positions[:, 0] > 0)
    np.testing.assert_array_equal(
        twice.pixels, np.flatnonzero((positions[:, 2] > 0.5) & (positions[:, 0] > 0))
    )


def test_equality_and_hash_follow_the_content():
    assert Masked(Healpix(8), [1, 2]) == Masked(FULL, np.array([1, 2], dtype=np.uint8))
    assert hash(Masked(Healpix(8), [1, 2])) == hash(Masked(FULL, (1, 2)))
    assert Masked(FULL, [1, 2]) != Masked(FULL, [1, 3])
    assert Masked(FULL, [1, 2]) != Masked(FULL, [1, 2, 3])
    assert Masked(FULL, [1, 2]) != Masked(Healpix(4), [1, 2])
    assert Masked(FULL, [1, 2]) != "healpix:8[2]"


def test_arrays_are_read_only_copies():
    pixels = np.array([1, 2])
    part = Masked(FULL, pixels)
    pixels[0] = 0
    assert part.pixels.tolist() == [1, 2]
    assert part.pixels.dtype == np.int64
    assert part.positions is part.positions
    for array in (part.pixels, part.positions, part.areas):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        ([], r"at least one; found shape \(0,\)"),
        ([[1, 2]], r"found shape \(1, 2\)"),
        (5, r"found shape \(\)"),
        ([1, 768], "from 0 to 767; found 768"),
        ([-1, 4], r"from 0 to 767; found -1 \(1 such pixels\)"),
        (np.array([2**64 - 1], dtype=np.uint64), "found 18446744073709551615"),
        ([3, 3], "strictly increasing; found 3 after 3"),
        ([5, 4], "strictly increasing; found 4 after 5"),
        ([1.0, 2.0], "found float64"),
        ([True, False], "found bool; for a boolean mask use Masked.where"),
        (["a"], "indices of pixels"),
    ],
)
def test_wrong_pixels_are_said_in_one_line(pixels, message):
    with pytest.raises(DeepsphereError, match=message) as error:
        Masked(FULL, pixels)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.full(768, np.nan), "must be boolean .* found float64"),
        (np.ones(768), "must be boolean .* found float64"),
        (np.ones(700, dtype=bool), r"have shape \(768,\); found bool of shape \(700,\)"),
        (np.zeros(768, dtype=bool), "at least one"),
    ],
)
def test_wrong_masks_are_said_in_one_line(mask, message):
    with pytest.raises(DeepsphereError, match=message) as error:
        Masked.where(FULL, mask)
    assert "\n" not in str(error.value)
