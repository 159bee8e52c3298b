"""Splits of our own, for sets that come without.

Each mesh draws its split from a hash of the seed and its id, so that it does not depend on the
order or the number of the others: who adds meshes to a set keeps the splits of those it had.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from deepsphere.sources.meshes.entries import SPLITS, Entry, Split


def draw_splits(entries: Sequence[Entry], shares: Mapping[Split, float], seed: int) -> list[Entry]:
    """Return entries with splits drawn at random, class by class.

    Every mesh gets each split with the probability that is its share, so that a class of n meshes
    has ``n share ± sqrt(n share (1 - share))`` of it. As that may be none in a small class, each
    split that got none takes the mesh whose draw came nearest to it: train from any other split,
    then validation and test from those that have two or more. Only in such a class may adding a
    mesh change another's split.

    Parameters
    ----------
    entries : sequence of Entry
        The meshes; their own splits do not matter.
    shares : mapping of str to float
        Share of each split that is to be drawn, positive, together 1.
    seed : int
        Seed of the draws.

    Returns
    -------
    list of Entry
        In the same order.

    Raises
    ------
    ValueError
        If the shares are not positive or do not add up to 1.
    """
    if not all(share > 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-9:
        raise ValueError(f"shares must be positive and add up to 1; found {dict(shares)}")
    names = [name for name in SPLITS if name in shares]
    bounds = [0.0, *accumulate(shares[name] for name in names)]
    intervals = dict(zip(names, pairwise(bounds), strict=True))
    classes = defaultdict(list)
    for entry in entries:
        classes[entry.label].append(entry.id)
    drawn: dict[str, Split] = {}
    for ids in classes.values():
        drawn.update(_draw_class({key: _draw(seed, key) for key in ids}, intervals))
    return [replace(entry, split=drawn[entry.id]) for entry in entries]


def _draw(seed: int, key: str) -> float:
    """Return a number in [0, 1) that depends on nothing but the seed and the id."""
    digest = hashlib.sha256(f"{seed}/{key}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48


def _draw_class(
    draws: Mapping[str, float], intervals: Mapping[Split, tuple[float, float]]
) -> dict[str, Split]:
    """Return the splits of a class's meshes, from what they drew."""
    last = list(intervals)[-1]
    drawn = {
        key: next((name for name, (_, end) in intervals.items() if draw < end), last)
        for key, draw in draws.items()
    }
    for name, (start, end) in intervals.items():
        counts = Counter(drawn.values())
        least = 0 if name == "train" else 1
        spare = [key for key in draws if counts[drawn[key]] > least]
        if not counts[name] and spare:
            middle = (start + end) / 2
            drawn[min(spare, key=lambda key: (abs(draws[key] - middle), key))] = name
    return drawn
