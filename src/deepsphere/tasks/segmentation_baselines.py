"""Segmentations that need no network: what a network has to beat.

They answer batch by batch, as a network does: what they say of all test samples may be larger than
memory.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from deepsphere.tasks.class_weights import Array, blocks, count_classes
from deepsphere.tasks.logistic import fit_logistic, logistic_probabilities
from deepsphere.tasks.samples import Float
from deepsphere.tasks.segmentation_samples import SegmentationSamples

Numbers = NDArray[np.int64]
Baseline = tuple[str, str, int, Callable[[Numbers], Float]]
"""Name, description, number of fitted values, and what gives the probabilities of samples, of shape
(sample, pixel, class)."""

_STATES = 512
_PIXELS_OF_CLASS = 20_000
_PENALTY = 1e-4
_PRIOR = 1.0
"""States' worth of the overall frequencies that are added to those of a pixel."""


def segmentation_baselines(samples: SegmentationSamples) -> Iterator[Baseline]:
    """Yield the baselines of a segmentation.

    Those that tell pixels apart weigh classes as the loss does: their probabilities are what has
    the least weighted loss.

    Yields
    ------
    name : str
    description : str
    parameters : int
        Number of fitted values.
    answer : callable
        Takes numbers of samples, returns probabilities, float32 of shape (sample, pixel, class).
    """
    counts = count_classes(samples, samples.splits["train"])
    areas = np.ones(len(counts)) if samples.areas is None else samples.areas
    frequency = areas @ counts
    frequency /= frequency.sum()
    shape = counts.shape
    yield (
        "majority",
        "the frequencies of the classes in the training states",
        len(frequency),
        _constant(np.broadcast_to(frequency, shape)),
    )
    seen = counts.sum(axis=1, keepdims=True)
    of_pixels = (counts + _PRIOR * frequency) / (seen + _PRIOR)
    yield (
        "climatology",
        "the frequencies of the classes in each pixel in the training states",
        counts.size,
        _constant(_weighted(of_pixels, samples)),
    )
    features, target = _some_pixels(samples)
    coefficients = fit_logistic(features, target, len(frequency), _PENALTY)
    drawn = np.bincount(target, minlength=len(frequency)) / len(target)
    # As many pixels of each class were drawn as could be; the intercepts put that right.
    coefficients[-1] += np.log(np.maximum(frequency, _LEAST) / np.maximum(drawn, _LEAST))

    def answer(numbers: Numbers) -> Float:
        return np.concatenate([of_block(block) for block in blocks(samples, numbers)])

    def of_block(numbers: Numbers) -> Float:
        of_samples = _features(samples.batch(numbers).inputs)
        flat = of_samples.reshape(-1, of_samples.shape[-1]).astype(np.float64)
        chances = _weighted(logistic_probabilities(coefficients, flat), samples)
        return chances.reshape(len(numbers), *shape).astype(np.float32)

    yield (
        "linear",
        "logistic regression on the channels of each pixel alone",
        coefficients.size,
        answer,
    )


_LEAST = float(np.finfo(np.float32).tiny)


def _constant(chances: Array) -> Callable[[Numbers], Float]:
    """Return what says the same of every sample."""
    narrow = chances.astype(np.float32)
    return lambda numbers: np.broadcast_to(narrow, (len(numbers), *narrow.shape))


def _weighted(chances: Array, samples: SegmentationSamples) -> Array:
    if samples.class_weights is None:
        return chances
    weighted = chances * samples.class_weights
    result: Array = weighted / weighted.sum(axis=-1, keepdims=True)
    return result


def _features(inputs: Float) -> Float:
    """Return what each pixel has, of all times of a window, shape (sample, pixel, feature)."""
    if inputs.ndim == 3:
        return inputs
    return np.concatenate(list(np.moveaxis(inputs, 1, 0)), axis=-1)


def _some_pixels(samples: SegmentationSamples) -> tuple[Array, Numbers]:
    """Return the features and classes of training pixels, as equally many of each as there are.

    They are drawn from training states spread over all, each pixel of a class with the same chance.
    """
    random = np.random.default_rng(0)
    train = samples.splits["train"]
    spread = np.linspace(0, len(train) - 1, min(len(train), _STATES)).astype(np.int64)
    classes, width = len(samples.classes), samples.input_times * samples.input_channels
    features: list[Float] = [np.empty((0, width), np.float32)] * classes
    tickets = [np.empty(0)] * classes
    for block in blocks(samples, train[spread]):
        batch = samples.batch(block)
        of_block = _features(batch.inputs)
        for number in range(classes):
            drawn = random.random(batch.target.shape)
            is_class = (batch.target == number) & batch.known
            # The lowest tickets of all blocks win; of a block, only those have a chance at all.
            few = np.flatnonzero(is_class)
            few = few[np.argsort(drawn.ravel()[few])[:_PIXELS_OF_CLASS]]
            chosen = np.concatenate([tickets[number], drawn.ravel()[few]])
            pooled = np.concatenate([features[number], of_block.reshape(-1, width)[few]])
            best = np.argsort(chosen)[:_PIXELS_OF_CLASS]
            tickets[number], features[number] = chosen[best], pooled[best]
    target = np.repeat(np.arange(classes), [len(part) for part in tickets])
    return np.concatenate(features).astype(np.float64), target
