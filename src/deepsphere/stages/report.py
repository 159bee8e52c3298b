"""Draw the figures of all experiments, and write the page that holds the tables."""

import logging
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from deepsphere.errors import DeepsphereError
from deepsphere.files import open_scratch, publish_folder, read_json, sha256_file, write_bytes
from deepsphere.report.experiment_pictures import noise_pictures, sky_pictures
from deepsphere.report.gallery import draw_task
from deepsphere.report.page import Section, page
from deepsphere.report.picture import Picture
from deepsphere.report.precision_recall import Curve
from deepsphere.report.runs import Run, read_run
from deepsphere.report.table import rows
from deepsphere.report.table_html import html
from deepsphere.stores.reader import Store, open_store

_LOG = logging.getLogger(__name__)


def run(settings: dict[str, Any], threads: int = 1) -> None:
    """Write the figures and the page.

    Parameters
    ----------
    settings : dict
        See :meth:`deepsphere.plan.Plan.report`.
    threads : int
        Not used.

    Raises
    ------
    DeepsphereError
        If a table, an evaluation or its files are missing, damaged or not of one make, or a store
        is another one.
    """
    figures = Path(settings["figures"])
    scratch = open_scratch(figures, {})
    content = scratch / "content"
    if content.exists():
        shutil.rmtree(content)
    content.mkdir()
    sections = [
        _experiment(name, experiment, content / name)
        for name, experiment in settings["experiments"].items()
    ]
    publish_folder(content, figures)
    shutil.rmtree(scratch)
    write_bytes(Path(settings["report"]), page(sections).encode())
    _LOG.info("%d experiments in %s", len(sections), settings["report"])


def _experiment(name: str, experiment: dict[str, Any], folder: Path) -> Section:
    """Write the figures of an experiment and return its section of the page."""
    path = Path(experiment["metrics"])
    metrics = _in_order(read_json(path, f"table of {name}"), list(experiment["evaluations"]), path)
    runs = {
        variant: [read_run(Path(evaluation)) for evaluation in evaluations]
        for variant, evaluations in experiment["evaluations"].items()
    }
    table = rows(metrics)
    folder.mkdir()
    settings = {row.task: runs[row.name][0].task for row in table if row.kind == "variant"}
    # Most tasks of an experiment share a store, and to check it takes time.
    opened = cache(_store)
    stores = {
        task: opened(experiment["stores"].get(task), described["store"]["digest"])
        for task, described in metrics["tasks"].items()
    }
    parts = [
        ("Scores against noise", tuple(noise_pictures(metrics["tasks"], settings, table))),
        ("What is told apart", tuple(_maps(metrics["tasks"], settings, stores))),
    ]
    for task, described in metrics["tasks"].items():
        of_task = [row for row in table if row.task == task]
        baselines = _curves(experiment["baselines"][task])
        drawn = draw_task(task, described, of_task, runs, stores[task], baselines)
        parts.append((described["title"] or task, tuple(drawn)))
    parts = [(title, pictures) for title, pictures in parts if pictures]
    for title, pictures in parts:
        for picture in pictures:
            write_bytes(folder / f"{picture.name}.{picture.kind}", picture.image)
        _LOG.info("%s: %d figures of %s", name, len(pictures), title)
    return Section(
        name=name,
        title=metrics["title"],
        simulated=metrics["simulated"],
        table=html(metrics),
        metrics=tuple(metrics["metrics"]),
        tasks=tuple(parts),
        origins=_origins(path, metrics, runs),
    )


def _maps(
    tasks: dict[str, Any], settings: dict[str, Any], stores: dict[str, Store | None]
) -> Iterator[Picture]:
    """Yield the maps of what the tasks tell apart, once for all stores of the same ones."""
    shown = []
    for task, store in stores.items():
        if store is None:
            continue
        described = tasks[task]["store"]
        attributes = [store.attrs.get(name) for name in ("nside", "smoothing")]
        of_what = attributes, sorted(store.attrs.get("maps", [described["name"]]))
        if of_what not in shown:
            shown.append(of_what)
            channel = settings[task]["channels"][0]
            yield from sky_pictures(described["name"], store, channel, described["simulated"])


def _store(folder: str | None, digest: str) -> Store | None:
    """Return the store of a task whose samples are shown, if it is still there."""
    if folder is None:
        return None
    if not Path(folder).exists():
        _LOG.warning("%s is gone, so that no samples of it are shown", folder)
        return None
    return open_store(Path(folder), digest)


def _curves(path: str) -> dict[str, Curve]:
    """Return precision and recall of the baselines of a task, of those that have them."""
    baselines = read_json(Path(path), "baselines of the task")["baselines"]
    return {
        name: Curve(*(np.array(found["curves"][part]) for part in ("precision", "recall")))
        for name, found in baselines.items()
        if "curves" in found
    }


def _in_order(metrics: dict[str, Any], variants: list[str], path: Path) -> dict[str, Any]:
    """Return a table whose variants and tasks are in the order of the configuration."""
    if set(metrics["variants"]) != set(variants):
        differing = sorted(set(metrics["variants"]) ^ set(variants))
        raise DeepsphereError(
            f"report: {path} is not a table of the configured variants (found a difference in "
            f"{', '.join(differing)}); run the summarize stage again"
        )
    ordered = {variant: metrics["variants"][variant] for variant in variants}
    tasks = dict.fromkeys(variant["task"] for variant in ordered.values())
    return {
        **metrics,
        "tasks": {task: metrics["tasks"][task] for task in tasks},
        "variants": ordered,
    }


def _origins(
    path: Path, metrics: dict[str, Any], runs: dict[str, list[Run]]
) -> tuple[tuple[str, str], ...]:
    """Return what the numbers of an experiment were made of, with digests."""
    stores = {task["store"]["name"]: task["store"]["digest"] for task in metrics["tasks"].values()}
    return (
        ("table", sha256_file(path)),
        *((f"store {name}", digest) for name, digest in stores.items()),
        *(
            (f"evaluation of {variant}, seed {seed.seed}", seed.digest)
            for variant, seeds in runs.items()
            for seed in seeds
        ),
    )
