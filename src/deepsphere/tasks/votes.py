"""One answer for an object of which several copies were classified, rotated differently, say.

:func:`voted` takes what was said of samples, :func:`vote` the arrays of it. :func:`by_part` comes
before, where the parts of samples were classified.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.tasks.samples import Float, Predictions


@dataclass(frozen=True, eq=False)
class Votes:
    """What is said of objects by their copies together.

    Attributes
    ----------
    first : ndarray of int64, shape (object,)
        The row of the first copy of each object. Objects are in the order of their first copies.
    probabilities : ndarray of float32, shape (object, class)
        Means over the copies.
    descriptors : ndarray of float32, shape (object, feature), or None
        Means likewise: only their directions count.
    """

    first: NDArray[np.int64]
    probabilities: Float
    descriptors: Float | None


def by_part(found: Predictions) -> Predictions:
    """Return what was said of the parts of samples, a row for each of them that is known.

    Parameters
    ----------
    found : Predictions
        Probabilities of shape (sample, part, class), or of shape (sample, class) for samples
        without parts, which are returned as they are.
    """
    if found.target.ndim == 1:
        return found
    known = found.known
    rows, _ = np.nonzero(known)
    return Predictions(
        numbers=found.numbers[rows],
        prediction=found.prediction[known],
        target=found.target[known],
        known=known[known],
    )


def voted(found: Predictions, objects: NDArray[np.int64]) -> Predictions:
    """Return one answer an object, by the mean over its rows, in the order of their numbers.

    Parameters
    ----------
    found : Predictions
        Probabilities of shape (row, class).
    objects : ndarray of int64, shape (sample,)
        Which object each sample of the store shows.

    Returns
    -------
    Predictions
        Their number is that of an object's first sample.
    """
    order = np.argsort(found.numbers, kind="stable")
    described = found.descriptors
    numbers = found.numbers[order]
    votes = vote(
        objects[numbers],
        found.prediction[order],
        None if described is None else described[order],
    )
    return Predictions(
        numbers=numbers[votes.first],
        prediction=votes.probabilities,
        target=found.target[order][votes.first],
        known=found.known[order][votes.first],
        descriptors=votes.descriptors,
    )


def vote(objects: NDArray[Any], probabilities: Float, descriptors: Float | None) -> Votes:
    """Return one answer an object.

    Parameters
    ----------
    objects : ndarray of int or str, shape (sample,)
        Which object each sample is a copy of: its number, or its name.
    probabilities : ndarray of float32, shape (sample, class)
    descriptors : ndarray of float32, shape (sample, feature), or None

    Raises
    ------
    ValueError
        As :func:`mean_probabilities`.
    """
    _, first, sorted_place = np.unique(objects, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.argsort(order)[sorted_place]
    count = len(first)
    if descriptors is not None:
        sums = np.zeros((count, descriptors.shape[1]))
        np.add.at(sums, place, descriptors)
        descriptors = (sums / np.bincount(place)[:, None]).astype(np.float32)
    chances = mean_probabilities(probabilities, place, count)
    return Votes(first[order], chances.astype(np.float32), descriptors)


def mean_probabilities(
    probabilities: NDArray[np.floating], objects: NDArray[np.integer], count: int
) -> NDArray[np.float64]:
    """Return the mean of the class probabilities over the copies of each object.

    Parameters
    ----------
    probabilities : ndarray of float, shape (sample, class)
        Of the copies that could be classified.
    objects : ndarray of int, shape (sample,)
        Which object, from 0, each sample is a copy of.
    count : int
        Number of objects.

    Returns
    -------
    ndarray of float64, shape (object, class)
        An object without any sample, whose mesh is broken, has equal probabilities: it is
        answered for, without knowledge.

    Raises
    ------
    ValueError
        If the shapes or numbers do not fit, or if a probability is not finite.
    """
    if probabilities.ndim != 2 or objects.shape != probabilities.shape[:1]:
        raise ValueError(
            f"expected probabilities (sample, class) and objects (sample,), found "
            f"{probabilities.shape=}, {objects.shape=}"
        )
    if len(objects) and not 0 <= objects.min() <= objects.max() < count:
        raise ValueError(f"expected objects in 0..{count - 1}, found {objects}")
    if not np.isfinite(probabilities).all():
        raise ValueError("expected finite probabilities, found others")
    classes = probabilities.shape[1]
    sums = np.zeros((count, classes))
    np.add.at(sums, objects, probabilities)
    copies = np.bincount(objects, minlength=count)[:, None]
    return np.where(copies > 0, sums / np.maximum(copies, 1), 1 / classes)
