"""Score a trained run on the test samples, and keep its predictions and some of its filters."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.files import empty_scratch, read_json, sha256_file, write_json, written_whole
from deepsphere.nn.learned_filters import save_filters
from deepsphere.nn.model_filters import model_filters
from deepsphere.stages.inputs import open_run
from deepsphere.tasks.samples import Samples, Tally, Tunable
from deepsphere.training.devices import find_device
from deepsphere.training.models import load_weights
from deepsphere.training.objectives import make_objective
from deepsphere.training.prediction import predict, predictions

_LOG = logging.getLogger(__name__)
_BATCH_SIZE = 64
_BATCH_VALUES = 1 << 24
"""Numbers of the inputs of a batch, of maps so large that fewer of them make one."""


def run(settings: dict[str, Any], threads: int = 1) -> None:
    """Evaluate a run and write its metrics, predictions and filters.

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
    # What only the test depends on may have changed since.
    trained_with = {**settings, "task": settings["training_task"]}
    for part in ("task", "model", "seed"):
        if manifest[part] != trained_with[part]:
            raise DeepsphereError(
                f"evaluate: {settings['folder']} was trained with another {part}; "
                "run the train stage again"
            )
    device = find_device(settings["device"])
    model = inputs.build()
    load_weights(model, Path(settings["folder"], "model.pt"), manifest["digest"])
    model = model.to(device)
    samples = inputs.samples
    objective = make_objective(samples.objective)
    batch_size = _batch_size(samples, inputs.store.shape[1])
    if isinstance(samples, Tunable):
        samples = samples.tuned(
            lambda numbers: predict(model, inputs.samples, numbers, objective, batch_size, device)
        )
    numbers = samples.splits["test"]
    file = Path(settings["predictions"])
    with empty_scratch(file) as scratch:
        tally = samples.tally(scratch)
        for found in predictions(model, samples, numbers, objective, batch_size, device):
            tally.add(found)
        metrics = _finite_scores(tally)
        with written_whole(file) as stream:
            np.savez(
                stream,
                allow_pickle=False,
                **tally.kept(),
                longitude=inputs.store.longitude,
                latitude=inputs.store.latitude,
            )
    filters = Path(settings["filters"])
    with written_whole(filters) as stream:
        save_filters(stream, model_filters(model, inputs.graph))
    evaluation = {
        "stage": "evaluate",
        "experiment": settings["experiment"],
        "variant": settings["variant"],
        "seed": settings["seed"],
        "task": settings["task"],
        "metrics": metrics,
        "unit": samples.unit,
        "parameters": manifest["parameters"],
        "samples": manifest["samples"],
        "selected_epoch": manifest["selected_epoch"],
        "pixels": inputs.store.shape[1],
        "inputs": {**inputs.digests, "model": manifest["digest"]},
        "predictions": {"file": file.name, "sha256": sha256_file(file)},
        "filters": {"file": filters.name, "sha256": sha256_file(filters)},
    }
    write_json(Path(settings["evaluation"]), evaluation)
    _LOG.info("%s", ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))


def _batch_size(samples: Samples, pixels: int) -> int:
    values = samples.input_times * pixels * samples.input_channels
    return max(1, min(_BATCH_SIZE, _BATCH_VALUES // values))


def _finite_scores(tally: Tally) -> Mapping[str, float]:
    """Return the scores, which are of use only if they are numbers."""
    with np.errstate(invalid="ignore", over="ignore"):
        scores = tally.scores()
    for name, value in scores.items():
        if not math.isfinite(value):
            raise DeepsphereError(
                f"evaluate: the {name} is {value}, though the test data are finite; "
                "train again with a lower learning rate"
            )
    return scores
