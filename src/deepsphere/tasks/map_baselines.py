"""Support-vector machines on histograms and spectra of maps: what a network has to beat.

They are the baselines of the cosmological maps of N. Perraudin, M. Defferrard, T. Kacprzak,
R. Sgier: DeepSphere, efficient spherical convolutional neural network with HEALPix sampling for
cosmological applications, Astronomy and Computing 27 (2019). Maps with noise are shown to them
several times, with noise that is drawn anew each time.

Features take 8 bytes each, and are copied twice: 4 draws of 6144 patches at nside 1024, of which
the cut spectrum has 3072, take 1.8 GB. A spectrum at nside 1024 takes about a second
of a core.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.tasks.class_samples import ClassSamples
from deepsphere.tasks.histogram_features import Histograms
from deepsphere.tasks.samples import Batch, Float
from deepsphere.tasks.sky_patches import sky_patches
from deepsphere.tasks.spectrum_features import Features, cut_spectra, tapered_spectra
from deepsphere.tasks.support_vectors import Labelled, margin_probabilities, select_machine

Numbers = NDArray[np.int64]


def _histograms(samples: ClassSamples) -> Features:
    """Return histograms from the lowest to the highest value of the training maps without noise."""
    clean = replace(samples, noise=0.0)
    lows, highs = [], []
    for number in samples.splits["train"].tolist():
        values = _read(clean, clean.batch, number)
        lows.append(values.min(axis=(0, 1)))
        highs.append(values.max(axis=(0, 1)))
    return Histograms(np.min(lows, axis=0), np.max(highs, axis=0))


_FEATURES: dict[str, tuple[str, Callable[[ClassSamples], Features]]] = {
    "histogram": ("histograms of 100 bins of each channel", _histograms),
    "spectrum": (
        "l (l + 1) C_l of each channel, cut off at the border of the patch, as published",
        lambda samples: cut_spectra(sky_patches(samples)),
    ),
    "apodised-spectrum": (
        "the logarithms of apodised spectra in bands, and the correlations of channels",
        lambda samples: tapered_spectra(sky_patches(samples)),
    ),
}


def map_baselines(
    samples: ClassSamples, which: tuple[str, ...], draws: int
) -> Iterator[tuple[str, str, int, Float]]:
    """Yield classifications of maps by support-vector machines.

    Parameters
    ----------
    samples : ClassSamples
    which : tuple of {"histogram", "spectrum", "apodised-spectrum"}
    draws : int
        How often the training samples are shown, if they have noise.

    Yields
    ------
    name : str
    description : str
    parameters : int
        Number of fitted values.
    prediction : ndarray of float32, shape (test sample, class) or (test sample, part, class)
        What :func:`deepsphere.tasks.support_vectors.margin_probabilities` makes of margins: their
        order is that of the machine, but they are not calibrated.

    Raises
    ------
    DeepsphereError
        If ducc0 is not installed, spectra are asked for of other maps than HEALPix
        ones, or a map has infinite values.
    """
    classes = len(samples.classes)
    for name in which:
        description, make = _FEATURES[name]
        features = make(samples)
        train = _drawn(samples, features, draws)
        numbers = samples.splits["validation"]
        validation = _labelled(samples, features, samples.batch, numbers) if len(numbers) else None
        machine = select_machine(train, validation, classes)
        rows = _rows(samples, features, samples.batch, samples.splits["test"])
        answers = margin_probabilities(machine.margins(rows.reshape(-1, rows.shape[-1])))
        shape = rows.shape[:2] if samples.parts > 1 else rows.shape[:1]
        yield (
            name,
            f"linear support-vector machine on {description} (C = {machine.cost:.3g}; "
            "probabilities are not calibrated)",
            machine.parameters,
            answers.reshape(*shape, classes),
        )


def _drawn(samples: ClassSamples, features: Features, draws: int) -> Labelled:
    """Return the training samples, several times if they have noise."""
    numbers = samples.splits["train"]
    if not samples.noise:
        return _labelled(samples, features, samples.batch, numbers)
    found = [
        _labelled(samples, features, partial(samples.noisy_batch, place=(draw, 0)), numbers)
        for draw in range(draws)
    ]
    return Labelled(
        np.concatenate([each.features for each in found]),
        np.concatenate([each.target for each in found]),
        np.concatenate([each.groups for each in found]),
    )


def _labelled(
    samples: ClassSamples, features: Features, batch: Callable[[Numbers], Batch], numbers: Numbers
) -> Labelled:
    """Return the features of what is known of some samples, and their classes and skies."""
    rows = _rows(samples, features, batch, numbers)
    target, known = samples.truth(numbers)
    target, known = target.reshape(rows.shape[:2]), known.reshape(rows.shape[:2])
    groups = np.broadcast_to(skies(samples)[numbers, None], target.shape)
    return Labelled(rows[known], target[known], groups[known])


def _rows(
    samples: ClassSamples, features: Features, batch: Callable[[Numbers], Batch], numbers: Numbers
) -> NDArray[np.float64]:
    """Return the features of some samples, read one by one, shape (sample, part, feature)."""
    rows = []
    for number in numbers.tolist():
        parts = _read(samples, batch, number)
        rows.append([features(values, (number, part)) for part, values in enumerate(parts)])
    return np.array(rows)


def _read(samples: ClassSamples, batch: Callable[[Numbers], Batch], number: int) -> Float:
    """Return the input of one sample, shape (part, pixel, channel)."""
    inputs = batch(np.array([number])).inputs
    if not np.isfinite(inputs).all():
        raise DeepsphereError(
            f"baselines: map {samples.name(number)} of {samples.store.folder} has infinite values; "
            "take it out of the store, or give no baselines of maps"
        )
    return inputs.reshape(samples.parts, -1, samples.input_channels)


def skies(samples: ClassSamples) -> Numbers:
    """Return which samples of the store share initial conditions, or show the same object."""
    objects = samples.objects
    seeds = samples.store.coordinates.get("seed")
    if seeds is None:
        return objects
    # Objects without a seed have numbers of their own below 0.
    return np.where(seeds >= 0, seeds.astype(np.int64), -1 - objects)
