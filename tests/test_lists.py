"""Ranked lists of a run, from what an evaluation keeps."""

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.files import sha256_file, write_json
from deepsphere.lists import write_run_lists

TASK = {"kind": "classification", "retrieval": True, "ranking": "score"}
IDS = ["000012", "000007", "000012", "000003", "000007", "000003"]
CHANCES = [[0.9, 0.1], [0.5, 0.5], [0.3, 0.7], [0.1, 0.9], [0.9, 0.1], [0.4, 0.6]]


@pytest.fixture
def evaluated(tmp_path):
    """Return a function that writes an evaluation of two copies of three objects.

    By the means, 12 is of class 0 with 0.6, 7 with 0.7, and 3 of class 1.
    """

    def make(task=TASK, **arrays):
        run = tmp_path / "run"
        run.mkdir()
        with (run / "predictions.npz").open("wb") as stream:
            np.savez(stream, prediction=np.array(CHANCES, np.float32), id=np.array(IDS), **arrays)
        promised = {
            "file": "predictions.npz",
            "sha256": sha256_file(run / "predictions.npz"),
        }
        write_json(run / "evaluation.json", {"task": task, "predictions": promised})
        return run

    return make


def lists_in(folder):
    return {path.name: path.read_text().split() for path in folder.iterdir()}


@pytest.mark.parametrize("task", [TASK, TASK | {"retrieval": False}])
def test_copies_are_taken_together_and_the_surest_come_first(evaluated, tmp_path, task):
    assert write_run_lists(evaluated(task), tmp_path / "ours") == 3
    first = ["000007", "000012"]
    assert lists_in(tmp_path / "ours/test_perturbed") == {
        "000007": first,
        "000012": first,
        "000003": ["000003"],
    }


@pytest.mark.parametrize(
    ("ranking", "of_7", "of_3"),
    [
        ("nearest", ["000007", "000012", "000003"], ["000003", "000012", "000007"]),
        ("thresholds", ["000007", "000012"], ["000003", "000012"]),
    ],
)
def test_descriptors_rank_as_the_task_says(evaluated, tmp_path, ranking, of_7, of_3):
    """The means point to 45° (12), 0° (7) and 80° (3); 1 - cos 35° is 0.18, 1 - cos 80° 0.83."""
    angles = np.radians([30, -10, 60, 70, 10, 90])
    run = evaluated(
        TASK | {"ranking": ranking},
        descriptors=np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32),
        thresholds=np.array([0.1, 0.3]),
    )
    write_run_lists(run, tmp_path / "ours", "val_normal")
    found = lists_in(tmp_path / "ours/val_normal")
    assert found["000007"] == of_7
    assert found["000003"] == of_3


def refused(run, folder, dataset="test_perturbed"):
    """Return the error, after which nothing is written."""
    with pytest.raises(DeepsphereError) as caught:
        write_run_lists(run, folder, dataset)
    assert "\n" not in str(caught.value)
    assert not folder.exists()
    return str(caught.value)


def test_what_is_no_evaluated_classification_is_refused(evaluated, tmp_path):
    assert "evaluation of the run" in refused(tmp_path, tmp_path / "ours")
    run = evaluated({"kind": "forecast"})
    assert "of the kind 'forecast'" in refused(run, tmp_path / "ours")


def test_a_data_set_that_the_evaluator_does_not_know_is_refused(evaluated, tmp_path):
    found = refused(evaluated(), tmp_path / "ours", "test")
    assert "found 'test'; the evaluator knows train_normal, " in found


def test_other_predictions_than_those_that_were_scored_are_refused(evaluated, tmp_path):
    run = evaluated()
    (run / "predictions.npz").write_bytes(b"other")
    assert "is not what was scored; run the evaluate stage" in refused(run, tmp_path / "ours")
    (run / "predictions.npz").unlink()
    assert "is missing or is not what was scored" in refused(run, tmp_path / "ours")


def test_only_lists_are_replaced(evaluated, tmp_path):
    run = evaluated()
    write_run_lists(run, tmp_path / "ours")
    write_run_lists(run, tmp_path / "ours")
    with pytest.raises(DeepsphereError, match=r"it holds evaluation.json, which is no folder of"):
        write_run_lists(run, run)
    assert (run / "predictions.npz").is_file()
    with pytest.raises(DeepsphereError, match=r"it holds evaluation.json, which"):
        write_run_lists(run, run / "evaluation.json")


def test_predictions_without_what_the_ranking_takes_are_refused(evaluated, tmp_path):
    run = evaluated(TASK | {"ranking": "nearest"})
    assert "descriptors" in refused(run, tmp_path / "ours")
