import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from deepsphere.graphs.orbits import mean_over_orbits
from deepsphere.graphs.threads import compiled_threads
from deepsphere.samplings.healpix_symmetries import healpix_symmetries


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Start no threads for graphs this small."""
    with compiled_threads(1):
        yield


def symmetric_weights(pixels, density, seed):
    random = np.random.default_rng(seed)
    dense = np.triu(random.uniform(0.1, 1, (pixels, pixels)), 1)
    dense[random.random((pixels, pixels)) > density] = 0
    return csr_array(dense + dense.T)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.sampled_from([1, 2, 3]), st.floats(0.1, 1), st.integers(0, 2**32 - 1))
def test_it_is_the_mean_of_the_permuted_matrices(nside, density, seed):
    symmetries = healpix_symmetries(nside)
    weights = symmetric_weights(12 * nside**2, density, seed)
    images = [weights.toarray()[np.ix_(one, one)] for one in symmetries]
    expected = np.mean(images, axis=0)
    # An edge of which an image is none is left out.
    expected[(np.array(images) == 0).any(axis=0)] = 0
    found = mean_over_orbits(weights, symmetries)
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-15)
    assert found.has_canonical_format
    assert found.data.all()


@pytest.mark.parametrize("nside", [2, 3, 4])
def test_images_of_an_edge_and_both_its_directions_get_the_same_bits(nside):
    """An odd nside has pixels on the axes, which some rotations leave where they are."""
    symmetries = healpix_symmetries(nside)
    fixed = (symmetries[1:] == np.arange(12 * nside**2)).any()
    assert fixed == (nside == 3)
    weights = symmetric_weights(12 * nside**2, 1, seed=0)
    before = weights.data.copy()
    found = mean_over_orbits(weights, symmetries).toarray()
    np.testing.assert_array_equal(found, found.T)
    for permutation in symmetries:
        np.testing.assert_array_equal(found[np.ix_(permutation, permutation)], found)
    np.testing.assert_array_equal(weights.data, before)


def test_the_identity_changes_nothing():
    weights = symmetric_weights(20, 0.3, seed=1)
    found = mean_over_orbits(weights, np.arange(20)[np.newaxis])
    assert found is not weights
    for one, other in zip(
        (found.indptr, found.indices, found.data),
        (weights.indptr, weights.indices, weights.data),
        strict=True,
    ):
        assert one.tobytes() == other.tobytes()


def test_no_edges_stay_none():
    assert mean_over_orbits(csr_array((12, 12)), healpix_symmetries(1)).nnz == 0


def test_the_bits_do_not_depend_on_the_number_of_threads():
    weights, symmetries = symmetric_weights(768, 0.1, seed=2), healpix_symmetries(8)
    found = set()
    for threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        with compiled_threads(threads):
            found.add(mean_over_orbits(weights, symmetries).data.tobytes())
    assert len(found) == 1
