"""Maps and their classes, read from a store batch by batch: it may be larger than memory.

What the store must hold for that is listed in :mod:`deepsphere.tasks.labelled_store`. Samples that
are not valid are not trained on. In validation and test they count as what they are, and what the
model sees of them is the mean: a broken mesh is no excuse.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.stores.reader import Store
from deepsphere.tasks.class_normalization import ClassNormalization, channel_scales
from deepsphere.tasks.class_scores import (
    CURVES,
    ERROR,
    RETRIEVAL_METRICS,
    class_scores,
    retrieval_scores,
)
from deepsphere.tasks.classification_metrics import METRICS
from deepsphere.tasks.labelled_store import (
    class_names,
    divided_samples,
    numbered_categories,
    object_name,
    object_numbers,
    read_labels,
    sample_name,
)
from deepsphere.tasks.normalization import Layout
from deepsphere.tasks.ranking import Ranking, class_thresholds, rank
from deepsphere.tasks.samples import Batch, Float, Predictions
from deepsphere.tasks.tally import Whole
from deepsphere.tasks.votes import vote


@dataclass(frozen=True, eq=False)
class ClassSamples:
    """Maps and their classes; see :class:`deepsphere.tasks.samples.Samples`.

    Attributes
    ----------
    store : Store
    channels : tuple of str
        Of the store.
    classes : tuple of str
        Names of the classes.
    labels : ndarray of int64, shape (sample,)
        Of all samples of the store.
    objects : ndarray of int64, shape (sample,)
        Which samples show the same object.
    splits : mapping of str to ndarray of int64
        Numbers of the samples that count.
    means, deviations : ndarray of float32, shape (split, channel)
        By which the samples of each split are normalized.
    votes : bool
        Whether one answer is given an object.
    triplet : float
        Weight of the triplet loss.
    ranking : {"score", "nearest", "thresholds"} or None
        How what is retrieved is ranked; None scores no retrieval.
    thresholds : ndarray of float64, shape (class,), or None
        Those that :meth:`tuned` found, if the ranking takes any.
    """

    error: ClassVar[str] = ERROR
    curves: ClassVar[tuple[str, ...]] = CURVES
    input_times: ClassVar[int] = 1
    layout: ClassVar[Layout] = "map"
    unit: ClassVar[str] = "1"

    store: Store
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    labels: NDArray[np.int64] = field(repr=False)
    objects: NDArray[np.int64] = field(repr=False)
    splits: Mapping[str, NDArray[np.int64]] = field(repr=False)
    means: Float = field(repr=False)
    deviations: Float = field(repr=False)
    votes: bool = False
    triplet: float = 0.0
    ranking: Ranking | None = None
    thresholds: NDArray[np.float64] | None = field(default=None, repr=False)

    @property
    def objective(self) -> Mapping[str, Any]:
        """What training is after."""
        return {
            "kind": "classification",
            "triplet": self.triplet,
            "descriptors": self.ranking is not None,
        }

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the scores that tables show."""
        return METRICS if self.ranking is None else (*METRICS, *RETRIEVAL_METRICS)

    @property
    def input_channels(self) -> int:
        """Channels of a sample's input."""
        return len(self.channels)

    @property
    def mean(self) -> Float:
        """What is taken away from the channels of new maps, shape (channel,)."""
        mean: Float = self.means[0]
        return mean

    @property
    def deviation(self) -> Float:
        """What the channels of new maps are divided by, shape (channel,)."""
        deviation: Float = self.deviations[0]
        return deviation

    @property
    def fill(self) -> Float:
        """What stands for a value that nothing is known of, shape (pixel, channel)."""
        return np.tile(self.mean, (self.store.shape[1], 1))

    def batch(self, samples: NDArray[np.int64]) -> Batch:
        """Return some samples by their numbers."""
        columns = [self.store.channels.index(channel) for channel in self.channels]
        part = self.store.coordinates["split"][samples]
        inputs = self.store.read(samples)[:, :, columns]
        inputs -= self.means[part, None]
        inputs /= self.deviations[part, None]
        np.copyto(inputs, 0, where=np.isnan(inputs))
        target, known = self.truth(samples)
        return Batch(inputs, target, known)

    def to_unit(self, samples: NDArray[np.int64], values: NDArray[Any]) -> NDArray[Any]:
        """Return probabilities or classes as they are."""
        return values

    def truth(self, samples: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the classes, and that they are known."""
        return self.labels[samples], np.ones(len(samples), np.bool_)

    def tally(self, scratch: Path | None = None) -> Whole:
        """Return an empty tally, in memory."""
        return Whole(self)

    def tuned(self, predict: Callable[[NDArray[np.int64]], Predictions]) -> "ClassSamples":
        """Return the samples with the thresholds of a model, if the ranking takes any.

        Parameters
        ----------
        predict : callable
            Gives what the model says of samples by their numbers.

        Raises
        ------
        DeepsphereError
            If there are no validation samples to find them on, or if what the model says of them
            is not finite.
        """
        if self.ranking != "thresholds":
            return self
        if not len(self.splits["validation"]):
            raise DeepsphereError(
                f"classification: {self.store.folder} has no validation samples, on which "
                "ranking: thresholds finds its thresholds; take another ranking"
            )
        found = predict(self.splits["validation"])
        if not _is_finite(found):
            raise DeepsphereError(
                "classification: what the model says of the validation samples is not finite; "
                "train again with a lower learning rate"
            )
        found = self._voted(found)
        if found.descriptors is None:
            raise ValueError("expected descriptors to find thresholds of, found none")
        predicted = found.prediction.argmax(axis=1)
        classes = len(self.classes)
        return replace(
            self,
            thresholds=class_thresholds(found.descriptors, predicted, found.target, classes),
        )

    def scores(self, found: Predictions) -> dict[str, float]:
        """Return the metrics of a classification and, if asked for, of retrieval; NaN if any
        probability or descriptor is no number.

        What has no descriptors, as baselines have none, is scored for retrieval only where the
        ranking is by score.
        """
        if not _is_finite(found):
            return dict.fromkeys((*CURVES, *self.metrics), np.nan)
        answers = self._answers(found)
        scores = class_scores(answers.prediction, answers.target, len(self.classes))
        if self.ranking is None or (self.ranking != "score" and found.descriptors is None):
            return scores
        by_object = self._voted(found)
        lists = rank(
            self.ranking,
            by_object.prediction,
            [object_name(self.store, number) for number in by_object.numbers],
            by_object.descriptors,
            self.thresholds,
        )
        return scores | retrieval_scores(
            lists,
            *numbered_categories(self.store, by_object.numbers, self.classes),
        )

    def kept(self, found: Predictions) -> dict[str, NDArray[Any]]:
        """Return what was scored, the names of the classes, and which objects these were.

        Of an object of several copies that was voted on, ``sample`` is the first one.
        """
        answers = self._answers(found)
        arrays = {
            "prediction": answers.prediction,
            "target": answers.target,
            "known": answers.known,
            "sample": answers.numbers,
            "id": np.array([object_name(self.store, number) for number in answers.numbers]),
            "classes": np.array(self.classes),
        }
        if answers.descriptors is not None:
            arrays["descriptors"] = answers.descriptors
        if self.thresholds is not None:
            arrays["thresholds"] = self.thresholds
        return arrays

    def name(self, number: int) -> str:
        """Return the name of a sample's object and, if there are several, of the copy."""
        return sample_name(self.store, number)

    def _answers(self, found: Predictions) -> Predictions:
        """Return what is scored: one answer a sample, or an object."""
        return self._voted(found) if self.votes else found

    def _voted(self, found: Predictions) -> Predictions:
        """Return one answer an object, by the mean over its copies."""
        found = _sorted(found)
        votes = vote(self.objects[found.numbers], found.prediction, found.descriptors)
        return Predictions(
            numbers=found.numbers[votes.first],
            prediction=votes.probabilities,
            target=found.target[votes.first],
            known=found.known[votes.first],
            descriptors=votes.descriptors,
        )


def _is_finite(found: Predictions) -> bool:
    parts = (found.prediction, found.descriptors)
    return all(np.isfinite(part).all() for part in parts if part is not None)


def _sorted(found: Predictions) -> Predictions:
    """Return predictions in the order of the samples in the store."""
    order = np.argsort(found.numbers)
    rows: dict[str, Any] = {
        name: None if rows is None else rows[order] for name, rows in vars(found).items()
    }
    return Predictions(**rows)


def open_class_samples(
    store: Store,
    channels: tuple[str, ...],
    *,
    train_copies: Collection[str] = (),
    test_copies: Collection[str] = (),
    normalization: ClassNormalization = "train",
    votes: bool = False,
    triplet: float = 0.0,
    ranking: Ranking | None = None,
) -> ClassSamples:
    """Return the samples of a classification on a store.

    Parameters
    ----------
    store : Store
        See :mod:`deepsphere.tasks.labelled_store`.
    channels : tuple of str
        Of the store.
    train_copies, test_copies : collection of str
        Sets of copies that count for training and validation, and for the test; all, if none is
        named.
    normalization : {"train", "own-split", "s2cnn"}
        See :func:`deepsphere.tasks.class_normalization.channel_scales`.
    votes, triplet, ranking
        See :class:`ClassSamples`.

    Raises
    ------
    DeepsphereError
        If the store has no labels, other ones than it has names for, or no such copies, or if
        there is nothing to train on or to test on.
    """
    labels = read_labels(store)
    copies = {"train": train_copies, "validation": train_copies, "test": test_copies}
    splits = divided_samples(store, copies)
    means, deviations = channel_scales(store, channels, splits, copies, normalization)
    return ClassSamples(
        store=store,
        channels=channels,
        classes=class_names(store, labels),
        labels=labels,
        objects=object_numbers(store),
        splits=splits,
        means=means.astype(np.float32),
        deviations=deviations.astype(np.float32),
        votes=votes,
        triplet=triplet,
        ranking=ranking,
    )
