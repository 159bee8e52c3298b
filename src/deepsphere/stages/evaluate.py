"""Score a trained run on the test samples, and keep its predictions."""

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.files import read_json, sha256_file, write_bytes, write_json
from deepsphere.nn.digest import weights_digest
from deepsphere.stages.inputs import open_run
from deepsphere.training.checkpoint import load_tensors
from deepsphere.training.devices import find_device
from deepsphere.training.objectives import OBJECTIVES
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
    path = Path(settings["folder"], "model.pt")
    weights = load_tensors(path)
    if weights_digest(weights) != manifest["digest"]:
        raise DeepsphereError(
            f"evaluate: {path} is not the model that its manifest promises; train again"
        )
    model.load_state_dict(weights)
    samples = inputs.samples
    numbers = samples.splits["test"]
    prediction, target, known = predict(model.to(device), samples, numbers, _BATCH_SIZE, device)
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
    metrics = OBJECTIVES[samples.objective].scores(prediction, target, known)
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


def _npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()
