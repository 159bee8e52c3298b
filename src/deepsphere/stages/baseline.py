"""Score what needs no network on the test samples of a task."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.files import empty_scratch, read_json, write_json
from deepsphere.registry import load
from deepsphere.stores.reader import open_store
from deepsphere.tasks.samples import Float, Predictions, Samples

_LOG = logging.getLogger(__name__)
_BATCH_SIZE = 16
# Of a segmentation, for figures.
_CURVES, _DIGITS = ("precision", "recall"), 6


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
    samples: Samples = task.samples(store)
    output = Path(settings["output"])
    baselines = {}
    counts = {name: len(part) for name, part in samples.splits.items()}
    for name, description, parameters, prediction in task.baselines(store):
        metrics, answers, curves = _scores(samples, prediction, output)
        if answers != counts["test"]:
            counts["answers"] = answers
        baselines[name] = {
            "description": description,
            "parameters": parameters,
            "metrics": metrics,
            **curves,
        }
        scores = ", ".join(f"{metric} {value:.4g}" for metric, value in metrics.items())
        _LOG.info("%s: %s", name, scores)
    result = {
        "stage": "baseline",
        "experiment": settings["experiment"],
        "task": settings["name"],
        "unit": samples.unit,
        "metrics": list(samples.metrics),
        "pixels": store.shape[1],
        "samples": counts,
        "inputs": {"store": promised["digest"]},
        "baselines": baselines,
    }
    write_json(output, result)


def _scores(
    samples: Samples, prediction: Float | Callable[[NDArray[np.int64]], Float], output: Path
) -> tuple[dict[str, float], int, dict[str, Any]]:
    """Return the scores of what is said of the test samples, or of what says it batch by batch, the
    number of answers that were scored, and what figures need of them.
    """
    with empty_scratch(output) as scratch:
        tally = samples.tally(scratch)
        for found in _predictions(samples, prediction):
            tally.add(found)
        kept = tally.kept()
        curves = {name: kept[name].round(_DIGITS).tolist() for name in _CURVES if name in kept}
        return dict(tally.scores()), len(kept["target"]), {"curves": curves} if curves else {}


def _predictions(
    samples: Samples, prediction: Float | Callable[[NDArray[np.int64]], Float]
) -> Iterator[Predictions]:
    numbers = samples.splits["test"]
    if not callable(prediction):
        yield Predictions(numbers, prediction, *samples.truth(numbers))
        return
    for start in range(0, len(numbers), _BATCH_SIZE):
        block = numbers[start : start + _BATCH_SIZE]
        yield Predictions(block, prediction(block), *samples.truth(block))
