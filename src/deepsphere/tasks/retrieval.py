"""How good ranked lists are: the metrics of the retrieval contest SHREC'17, to its rules.

An object asks for its like, and the answer is a list of objects, best first. An object of the
query's category is relevant, and its grade says how near it is: 3 for the same subcategory, 2 for
an object whose subcategory is the category itself (it has no narrower label), 1 for another
subcategory. Only the first entries of a list count, as many as
:data:`~deepsphere.tasks.ranked_lists.LONGEST`; of these, repeated ones and those that stand for no
object are passed over at no cost. With N entries left, R relevant objects in the whole set (the
query among them; at most ``LONGEST``) and g(r) the grade of entry r, the contest calls

=================  ================================================================================
P@N                share of the N entries that are relevant
R@N                relevant entries, divided by R
F1@N               harmonic mean of the two, query by query; 0 where both are 0
mAP                sum of the precisions at the relevant entries, divided by R
NDCG               g(1) + sum over 2 ≤ r ≤ R of g(r) / log2(r), divided by that of the best
                   possible list
NDCG as evaluated  the same, divided by that of the best list of the category's first R objects in
                   the order of their numbers
=================  ================================================================================

The last is what the contest's program calls NDCG, and thus what papers report. It is the NDCG where
no category has more than ``LONGEST`` objects. The test split has two such, tables and chairs: there
it depends on the order of the objects in the contest's table, and may exceed 1.

The micro average is over queries; the macro average is over the means of the categories that have
a query. Objects that ask for nothing still count as relevant for the others.

Lists are made in :mod:`deepsphere.tasks.ranking`, and written for the contest's own program in
:mod:`deepsphere.tasks.retrieval_files`. Rules: Savva et al., "Large-scale 3D shape retrieval from
ShapeNet Core55", 3DOR 2017, and the program as of 2017-02-23.
"""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.tasks.gains import DISCOUNTS, best_gains, grades_of
from deepsphere.tasks.ranked_lists import LONGEST, Integers, RankedLists

METRICS = ("P@N", "R@N", "F1@N", "mAP", "NDCG", "NDCG as evaluated")
"""Names of the metrics, in the order in which tables show them."""

_ROWS = 256
"""Lists that are scored together: about 15 MB."""

Float = NDArray[np.float64]


class RetrievalMetrics(TypedDict):
    """Plain data, as JSON takes them.

    Attributes
    ----------
    queries : int
        Queries that were scored.
    micro, macro : dict of str to float
        The averages of :data:`METRICS`; but for the last they are between 0 and 1.
    categories : dict of int to dict of str to float
        The means over the queries of each category that has any.
    curves : dict of str to dict of str to list of float
        ``precision`` and ``recall`` after 1, 2, ... ``LONGEST`` entries, as averages ``micro``
        and ``macro``; a shorter list keeps its last values.
    """

    queries: int
    micro: dict[str, float]
    macro: dict[str, float]
    categories: dict[int, dict[str, float]]
    curves: dict[str, dict[str, list[float]]]


def number_labels(
    labels: Sequence[str], sublabels: Sequence[str | None]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number categories and subcategories together, as :func:`retrieval_metrics` wants them.

    Parameters
    ----------
    labels : sequence of str
        The category of each object.
    sublabels : sequence of str or None
        The subcategory of each; None where there is none narrower than the category.

    Returns
    -------
    categories, subcategories : ndarray of int64, shape (object,)
        Equal numbers stand for equal names, in the order of the sorted names.
    """
    if len(labels) != len(sublabels):
        raise ValueError(f"expected one length, found {len(labels)=}, {len(sublabels)=}")
    narrow = [label if sub is None else sub for label, sub in zip(labels, sublabels, strict=True)]
    place = {name: number for number, name in enumerate(sorted({*labels, *narrow}))}
    return (
        np.array([place[name] for name in labels], dtype=np.int64),
        np.array([place[name] for name in narrow], dtype=np.int64),
    )


def retrieval_metrics(
    lists: RankedLists, categories: Integers, subcategories: Integers
) -> RetrievalMetrics:
    """Return how well lists answer the queries.

    Queries of one subcategory that share a list are scored once.

    Parameters
    ----------
    lists : RankedLists
        Over the objects of one split, numbered in the order of the contest's table if the last
        of :data:`METRICS` shall be that of the contest's program.
    categories, subcategories : ndarray of int, shape (object,)
        The labels of the objects, in one numbering (:func:`number_labels`): an object whose two
        numbers are the same has no narrower label than its category.

    Raises
    ------
    ValueError
        If the shapes differ.
    DeepsphereError
        If there is no query, or if a list holds no object at all.
    """
    if not lists.list_of.shape == categories.shape == subcategories.shape:
        raise ValueError(
            f"expected one shape (object,), found {lists.list_of.shape=}, {categories.shape=}, "
            f"{subcategories.shape=}"
        )
    queries = np.flatnonzero(lists.list_of >= 0)
    if not len(queries):
        raise DeepsphereError("retrieval: no object has a list, so there is nothing to score")
    kinds, kind_of = np.unique(
        np.stack([categories, subcategories], axis=1), axis=0, return_inverse=True
    )
    relevant, best = best_gains(kinds, kind_of)
    # In the order of kinds, and thus of categories.
    cases, weights = np.unique(
        np.stack([kind_of[queries], lists.list_of[queries]], axis=1), axis=0, return_counts=True
    )
    asked, category = np.unique(kinds[cases[:, 0], 0], return_inverse=True)
    sums = np.zeros((len(asked), len(METRICS) + 2 * LONGEST))
    for start in range(0, len(cases), _ROWS):
        rows = slice(start, start + _ROWS)
        kind, which = cases[rows].T
        entries = _entries([lists.members[number] for number in which], len(categories))
        empty = (entries < 0).all(axis=1)
        if empty.any():
            raise DeepsphereError(
                f"retrieval: list {which[empty][0]} of {len(lists.members)} holds no object among "
                f"its first {LONGEST} entries; put at least the query itself on it"
            )
        grades = grades_of(entries, kinds[kind], categories, subcategories)
        scores = _scores(grades, (entries >= 0).sum(axis=1), relevant[kind], best[kind])
        here, place = np.unique(category[rows], return_inverse=True)
        share = np.zeros((len(here), len(place)))
        share[place, np.arange(len(place))] = weights[rows]
        sums[here] += share @ scores
    count = np.bincount(category, weights)[:, None]
    return _summary(asked, sums / count, sums.sum(axis=0) / count.sum(), len(queries))


def _entries(lists: Sequence[Integers], objects: int) -> NDArray[np.int64]:
    """Return what counts of some lists, shape (list, entry), each row filled up with -1."""
    result = np.full((len(lists), LONGEST), -1)
    first = np.empty(objects, dtype=np.int64)
    for row, members in zip(result, lists, strict=True):
        known = members[:LONGEST]
        known = known[known >= 0]
        order = np.arange(len(known))
        # Where an object is repeated the last assignment stands, which is its first entry.
        first[known[::-1]] = order[::-1]
        kept = known[first[known] == order]
        row[: len(kept)] = kept
    return result


def _scores(
    grades: NDArray[np.int8],
    lengths: NDArray[np.int64],
    relevant: NDArray[np.int64],
    best: Float,
) -> Float:
    """Return the metrics and the two curves of some lists, shape (list, 6 + 2 · entry).

    ``best``, of shape (list, 2), holds the gains of a best list for the last two metrics.
    """
    ranks = np.arange(1, LONGEST + 1)
    hit = grades > 0
    hits = np.cumsum(hit, axis=1)
    precision = hits / np.minimum(ranks, lengths[:, None])
    recall = hits / relevant[:, None]
    found = hits[:, -1]
    summed_precision = np.where(hit, precision, 0).sum(axis=1)
    gain = np.where(ranks <= relevant[:, None], grades * DISCOUNTS, 0).sum(axis=1)
    metrics = [
        found / lengths,
        found / relevant,
        2 * found / (lengths + relevant),
        summed_precision / relevant,
        *(gain / best.T),
    ]
    return np.concatenate([np.stack(metrics, axis=1), precision, recall], axis=1)


def _summary(
    categories: NDArray[np.int64], means: Float, micro: Float, queries: int
) -> RetrievalMetrics:
    def named(values: Float) -> dict[str, float]:
        return dict(zip(METRICS, values[: len(METRICS)].tolist(), strict=True))

    def curve(values: Float) -> dict[str, list[float]]:
        precision, recall = values[len(METRICS) :].reshape(2, LONGEST)
        return {"precision": precision.tolist(), "recall": recall.tolist()}

    macro = means.mean(axis=0)
    return {
        "queries": queries,
        "micro": named(micro),
        "macro": named(macro),
        "categories": {
            int(number): named(row) for number, row in zip(categories, means, strict=True)
        },
        "curves": {"micro": curve(micro), "macro": curve(macro)},
    }
