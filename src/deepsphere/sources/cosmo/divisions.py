"""Which samples are to train on, to select models on and to test on.

Samples are patches: some of one map, all of one universe, and universes of one seed share their
initial conditions, so that their maps correlate by more than 0.9. The published division draws
validation samples patch by patch and thus selects models on skies that they saw; the other one
keeps all maps of a seed on one side.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.entries import Entry
from deepsphere.sources.cosmo.settings import Division
from deepsphere.sources.meshes.entries import SPLITS, Split

_TEST_STREAM, _VALIDATION_STREAM = 0, 1


def divide_maps(entries: Sequence[Entry], division: Division) -> tuple[list[Entry], list[Entry]]:
    """Give every map a split, as far as maps decide it.

    Parameters
    ----------
    entries : sequence of Entry
        In the order of a store.
    division : Division

    Returns
    -------
    divided : list of Entry
        All maps that are used, in the same order.
    left_out : list of Entry
        Of a division by seeds: maps to train or select on that share the seed of a test map, and
        those to train on that share that of a validation map.

    Raises
    ------
    DeepsphereError
        If only some maps have a split, or nothing is left to train or to test on.
    """
    undivided = [entry for entry in entries if entry.split is None]
    if undivided and len(undivided) < len(entries):
        raise DeepsphereError(
            f"split: {undivided[0].name} has none, but others have; give all maps one, or none"
        )
    divided = list(entries)
    if undivided:
        divided = _draw(divided, "test", division.test, (division.seed, _TEST_STREAM))
    if _draws_validation(divided, division) and division.kind == "seed-grouped":
        train = [entry for entry in divided if entry.split == "train"]
        drawn = iter(
            _draw(train, "validation", division.validation, (division.seed, _VALIDATION_STREAM))
        )
        divided = [next(drawn) if entry.split == "train" else entry for entry in divided]
    left_out: list[Entry] = []
    if division.kind == "seed-grouped":
        divided, left_out = _separated(divided)
    for split in ("train", "test"):
        if not any(entry.split == split for entry in divided):
            raise DeepsphereError(
                f"split: none of {len(entries)} maps is for {split}; add maps of other seeds, or "
                "change the shares"
            )
    return divided, left_out


def number_splits(
    maps: Sequence[Entry], owners: NDArray[np.int32], division: Division
) -> NDArray[np.uint8]:
    """Return the number of the split of each sample.

    Parameters
    ----------
    maps : sequence of Entry
        What :func:`divide_maps` returned first.
    owners : ndarray
        Number of the map of each sample, shape (sample,).
    division : Division

    Returns
    -------
    ndarray of uint8, shape (sample,)
        0 train, 1 validation, 2 test. In the published division the samples to train on give some
        to select on: those that scikit-learn's ``train_test_split(train_size=0.8, shuffle=True,
        random_state=0)`` gives the authors' code.
    """
    of_maps = np.array([SPLITS.index(entry.split or "train") for entry in maps], np.uint8)
    splits: NDArray[np.uint8] = of_maps[owners]
    if division.kind == "published" and _draws_validation(maps, division):
        train = np.flatnonzero(splits == 0)
        kept = int((1 - division.validation) * len(train) + 1e-9)
        # The stream that the authors drew from, which NumPy promises never to change.
        order = np.random.RandomState(division.seed).permutation(len(train))
        splits[train[order[: len(train) - kept]]] = 1
    return splits


def _draws_validation(entries: Sequence[Entry], division: Division) -> bool:
    return division.validation > 0 and not any(entry.split == "validation" for entry in entries)


def _draw(
    entries: Sequence[Entry], split: Split, share: float, stream: tuple[int, int]
) -> list[Entry]:
    """Return maps of which some seeds are for a split, and the others to train on.

    Maps without a seed are alone. So that no class is missing, seeds are drawn apart for each set
    of classes that has them.
    """
    groups = defaultdict(list)
    for entry in entries:
        groups[_group(entry)].append(entry.label or "")
    strata = defaultdict(list)
    for group in sorted(groups):
        strata[tuple(sorted(set(groups[group])))].append(group)
    generator = np.random.default_rng(stream)
    chosen = set()
    for labels in sorted(strata):
        order = generator.permutation(len(strata[labels]))
        count = min(max(1, round(share * len(order))), len(order) - 1)
        chosen |= {strata[labels][place] for place in order[:count]}
    return [
        replace(entry, split=split if _group(entry) in chosen else "train") for entry in entries
    ]


def _group(entry: Entry) -> tuple[int, str]:
    """Return what maps of one seed share, and no others."""
    return (-1, entry.name) if entry.seed is None else (entry.seed, "")


def _separated(entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Return the maps whose seeds no later split has, and the others."""
    seeds = {
        split: {entry.seed for entry in entries if entry.split == split} - {None}
        for split in SPLITS
    }
    taken = {
        "train": seeds["validation"] | seeds["test"],
        "validation": seeds["test"],
        "test": set(),
    }
    is_taken = [entry.seed in taken[entry.split or "train"] for entry in entries]
    kept = [entry for entry, taken_by in zip(entries, is_taken, strict=True) if not taken_by]
    return kept, [entry for entry, taken_by in zip(entries, is_taken, strict=True) if taken_by]
