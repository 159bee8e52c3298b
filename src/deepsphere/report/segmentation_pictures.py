"""All pictures of the runs of a segmentation."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from deepsphere.errors import DeepsphereError
from deepsphere.report import precision_recall
from deepsphere.report.class_pictures import confusion_pictures
from deepsphere.report.picture import Picture
from deepsphere.report.precision_recall import Curve
from deepsphere.report.runs import PixelPredictions, Run, read_predictions
from deepsphere.report.state_pictures import find_scene, state_pictures
from deepsphere.report.table import Row
from deepsphere.stores.reader import Store


def segmentation_pictures(
    name: str,
    title: str,
    rows: Sequence[Row],
    runs: Mapping[str, Sequence[Run]],
    labels: Mapping[str, str],
    best: Row | None,
    baselines: Mapping[str, Curve],
    store: Store | None,
) -> Iterator[Picture]:
    """Yield the pictures of the runs of a task.

    Parameters
    ----------
    name, title : str
        Of the task.
    rows : sequence of Row
        Its baselines and variants.
    runs : dict of str to sequence of Run
        The runs of each variant, one a seed.
    labels : dict of str to str
        What each variant is called in figures.
    best : Row or None
        The variant whose pictures the page shows.
    baselines : dict of str to Curve
        The curves of baselines, as far as they are known.
    store : Store or None
        The task's; with it, states are shown.

    Yields
    ------
    Picture
        The curves of precision and recall of all rows; then of the first seed of each variant a
        state with its events, of the best one an animation too, the confusions and the accuracies.

    Raises
    ------
    DeepsphereError
        If the predictions of a run are missing, damaged or of another evaluation.
    """
    variants = [row for row in rows if row.kind == "variant"]
    found = {row.name: [_read(run) for run in runs[row.name]] for row in variants}
    first = found[variants[0].name][0]
    classes = first.classes.tolist()
    of_baselines = {baseline: [curve] for baseline, curve in baselines.items()}
    of_variants = {
        variant: [Curve(seed.precision, seed.recall) for seed in seeds]
        for variant, seeds in found.items()
    }
    curves = [
        (of_variants if row.kind == "variant" else of_baselines).get(row.name, []) for row in rows
    ]
    pixels = first.confusion.sum(axis=1)
    yield Picture.of(
        precision_recall.draw(rows, curves, classes, pixels / pixels.sum(), title),
        f"precision-recall-{name}",
        "Precision and recall of each event at falling thresholds, of all pixels of the test "
        "states. A line is the mean over the seeds, a band reaches from the lowest to the highest; "
        "what would be found by chance is dotted.",
        featured=True,
    )
    scene = None if store is None else find_scene(store, runs[variants[0].name][0], classes)
    for row in variants:
        run = runs[row.name][0]
        words, heading = f"{labels[row.name]}, seed {run.seed}", f"{title}\n{labels[row.name]}"
        if scene is not None:
            yield from state_pictures(scene, row.name, run, words, heading, row is best)
        counts = np.rint(found[row.name][0].confusion).astype(np.int64)
        yield from confusion_pictures(
            counts, classes, row.name, words, heading, "pixels", row is best
        )


def _read(run: Run) -> PixelPredictions:
    found = read_predictions(run)
    if not isinstance(found, PixelPredictions):
        raise DeepsphereError(
            f"predictions: {run.predictions} are not of the pixels of states; "
            "run the evaluate stage again"
        )
    return found
