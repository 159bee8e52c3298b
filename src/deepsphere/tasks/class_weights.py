"""Weights of classes that are far from equally frequent."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.tasks.segmentation_samples import SegmentationSamples

Array = NDArray[np.float64]

PUBLISHED = (0.34130685, 318.47388343, 14.93759951)
"""Weights of background, tropical cyclones and atmospheric rivers in the ICLR 2020 experiments:
the balanced ones of the published training states."""

_PIXELS_OF_BLOCK = 1 << 19


def blocks(samples: SegmentationSamples, numbers: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield numbers of samples, as many at a time as take little memory, and at least one."""
    count = max(1, _PIXELS_OF_BLOCK // (samples.store.shape[1] * samples.input_times))
    for start in range(0, len(numbers), count):
        yield numbers[start : start + count]


def count_classes(samples: SegmentationSamples, numbers: NDArray[np.int64]) -> Array:
    """Return how often each pixel is of each class, shape (pixel, class).

    Parameters
    ----------
    samples : SegmentationSamples
    numbers : ndarray of int64, shape (sample,)
        The samples that count.
    """
    classes = np.arange(len(samples.classes))
    counts = np.zeros((samples.store.shape[1], len(classes)))
    for block in blocks(samples, numbers):
        target, known = samples.truth(block)
        counts += ((target[..., None] == classes) & known[..., None]).sum(axis=0)
    return counts


def balanced_weights(samples: SegmentationSamples) -> Array:
    """Return N / (C n) for each of C classes, n of the N training pixels: 1 in the mean over them.

    Pixels are weighted by their areas if these count. These are the weights that scikit-learn calls
    balanced.

    Raises
    ------
    DeepsphereError
        If no training pixel is of some class.
    """
    counts = count_classes(samples, samples.splits["train"])
    areas = np.ones(len(counts)) if samples.areas is None else samples.areas
    totals = areas @ counts
    if not totals.all():
        raise DeepsphereError(
            f"segmentation: no training pixel of {samples.store.folder} is of the class "
            f"{samples.classes[int(totals.argmin())]!r}, so there are no balanced class_weights; "
            "set them to none, or take more states"
        )
    weights: Array = totals.sum() / (len(totals) * totals)
    return weights
