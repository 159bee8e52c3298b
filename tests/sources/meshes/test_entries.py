"""Entries: what they must have, and sets that nothing can be learned from."""

from dataclasses import replace

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.entries import Entry, check_entries, find_split

_ENTRY = Entry("a", "set.zip", "chair/a.off", 10, "chair", None, "train")


def test_a_set_needs_meshes_of_its_own_to_train_on() -> None:
    check_entries([_ENTRY, replace(_ENTRY, id="b", split="test")])
    with pytest.raises(DeepsphereError, match="needs a mesh; found none"):
        check_entries([])
    twin = replace(_ENTRY, member="table/a.off")
    with pytest.raises(
        DeepsphereError, match=r"two meshes are 'a': set\.zip/chair/a\.off and set\.zip/table/a"
    ):
        check_entries([_ENTRY, twin])
    with pytest.raises(DeepsphereError, match="none of 1 meshes is to train on"):
        check_entries([replace(_ENTRY, split="test")])


@pytest.mark.parametrize("change", [{"id": ""}, {"label": ""}, {"split": "val"}])
def test_an_entry_has_an_id_a_label_and_a_split(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="needs an id, a label and a split"):
        replace(_ENTRY, **change)


def test_splits_have_many_names() -> None:
    assert find_split(" Training ") == "train"
    assert find_split("val") == find_split("VALID") == "validation"
    assert find_split("Test") == "test"
    assert find_split("chair") is None
