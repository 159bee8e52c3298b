"""Metrics of classifications, those of scikit-learn, from the confusion matrix alone.

The matrix is small whatever the number of samples, and matrices of parts of the samples add up.
"Weighted F1" is what the papers on SHREC'17 call F1.
"""

import numpy as np
from numpy.typing import NDArray

METRICS = ("accuracy", "weighted_f1", "macro_f1", "balanced_accuracy")
"""Names of the metrics, in the order in which tables show them."""

Counts = NDArray[np.int64]


def confusion_matrix(
    predicted: NDArray[np.integer], truth: NDArray[np.integer], classes: int
) -> Counts:
    """Count how often each class was taken for each.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (sample,)
        Classes, from 0.
    classes : int
        Number of classes.

    Returns
    -------
    ndarray of int64, shape (class, class)
        Rows are true classes, columns predicted ones.

    Raises
    ------
    ValueError
        If the shapes differ or a class is not in 0..classes - 1.
    """
    if predicted.ndim != 1 or predicted.shape != truth.shape:
        raise ValueError(f"expected one shape (sample,), found {predicted.shape=}, {truth.shape=}")
    for numbers in (predicted, truth):
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < classes:
            raise ValueError(f"expected classes in 0..{classes - 1}, found {numbers}")
    cells = truth.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def classification_metrics(confusion: Counts) -> dict[str, float]:
    """Return the metrics of a classification.

    Parameters
    ----------
    confusion : ndarray of int64, shape (class, class)
        See :func:`confusion_matrix`.

    Returns
    -------
    dict of str to float
        :data:`METRICS`, between 0 and 1: ``accuracy``; ``weighted_f1``, the mean of the classes'
        F1 weighted by their true samples; ``macro_f1``, its plain mean over the classes that
        occur, be it as truth or as prediction; ``balanced_accuracy``, the mean recall of the
        classes that have true samples.

    Raises
    ------
    ValueError
        If there is no sample.
    """
    total = confusion.sum()
    if total == 0:
        raise ValueError("there is no sample, so there is nothing to score")
    scores = class_scores(confusion)
    support = confusion.sum(axis=1)
    occurs = support + confusion.sum(axis=0) > 0
    return {
        "accuracy": float(np.trace(confusion) / total),
        "weighted_f1": float(scores["f1"] @ support / total),
        "macro_f1": float(scores["f1"][occurs].mean()),
        "balanced_accuracy": float(scores["recall"][support > 0].mean()),
    }


def class_scores(confusion: Counts) -> dict[str, NDArray[np.float64]]:
    """Return ``precision``, ``recall`` and ``f1`` of each class, of shape (class,).

    They are 0 where they are not defined: the precision of a class that is never predicted, the
    recall of one that has no true samples.
    """
    right = np.diagonal(confusion).astype(np.float64)
    predicted, support = confusion.sum(axis=0), confusion.sum(axis=1)
    return {
        "precision": right / np.maximum(predicted, 1),
        "recall": right / np.maximum(support, 1),
        "f1": 2 * right / np.maximum(predicted + support, 1),
    }
