"""Gather the results of an experiment in one table."""

import logging
import math
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.files import read_json, write_json

_LOG = logging.getLogger(__name__)
_UNCOMPUTED = "as published; it was not computed here"


def run(settings: dict[str, Any], threads: int = 1) -> None:
    """Write ``metrics.json`` of an experiment.

    Parameters
    ----------
    settings : dict
        See :meth:`deepsphere.plan.Plan.summarize`.
    threads : int
        Not used.

    Notes
    -----
    Of every variant and metric of its task: the mean over the seeds, the sample standard deviation
    (null for one seed) and each seed's value; the number of parameters; the published numbers with
    their source; and of every task the baselines. Those of which there are only published numbers
    have no parameters and no metrics.
    """
    found = {
        name: read_json(Path(task["baselines"]), f"baselines of {name}")
        for name, task in settings["tasks"].items()
    }
    tasks = {name: _task(name, task, found[name]) for name, task in settings["tasks"].items()}
    metrics = list(dict.fromkeys(metric for part in found.values() for metric in part["metrics"]))
    table = {
        "experiment": settings["name"],
        "title": settings["title"],
        "metrics": metrics,
        "simulated": any(task["store"]["simulated"] for task in tasks.values()),
        "tasks": tasks,
        "variants": {
            name: _variant(name, variant, tasks, found[variant["task"]]["metrics"])
            for name, variant in settings["variants"].items()
        },
    }
    write_json(Path(settings["metrics"]), table, sort_keys=False)
    _LOG.info("%s: %d variants of %d tasks", settings["name"], len(table["variants"]), len(tasks))


def _task(name: str, task: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    store = read_json(Path(task["store_manifest"]), "manifest of the store")
    if found["inputs"]["store"] != store["digest"]:
        raise DeepsphereError(
            f"summarize: {task['baselines']} is of another store than {task['store_manifest']}; "
            "run the baseline stage again"
        )
    return {
        "title": task["title"] or name,
        "unit": found["unit"],
        "pixels": found["pixels"],
        "samples": found["samples"],
        "store": {
            "name": task["store"],
            "digest": store["digest"],
            "simulated": store["simulated"],
            "broken": store["report"].get("quarantined", {}).get("count", 0),
        },
        "baselines": _baselines(found["baselines"], task["published"]),
    }


def _baselines(computed: dict[str, Any], published: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return all baselines of a task, those that were only published last."""
    uncomputed: dict[str, Any] = {"description": _UNCOMPUTED, "parameters": None, "metrics": {}}
    baselines = {}
    for name in dict.fromkeys((*computed, *published)):
        baseline = computed.get(name, uncomputed)
        kept = {key: baseline[key] for key in ("description", "parameters", "metrics")}
        baselines[name] = {**kept, "published": published.get(name)}
    return baselines


def _variant(
    name: str, variant: dict[str, Any], tasks: dict[str, dict[str, Any]], shown: list[str]
) -> dict[str, Any]:
    runs = [read_json(Path(path), f"evaluation of {name}") for path in variant["evaluations"]]
    expected = tasks[variant["task"]]["store"]["digest"]
    for run_, path in zip(runs, variant["evaluations"], strict=True):
        if run_["inputs"]["store"] != expected:
            raise DeepsphereError(
                f"summarize: {path} is of another store than the task {variant['task']!r}; "
                "run the train stage again"
            )
    metrics = {}
    for metric in shown:
        values = {str(run_["seed"]): run_["metrics"].get(metric) for run_ in runs}
        known = [value for value in values.values() if value is not None and math.isfinite(value)]
        if len(known) == len(runs):
            spread = stdev(known) if len(known) > 1 else None
            metrics[metric] = {"mean": fmean(known), "std": spread, "values": values}
    kept = ("title", "protocol", "task", "graph", "model", "published")
    return {
        **{key: variant[key] for key in kept},
        "parameters": runs[0]["parameters"],
        "seeds": [run_["seed"] for run_ in runs],
        "metrics": metrics,
    }
