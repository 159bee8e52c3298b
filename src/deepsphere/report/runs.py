"""The outputs of a run, read back and checked: its learning curve and its predictions."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.files import read_json, sha256_file


@dataclass(frozen=True)
class Run:
    """A variant trained with a seed, and where its evaluation lies.

    Attributes
    ----------
    seed : int
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
    """

    seed: int
    evaluation: Path
    digest: str
    predictions: Path
    predictions_digest: str
    history: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Predictions:
    """What a run says of the test samples.

    Attributes
    ----------
    prediction, target : ndarray of float32, shape (sample, pixel) or (sample,)
        In the unit of the data.
    known : ndarray of bool, same shape
        Where the target counts.
    longitude, latitude : ndarray of float64, shape (pixel,)
        Where the pixels are, in degrees.
    """

    prediction: NDArray[np.float32]
    target: NDArray[np.float32]
    known: NDArray[np.bool_]
    longitude: NDArray[np.float64]
    latitude: NDArray[np.float64]

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
        pixels = self.longitude.shape
        if self.latitude.shape != pixels or (self.dense and self.target.shape[1:] != pixels):
            raise ValueError(
                f"expected as many longitudes and latitudes as pixels, found {pixels}, "
                f"{self.latitude.shape} and {self.target.shape[1:]}"
            )

    @property
    def dense(self) -> bool:
        """Whether there is a value a pixel, not one a sample."""
        return self.target.ndim == 2


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
    name = content["predictions"]["file"]
    if Path(name).name != name:
        raise DeepsphereError(
            f"evaluation: {evaluation} names the predictions {name!r}, which is not a file beside "
            "it; run the evaluate stage again"
        )
    return Run(
        seed=content["seed"],
        evaluation=evaluation,
        digest=sha256_file(evaluation),
        predictions=evaluation.with_name(name),
        predictions_digest=content["predictions"]["sha256"],
        history=_read_history(evaluation.with_name("history.jsonl")),
    )


def read_predictions(run: Run) -> Predictions:
    """Read the predictions of a run.

    Raises
    ------
    DeepsphereError
        If the file is missing, is not the one that the evaluation is about, or is damaged.
    """
    path = run.predictions
    if not path.is_file():
        raise DeepsphereError(f"predictions: {path} does not exist; run the evaluate stage again")
    found = sha256_file(path)
    if found != run.predictions_digest:
        raise DeepsphereError(
            f"predictions: {path} is not what {run.evaluation} scored (SHA-256 {found[:12]}…, "
            f"expected {run.predictions_digest[:12]}…); run the evaluate stage again"
        )
    names = ("prediction", "target", "known", "longitude", "latitude")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Predictions(**{name: arrays[name] for name in names})
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DeepsphereError(
            f"predictions: {path} is damaged ({error}); run the evaluate stage again"
        ) from None


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
