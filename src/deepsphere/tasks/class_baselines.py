"""Classifications that need no network: what a network has to beat.

Of each map they know the mean and the standard deviation of each channel over the pixels, which no
rotation of the sphere changes.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from deepsphere.tasks.class_samples import ClassSamples
from deepsphere.tasks.logistic import fit_logistic, logistic_probabilities
from deepsphere.tasks.samples import Float

Array = NDArray[np.float64]

_BLOCK = 64
_PAIRS = 4_000_000
"""Pairs of samples that are compared together: about 32 MB."""

_PENALTY = 1e-4


def class_baselines(samples: ClassSamples) -> Iterator[tuple[str, str, int, Float]]:
    """Yield the baselines of a classification.

    Yields
    ------
    name : str
    description : str
    parameters : int
        Number of fitted values.
    prediction : ndarray of float32, shape (test sample, class)
        Probabilities.
    """
    train, test = samples.splits["train"], samples.splits["test"]
    target, classes = samples.labels[train], len(samples.classes)
    frequency = np.bincount(target, minlength=classes) / len(target)
    yield (
        "majority",
        "the most frequent class of the training samples",
        classes,
        np.tile(frequency, (len(test), 1)).astype(np.float32),
    )
    known, new = (channel_statistics(samples, numbers) for numbers in (train, test))
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    known, new = (
        (values - mean) / np.where(deviation > 0, deviation, 1) for values in (known, new)
    )
    yield (
        "nearest",
        "the class of the training sample with the nearest mean and deviation of each channel",
        known.size,
        nearest_probabilities(known, target, new, classes).astype(np.float32),
    )
    coefficients = fit_logistic(known, target, classes, _PENALTY)
    yield (
        "linear",
        "logistic regression on the mean and deviation of each channel",
        coefficients.size,
        logistic_probabilities(coefficients, new).astype(np.float32),
    )


def channel_statistics(samples: ClassSamples, numbers: NDArray[np.int64]) -> Array:
    """Return mean and deviation over the pixels of each channel, shape (sample, 2 channel)."""
    found = np.empty((len(numbers), 2 * samples.input_channels))
    for start in range(0, len(numbers), _BLOCK):
        block = slice(start, start + _BLOCK)
        values = samples.batch(numbers[block]).inputs.astype(np.float64)
        found[block] = np.concatenate([values.mean(axis=1), values.std(axis=1)], axis=1)
    return found


def nearest_probabilities(
    known: Array, target: NDArray[np.int64], new: Array, classes: int
) -> Array:
    """Return chances that fall with the square of the distance to the nearest sample of a class.

    Parameters
    ----------
    known : ndarray of float64, shape (known sample, feature)
    target : ndarray of int64, shape (known sample,)
        Their classes.
    new : ndarray of float64, shape (new sample, feature)
    classes : int

    Returns
    -------
    ndarray of float64, shape (new sample, class)
        They sum to 1; the class of the nearest sample has the largest one. 0 for a class without
        known samples.
    """
    order = np.argsort(target, kind="stable")
    known = known[order]
    present, first = np.unique(target[order], return_index=True)
    squares = np.square(known).sum(axis=1)
    chances = np.zeros((len(new), classes))
    rows = max(1, _PAIRS // len(known))
    for start in range(0, len(new), rows):
        some = new[start : start + rows]
        distances = squares - 2 * some @ known.T + np.square(some).sum(axis=1)[:, None]
        least = np.minimum.reduceat(distances, first, axis=1)
        chances[start : start + rows, present] = 1 / np.maximum(least, np.finfo(np.float64).tiny)
    # Divided by the largest first, as their sum might overflow.
    chances /= chances.max(axis=1, keepdims=True)
    chances /= chances.sum(axis=1, keepdims=True)
    return chances
