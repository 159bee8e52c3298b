import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.tasks.labelled_store import (
    class_names,
    divided_samples,
    numbered_categories,
    object_name,
    object_numbers,
    parts_seen,
    read_labels,
    sample_name,
)

SPLITS = ("train", "validation", "test")
NONE = dict.fromkeys(SPLITS, ())


def test_objects_and_copies_have_names(copied_store):
    assert object_numbers(copied_store).tolist() == np.repeat(np.arange(12), 3).tolist()
    assert [object_name(copied_store, number) for number in (0, 2, 35)] == ["m0", "m0", "m11"]
    assert sample_name(copied_store, 27) == "m9, up 0"
    assert sample_name(copied_store, 29) == "m9, turned 1"


def test_what_broke_is_left_out_of_training_only(copied_store):
    splits = divided_samples(copied_store, NONE)
    objects = {name: set((numbers // 3).tolist()) for name, numbers in splits.items()}
    assert objects == {"train": {0, 1, 2, 4, 5}, "validation": {6, 7}, "test": {8, 9, 10, 11}}


def test_each_split_has_its_own_copies(copied_store):
    chosen = {"train": ["up", "turned"], "validation": ["up"], "test": ["turned"]}
    splits = divided_samples(copied_store, chosen)
    copies = {name: (numbers % 3).tolist() for name, numbers in splits.items()}
    assert copies == {"train": [0, 1, 2] * 5, "validation": [0, 0], "test": [1, 2] * 4}


def test_samples_without_objects_and_names_are_numbers(labelled_store):
    store = labelled_store(np.ones((3, 2, 1)), [2, 0, 1], [0, 1, 2], {"class_names": None})
    assert object_numbers(store).tolist() == [0, 1, 2]
    assert sample_name(store, 1) == "1"
    assert class_names(store, read_labels(store)) == ("0", "1", "2")
    categories, subcategories = numbered_categories(store, np.array([1, 0, 1]), ("a", "b", "c"))
    assert categories.tolist() == subcategories.tolist()
    assert categories[0] == categories[2] != categories[1]


def test_a_subclass_may_be_the_class_itself(copied_store):
    """Of classes cone, cube, tube: "cone" is no narrower than a cone; -1 stands for none."""
    numbers = 3 * np.array([0, 1, 2, 4])
    assert copied_store.coordinates["sublabel"][numbers].tolist() == [0, 2, -1, -1]
    categories, subcategories = numbered_categories(copied_store, numbers, ("cone", "cube", "tube"))
    assert categories[0] == subcategories[0]
    assert categories[1] != subcategories[1]
    assert categories[2] == subcategories[2]
    assert categories[3] == categories[1] == subcategories[3]
    assert len({*categories.tolist(), *subcategories.tolist()}) == 4


def test_what_is_missing_is_said_in_one_line(labelled_store, copied_store):
    values = np.ones((4, 3, 1))

    def refused(words, labels=(0, 1, 0, 1), split=(0, 0, 2, 2), copies=None):
        store = labelled_store(values, labels, split)
        with pytest.raises(DeepsphereError, match=words) as caught:
            class_names(store, read_labels(store))
            divided_samples(store, NONE if copies is None else dict.fromkeys(SPLITS, copies))
        assert "\n" not in str(caught.value)

    refused("has no valid train samples", split=(2, 2, 2, 2))
    refused("has no valid test samples", split=(0, 0, 0, 1))
    refused("are from 0 to 3, but there are 3 class_names", labels=(0, 3, 0, 1))
    refused("are from -1 to 1, but there are 3 class_names", labels=(0, -1, 0, 1))
    refused("has no copies 'up'; it has none", copies=["up"])
    with pytest.raises(DeepsphereError, match="has no copies 'flat'; it has up, turned"):
        divided_samples(copied_store, dict.fromkeys(SPLITS, ("flat",)))


def test_a_store_without_labels_is_refused(store_of):
    with pytest.raises(DeepsphereError, match="has no coordinate 'label' of whole numbers"):
        read_labels(store_of(np.ones((4, 3, 2))))


def test_patches_are_of_maps_that_have_names(labelled_store):
    store = labelled_store(
        np.ones((4, 3, 1)),
        [0, 0, 1, 1],
        [0, 0, 2, 2],
        {"maps": ["kappa_1", "kappa_2"]},
        map=np.int32([0, 0, 1, 1]),
        patch=np.int16([0, 5, 0, 5]),
    )
    assert object_numbers(store).tolist() == [0, 0, 1, 1]
    assert object_name(store, 3) == "kappa_2"
    assert sample_name(store, 2) == "kappa_2, patch 0"
    assert sample_name(store, 1) == "kappa_1, patch 5"


def test_whole_maps_have_no_patches(labelled_store):
    store = labelled_store(
        np.ones((2, 3, 1)),
        [0, 1],
        [0, 2],
        {"maps": ["kappa_1", "kappa_2"]},
        map=np.int32([0, 1]),
        patch=np.int16([0, 0]),
    )
    assert [sample_name(store, number) for number in (0, 1)] == ["kappa_1", "kappa_2"]


def test_a_part_is_seen_if_one_of_its_pixels_is(labelled_store):
    def parts_of(seen, parts):
        others = {} if seen is None else {"seen": np.array(seen, bool)}
        store = labelled_store(np.ones((2, 6, 1)), [0, 1], [0, 2], of_pixels=others)
        return parts_seen(store, parts)

    assert parts_of([1, 1, 0, 0, 0, 1], 3).tolist() == [True, False, True]
    assert parts_of([1, 1, 0, 1, 0, 1], 3) is None
    assert parts_of([1, 1, 0, 0, 0, 1], 1) is None
    assert parts_of(None, 2) is None
    with pytest.raises(
        DeepsphereError, match=r"found 4, but the 6 pixels of .* into 4 equal parts"
    ):
        parts_of(None, 4)
