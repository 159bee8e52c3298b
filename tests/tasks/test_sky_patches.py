import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix import Healpix
from deepsphere.tasks.class_samples import open_class_samples
from deepsphere.tasks.sky_patches import sky_patches


@pytest.fixture
def patches_of(labelled_store):
    """Return a function that gives the places of two maps of so many pixels."""

    def make(pixels, sampling, parts=1, seen=None, **coordinates):
        store = labelled_store(
            np.random.default_rng(0).normal(size=(2, pixels, 1)),
            [0, 1],
            [0, 2],
            {"sampling": sampling},
            **coordinates,
        )
        if seen is not None:
            store.coordinates["seen"] = seen
        return sky_patches(open_class_samples(store, ("distance",), parts=parts))

    return make


def test_a_whole_sphere_is_one_patch(patches_of):
    patches = patches_of(48, "healpix:2")
    assert (patches.nside, patches.pixels) == (2, 48)
    assert patches.numbers.tolist() == [[0], [0]]
    assert patches.run(0).tolist() == list(range(48))
    assert patches.mask(0).all()


def test_the_sampling_says_which_patch_all_samples_are(patches_of):
    patches = patches_of(4, "healpix:4:7/48")
    assert patches.numbers.tolist() == [[7], [7]]
    np.testing.assert_array_equal(patches.run(7), Healpix(4).patch(7, 48))


def test_each_sample_says_itself_which_patch_it_is(patches_of):
    patches = patches_of(16, "healpix:4:0/12", patch=np.int16([11, 3]))
    assert patches.numbers.tolist() == [[11], [3]]


def test_parts_are_patches_of_the_sample(patches_of):
    patches = patches_of(48, "healpix:2", parts=12)
    assert patches.pixels == 4
    assert patches.numbers.tolist() == [list(range(12))] * 2
    quarters = patches_of(16, "healpix:4:0/12", parts=4, patch=np.int16([11, 3]))
    assert quarters.pixels == 4
    assert quarters.numbers.tolist() == [[44, 45, 46, 47], [12, 13, 14, 15]]


def test_masks_are_those_of_what_was_seen(patches_of):
    seen = np.arange(48) % 5 > 0
    patches = patches_of(48, "healpix:2", parts=12, seen=seen)
    np.testing.assert_array_equal(patches.mask(2), seen[8:12])


@pytest.mark.parametrize("sampling", ["equiangular:4", "healpix:4", None])
def test_other_maps_have_no_spectra(patches_of, sampling):
    with pytest.raises(DeepsphereError, match=r"spectra are those of HEALPix maps; .* 16 pixels"):
        patches_of(16, sampling)
