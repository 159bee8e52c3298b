"""Metrics of segmentations: over the pixels of all samples together, as published.

Of each class: ``accuracy``, the share of its pixels that are found (the recall); ``iou``, the share
of the pixels that are found among those that are of the class or are taken for it; and
``average_precision``, of its probability (:mod:`deepsphere.tasks.average_precision`). Their means:
``mean_accuracy`` and ``mean_iou`` over all classes, ``map`` over the classes but the first, which
is the background.

Pixels count alike, as published, or by their areas, on samplings whose pixels differ in size. What
is not defined, as there are no pixels of a class, is left out.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MEANS = ("mean_accuracy", "map", "mean_iou")
"""Names of the metrics that are means over classes."""

OF_CLASSES = ("accuracy", "average_precision", "iou")
"""How the names of the metrics of one class begin; see :func:`metric_of_class`."""


def metric_of_class(metric: str, name: str) -> str:
    """Return what a metric of a class is called, such as ``accuracy_tropical_cyclone``."""
    return f"{metric}_{re.sub('[^a-z0-9]+', '_', name.lower()).strip('_')}"


def shown_metrics(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the metrics, in the order in which tables show them."""
    of_classes = [
        metric_of_class(metric, name)
        for metric in OF_CLASSES
        for name in (classes[1:] if metric == "average_precision" else classes)
    ]
    return (*MEANS, *of_classes)


def confusion_matrix(
    predicted: NDArray[np.integer],
    truth: NDArray[np.integer],
    classes: int,
    weights: Array | None = None,
) -> Array:
    """Return how much of each class was taken for each.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (pixel,)
        Classes, from 0.
    classes : int
        Number of classes.
    weights : ndarray of float64, shape (pixel,), optional
        What a pixel counts; 1, if not given.

    Returns
    -------
    ndarray of float64, shape (class, class)
        Rows are true classes, columns predicted ones.
    """
    cells = truth.astype(np.int64) * classes + predicted
    counts = np.bincount(cells, weights, classes**2).astype(np.float64)
    return counts.reshape(classes, classes)


def segmentation_metrics(
    confusion: Array, average_precision: Array, classes: Sequence[str]
) -> dict[str, float]:
    """Return the metrics of a segmentation.

    Parameters
    ----------
    confusion : ndarray of float64, shape (class, class)
        See :func:`confusion_matrix`.
    average_precision : ndarray of float64, shape (class,)
        NaN of a class without pixels.
    classes : sequence of str
        Their names; the first one is the background.

    Returns
    -------
    dict of str to float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If there is no pixel.
    """
    if not confusion.any():
        raise ValueError("there is no pixel whose class is known, so there is nothing to score")
    right = np.diagonal(confusion)
    support = confusion.sum(axis=1)
    union = support + confusion.sum(axis=0) - right
    with np.errstate(invalid="ignore"):
        of_classes = {
            "accuracy": right / support,
            "average_precision": average_precision,
            "iou": right / union,
        }
    scores = {
        "mean_accuracy": _mean(of_classes["accuracy"]),
        "map": _mean(average_precision[1:]),
        "mean_iou": _mean(of_classes["iou"]),
    }
    for metric, values in of_classes.items():
        for name, value in zip(classes, values, strict=True):
            scores[metric_of_class(metric, name)] = float(value)
    return {name: value for name, value in scores.items() if not np.isnan(value)}


def _mean(values: Array) -> float:
    """Return the mean over the classes that have a value; NaN if none has."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan
