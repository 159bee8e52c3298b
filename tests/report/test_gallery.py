import numpy as np
import pytest

from deepsphere.files import sha256_file
from deepsphere.report import comparison
from deepsphere.report.gallery import draw_task
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
    run = Run(5, tmp_path / "evaluation.json", "ab" * 32, path, sha256_file(path), history)
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
    assert drawn.png == to_png(comparison.draw(of_task, title, "degC"))


def test_variants_without_a_mean_squared_error_are_drawn_and_not_featured(metrics, runs):
    for name in runs:
        metrics["variants"][name]["metrics"] = {}
    featured = [picture.name for picture in draw(metrics, runs) if picture.featured]
    assert featured == ["comparison-temperature", "learning-curves-temperature"]
