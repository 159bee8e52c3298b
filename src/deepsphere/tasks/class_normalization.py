"""Mean and standard deviation of the channels of a store, by which inputs are normalized.

A source that knows the statistics of its splits says so in the attribute ``statistics`` of its
store: by split and by set of copies the ``mean`` and the ``deviation`` of each channel and the
number of ``samples``. Otherwise they are taken from the samples, which reads them twice.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from deepsphere.stores.description import SPLITS
from deepsphere.stores.statistics import statistics

if TYPE_CHECKING:
    from deepsphere.stores.reader import Store

ClassNormalization = Literal["train", "own-split", "s2cnn"]
"""Whose statistics: of the training samples, of each split on its own, or constants."""

S2CNN = {
    "distance": (0.75, 0.26),
    "cosine": (0.59, 0.50),
    "sine": (0.54, 0.29),
    "hull-distance": (0.52, 0.19),
    "hull-cosine": (0.80, 0.18),
    "hull-sine": (0.51, 0.25),
}
"""Mean and deviation by channel in the code of T. Cohen et al., "Spherical CNNs", ICLR 2018: those
of SHREC'17 on the equiangular grid of bandwidth 64."""

Array = NDArray[np.float64]


def channel_scales(
    store: "Store",
    channels: tuple[str, ...],
    splits: dict[str, NDArray[np.int64]],
    copies: dict[str, Collection[str]],
    normalization: ClassNormalization,
) -> tuple[Array, Array]:
    """Return what is taken away from each channel, and what it is then divided by.

    Parameters
    ----------
    store : Store
    channels : tuple of str
        Of the store.
    splits : dict of str to ndarray of int64
        Numbers of the samples of each split.
    copies : dict of str to collection of str
        The sets of copies of each split that count; all, if none is named.
    normalization : {"train", "own-split", "s2cnn"}

    Returns
    -------
    mean, deviation : ndarray of float64, shape (split, channel)
        For the samples of each split, in the order of their numbers; the deviation is 1 where a
        channel is constant.
    """
    if normalization == "s2cnn":
        constants = np.array([S2CNN[channel] for channel in channels])
        mean, deviation = constants.T
        return np.tile(mean, (len(SPLITS), 1)), np.tile(deviation, (len(SPLITS), 1))
    columns = [store.channels.index(channel) for channel in channels]
    whose = SPLITS if normalization == "own-split" else ("train",) * len(SPLITS)
    found = {
        split: _of_split(store, split, splits[split], copies[split])
        for split in dict.fromkeys(whose)
    }
    mean, deviation = (
        np.stack([found[split][part][columns] for split in whose]) for part in (0, 1)
    )
    return mean, np.where(deviation > 0, deviation, 1)


def _of_split(
    store: "Store", split: str, numbers: NDArray[np.int64], copies: Collection[str]
) -> tuple[Array, Array]:
    """Return mean and deviation, shape (channel,), of the samples of a split."""
    if "statistics" not in store.attrs:
        found = statistics(store, numbers)
        return found.mean, found.deviation
    by_copies = store.attrs["statistics"].get(split, {})
    parts = [part for name, part in by_copies.items() if not copies or name in copies]
    parts = [part for part in parts if part["samples"]]
    if not parts:
        return np.zeros(len(store.channels)), np.ones(len(store.channels))
    count = np.array([[part["samples"]] for part in parts])
    means, deviations = (
        np.array([part[name] for part in parts], np.float64) for name in ("mean", "deviation")
    )
    mean = (count * means).sum(axis=0) / count.sum()
    variance = (count * (np.square(deviations) + np.square(means - mean))).sum(axis=0)
    return mean, np.sqrt(variance / count.sum())
