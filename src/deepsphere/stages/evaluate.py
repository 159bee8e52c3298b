"""Score a trained run on the test samples, and keep its predictions."""

import io
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.files import read_json, sha256_file, write_bytes, write_json
from deepsphere.stages.inputs import open_run
from deepsphere.tasks.samples import Float
from deepsphere.training.devices import find_device
from deepsphere.training.models import load_weights
from deepsphere.training.objectives import OBJECTIVES, Objective
from deepsphere.training.prediction import predict

_LOG = logging.getLogger(__name__)
_BATCH_SIZE = 64


def run(settings: dict[str, Any], threads: int = 1) -> None:
    """Evaluate a run and write its metrics and predictions.

    Parameters
    ----------
    settings : dict
        See :meth:`deepsphere.plan.Plan.evaluate`.
    threads : int
        Threads of PyTorch on a CPU.

    Raises
    ------
    DeepsphereError
        If the run was trained on or with something else than the settings say, its model is not
        the one that was trained, or its test data or scores are not finite.
    """
    torch.set_num_threads(threads)
    manifest = read_json(Path(settings["manifest"]), "manifest of the training")
    inputs = open_run(settings)
    if manifest["inputs"] != inputs.digests:
        raise DeepsphereError(
            f"evaluate: {settings['folder']} was trained on another store or graph; "
            "run the train stage again"
        )
    for part in ("task", "model", "seed"):
        if manifest[part] != settings[part]:
            raise DeepsphereError(
                f"evaluate: {settings['folder']} was trained with another {part}; "
                "run the train stage again"
            )
    device = find_device(settings["device"])
    model = inputs.build()
    load_weights(model, Path(settings["folder"], "model.pt"), manifest["digest"])
    samples = inputs.samples
    numbers = samples.splits["test"]
    prediction, target, known = predict(model.to(device), samples, numbers, _BATCH_SIZE, device)
    metrics = _finite_scores(OBJECTIVES[samples.objective], prediction, target, known)
    predictions = Path(settings["predictions"])
    write_bytes(
        predictions,
        _npz(
            prediction=prediction,
            target=target,
            known=known,
            day=samples.times(numbers).astype("datetime64[D]"),
            longitude=inputs.store.longitude,
            latitude=inputs.store.latitude,
        ),
    )
    evaluation = {
        "stage": "evaluate",
        "experiment": settings["experiment"],
        "variant": settings["variant"],
        "seed": settings["seed"],
        "metrics": metrics,
        "unit": samples.unit,
        "parameters": manifest["parameters"],
        "samples": manifest["samples"],
        "selected_epoch": manifest["selected_epoch"],
        "pixels": inputs.store.shape[1],
        "inputs": {**inputs.digests, "model": manifest["digest"]},
        "predictions": {"file": predictions.name, "sha256": sha256_file(predictions)},
    }
    write_json(Path(settings["evaluation"]), evaluation)
    _LOG.info("%s", ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))


def _finite_scores(
    objective: Objective,
    prediction: Float,
    target: Float,
    known: NDArray[np.bool_],
) -> dict[str, float]:
    """Return the scores, which are of use only if they are numbers."""
    with np.errstate(invalid="ignore", over="ignore"):
        scores = objective.scores(prediction, target, known)
    for name, value in scores.items():
        if not math.isfinite(value):
            raise DeepsphereError(
                f"evaluate: the {name} is {value}, though the test data are finite; "
                "train again with a lower learning rate"
            )
    return scores


def _npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()
