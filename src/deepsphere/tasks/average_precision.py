r"""Average precision of scores that are too many to be held in memory.

The average precision of a class is :math:`\sum_k (R_k - R_{k-1}) P_k` over the thresholds from the
highest to the lowest, where P and R are precision and recall of what lies at or above each. That is
scikit-learn's ``average_precision_score``. It needs, for each different score, only how many
positive samples and how many in all have it:

* :class:`BinnedScores` counts them in bins, in memory. What lies in one bin is taken for equal, and
  how far that can be from the truth is known.
* :class:`SortedScores` keeps them on disk, by their floating-point exponent: a file has at most
  2\ :sup:`23` different scores, so counting it takes little memory, however many there are. The
  result is exact.

Scores are weighted by areas where these are given.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Keys = NDArray[np.uint32]

BINS = 1 << 14
"""Bins of :class:`BinnedScores`."""

_STEEPEST = 17.0
"""Logits beyond it are those of 1 and of what is next to 0 in float32."""

_BLOCK = 1 << 22
_EXPONENT = 24


class BinnedScores:
    """Scores between 0 and 1 of some classes, counted in bins of equal width in their logits.

    Parameters
    ----------
    classes : int

    Attributes
    ----------
    positive, total : ndarray of float64, shape (class, bin)
        Weights of the samples of the class, and of all; the lowest scores come first.
    """

    def __init__(self, classes: int) -> None:
        self.positive = np.zeros((classes, BINS))
        self.total = np.zeros((classes, BINS))

    def add(
        self, chances: NDArray[np.float32], truth: NDArray[np.int64], weights: Array | None
    ) -> None:
        """Add some samples.

        Parameters
        ----------
        chances : ndarray of float32, shape (sample, class)
            The scores.
        truth : ndarray of int64, shape (sample,)
            The class of each sample.
        weights : ndarray of float64, shape (sample,), or None
            What a sample counts; 1, if not given.
        """
        for number, column in enumerate(chances.T):
            bins = _bins(column)
            is_positive = truth == number
            some = None if weights is None else weights[is_positive]
            self.total[number] += np.bincount(bins, weights, BINS)
            self.positive[number] += np.bincount(bins[is_positive], some, BINS)

    def averages(self) -> tuple[Array, Array]:
        """Return the average precisions, and how far they may be from the exact ones.

        Returns
        -------
        average, tolerance : ndarray of float64, shape (class,)
            The exact one is within the tolerance; NaN of a class without samples.
        """
        found = [
            _with_bounds(positive[::-1], total[::-1])
            for positive, total in zip(self.positive, self.total, strict=True)
        ]
        average, tolerance = np.array(found).T
        return average, tolerance

    def curves(self) -> tuple[Array, Array]:
        """Return the precision and the recall at or above each bin.

        Returns
        -------
        precision, recall : ndarray of float64, shape (class, bin)
            From the highest scores to all. NaN where they are not defined.
        """
        above = np.cumsum(self.positive[:, ::-1], axis=1)
        with np.errstate(invalid="ignore"):
            return above / np.cumsum(self.total[:, ::-1], axis=1), above / above[:, -1:]


@dataclass(frozen=True)
class SortedScores:
    """Scores of some classes, on disk.

    Attributes
    ----------
    folder : Path
        An empty folder for the files: 4 bytes a sample and class, 12 with weights.
    classes : int
    weighted : bool
        Whether samples have weights.
    """

    folder: Path
    classes: int
    weighted: bool = False

    def add(
        self, chances: NDArray[np.float32], truth: NDArray[np.int64], weights: Array | None
    ) -> None:
        """Add some samples; see :meth:`BinnedScores.add`.

        Raises
        ------
        ValueError
            If there are weights where there should be none, or none where there should be some.
        """
        if (weights is not None) != self.weighted:
            raise ValueError(f"expected weights: {self.weighted}, found {weights is not None}")
        for number, column in enumerate(chances.T):
            keys = _keys(column, truth == number)
            exponents = (keys >> _EXPONENT).astype(np.uint8)
            order = np.argsort(exponents, kind="stable")
            ends = np.cumsum(np.bincount(exponents, minlength=256))
            for exponent in np.unique(exponents):
                part = order[ends[exponent - 1] if exponent else 0 : ends[exponent]]
                self._append(self._file(number, int(exponent)), keys[part])
                if weights is not None:
                    self._append(self._weights(number, int(exponent)), weights[part])

    def averages(self) -> Array:
        """Return the average precisions, shape (class,); NaN of a class without samples."""
        return np.array([self._average(number) for number in range(self.classes)])

    def _average(self, number: int) -> float:
        area = found = above = 0.0
        for exponent in reversed(range(256)):
            if not self._file(number, exponent).exists():
                continue
            positive, total = _by_score(*_counted(self._blocks(number, exponent)))
            area += float(_steps(found, above, positive, total).sum())
            found += float(positive.sum())
            above += float(total.sum())
        return area / found if found else np.nan

    def _blocks(self, number: int, exponent: int) -> Iterator[tuple[Keys, Array | None]]:
        file, weights = self._file(number, exponent), self._weights(number, exponent)
        count = file.stat().st_size // 4
        for start in range(0, count, _BLOCK):
            keys = np.fromfile(file, np.uint32, _BLOCK, offset=4 * start)
            yield (
                keys,
                np.fromfile(weights, np.float64, _BLOCK, offset=8 * start)
                if self.weighted
                else None,
            )

    def _file(self, number: int, exponent: int) -> Path:
        return self.folder / f"scores-{number}-{exponent}"

    def _weights(self, number: int, exponent: int) -> Path:
        return self.folder / f"weights-{number}-{exponent}"

    def _append(self, file: Path, values: NDArray[np.uint32] | Array) -> None:
        with file.open("ab") as stream:
            stream.write(values.tobytes())


def _bins(chances: NDArray[np.float32]) -> NDArray[np.intp]:
    wide = chances.astype(np.float64)
    with np.errstate(divide="ignore"):
        logits = np.log(wide) - np.log1p(-np.minimum(wide, 1))
    place = (np.clip(logits, -_STEEPEST, _STEEPEST) + _STEEPEST) * (BINS / (2 * _STEEPEST))
    bins: NDArray[np.intp] = np.minimum(place.astype(np.intp), BINS - 1)
    return bins


def _keys(chances: NDArray[np.float32], is_positive: NDArray[np.bool_]) -> Keys:
    """Return whole numbers in the order of scores from 0; the last bit says what is positive."""
    # Floating-point numbers from 0 have the order of their bits; the sum makes -0 a 0.
    bits = (chances + np.float32(0)).view(np.uint32)
    return (2 * bits + is_positive).astype(np.uint32)


def _counted(blocks: Iterator[tuple[Keys, Array | None]]) -> tuple[Keys, Array]:
    """Return the different keys, in order, and the weight of each."""
    keys: Keys = np.empty(0, np.uint32)
    amounts = np.empty(0)
    for block, weights in blocks:
        if weights is None:
            different, counts = np.unique(block, return_counts=True)
            new, new_amounts = different, counts.astype(np.float64)
        else:
            new, new_amounts = _summed(block, weights)
        keys, amounts = _summed(np.concatenate([keys, new]), np.concatenate([amounts, new_amounts]))
    return keys, amounts


def _summed(keys: Keys, amounts: Array) -> tuple[Keys, Array]:
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    return keys[first], np.add.reduceat(amounts[order], first)


def _by_score(keys: Keys, amounts: Array) -> tuple[Array, Array]:
    """Return the weight of the positive samples and of all, by score, the highest first."""
    keys, amounts = keys[::-1], amounts[::-1]
    scores = keys >> 1
    first = np.flatnonzero(np.diff(scores, prepend=~scores[:1]))
    positive = np.where(keys & 1, amounts, 0)
    return np.add.reduceat(positive, first), np.add.reduceat(amounts, first)


def _steps(found: float, above: float, positive: Array, total: Array) -> Array:
    """Return the precision at each score times its positive weight."""
    precision = (found + np.cumsum(positive)) / (above + np.cumsum(total))
    steps: Array = positive * precision
    return steps


def _with_bounds(positive: Array, total: Array) -> tuple[float, float]:
    """Return the average precision of bins, the highest first, and how exact it is.

    With T positive weights before a bin of p positive ones, and N negative ones up to it and F
    before it: at a positive sample x below the bin's highest, T + x or more are positive and N or
    fewer are negative. So its precision is (T + x) / (T + x + N) or more; and it is
    (T + p) / (T + p + F) or less, if all are equal.
    """
    some = total > 0
    positive, total = positive[some], total[some]
    if not positive.any():
        return np.nan, np.nan
    found, above = np.cumsum(positive), np.cumsum(total)
    before, negative = found - positive, above - found
    negative_before = negative - (total - positive)
    average = (positive * found / above).sum()
    least = positive - negative * np.log1p(_ratio(positive, before + negative))
    most = positive * _ratio(found, found + negative_before)
    sums = np.array([average, least.sum(), most.sum()]) / found[-1]
    return float(sums[0]), float(max(sums[2] - sums[0], sums[0] - sums[1]))


def _ratio(values: Array, divisor: Array) -> Array:
    """Return values / divisor, 0 where the divisor is 0."""
    return np.divide(values, divisor, out=np.zeros_like(values), where=divisor > 0)
