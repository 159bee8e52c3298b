"""The outputs of a run, read back and checked: its learning curve and its predictions."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.files import read_json, sha256_file
from deepsphere.nn.learned_filters import FilterViews, read_filters


@dataclass(frozen=True)
class Run:
    """A variant trained with a seed, and where its evaluation lies.

    Attributes
    ----------
    seed : int
    task : mapping
        Settings of the task that it was evaluated on.
    evaluation : Path
        The file ``evaluation.json``.
    digest : str
        SHA-256 of that file.
    predictions : Path
    predictions_digest : str
        SHA-256 that the evaluation promises of the predictions.
    history : tuple of dict
        One entry an epoch: ``epoch``, ``learning_rate``, ``loss``, and now and then the metrics
        of the monitored split by its name.
    filters : Path or None
        Views of the filters, if the evaluation kept any; see
        :mod:`deepsphere.nn.learned_filters`.
    filters_digest : str
        SHA-256 that the evaluation promises of them.
    """

    seed: int
    task: Mapping[str, Any]
    evaluation: Path
    digest: str
    predictions: Path
    predictions_digest: str
    history: tuple[dict[str, Any], ...]
    filters: Path | None = None
    filters_digest: str = ""


@dataclass(frozen=True)
class Predictions:
    """What a run says of the test samples.

    Attributes
    ----------
    prediction, target : ndarray of float32, shape (sample, pixel), (sample, target) or (sample,)
        In the unit of the data.
    known : ndarray of bool, same shape
        Where the target counts.
    longitude, latitude : ndarray of float64, shape (pixel,)
        Where the pixels are, in degrees.
    targets : ndarray of str, shape (target,), or None
        Names of the targets, if there are several of a sample, which are not of its pixels.
    """

    prediction: NDArray[np.float32]
    target: NDArray[np.float32]
    known: NDArray[np.bool_]
    longitude: NDArray[np.float64]
    latitude: NDArray[np.float64]
    targets: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        """Check that the shapes belong together.

        Raises
        ------
        ValueError
            If they do not.
        """
        if not self.prediction.shape == self.target.shape == self.known.shape:
            raise ValueError(
                f"expected one shape, found prediction {self.prediction.shape}, "
                f"target {self.target.shape}, known {self.known.shape}"
            )
        if self.targets is not None and self.target.shape[1:] != self.targets.shape:
            raise ValueError(
                f"expected a column for each of {len(self.targets)} targets, found "
                f"{self.target.shape}"
            )
        pixels = self.longitude.shape
        if self.latitude.shape != pixels or (self.dense and self.target.shape[1:] != pixels):
            raise ValueError(
                f"expected as many longitudes and latitudes as pixels, found {pixels}, "
                f"{self.latitude.shape} and {self.target.shape[1:]}"
            )

    @property
    def dense(self) -> bool:
        """Whether there is a value a pixel, not one a sample."""
        return self.target.ndim == 2 and self.targets is None


@dataclass(frozen=True)
class ClassPredictions:
    """What a run says of the test samples of a classification.

    Attributes
    ----------
    prediction : ndarray of float32, shape (sample, class)
        Probabilities.
    target : ndarray of int64, shape (sample,)
        The true classes.
    classes : ndarray of str, shape (class,)
        Their names.
    id : ndarray of str, shape (sample,)
        What the samples are called.
    descriptors : ndarray of float32, shape (sample, feature), or None
        Vectors to compare samples by, if the task asks for them.
    sample : ndarray of int64, shape (sample,), or None
        Their numbers in the store.
    """

    prediction: NDArray[np.float32]
    target: NDArray[np.int64]
    classes: NDArray[np.str_]
    id: NDArray[np.str_]
    descriptors: NDArray[np.float32] | None = None
    sample: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        """Check that the shapes belong together.

        Raises
        ------
        ValueError
            If they do not.
        """
        shape = (len(self.target), len(self.classes))
        if self.prediction.shape != shape or self.id.shape != self.target.shape:
            raise ValueError(
                f"expected predictions of shape {shape} and as many ids, found "
                f"{self.prediction.shape} and {self.id.shape}"
            )


@dataclass(frozen=True)
class PixelPredictions:
    """What a run says of the pixels of the test samples, of a segmentation.

    Attributes
    ----------
    confusion : ndarray of float64, shape (class, class)
        How many pixels, or how much area in that of a mean pixel, of each true class (row) were
        taken for each class (column).
    classes : ndarray of str, shape (class,)
        Their names; the first one is the background.
    precision, recall : ndarray of float64, shape (class, point)
        Of each class, at falling thresholds.
    """

    confusion: NDArray[np.float64]
    classes: NDArray[np.str_]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Check that the shapes belong together.

        Raises
        ------
        ValueError
            If they do not.
        """
        count = len(self.classes)
        if self.confusion.shape != (count, count) or self.precision.shape != self.recall.shape:
            raise ValueError(
                f"expected a confusion of {count} classes and curves of one shape, found "
                f"{self.confusion.shape}, {self.precision.shape} and {self.recall.shape}"
            )


def read_run(evaluation: Path) -> Run:
    """Read the evaluation and the learning curve of a run.

    Parameters
    ----------
    evaluation : Path
        The file ``evaluation.json``; ``history.jsonl`` and the predictions lie beside it.

    Raises
    ------
    DeepsphereError
        If a file is missing or damaged.
    """
    content = read_json(evaluation, "evaluation")
    promised = {kind: content[kind] for kind in ("predictions", "filters") if kind in content}
    for kind, file in promised.items():
        if Path(file["file"]).name != file["file"]:
            raise DeepsphereError(
                f"evaluation: {evaluation} names the {kind} {file['file']!r}, which is not a file "
                "beside it; run the evaluate stage again"
            )
    filters = promised.get("filters")
    return Run(
        seed=content["seed"],
        task=content["task"],
        evaluation=evaluation,
        digest=sha256_file(evaluation),
        predictions=evaluation.with_name(promised["predictions"]["file"]),
        predictions_digest=promised["predictions"]["sha256"],
        history=_read_history(evaluation.with_name("history.jsonl")),
        filters=evaluation.with_name(filters["file"]) if filters else None,
        filters_digest=filters["sha256"] if filters else "",
    )


def read_predictions(run: Run) -> Predictions | ClassPredictions | PixelPredictions:
    """Read the predictions of a run, of numbers or, if it names any, of classes: of samples, or of
    their pixels, of which it counted the confusions.

    Raises
    ------
    DeepsphereError
        If the file is missing, is not the one that the evaluation is about, or is damaged.
    """
    path = run.predictions
    _check_file(run, "predictions", path, run.predictions_digest)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            kind: type[Predictions] | type[ClassPredictions] | type[PixelPredictions] = Predictions
            if "classes" in arrays:
                kind = PixelPredictions if "confusion" in arrays else ClassPredictions
            names = [field.name for field in fields(kind) if field.name in arrays]
            return kind(**{name: arrays[name] for name in names})
    except (TypeError, ValueError, zipfile.BadZipFile) as error:
        raise DeepsphereError(
            f"predictions: {path} is damaged ({error}); run the evaluate stage again"
        ) from None


def read_run_filters(run: Run) -> dict[str, FilterViews]:
    """Read the views of the filters of a run, by the name of their layer, if it has any.

    Raises
    ------
    DeepsphereError
        If the file is missing, is not the one that the evaluation wrote, or is damaged.
    """
    if run.filters is None:
        return {}
    _check_file(run, "filters", run.filters, run.filters_digest)
    return read_filters(run.filters)


def _check_file(run: Run, kind: str, path: Path, digest: str) -> None:
    if not path.is_file():
        raise DeepsphereError(f"{kind}: {path} does not exist; run the evaluate stage again")
    found = sha256_file(path)
    if found != digest:
        raise DeepsphereError(
            f"{kind}: {path} is not what {run.evaluation} scored (SHA-256 {found[:12]}…, "
            f"expected {digest[:12]}…); run the evaluate stage again"
        )


def _read_history(path: Path) -> tuple[dict[str, Any], ...]:
    if not path.is_file():
        raise DeepsphereError(f"learning curve: {path} does not exist; run the train stage again")
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise DeepsphereError(
                f"learning curve: {path}, line {number} is not JSON ({error}); "
                "run the train stage again"
            ) from None
    return tuple(entries)
