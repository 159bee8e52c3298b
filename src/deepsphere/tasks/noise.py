"""White noise that follows from words: which sample it is of, and which draw of it.

Take it wherever a task adds noise to its inputs. Noise of a generator that runs on from sample to
sample depends on the order in which they are read, and two generators with one seed give two splits
the same numbers. Here each map has a stream of its own, named by words; so it is the same in any
batch, in any process, and after a resumption, and streams of different words never coincide.
"""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_KEY = 16
"""Bytes of a key of Philox."""


def white_noise(
    shape: tuple[int, ...], deviation: float, words: tuple[int | str, ...]
) -> NDArray[np.float32]:
    """Return independent normal numbers of mean 0.

    Parameters
    ----------
    shape : tuple of int
    deviation : float
        Their standard deviation, at least 0.
    words : tuple of int or str
        Name of the stream. Numbers and texts differ: ``("1",)`` is not ``(1,)``.

    Returns
    -------
    ndarray of float32, of that shape
        The same for the same words, with one version of NumPy; for another deviation, the same
        numbers multiplied. The numbers come from Philox (J. K. Salmon et al., "Parallel Random
        Numbers: As Easy as 1, 2, 3", SC 2011), whose key is the beginning of the SHA-256 of the
        words: that two streams share it has a chance of 2^-128 a pair.

    Raises
    ------
    ValueError
        If the deviation is negative or not finite.
    """
    if not 0 <= deviation < np.inf:
        raise ValueError(f"expected a deviation of 0 or more, found {deviation}")
    digest = hashlib.sha256(json.dumps(words).encode()).digest()
    key = int.from_bytes(digest[:_KEY], "little")
    generator = np.random.Generator(np.random.Philox(key=key))
    values: NDArray[np.float32] = generator.standard_normal(shape, dtype=np.float32)
    values *= np.float32(deviation)
    return values


def add_noise(
    inputs: NDArray[np.float32],
    deviation: float,
    splits: Sequence[str],
    numbers: NDArray[np.int64],
    draw: tuple[str | int, ...],
) -> None:
    """Add white noise to the inputs of samples, in place.

    Parameters
    ----------
    inputs : ndarray of float32, shape (sample, pixel, channel)
    deviation : float
        Its standard deviation; with 0, nothing is drawn.
    splits : sequence of str
        The split of each sample.
    numbers : ndarray of int64, shape (sample,)
        The samples.
    draw : tuple
        ``("fixed",)``, or ``("drawn", seed, epoch)`` for noise of a place of a training. Streams
        are named by its first word, the split, its other words and the number.
    """
    if not deviation:
        return
    kind, *place = draw
    for values, split, number in zip(inputs, splits, numbers, strict=True):
        values += white_noise(values.shape, deviation, (kind, split, *place, int(number)))
