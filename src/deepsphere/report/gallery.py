"""All pictures of a task, in the order in which a page shows them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deepsphere.report import comparison, curves, scatter, stations
from deepsphere.report.picture import Picture
from deepsphere.report.runs import Run, read_predictions
from deepsphere.report.style import unique_labels
from deepsphere.report.table import Row
from deepsphere.tasks.regression import error_by_output


def draw_task(
    name: str, task: Mapping[str, Any], rows: Sequence[Row], runs: Mapping[str, Sequence[Run]]
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

    Yields
    ------
    Picture
        The comparison of all rows and the learning curves; then, for the first seed of each
        variant, predicted against observed values and, if there is a value a pixel, the map of the
        errors. Those of the variant with the lowest mean squared error are featured.

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
    best = _best_variant(variants)
    for label, row in zip(labels, variants, strict=True):
        yield from _of_variant(
            label, row, runs[row.name][0], f"{title}\n{label}", unit, row is best
        )


def _of_variant(
    label: str, row: Row, run: Run, title: str, unit: str, featured: bool
) -> Iterator[Picture]:
    found = read_predictions(run)
    yield Picture.of(
        scatter.draw(found.prediction, found.target, found.known, title, unit),
        f"predicted-observed-{row.name}",
        f"{label}, seed {run.seed}: predicted against observed values of the test samples; the "
        "line is where they are equal.",
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


def _best_variant(variants: Sequence[Row]) -> Row | None:
    scored = [row for row in variants if "mse" in row.cells]
    return min(scored, key=lambda row: row.cells["mse"].mean, default=None)
