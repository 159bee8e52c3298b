"""Regressions of numbers of a map that need no network: what a network has to beat.

Of each map, or of each of its parts, they know moments over the pixels, which no rotation of the
sphere changes: how large the fluctuations are, how lopsided, and how alike those of two channels.
Where maps have noise, that is always the same.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from deepsphere.tasks.linear import ridge
from deepsphere.tasks.parameter_samples import ParameterSamples
from deepsphere.tasks.samples import Float

Array = NDArray[np.float64]

_BLOCK = 1 << 22
"""Numbers of the inputs that are read together: about 32 MB in float64."""

_PENALTIES = np.logspace(-6, 4, num=11)


def parameter_baselines(samples: ParameterSamples) -> Iterator[tuple[str, str, int, Float]]:
    """Yield the baselines of a regression of numbers of maps.

    Yields
    ------
    name : str
    description : str
    parameters : int
        Number of fitted values.
    prediction : ndarray of float32, shape (test sample, target) or (test sample, part, target)
        In the units of the targets.
    """
    train, test = samples.splits["train"], samples.splits["test"]
    truth, known = samples.truth(train)
    shape = samples.truth(test)[0].shape
    yield (
        "constant",
        "the mean of the training targets",
        len(samples.targets),
        np.broadcast_to(samples.target_mean, shape).astype(np.float32),
    )
    fit, new = (map_moments(samples, numbers) for numbers in (train, test))
    fit, new = (values.reshape(-1, values.shape[-1]) for values in (fit, new))
    mean, deviation = fit.mean(axis=0), fit.std(axis=0)
    fit, new = ((values - mean) / np.where(deviation > 0, deviation, 1) for values in (fit, new))
    predictions = []
    for number in range(len(samples.targets)):
        counts = known[..., number].reshape(-1)
        target = truth[..., number].reshape(-1)[counts].astype(np.float64)
        coefficients, intercept, _ = ridge(fit[counts], target, _PENALTIES)
        predictions.append(new @ coefficients + intercept)
    yield (
        "linear",
        "ridge regression on the mean, deviation and skewness of each channel and the correlation "
        "of each two, its penalty by generalized cross-validation on the training samples",
        len(samples.targets) * (fit.shape[1] + 1),
        np.stack(predictions, axis=-1).reshape(shape).astype(np.float32),
    )


def map_moments(samples: ParameterSamples, numbers: NDArray[np.int64]) -> Array:
    """Return moments over the pixels of each sample, or of each of its parts.

    Parameters
    ----------
    samples : ParameterSamples
    numbers : ndarray of int64, shape (sample,)

    Returns
    -------
    ndarray of float64, shape (sample, moment) or (sample, part, moment)
        Of the normalized inputs with their noise: the mean of each channel, its standard deviation,
        its skewness, and the correlation of each two channels; the last two are 0 where a channel
        does not vary.
    """
    channels = samples.input_channels
    pairs = list(combinations(range(channels), 2))
    found = np.empty((len(numbers), samples.parts, 3 * channels + len(pairs)))
    count = max(1, _BLOCK // (samples.store.shape[1] * channels))
    for start in range(0, len(numbers), count):
        block = slice(start, start + count)
        inputs = samples.batch(numbers[block]).inputs.astype(np.float64)
        values = inputs.reshape(len(inputs), samples.parts, -1, channels)
        mean = values.mean(axis=2, keepdims=True)
        values -= mean
        deviation = values.std(axis=2)
        values /= np.where(deviation > 0, deviation, np.inf)[:, :, None]
        correlations = [
            np.mean(values[..., first] * values[..., second], axis=2) for first, second in pairs
        ]
        found[block] = np.concatenate(
            [
                mean[:, :, 0],
                deviation,
                np.mean(values**3, axis=2),
                *(each[..., None] for each in correlations),
            ],
            axis=2,
        )
    return found if samples.parts > 1 else found[:, 0]
