"""Maps and their classes.

What the store must hold for that is listed in :mod:`deepsphere.tasks.labelled_store`. Samples that
are not valid are not trained on. In validation and test they count as what they are, and what the
model sees of them is the mean: a broken mesh is no excuse.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
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
    parts_seen,
    read_labels,
)
from deepsphere.tasks.map_samples import MapSamples
from deepsphere.tasks.ranking import Ranking, class_thresholds, rank
from deepsphere.tasks.samples import Predictions
from deepsphere.tasks.votes import by_part, voted


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassSamples(MapSamples):
    """Maps and their classes; see :class:`deepsphere.tasks.map_samples.MapSamples`, of which these
    are, and :class:`deepsphere.tasks.samples.Tunable`.

    Attributes
    ----------
    classes : tuple of str
        Names of the classes.
    labels : ndarray of int64, shape (sample,)
        Of all samples of the store.
    objects : ndarray of int64, shape (sample,)
        Which samples show the same object.
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

    classes: tuple[str, ...]
    labels: NDArray[np.int64] = field(repr=False)
    objects: NDArray[np.int64] = field(repr=False)
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
    def outputs(self) -> tuple[str, ...]:
        """Names of what a model says: the classes."""
        return self.classes

    def to_unit(self, samples: NDArray[np.int64], values: NDArray[Any]) -> NDArray[Any]:
        """Return probabilities or classes as they are."""
        return values

    def truth(self, samples: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the classes, and that they are known: shape (sample,), or (sample, part)."""
        target = self._of_parts(self.labels[samples])
        known = np.ones(target.shape, np.bool_)
        if self.seen is not None:
            known &= self.seen
        return target, known

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
        found = voted(found, self.objects)
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
        by_object = voted(found, self.objects)
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

        Of an object of several copies that was voted on, ``sample`` is the first one. ``part`` is
        which part of the sample a row is of, if its maps fall into any.
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
        if self.parts > 1 and not self.votes:
            arrays["part"] = np.nonzero(found.known)[1]
        if answers.descriptors is not None:
            arrays["descriptors"] = answers.descriptors
        if self.thresholds is not None:
            arrays["thresholds"] = self.thresholds
        return arrays

    def _answers(self, found: Predictions) -> Predictions:
        """Return what is scored: one answer a sample, a part of one, or an object."""
        answers = by_part(found)
        return voted(answers, self.objects) if self.votes else answers


def _is_finite(found: Predictions) -> bool:
    parts = (found.prediction, found.descriptors)
    return all(np.isfinite(part).all() for part in parts if part is not None)


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
    noise: float = 0.0,
    parts: int = 1,
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
    noise, parts
        See :class:`deepsphere.tasks.map_samples.MapSamples`.

    Raises
    ------
    DeepsphereError
        If the store has no labels, other ones than it has names for, or no such copies, if there
        is nothing to train on or to test on, or if its pixels do not fall into such parts.
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
        noise=noise,
        parts=parts,
        seen=parts_seen(store, parts),
    )
