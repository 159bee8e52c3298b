"""Making ranked lists from what a classifier says about the objects of a split.

==========================  ====================================================================
:func:`by_score`            as published with DeepSphere and Cohen et al. (2018): all objects of
                            the query's predicted class, the surest first. Queries of one class
                            share their list.
:func:`within_thresholds`   as Esteves et al. (2018): objects of the query's predicted class, and
                            those nearer than a threshold of that class, the nearest first.
:func:`class_then_nearest`  objects of the query's predicted class, the nearest first, then the
                            others, the nearest first, until the list is full: what is added
                            raises recall and mAP, and lowers precision and F1.
==========================  ====================================================================

Near means a small cosine distance, 1 - cos of the angle between two descriptors. These may be what
the network says before its last layer, or the class probabilities themselves, by which what was
confused with the query's class comes next; which is better depends on the network. No list is
longer than :data:`~deepsphere.tasks.ranked_lists.LONGEST`, as no later entry counts, and none is
empty, as each object is of its own class. :func:`rank` takes the one that a task names.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deepsphere.tasks.ranked_lists import LONGEST, Integers, RankedLists

Ranking = Literal["score", "nearest", "thresholds"]

_PAIRS = 2_000_000
"""Pairs of objects that are compared together: about 60 MB."""

_NONE = np.uint64(2**64 - 1)
_STEPS = 400
"""Thresholds that are tried, evenly between the distances 0 and 2."""


def rank(
    ranking: Ranking,
    probabilities: NDArray[np.floating],
    ids: Sequence[str],
    descriptors: NDArray[np.floating] | None = None,
    thresholds: NDArray[np.floating] | None = None,
) -> RankedLists:
    """Rank objects as a task says.

    Parameters
    ----------
    ranking : {"score", "nearest", "thresholds"}
        :func:`by_score`, :func:`class_then_nearest` or :func:`within_thresholds`.
    probabilities : ndarray of float, shape (object, class)
    ids : sequence of str
        The objects' names.
    descriptors : ndarray of float, shape (object, feature), or None
        For all but the first.
    thresholds : ndarray of float, shape (class,), or None
        For the last.

    Raises
    ------
    ValueError
        If the shapes do not fit, a number is not finite, or something is missing.
    """
    if ranking == "score":
        return by_score(probabilities, ids)
    if descriptors is None:
        raise ValueError(f"expected descriptors to rank by {ranking!r}, found none")
    predicted = probabilities.argmax(axis=1)
    if ranking == "nearest":
        return class_then_nearest(descriptors, predicted)
    if thresholds is None:
        raise ValueError(f"expected thresholds to rank by {ranking!r}, found none")
    return within_thresholds(descriptors, predicted, thresholds)


def by_score(probabilities: NDArray[np.floating], ids: Sequence[str]) -> RankedLists:
    """Rank the objects of each predicted class by their probability of it.

    Parameters
    ----------
    probabilities : ndarray of float, shape (object, class)
    ids : sequence of str
        The objects' names. Of two with the same probability the larger name comes first.

    Raises
    ------
    ValueError
        If the shapes differ, or if a probability is not finite.
    """
    if probabilities.ndim != 2 or len(probabilities) != len(ids):
        raise ValueError(
            f"expected probabilities (object, class) of {len(ids)} objects, "
            f"found {probabilities.shape=}"
        )
    if not np.isfinite(probabilities).all():
        raise ValueError("expected finite probabilities, found others")
    predicted = probabilities.argmax(axis=1)
    best = np.take_along_axis(probabilities, predicted[:, None], axis=1)[:, 0]
    order = np.lexsort((np.array(ids), best, predicted))
    members = np.split(order, np.cumsum(np.bincount(predicted))[:-1])
    return RankedLists([ranked[::-1][:LONGEST].astype(np.int32) for ranked in members], predicted)


def within_thresholds(
    descriptors: NDArray[np.floating], predicted: Integers, thresholds: NDArray[np.floating]
) -> RankedLists:
    """Rank by distance what is of the query's predicted class or near enough.

    Parameters
    ----------
    descriptors : ndarray of float, shape (object, feature)
        A descriptor of zeros is at distance 1 from everything.
    predicted : ndarray of int, shape (object,)
        Classes.
    thresholds : ndarray of float, shape (class,)
        Objects of other classes are listed if they are nearer than the threshold of the query's
        class (:func:`class_thresholds`).

    Raises
    ------
    ValueError
        If the shapes do not fit, or if a descriptor is not finite.
    """
    _check_classes(predicted, len(thresholds))
    members: list[Integers] = []
    for rows, distances in _distances(descriptors, predicted):
        same = predicted == predicted[rows, None]
        keys = _keys(distances)
        keys[~same & (distances >= thresholds[predicted[rows], None])] = _NONE
        members += _nearest(keys)
    return RankedLists(members, np.arange(len(predicted)))


def class_then_nearest(descriptors: NDArray[np.floating], predicted: Integers) -> RankedLists:
    """Rank by distance what is of the query's predicted class, then likewise all others.

    Parameters and errors are those of :func:`within_thresholds`.
    """
    members: list[Integers] = []
    for rows, distances in _distances(descriptors, predicted):
        others = predicted != predicted[rows, None]
        members += _nearest(_keys(distances) | (others.astype(np.uint64) << np.uint64(63)))
    return RankedLists(members, np.arange(len(predicted)))


def class_thresholds(
    descriptors: NDArray[np.floating],
    predicted: Integers,
    categories: Integers,
    classes: int,
) -> NDArray[np.float64]:
    """Find the thresholds of :func:`within_thresholds` with which lists are best on known objects.

    For each class it is the one of 400 even steps from 0 to 2 with the highest mean F1 of the
    lists, whole and in no order, of the objects predicted so; of equal ones the lowest. Give it
    objects of the validation split: on those that trained the network, its classes are too good.

    Parameters
    ----------
    descriptors : ndarray of float, shape (object, feature)
    predicted, categories : ndarray of int, shape (object,)
        The classes that the network says and the true ones.
    classes : int
        Number of classes.

    Returns
    -------
    ndarray of float64, shape (class,)
        0, which lists no object of another class, where no object was predicted so.
    """
    _check_classes(predicted, classes)
    _check_classes(categories, classes)
    if predicted.shape != categories.shape:
        raise ValueError(f"expected one shape, found {predicted.shape=}, {categories.shape=}")
    relevant = np.bincount(categories, minlength=classes)[categories]
    quality = np.zeros((classes, _STEPS + 1))
    for rows, distances in _distances(descriptors, predicted):
        # Step s lists what is nearer than s · 2/400; step 0 lists the class alone.
        steps = (distances * (_STEPS / 2)).astype(np.int64) + 1
        steps[predicted == predicted[rows, None]] = 0
        true = categories == categories[rows, None]
        listed = _counts_upto(steps, np.ones_like(true))
        hits = _counts_upto(steps, true)
        np.add.at(quality, predicted[rows], 2 * hits / (listed + relevant[rows, None]))
    thresholds: NDArray[np.float64] = quality.argmax(axis=1) * (2 / _STEPS)
    return thresholds


def _counts_upto(steps: NDArray[np.int64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how many counted columns have at most each step, shape (row, step)."""
    rows, width = len(steps), _STEPS + 2
    cells = (np.arange(rows)[:, None] * width + np.minimum(steps, width - 1))[counted]
    counts = np.bincount(cells, minlength=rows * width).reshape(rows, width)
    upto: NDArray[np.float64] = np.cumsum(counts[:, :-1], axis=1, dtype=np.float64)
    return upto


def _check_classes(numbers: Integers, classes: int) -> None:
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < classes:
        raise ValueError(f"expected classes in 0..{classes - 1}, found {numbers}")


def _distances(
    descriptors: NDArray[np.floating], predicted: Integers
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield some queries and their cosine distances, at least 0, to all objects."""
    objects = len(descriptors)
    if descriptors.ndim != 2 or predicted.shape != (objects,):
        raise ValueError(
            f"expected descriptors (object, feature) and predicted (object,), found "
            f"{descriptors.shape=}, {predicted.shape=}"
        )
    if not np.isfinite(descriptors).all():
        raise ValueError("expected finite descriptors, found others")
    # In float64: between the probabilities of two sure answers are less than float32 can tell from
    # 1, and the squares of float32 entries may overflow.
    unit = descriptors.astype(np.float64)
    length = np.linalg.norm(unit, axis=1, keepdims=True)
    unit /= np.where(length > 0, length, 1)
    step = max(1, _PAIRS // max(objects, 1))
    for start in range(0, objects, step):
        rows = slice(start, min(start + step, objects))
        yield rows, np.maximum(1 - unit[rows] @ unit.T, 0).astype(np.float32)


def _keys(distances: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return numbers that sort as the distances, then as the objects' numbers.

    The bits of float32 numbers that are not negative sort as the numbers do; they fill the upper
    half, of which the highest bit is 0, and the object's number the lower half.
    """
    bits = distances.view(np.uint32).astype(np.uint64) << np.uint64(32)
    return bits | np.arange(distances.shape[1], dtype=np.uint64)


def _nearest(keys: NDArray[np.uint64]) -> list[Integers]:
    """Return the objects of the lowest keys of each row in their order, without ``_NONE``."""
    if keys.shape[1] > LONGEST:
        keys = np.partition(keys, LONGEST - 1, axis=1)[:, :LONGEST]
    keys = np.sort(keys, axis=1)
    objects = (keys & np.uint64(0xFFFFFFFF)).astype(np.int32)
    lengths = (keys != _NONE).sum(axis=1)
    return [row[:length].copy() for row, length in zip(objects, lengths, strict=True)]
