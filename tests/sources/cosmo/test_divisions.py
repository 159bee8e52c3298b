"""Divisions: the published one patch for patch, and the one that keeps seeds together."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.divisions import divide_maps, number_splits
from deepsphere.sources.cosmo.entries import Entry, in_order
from deepsphere.sources.cosmo.settings import Division

SPLITS = ("train", "validation", "test")


def universe(label: str | None, seed: int | None, split: str | None, folder: str = "") -> Entry:
    return Entry(".", f"{folder}{label}-{seed}.npy", label, (), seed, split)


def published_maps() -> list[Entry]:
    return in_order(
        [
            universe(label, seed, "train" if seed < 20 else "test")
            for label in ("0.26", "0.31")
            for seed in range(30)
        ]
    )


@pytest.mark.parametrize("order", [1, 2, 4])
def test_published_division_is_that_of_the_authors(order: int) -> None:
    """Their code stacks the training patches of the first class on those of the second, and calls
    scikit-learn; at order 1 it has 195 and 189 patches to train on, and 45 and 51 to select on.
    """
    maps, left_out = divide_maps(published_maps(), Division())
    owners = np.repeat(np.arange(len(maps), dtype=np.int32), 12 * order**2)
    splits = number_splits(maps, owners, Division())
    labels = np.array([each.label == "0.31" for each in maps])[owners]
    patches = np.arange(480 * order**2)
    train, validation = train_test_split(patches, train_size=0.8, shuffle=True, random_state=0)
    of_training_maps = np.flatnonzero([each.split == "train" for each in maps])
    samples = np.flatnonzero(np.isin(owners, of_training_maps))
    assert not left_out
    assert set(np.flatnonzero(splits == 0)) == set(samples[train])
    assert set(np.flatnonzero(splits == 1)) == set(samples[validation])
    assert (splits == 2).sum() == 240 * order**2
    if order == 1:
        assert np.bincount(labels[splits == 0]).tolist() == [195, 189]
        assert np.bincount(labels[splits == 1]).tolist() == [45, 51]


def test_seed_grouped_division_keeps_pairs_and_patches_together() -> None:
    division = Division(kind="seed-grouped")
    maps, left_out = divide_maps(published_maps(), division)
    owners = np.repeat(np.arange(60, dtype=np.int32), 12)
    splits = number_splits(maps, owners, division)
    assert not left_out
    assert Counter(each.split for each in maps) == {"train": 32, "validation": 8, "test": 20}
    by_seed = {}
    for sample, owner in enumerate(owners):
        by_seed.setdefault(maps[owner].seed, set()).add(int(splits[sample]))
    assert all(len(each) == 1 for each in by_seed.values())
    other, _ = divide_maps(published_maps(), division.model_copy(update={"seed": 1}))
    assert [each.split for each in other] != [each.split for each in maps]


def test_seeds_of_a_later_split_are_left_out() -> None:
    maps = [
        universe("a", 1, "train"),
        universe("b", 2, "train"),
        universe("b", 2, "validation", "v/"),
        universe("a", 3, "validation"),
        universe("b", 3, "test"),
        universe("c", None, "test"),
        universe("d", None, "train"),
    ]
    kept, left_out = divide_maps(maps, Division(kind="seed-grouped"))
    assert left_out == [maps[1], maps[3]]
    assert kept == [maps[0], maps[2], maps[4], maps[5], maps[6]]
    assert divide_maps(maps, Division()) == (maps, [])


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    seeds=st.lists(st.one_of(st.none(), st.integers(0, 8)), min_size=4, max_size=30),
    labels=st.lists(st.sampled_from(["a", "b"]), min_size=30, max_size=30),
    kind=st.sampled_from(["published", "seed-grouped"]),
)
def test_drawn_splits_keep_seeds_together(
    seeds: list[int | None], labels: list[str], kind: str
) -> None:
    entries = [
        replace(universe(label, seed, None), member=f"{number}.npy")
        for number, (seed, label) in enumerate(zip(seeds, labels, strict=False))
    ]
    try:
        maps, left_out = divide_maps(entries, Division(kind=kind))
    except DeepsphereError as error:
        # One seed a class, or one in all, cannot be on two sides.
        assert "is for test" in str(error) or "is for train" in str(error)
        return
    assert not left_out
    assert [each.member for each in maps] == [each.member for each in entries]
    for seed in set(seeds) - {None}:
        assert len({each.split for each in maps if each.seed == seed}) == 1


def test_every_class_is_tested_on() -> None:
    """Without seeds each class is drawn apart: a third of 6 and a third of 3."""
    entries = [
        replace(universe(label, None, None), member=f"{label}{number}.npy")
        for label, count in (("a", 6), ("b", 3))
        for number in range(count)
    ]
    maps, _ = divide_maps(entries, Division())
    found = Counter((each.label, each.split) for each in maps)
    assert found == {("a", "train"): 4, ("a", "test"): 2, ("b", "train"): 2, ("b", "test"): 1}


def test_splits_of_a_table_stay() -> None:
    maps = [universe("a", 1, "train"), universe("a", 2, "validation"), universe("a", 3, "test")]
    for kind in ("published", "seed-grouped"):
        division = Division(kind=kind)
        assert divide_maps(maps, division) == (maps, [])
        owners = np.arange(3, dtype=np.int32)
        assert number_splits(maps, owners, division).tolist() == [0, 1, 2]


def test_no_validation() -> None:
    maps, _ = divide_maps(published_maps(), Division(kind="seed-grouped", validation=0))
    assert Counter(each.split for each in maps) == {"train": 40, "test": 20}
    splits = number_splits(maps, np.arange(60, dtype=np.int32), Division(validation=0))
    assert np.bincount(splits).tolist() == [40, 0, 20]


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ([universe("a", 1, "train"), universe("a", 2, None)], "a-2.npy has none"),
        ([universe("a", 1, "train"), universe("b", 1, "train")], "none of 2 maps is for test"),
        ([universe("a", 1, "train"), universe("b", 1, "test")], "none of 2 maps is for train"),
        ([universe("a", 1, None), universe("b", 1, None)], "none of 2 maps is for test"),
    ],
)
def test_maps_that_cannot_be_divided(maps: list[Entry], message: str) -> None:
    with pytest.raises(DeepsphereError, match=message):
        divide_maps(maps, Division(kind="seed-grouped"))
