"""Score what needs no network on the test samples of a task."""

import logging
from pathlib import Path
from typing import Any

from deepsphere.files import read_json, write_json
from deepsphere.registry import load
from deepsphere.stores.reader import open_store
from deepsphere.tasks.regression import regression_metrics

_LOG = logging.getLogger(__name__)


def run(settings: dict[str, Any], threads: int = 1) -> None:
    """Score the baselines of a task and write their metrics.

    Parameters
    ----------
    settings : dict
        See :meth:`deepsphere.plan.Plan.baseline`.
    threads : int
        Not used.
    """
    promised = read_json(Path(settings["store_manifest"]), "manifest of the store")
    store = open_store(Path(settings["store"]), promised["digest"])
    task = load("tasks", settings["task"]["kind"]).Task.model_validate(settings["task"])
    samples = task.samples(store)
    numbers = samples.splits["test"]
    batch = samples.batch(numbers)
    target = samples.to_unit(numbers, batch.target)
    baselines = {}
    for name, description, parameters, prediction in task.baselines(store):
        metrics = regression_metrics(prediction, target, batch.known)
        baselines[name] = {
            "description": description,
            "parameters": parameters,
            "metrics": metrics,
        }
        scores = ", ".join(f"{metric} {value:.4g}" for metric, value in metrics.items())
        _LOG.info("%s: %s", name, scores)
    result = {
        "stage": "baseline",
        "experiment": settings["experiment"],
        "task": settings["name"],
        "unit": samples.unit,
        "pixels": store.shape[1],
        "samples": {name: len(part) for name, part in samples.splits.items()},
        "inputs": {"store": promised["digest"]},
        "baselines": baselines,
    }
    write_json(Path(settings["output"]), result)
