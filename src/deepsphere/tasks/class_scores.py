"""Scores of probabilities of classes: as a classification, and as an answer to "what is alike?"."""

import numpy as np
from numpy.typing import NDArray

from deepsphere.tasks.classification_metrics import classification_metrics, confusion_matrix
from deepsphere.tasks.ranked_lists import RankedLists
from deepsphere.tasks.retrieval import retrieval_metrics

ERROR = "error_rate"
"""The score that models are selected by: 1 - accuracy."""

CURVES = ("cross_entropy", "accuracy", ERROR)
"""The scores that a learning curve shows."""

_RETRIEVAL = {
    "precision_at_n": "P@N",
    "recall_at_n": "R@N",
    "f1_at_n": "F1@N",
    "map": "mAP",
    "ndcg": "NDCG",
    "ndcg_as_evaluated": "NDCG as evaluated",
}
_AVERAGES = ("micro", "macro")

RETRIEVAL_METRICS = tuple(f"{average}_{name}" for average in _AVERAGES for name in _RETRIEVAL)
"""Names of the metrics of :mod:`deepsphere.tasks.retrieval`, in the order of the papers' tables."""


def class_scores(
    probabilities: NDArray[np.floating], target: NDArray[np.integer], classes: int
) -> dict[str, float]:
    """Return how good a classification is.

    Parameters
    ----------
    probabilities : ndarray of float, shape (sample, class)
        Finite. The largest one is the answer.
    target : ndarray of int, shape (sample,)
    classes : int

    Returns
    -------
    dict of str to float
        The metrics of :mod:`deepsphere.tasks.classification_metrics`, ``error_rate`` and
        ``cross_entropy``, in which a probability that float32 takes for 0 counts as its smallest
        number.
    """
    metrics = classification_metrics(
        confusion_matrix(probabilities.argmax(axis=1), target, classes)
    )
    of_target = probabilities[np.arange(len(target)), target].astype(np.float64)
    least = float(np.finfo(np.float32).tiny)
    return metrics | {
        ERROR: 1 - metrics["accuracy"],
        "cross_entropy": float(-np.log(np.maximum(of_target, least)).mean()),
    }


def retrieval_scores(
    lists: RankedLists, categories: NDArray[np.int64], subcategories: NDArray[np.int64]
) -> dict[str, float]:
    """Return how good lists are that every object gets of all objects.

    Parameters
    ----------
    lists : RankedLists
        See :func:`deepsphere.tasks.ranking.rank`.
    categories, subcategories : ndarray of int64, shape (object,)
        See :func:`deepsphere.tasks.retrieval.number_labels`.

    Returns
    -------
    dict of str to float
        By the names in :data:`RETRIEVAL_METRICS`.
    """
    found = retrieval_metrics(lists, categories, subcategories)
    averages = {"micro": found["micro"], "macro": found["macro"]}
    return {
        f"{average}_{name}": averages[average][of_contest]
        for average in _AVERAGES
        for name, of_contest in _RETRIEVAL.items()
    }
