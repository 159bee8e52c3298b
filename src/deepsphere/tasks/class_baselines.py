"""Classifications that need no network: what a network has to beat.

Of each map, or of each of its parts, they know the mean and the standard deviation of each channel
over the pixels, which no rotation of the sphere changes. Where maps have noise, that is always the
same.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from deepsphere.tasks.class_samples import ClassSamples
from deepsphere.tasks.logistic import fit_logistic, logistic_probabilities
from deepsphere.tasks.samples import Float

Array = NDArray[np.float64]

_BLOCK = 1 << 22
"""Numbers of the inputs that are read together: about 32 MB in float64."""

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
    prediction : ndarray of float32, shape (test sample, class) or (test sample, part, class)
        Probabilities.
    """
    train, test = samples.splits["train"], samples.splits["test"]
    target, counts = samples.truth(train)
    target, classes = target[counts], len(samples.classes)
    shape = (*samples.truth(test)[0].shape, classes)
    frequency = np.bincount(target, minlength=classes) / len(target)
    yield (
        "majority",
        "the most frequent class of the training samples",
        classes,
        np.broadcast_to(frequency, shape).astype(np.float32),
    )
    known = channel_statistics(samples, train)[counts]
    new = channel_statistics(samples, test)
    new = new.reshape(-1, new.shape[-1])
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    known, new = (
        (values - mean) / np.where(deviation > 0, deviation, 1) for values in (known, new)
    )
    yield (
        "nearest",
        "the class of the training sample with the nearest mean and deviation of each channel",
        known.size,
        nearest_probabilities(known, target, new, classes).reshape(shape).astype(np.float32),
    )
    coefficients = fit_logistic(known, target, classes, _PENALTY)
    yield (
        "linear",
        "logistic regression on the mean and deviation of each channel",
        coefficients.size,
        logistic_probabilities(coefficients, new).reshape(shape).astype(np.float32),
    )


def channel_statistics(samples: ClassSamples, numbers: NDArray[np.int64]) -> Array:
    """Return mean and deviation of each channel over the pixels of each sample or part, float64,
    shape (sample, 2 channel) or (sample, part, 2 channel).
    """
    channels = samples.input_channels
    found = np.empty((len(numbers), samples.parts, 2 * channels))
    count = max(1, _BLOCK // (samples.store.shape[1] * channels))
    for start in range(0, len(numbers), count):
        block = slice(start, start + count)
        inputs = samples.batch(numbers[block]).inputs.astype(np.float64)
        values = inputs.reshape(len(inputs), samples.parts, -1, channels)
        found[block] = np.concatenate([values.mean(axis=2), values.std(axis=2)], axis=2)
    return found if samples.parts > 1 else found[:, 0]


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
