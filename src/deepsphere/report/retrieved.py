"""Which objects a network finds alike: some queries, and what is nearest to each.

:mod:`~deepsphere.report.retrievals` draws them.
"""

import numpy as np
from numpy.typing import NDArray

from deepsphere.report.runs import ClassPredictions
from deepsphere.tasks.ranking import class_then_nearest
from deepsphere.tasks.votes import vote

_SEED = 0


def nearest_rows(found: ClassPredictions, queries: int, places: int) -> NDArray[np.int64]:
    """Return some queries and what is nearest to each.

    The queries are drawn at random, one a class and of as many classes as there can be, so that
    they are neither the best nor the worst; for the same targets they are the same objects.

    Parameters
    ----------
    found : ClassPredictions
        Rows with the same id are copies of one object and are taken together: it has their mean
        probabilities and descriptors.
    queries, places : int
        How many queries, and how many objects for each.

    Returns
    -------
    ndarray of int64, shape (query, 1 + place)
        Rows of the predictions, the first one of each object: the query, by class, and what is
        found for it but the query itself, in the order of
        :func:`~deepsphere.tasks.ranking.class_then_nearest`; -1 where there is nothing more. With
        descriptors these say what is near, otherwise the probabilities. Queries are fewer if there
        are fewer classes with objects.

    Raises
    ------
    ValueError
        If a number is not positive.
    """
    if queries < 1 or places < 1:
        raise ValueError(f"expected positive numbers, found {queries=} and {places=}")
    votes = vote(found.id, found.prediction, found.descriptors)
    rows, probabilities = votes.first, votes.probabilities
    described = probabilities if votes.descriptors is None else votes.descriptors
    lists = class_then_nearest(described, probabilities.argmax(axis=1))
    chosen = _one_a_class(found.target[rows], queries)
    shown = np.full((len(chosen), 1 + places), -1)
    for row, query in zip(shown, chosen, strict=True):
        members = lists.members[lists.list_of[query]]
        others = members[members != query][:places]
        row[0] = rows[query]
        row[1 : 1 + len(others)] = rows[others]
    return shown


def _one_a_class(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the numbers of up to some objects at random, each of another class, by class."""
    random = np.random.default_rng(_SEED)
    order = random.permutation(len(labels))
    present, first = np.unique(labels[order], return_index=True)
    chosen = np.sort(random.permutation(len(present))[:count])
    return order[first[chosen]]
