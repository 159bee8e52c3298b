from dataclasses import replace

import numpy as np
import pytest

from deepsphere.files import sha256_file
from deepsphere.report import comparison, confusion, gallery
from deepsphere.report.gallery import draw_task
from deepsphere.report.picture import Picture
from deepsphere.report.runs import Run
from deepsphere.report.style import to_png
from deepsphere.report.table import rows


@pytest.fixture
def runs(tmp_path):
    """One run of one value a pixel for every variant of the task."""
    path = tmp_path / "predictions.npz"
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.savez(
        path,
        prediction=values + 1,
        target=values,
        known=np.ones(values.shape, bool),
        longitude=np.arange(3.0),
        latitude=np.arange(3.0),
    )
    history = ({"epoch": 1, "loss": 1.0, "test": {"mse": 1.0}},)
    run = Run(
        5,
        {"kind": "regression"},
        tmp_path / "evaluation.json",
        "ab" * 32,
        path,
        sha256_file(path),
        history,
    )
    return {name: [run] for name in ("p0", "p4", "p9")}


def draw(metrics, runs):
    of_task = [row for row in rows(metrics) if row.task == "temperature"]
    return list(draw_task("temperature", metrics["tasks"]["temperature"], of_task, runs))


def test_only_the_variant_with_the_lowest_error_is_featured(metrics, runs):
    assert {picture.name: picture.featured for picture in draw(metrics, runs)} == {
        "comparison-temperature": True,
        "learning-curves-temperature": True,
        "predicted-observed-p0": False,
        "error-map-p0": False,
        "predicted-observed-p4": True,
        "error-map-p4": True,
        "predicted-observed-p9": False,
        "error-map-p9": False,
    }


def test_captions_say_which_run_is_shown(metrics, runs):
    captions = {picture.name: picture.caption for picture in draw(metrics, runs)}
    assert captions["error-map-p9"].startswith("Order 9, seed 5: ")


def test_an_image_of_simulated_data_says_so_itself(metrics, runs):
    of_task = [row for row in rows(metrics) if row.task == "temperature"]
    metrics["tasks"]["temperature"]["store"]["simulated"] = True
    drawn = draw(metrics, runs)[0]
    title = "Temperature of the next day (simulated data)"
    assert drawn.image == to_png(comparison.draw(of_task, title, "degC"))


def test_variants_without_a_mean_squared_error_are_drawn_and_not_featured(metrics, runs):
    for name in runs:
        metrics["variants"][name]["metrics"] = {}
    featured = [picture.name for picture in draw(metrics, runs) if picture.featured]
    assert featured == ["comparison-temperature", "learning-curves-temperature"]


def test_filters_are_those_of_the_best_variant_that_has_any(metrics, runs, monkeypatch):
    """Of the lowest errors, 8 of p4 and 8.77 of p9, one is of a model without graph filters."""
    asked = []

    def filter_pictures(name, run, words, title):
        asked.append((name, words, title))
        if name != "p4":
            yield Picture(f"filters-{name}", b"", words, featured=True)

    monkeypatch.setattr(gallery, "filter_pictures", filter_pictures)
    found = [picture.name for picture in draw(metrics, runs)]
    title = metrics["tasks"]["temperature"]["title"]
    assert asked == [("p4", "Order 4", f"{title}\nOrder 4"), ("p9", "Order 9", f"{title}\nOrder 9")]
    assert [name for name in found if "filters" in name] == ["filters-p9"]


def test_the_first_of_equally_good_variants_is_featured(metrics, runs):
    metrics["variants"]["p9"]["metrics"] = metrics["variants"]["p4"]["metrics"]
    featured = [picture.name for picture in draw(metrics, runs) if picture.featured]
    assert featured[2:] == ["predicted-observed-p4", "error-map-p4"]


@pytest.fixture
def class_runs(runs, tmp_path):
    """The same variants, each of which takes one of three cubes for a cone."""
    path = tmp_path / "classes.npz"
    np.savez(
        path,
        prediction=np.float32([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]]),
        target=np.array([0, 1, 1, 1]),
        id=np.array(["a", "b", "c", "d"]),
        classes=np.array(["cone", "cube"]),
    )
    of_classes = replace(runs["p0"][0], predictions=path, predictions_digest=sha256_file(path))
    return {name: [of_classes] for name in runs}


def test_a_classification_has_confusion_matrices_and_the_most_accurate_is_featured(
    metrics, class_runs
):
    for name, accuracy in (("p0", 0.9), ("p4", 0.7), ("p9", 0.8)):
        cell = {"mean": accuracy, "std": None, "values": {"0": accuracy}}
        metrics["variants"][name]["metrics"] = {"accuracy": cell}
    metrics["metrics"] = ["accuracy"]
    drawn = draw(metrics, class_runs)
    assert {picture.name: picture.featured for picture in drawn} == {
        "comparison-temperature": True,
        "learning-curves-temperature": True,
        "confusion-p0": True,
        "accuracies-p0": True,
        "confusion-p4": False,
        "accuracies-p4": False,
        "confusion-p9": False,
        "accuracies-p9": False,
    }
    title = f"{metrics['tasks']['temperature']['title']}\nOrder 4"
    expected = confusion.draw(np.array([[1, 0], [1, 2]]), ["cone", "cube"], title, "test samples")
    shown = {picture.name: picture for picture in drawn}["confusion-p4"]
    assert shown.image == to_png(expected)
    assert shown.caption.startswith("Order 4, seed 5: how many percent of the test samples of each")
