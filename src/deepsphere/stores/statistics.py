"""Means and standard deviations of a store, over the samples that one may look at."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from deepsphere.stores.reader import Store

_BLOCK = 1 << 23
"""Numbers that are read together, about those of a chunk: with what is made of them, 170 MB."""


@dataclass(frozen=True)
class Statistics:
    """Statistics of the finite values of some samples.

    Attributes
    ----------
    mean, deviation : ndarray of float64, shape (channel,)
        Over all samples and pixels, each value with equal weight; the deviation is that of the
        population, and 1 where all values are equal.
    pixel_mean : ndarray of float64, shape (pixel, channel)
        Over the samples; the channel's mean where a pixel has no value.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    pixel_mean: NDArray[np.float64]


def statistics(store: "Store", samples: NDArray[np.int64]) -> Statistics:
    """Return the statistics of some samples of a store, read block by block.

    Parameters
    ----------
    store : Store
    samples : ndarray of int64
        Numbers of the samples that count, usually those of the training split.
    """
    _, pixels, channels = store.shape
    length = max(1, _BLOCK // (pixels * channels))
    blocks = [samples[start : start + length] for start in range(0, len(samples), length)]
    count = np.zeros((pixels, channels))
    total = np.zeros((pixels, channels))
    for block in blocks:
        values = store.read(block)
        finite = np.isfinite(values)
        count += finite.sum(axis=0)
        total += values.sum(axis=0, dtype=np.float64, where=finite)
    mean = total.sum(axis=0) / np.maximum(count.sum(axis=0), 1)
    squares = np.zeros(channels)
    for block in blocks:
        values = store.read(block)
        squares += np.square(values - mean).sum(axis=(0, 1), where=np.isfinite(values))
    deviation = np.sqrt(squares / np.maximum(count.sum(axis=0), 1))
    return Statistics(
        mean=mean,
        deviation=np.where(deviation > 0, deviation, 1.0),
        pixel_mean=np.where(count > 0, total / np.maximum(count, 1), mean),
    )
