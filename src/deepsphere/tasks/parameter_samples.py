"""Maps and numbers that describe them.

Targets are coordinates of the store's samples. What the model says of them is in units of their
standard deviation from their mean, both over the training samples, so that none counts more for its
unit. Samples that are not valid are not trained on.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.stores.description import SPLITS
from deepsphere.stores.reader import Store
from deepsphere.tasks.class_normalization import channel_scales
from deepsphere.tasks.labelled_store import parts_seen
from deepsphere.tasks.map_samples import MapSamples
from deepsphere.tasks.regression import regression_metrics
from deepsphere.tasks.samples import Float, Predictions

METRICS = ("mse", "mae", "r2")
"""Names of the metrics of all targets together, in the order in which tables show them."""

_OF_A_TARGET = ("mae", "r2")
_PLACES = ("longitude", "latitude")
"""Coordinates of the pixels, not of the samples, of which there may be as many."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ParameterSamples(MapSamples):
    """Maps and numbers of them; see :class:`deepsphere.tasks.map_samples.MapSamples`, of which
    these are. With several parts, targets have the shape (sample, part, target).

    Attributes
    ----------
    targets : tuple of str
        Names of the numbers, coordinates of the store.
    values : ndarray of float64, shape (sample, target)
        The numbers of all samples of the store; NaN where they are not known.
    target_mean, target_deviation : ndarray of float64, shape (target,)
        By which targets are normalized.
    """

    objective: ClassVar[Mapping[str, Any]] = {"kind": "regression"}
    error: ClassVar[str] = "mse"
    curves: ClassVar[tuple[str, ...]] = METRICS
    classes: ClassVar[None] = None

    targets: tuple[str, ...]
    values: NDArray[np.float64] = field(repr=False)
    target_mean: NDArray[np.float64] = field(repr=False)
    target_deviation: NDArray[np.float64] = field(repr=False)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what a model says: the targets."""
        return self.targets

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the scores that tables show."""
        return (*METRICS, *(f"{name}_{of}" for of in self.targets for name in _OF_A_TARGET))

    def to_unit(self, samples: NDArray[np.int64], values: NDArray[Any]) -> Float:
        """Return what a model says, or its targets, in the units of the targets.

        Parameters
        ----------
        samples : ndarray of int64, shape (sample,)
        values : ndarray of float, shape (sample, [part,] target)
        """
        in_unit: Float = (values * self.target_deviation + self.target_mean).astype(np.float32)
        return in_unit

    def truth(self, samples: NDArray[np.int64]) -> tuple[Float, NDArray[np.bool_]]:
        """Return the targets in their units, 0 where they are unknown, and where they are known:
        shape (sample, target), or (sample, part, target).
        """
        values = self._of_parts(self.values[samples])
        known = np.isfinite(values)
        if self.seen is not None:
            known &= self.seen[:, None]
        return np.where(known, values, 0).astype(np.float32), known

    def scores(self, found: Predictions) -> dict[str, float]:
        """Return the metrics of a regression: ``mse``, ``mae`` and ``r2`` are means over the
        targets, in units of their deviation; ``mae_Omega_m`` and the like are of one target, in its
        unit.

        R² is left out where the targets do not vary.
        """
        prediction, target, known = self._answers(found)
        scaled = prediction / self.target_deviation, target / self.target_deviation
        together = regression_metrics(*scaled, known)
        scores = {name: together[name] for name in METRICS if name in together}
        for number, name in enumerate(self.targets):
            column = np.s_[:, number]
            if known[column].any():
                alone = regression_metrics(prediction[column], target[column], known[column])
                scores |= {
                    f"{metric}_{name}": alone[metric] for metric in _OF_A_TARGET if metric in alone
                }
        return scores

    def kept(self, found: Predictions) -> dict[str, NDArray[Any]]:
        """Return what was scored, a row an answer, the names of the targets, and which samples
        these were. ``part`` is which part of the sample a row is of, if its maps fall into any.
        """
        prediction, target, known = self._answers(found)
        answered = self._answered(found)
        arrays = {
            "prediction": prediction.astype(np.float32),
            "target": target.astype(np.float32),
            "known": known,
            "sample": found.numbers[np.nonzero(answered)[0]],
            "targets": np.array(self.targets),
        }
        if self.parts > 1:
            arrays["part"] = np.nonzero(answered)[1]
        return arrays

    def _targets(self, samples: NDArray[np.int64]) -> tuple[Float, NDArray[np.bool_]]:
        """Return the normalized targets, 0 where they are unknown, and where they are known."""
        target, known = self.truth(samples)
        normalized = (target - self.target_mean) / self.target_deviation
        return np.where(known, normalized, 0).astype(np.float32), known

    def _answered(self, found: Predictions) -> NDArray[np.bool_]:
        """Return for which samples, or parts, anything is known, shape (sample[, part])."""
        answered: NDArray[np.bool_] = np.any(found.known, axis=-1)
        return answered

    def _answers(
        self, found: Predictions
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return predictions, targets and where these are known, shape (answer, target)."""
        answered = self._answered(found)
        prediction, target = (
            values[answered].astype(np.float64) for values in (found.prediction, found.target)
        )
        return prediction, target, found.known[answered]


def open_parameter_samples(
    store: Store,
    channels: tuple[str, ...],
    targets: tuple[str, ...],
    *,
    noise: float = 0.0,
    parts: int = 1,
) -> ParameterSamples:
    """Return the samples of a regression of numbers of maps.

    Parameters
    ----------
    store : Store
        Its samples have a ``split`` (0 train, 1 validation, 2 test), the targets as coordinates of
        float and, optionally, ``valid``.
    channels : tuple of str
        Of the store.
    targets : tuple of str
        Coordinates of the store.
    noise, parts
        See :class:`deepsphere.tasks.map_samples.MapSamples`.

    Raises
    ------
    DeepsphereError
        If the store lacks a target, a target does not vary over the training samples or is nowhere
        known in a split, the pixels do not fall into the parts, or there is nothing to train on
        or to test on.
    """
    seen = parts_seen(store, parts)
    values = np.stack([_read_target(store, name) for name in targets], axis=1)
    splits = _splits(store)
    _check_known(store, targets, values, splits)
    of_training = values[splits["train"]]
    lowest, highest = np.nanmin(of_training, axis=0), np.nanmax(of_training, axis=0)
    for name, low, high in zip(targets, lowest, highest, strict=True):
        if low == high:
            raise DeepsphereError(
                f"parameters: {name} is {low:g} in all training samples of {store.folder}, so that "
                "there is nothing to learn; leave this target out"
            )
    copies: dict[str, Collection[str]] = dict.fromkeys(SPLITS, ())
    means, deviations = channel_scales(store, channels, splits, copies, "train")
    return ParameterSamples(
        store=store,
        channels=channels,
        targets=targets,
        values=values,
        splits=splits,
        means=means.astype(np.float32),
        deviations=deviations.astype(np.float32),
        target_mean=np.nanmean(of_training, axis=0),
        target_deviation=np.nanstd(of_training, axis=0),
        noise=noise,
        parts=parts,
        seen=seen,
    )


def _read_target(store: Store, name: str) -> NDArray[np.float64]:
    """Return a coordinate, shape (sample,); NaN where it is not finite."""
    found = store.coordinates.get(name)
    if found is None or not _is_target(store, name):
        has = [other for other in store.coordinates if _is_target(store, other)]
        raise DeepsphereError(
            f"parameters: {store.folder} has no coordinate {name!r} of floating-point numbers, one "
            f"a sample; it has {', '.join(has) or 'none'}"
        )
    values = found.astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _is_target(store: Store, name: str) -> bool:
    found = store.coordinates[name]
    return name not in _PLACES and found.shape == (len(store),) and found.dtype.kind == "f"


def _splits(store: Store) -> dict[str, NDArray[np.int64]]:
    """Return the numbers of the samples of each split that count."""
    splits = store.split
    if "valid" in store.coordinates:
        train = splits["train"]
        splits["train"] = train[store.coordinates["valid"][train].astype(np.bool_)]
    for name in ("train", "test"):
        if not len(splits[name]):
            raise DeepsphereError(f"parameters: {store.folder} has no valid {name} samples")
    return splits


def _check_known(
    store: Store,
    targets: tuple[str, ...],
    values: NDArray[np.float64],
    splits: Mapping[str, NDArray[np.int64]],
) -> None:
    for split, numbers in splits.items():
        known = np.isfinite(values[numbers]).any(axis=0)
        if len(numbers) and not known.all():
            raise DeepsphereError(
                f"parameters: {targets[int(known.argmin())]} is known of none of the {split} "
                f"samples of {store.folder}; leave this target out, or divide the samples otherwise"
            )
