"""What is counted of segmentations, batch by batch, until they are scored.

Scores are over all pixels of all samples, a hundred million and more, of which nothing is held in
memory: confusions and bins of probabilities are. With a folder, probabilities go to disk, and the
average precision is exact; without, it is that of the bins.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepsphere.tasks.average_precision import BinnedScores, SortedScores
from deepsphere.tasks.samples import Predictions
from deepsphere.tasks.segmentation_metrics import confusion_matrix, segmentation_metrics

Array = NDArray[np.float64]

ERROR = "selection_error"
"""The score that models are selected by: 1 - ``map``, so that what is selected is what is reported,
however the classes are weighted in the loss. Of samples without any event it is the cross entropy.
"""

CURVES = ("cross_entropy", "mean_accuracy", "map")
"""The scores that a learning curve shows."""

UNKNOWN = 255
"""What stands for a class that is not known."""

_CURVE_POINTS = 512


class Counts(NamedTuple):
    """What adds up.

    Attributes
    ----------
    confusion : ndarray of float64, shape (class, class)
    positive, total : ndarray of float64, shape (class, bin)
        See :class:`deepsphere.tasks.average_precision.BinnedScores`.
    loss : ndarray of float64, shape (2,)
        The sum of the weighted losses, and what it is to be divided by.
    """

    confusion: Array
    positive: Array
    total: Array
    loss: Array


class SegmentationTally:
    """Segmentations of some samples; see :class:`deepsphere.tasks.samples.Tally`.

    Parameters
    ----------
    classes : tuple of str
        Their names.
    class_weights : ndarray of float64, shape (class,)
        By which losses are multiplied.
    areas : ndarray of float64, shape (pixel,), or None
        What pixels count; all alike, if not given.
    scratch : Path or None
        An empty folder, for the average precision to be exact and for segmentations to be kept.
    """

    def __init__(
        self,
        classes: tuple[str, ...],
        class_weights: Array,
        areas: Array | None,
        scratch: Path | None,
    ) -> None:
        self.classes, self.class_weights, self.areas = classes, class_weights, areas
        self.scratch = scratch
        self.binned = BinnedScores(len(classes))
        self.sorted = (
            None if scratch is None else SortedScores(scratch, len(classes), areas is not None)
        )
        self.confusion = np.zeros((len(classes), len(classes)))
        self.loss = np.zeros(2)
        self.numbers: list[NDArray[np.int64]] = []
        self.pixels = 0

    def add(self, found: Predictions) -> None:
        """Add the probabilities of some samples.

        Parameters
        ----------
        found : Predictions
            The prediction of shape (sample, pixel, class), the target of (sample, pixel).
        """
        known = found.known
        weights = None
        if self.areas is not None:
            weights = np.broadcast_to(self.areas, known.shape)[known]
        chances, truth = found.prediction[known], found.target[known]
        if not np.isfinite(chances).all():
            # What is not a number makes every score none.
            self.loss[:] = np.nan
            return
        answers = found.prediction.argmax(axis=-1)
        counts = len(self.classes)
        self.confusion += confusion_matrix(answers[known], truth, counts, weights)
        self.loss += self._losses(chances, truth, weights)
        self.binned.add(chances, truth, weights)
        if self.scratch is not None and self.sorted is not None:
            self.sorted.add(chances, truth, weights)
            self.numbers.append(found.numbers)
            self.pixels = known.shape[1]
            classes = {"prediction": answers, "target": np.where(known, found.target, UNKNOWN)}
            for name, values in classes.items():
                with (self.scratch / name).open("ab") as stream:
                    stream.write(values.astype(np.uint8).tobytes())

    def state(self) -> Counts:
        """Return what adds up."""
        return Counts(self.confusion, self.binned.positive, self.binned.total, self.loss)

    def merge(self, state: Counts) -> None:
        """Add what another tally had, but for what it has on disk."""
        for own, other in zip(self.state(), state, strict=True):
            own += other

    def scores(self) -> Mapping[str, float]:
        """Return the metrics of a segmentation, the cross entropy and :data:`ERROR`.

        Of bins, there is also ``average_precision_tolerance``: no average precision is farther from
        the exact one. All are NaN if any probability is no number.
        """
        if np.isnan(self.loss[0]):
            return dict.fromkeys((*CURVES, ERROR, "mean_iou"), np.nan)
        average, tolerance = self.binned.averages()
        exact = self.sorted is not None
        if self.sorted is not None:
            average = self.sorted.averages()
        scores = segmentation_metrics(self.confusion, average, self.classes)
        scores["cross_entropy"] = float(self.loss[0] / self.loss[1])
        scores[ERROR] = 1 - scores["map"] if "map" in scores else scores["cross_entropy"]
        if not exact:
            scores["average_precision_tolerance"] = float(np.nanmax(tolerance))
        return scores

    def kept(self) -> Mapping[str, NDArray[Any]]:
        """Return the classes of all pixels, and what figures need.

        Returns
        -------
        dict of str to ndarray
            ``prediction`` and ``target``, uint8 of shape (sample, pixel), 255 where the class is
            not known, on disk as long as the folder is there; ``sample``, their numbers;
            ``classes``, the names; ``confusion``; ``precision`` and ``recall`` of each class, of
            shape (class, point), at falling thresholds.

        Raises
        ------
        ValueError
            If there was no folder to keep them in.
        """
        if self.scratch is None:
            raise ValueError("expected a folder to keep segmentations in, found none")
        numbers = np.concatenate(self.numbers)
        shape = (len(numbers), self.pixels)
        on_disk = {
            name: np.memmap(self.scratch / name, np.uint8, "r", shape=shape)
            for name in ("prediction", "target")
        }
        precision, recall = self._curves()
        return {
            **on_disk,
            "sample": numbers,
            "classes": np.array(self.classes),
            "confusion": self.confusion,
            "precision": precision,
            "recall": recall,
        }

    def _losses(
        self, chances: NDArray[np.float32], truth: NDArray[np.int64], weights: Array | None
    ) -> Array:
        """Return the sum of the weighted cross entropies, and what it is to be divided by."""
        of_truth = chances[np.arange(len(truth)), truth].astype(np.float64)
        least = float(np.finfo(np.float32).tiny)
        losses = -np.log(np.maximum(of_truth, least)) * self.class_weights[truth]
        if weights is None:
            return np.array([losses.sum(), len(losses)])
        return np.array([losses @ weights, weights.sum()])

    def _curves(self) -> tuple[Array, Array]:
        """Return points of the curves of precision and recall that are spread over the recalls."""
        points = []
        for precision, recall in zip(*self.binned.curves(), strict=True):
            # Above the highest score there is nothing, and no precision.
            first = int(np.isnan(precision).sum())
            wanted = np.linspace(0, 1, _CURVE_POINTS)
            places = first + np.searchsorted(recall[first:], wanted)
            places = np.minimum(places, len(recall) - 1)
            points.append((precision[places], recall[places]))
        found = np.array(points)
        return found[:, 0], found[:, 1]
