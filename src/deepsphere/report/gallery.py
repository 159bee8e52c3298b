"""All pictures of a task, in the order in which a page shows them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from deepsphere.report import alike, comparison, curves, scatter, stations
from deepsphere.report.class_pictures import confusion_pictures
from deepsphere.report.filter_pictures import filter_pictures
from deepsphere.report.picture import Picture
from deepsphere.report.precision_recall import Curve
from deepsphere.report.quantities import quantity
from deepsphere.report.runs import ClassPredictions, Predictions, Run, read_predictions
from deepsphere.report.segmentation_pictures import segmentation_pictures
from deepsphere.report.style import unique_labels
from deepsphere.report.table import Row
from deepsphere.stores.reader import Store
from deepsphere.tasks.classification_metrics import confusion_matrix
from deepsphere.tasks.regression import error_by_output

_OF_PIXELS = "segmentation"
_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9_.]+")


def draw_task(
    name: str,
    task: Mapping[str, Any],
    rows: Sequence[Row],
    runs: Mapping[str, Sequence[Run]],
    store: Store | None = None,
    baselines: Mapping[str, Curve] | None = None,
) -> Iterator[Picture]:
    """Draw the pictures of a task.

    Parameters
    ----------
    name : str
        Name of the task.
    task : dict
        What ``metrics.json`` says of it.
    rows : sequence of Row
        Its baselines and variants.
    runs : dict of str to sequence of Run
        The runs of each of its variants, one a seed.
    store : Store, optional
        The task's; with it, samples are shown: those that a variant finds alike, or states with
        the events that it finds.
    baselines : dict of str to Curve, optional
        Precision and recall of the baselines of a segmentation.

    Yields
    ------
    Picture
        The comparison of all rows and the learning curves; filters of the best variant that has
        any, as planar models have none; then, for the first seed of each variant, predicted against
        observed values and, if there is a value a pixel, the map of the errors; of a
        classification, the confusion matrix, the accuracy of each class and what is found alike; of
        a segmentation, see
        :func:`~deepsphere.report.segmentation_pictures.segmentation_pictures`. Those of the best
        variant are featured.

    Raises
    ------
    DeepsphereError
        If the predictions of a run are missing, damaged or of another evaluation.
    """
    title, unit = task["title"] or name, task["unit"]
    if task["store"]["simulated"]:
        # An image file travels without its page, so it must say this itself.
        title = f"{title} (simulated data)"
    variants = [row for row in rows if row.kind == "variant"]
    labels = unique_labels([row.label for row in variants], [row.name for row in variants])
    yield Picture.of(
        comparison.draw(rows, title, unit),
        f"comparison-{name}",
        "All baselines and variants. A dot is the mean over the seeds, a ring one seed, a diamond "
        "the published value; the dotted line marks the best baseline.",
        featured=True,
    )
    histories = {
        label: [run.history for run in runs[row.name]]
        for label, row in zip(labels, variants, strict=True)
    }
    yield Picture.of(
        curves.draw(histories, title, unit),
        f"learning-curves-{name}",
        "Learning curves. A thin line is one seed, a thick line the mean over the seeds.",
        featured=True,
    )
    named = {row.name: label for label, row in zip(labels, variants, strict=True)}
    ranked = _best_first(variants)
    best = ranked[0] if ranked else None
    for row in ranked:
        words = named[row.name]
        filters = list(filter_pictures(row.name, runs[row.name][0], words, f"{title}\n{words}"))
        if filters:
            yield from filters
            break
    if variants and runs[variants[0].name][0].task["kind"] == _OF_PIXELS:
        yield from segmentation_pictures(
            name, title, rows, runs, named, best, baselines or {}, store
        )
        return
    for label, row in zip(labels, variants, strict=True):
        run, heading = runs[row.name][0], f"{title}\n{label}"
        found = read_predictions(run)
        if isinstance(found, ClassPredictions):
            yield from _of_classes(label, row, run, found, heading, store, row is best)
        elif isinstance(found, Predictions):
            yield from _of_numbers(label, row, run, found, heading, unit, row is best)


def _of_numbers(
    label: str,
    row: Row,
    run: Run,
    found: Predictions,
    title: str,
    unit: str,
    featured: bool,
) -> Iterator[Picture]:
    columns: dict[str, Any] = {"": ...}
    if found.targets is not None:
        columns = {f", {target}": np.s_[:, place] for place, target in enumerate(found.targets)}
    for target, column in columns.items():
        yield Picture.of(
            scatter.draw(
                found.prediction[column],
                found.target[column],
                found.known[column],
                title + target,
                unit,
            ),
            f"predicted-observed-{row.name}{_NOT_IN_FILE_NAMES.sub('-', target)}",
            f"{label}, seed {run.seed}: predicted against observed values of the test samples"
            f"{target}; the line is where they are equal.",
            featured,
        )
    if found.dense:
        error = error_by_output(found.prediction, found.target, found.known)
        yield Picture.of(
            stations.draw(found.longitude, found.latitude, error, title, unit),
            f"error-map-{row.name}",
            f"{label}, seed {run.seed}: mean absolute error of each pixel over the test samples.",
            featured,
        )


def _of_classes(
    label: str,
    row: Row,
    run: Run,
    found: ClassPredictions,
    title: str,
    store: Store | None,
    featured: bool,
) -> Iterator[Picture]:
    if store is not None and len(store.attrs.get("class_titles", ())) == len(found.classes):
        found = replace(found, classes=np.array(store.attrs["class_titles"]))
    counts = confusion_matrix(found.prediction.argmax(axis=1), found.target, len(found.classes))
    words = f"{label}, seed {run.seed}"
    classes = found.classes.tolist()
    yield from confusion_pictures(counts, classes, row.name, words, title, "test samples", featured)
    if store is not None and found.sample is not None and run.task["retrieval"]:
        yield Picture.of(
            alike.draw(found, found.sample, store, title),
            f"alike-{row.name}",
            f"{words}: some test samples, and what is nearest to each; a full "
            "frame is around those of its class.",
            featured,
        )


def _best_first(variants: Sequence[Row]) -> list[Row]:
    """Return those with the first metric of the comparison that any has, the best one first."""
    for metric in comparison.SHOWN:
        scored = [row for row in variants if metric in row.cells]
        if scored:
            falling = quantity(metric).better == "higher"
            return sorted(scored, key=lambda row: row.cells[metric].mean, reverse=falling)
    return []
