import json

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.files import sha256_file, write_json
from deepsphere.nn.learned_filters import save_filters
from deepsphere.report.runs import (
    ClassPredictions,
    Predictions,
    read_predictions,
    read_run,
    read_run_filters,
)


@pytest.fixture
def evaluation(tmp_path):
    np.savez(
        tmp_path / "predictions.npz",
        prediction=np.float32([[1, 2], [3, 4], [5, 6]]),
        target=np.zeros((3, 2), np.float32),
        known=np.ones((3, 2), bool),
        day=np.array(["2014-01-01"] * 3, "datetime64[D]"),
        longitude=np.array([0.0, 1.0]),
        latitude=np.array([2.0, 3.0]),
    )
    (tmp_path / "history.jsonl").write_text('{"epoch": 1, "loss": 2.5}\n{"epoch": 2, "loss": 2}\n')
    describe(tmp_path)
    return tmp_path / "evaluation.json"


def describe(folder, files=("predictions",), **more):
    promised = {
        name: {"file": f"{name}.npz", "sha256": sha256_file(folder / f"{name}.npz"), **more}
        for name in files
    }
    evaluation = {"seed": 7, "task": {"kind": "regression"}, **promised}
    write_json(folder / "evaluation.json", evaluation)


def test_a_run_is_read_back(evaluation):
    run = read_run(evaluation)
    assert run.seed == 7
    assert run.task == {"kind": "regression"}
    assert run.digest == sha256_file(evaluation)
    assert run.history == ({"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 2})
    found = read_predictions(run)
    assert found.dense
    np.testing.assert_array_equal(found.prediction, [[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(found.latitude, [2, 3])


def one_line(call, *words):
    with pytest.raises(DeepsphereError) as raised:
        call()
    message = str(raised.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_other_predictions_than_were_scored_are_refused(evaluation):
    run = read_run(evaluation)
    with run.predictions.open("ab") as stream:
        stream.write(b"0")
    one_line(
        lambda: read_predictions(run),
        str(run.predictions),
        run.predictions_digest[:12],
        sha256_file(run.predictions)[:12],
        "run the evaluate stage again",
    )


def test_missing_files_are_named(evaluation):
    run = read_run(evaluation)
    run.predictions.unlink()
    one_line(lambda: read_predictions(run), str(run.predictions), "does not exist")
    evaluation.with_name("history.jsonl").unlink()
    one_line(lambda: read_run(evaluation), "history.jsonl", "does not exist")
    evaluation.unlink()
    one_line(lambda: read_run(evaluation), str(evaluation), "does not exist")


def test_a_damaged_line_of_the_learning_curve_is_named(evaluation):
    evaluation.with_name("history.jsonl").write_text('{"epoch": 1}\n{"epo')
    one_line(lambda: read_run(evaluation), "history.jsonl, line 2")


def test_a_name_cannot_lead_out_of_the_folder(evaluation):
    describe(evaluation.parent, file="../predictions.npz")
    one_line(lambda: read_run(evaluation), "'../predictions.npz'")


def test_filters_are_those_of_the_evaluation_or_none(evaluation):
    assert read_run_filters(read_run(evaluation)) == {}
    path = evaluation.with_name("filters.npz")
    with path.open("wb") as stream:
        save_filters(stream, {})
    describe(evaluation.parent, ("predictions", "filters"))
    run = read_run(evaluation)
    assert run.filters == path
    assert read_run_filters(run) == {}
    with path.open("ab") as stream:
        stream.write(b"0")
    one_line(lambda: read_run_filters(run), str(path), "filters: ", "is not what")
    path.unlink()
    one_line(lambda: read_run_filters(run), str(path), "filters: ", "does not exist")


@pytest.mark.parametrize("content", ["text", "pickle", "lacking", "shapes"])
def test_damaged_predictions_are_named(evaluation, content):
    path = evaluation.with_name("predictions.npz")
    if content == "text":
        path.write_text(json.dumps({}))
    else:
        arrays = dict(np.load(path))
        if content == "pickle":
            arrays["prediction"] = np.array([{}], object)
        elif content == "lacking":
            del arrays["known"]
        else:
            arrays["target"] = arrays["target"][:2]
        np.savez(path, **arrays)
    describe(evaluation.parent)
    one_line(lambda: read_predictions(read_run(evaluation)), str(path), "damaged")


CLASSES = {
    "prediction": np.float32([[0.5, 0.25, 0.25], [0.1, 0.9, 0]]),
    "target": np.array([0, 2]),
    "known": np.ones(2, bool),
    "sample": np.array([5, 6]),
    "id": np.array(["a", "bb"]),
    "classes": np.array(["cone", "cube", "tube"]),
}


@pytest.mark.parametrize("descriptors", [False, True])
def test_predictions_of_classes_are_read_back(evaluation, descriptors):
    more = {"descriptors": np.ones((2, 4), np.float32)} if descriptors else {}
    np.savez(evaluation.with_name("predictions.npz"), **CLASSES, **more)
    describe(evaluation.parent)
    found = read_predictions(read_run(evaluation))
    assert isinstance(found, ClassPredictions)
    for name, values in ({"descriptors": None} | CLASSES | more).items():
        if hasattr(found, name):
            np.testing.assert_array_equal(getattr(found, name), values)
    assert (found.descriptors is not None) == descriptors


@pytest.mark.parametrize("name", ["classes", "id", "target"])
def test_predictions_of_classes_that_do_not_belong_together_are_damaged(evaluation, name):
    np.savez(evaluation.with_name("predictions.npz"), **{**CLASSES, name: CLASSES[name][:-1]})
    describe(evaluation.parent)
    one_line(lambda: read_predictions(read_run(evaluation)), "damaged")


def test_one_value_a_sample_needs_no_pixels():
    vector = np.zeros(3, np.float32)
    pixels = np.zeros(5)
    assert not Predictions(vector, vector, vector == 0, pixels, pixels).dense


def test_positions_must_be_those_of_the_pixels():
    table = np.zeros((3, 2), np.float32)
    with pytest.raises(ValueError, match="as many longitudes and latitudes as pixels"):
        Predictions(table, table, table == 0, np.zeros(3), np.zeros(3))
