import pickle

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import average_precision_score, balanced_accuracy_score, log_loss

from deepsphere.tasks.samples import Predictions
from deepsphere.tasks.segmentation_tally import ERROR, SegmentationTally

CLASSES = ("background", "cyclone", "river")
SAMPLES, PIXELS = 30, 40
WEIGHTS = np.array([0.4, 8.0, 2.0])
AREAS = np.random.default_rng(3).uniform(0.5, 1.5, PIXELS)


def found(numbers=None, everywhere=False):
    """Return predictions of samples, of which a tenth of the pixels is unknown."""
    random = np.random.default_rng(0)
    truth = random.choice(3, (SAMPLES, PIXELS), p=[0.9, 0.03, 0.07])
    logits = random.normal(size=(SAMPLES, PIXELS, 3)) + np.eye(3)[truth]
    known = (random.random(truth.shape) < 0.9) | everywhere
    chances = softmax(logits, axis=2).astype(np.float32)
    numbers = np.arange(SAMPLES) if numbers is None else numbers
    return Predictions(
        numbers, chances[numbers], np.where(known, truth, 0)[numbers], known[numbers]
    )


def tally(areas=None, scratch=None):
    return SegmentationTally(CLASSES, WEIGHTS, areas, scratch)


@pytest.mark.parametrize("areas", [None, AREAS])
def test_scores_are_over_the_known_pixels_of_all_samples(tmp_path, areas):
    exact = tally(areas, tmp_path)
    for part in np.array_split(np.arange(SAMPLES), 4):
        exact.add(found(part))
    everything = found()
    known = everything.known
    truth, chances = everything.target[known], everything.prediction[known]
    weights = None if areas is None else np.broadcast_to(areas, known.shape)[known]
    scores = exact.scores()
    accuracy = balanced_accuracy_score(truth, chances.argmax(axis=1), sample_weight=weights)
    assert scores["mean_accuracy"] == pytest.approx(accuracy)
    averages = [
        average_precision_score(truth == number, chances[:, number], sample_weight=weights)
        for number in (1, 2)
    ]
    assert scores["map"] == pytest.approx(np.mean(averages), rel=1e-9)
    losses = WEIGHTS[truth] * (1 if weights is None else weights)
    total = len(truth) if weights is None else weights.sum()
    entropy = log_loss(truth, chances, sample_weight=losses, normalize=False) / total
    assert scores["cross_entropy"] == pytest.approx(entropy, rel=1e-5)
    assert "average_precision_tolerance" not in scores


def test_bins_say_how_exact_they_are(tmp_path):
    binned, exact = tally(), tally(scratch=tmp_path)
    for one in (binned, exact):
        one.add(found())
    tolerance = binned.scores()["average_precision_tolerance"]
    assert 0 < tolerance < 0.05
    for name in ("average_precision_cyclone", "average_precision_river", "map"):
        assert abs(binned.scores()[name] - exact.scores()[name]) <= tolerance


def test_models_are_selected_by_the_map_that_is_reported():
    """A model that ranks pixels better is selected, though it is surer where it errs."""
    truth = np.array([[0, 0, 0, 0, 1, 1, 2, 2]])
    known = np.ones_like(truth, bool)

    def scores(logits):
        one = tally()
        chances = softmax(logits, axis=1).astype(np.float32)[None]
        one.add(Predictions(np.array([0]), chances, truth, known))
        return one.scores()

    ranked = scores(20 * np.eye(3)[truth[0]] + [30, 0, 0])
    timid = scores(0.01 * np.eye(3)[truth[0, ::-1]])
    assert ranked["map"] == 1
    assert ranked[ERROR] == 0 < timid[ERROR] == 1 - timid["map"]
    assert ranked["cross_entropy"] > timid["cross_entropy"]


def test_without_any_event_models_are_selected_by_the_loss():
    calm = found()
    calm.target[:] = 0
    one = tally()
    one.add(calm)
    assert "map" not in one.scores()
    assert one.scores()[ERROR] == one.scores()["cross_entropy"]


@pytest.mark.parametrize("areas", [None, AREAS])
def test_devices_together_count_what_one_counts(areas):
    whole = tally(areas)
    whole.add(found())
    together = tally(areas)
    for part in np.array_split(np.arange(SAMPLES), 3):
        one = tally(areas)
        one.add(found(part))
        together.merge(pickle.loads(pickle.dumps(one.state())))
    assert together.scores() == pytest.approx(dict(whole.scores()), rel=1e-12)


def test_the_classes_of_all_pixels_are_kept(tmp_path):
    one = tally(scratch=tmp_path)
    for part in np.array_split(np.arange(SAMPLES)[::-1], 4):
        one.add(found(part))
    kept, whole = one.kept(), found(np.arange(SAMPLES)[::-1])
    np.testing.assert_array_equal(kept["sample"], whole.numbers)
    np.testing.assert_array_equal(kept["prediction"], whole.prediction.argmax(axis=2))
    np.testing.assert_array_equal(kept["target"], np.where(whole.known, whole.target, 255))
    assert kept["prediction"].dtype == kept["target"].dtype == np.uint8
    assert kept["classes"].tolist() == list(CLASSES)
    assert kept["confusion"].sum() == whole.known.sum()


def test_curves_go_to_a_recall_of_one(tmp_path):
    one = tally(scratch=tmp_path)
    one.add(found())
    precision, recall = one.kept()["precision"], one.kept()["recall"]
    assert (np.diff(recall) >= 0).all()
    assert (recall[:, -1] == 1).all()
    assert ((precision >= 0) & (precision <= 1))[recall > 0].all()
    # The area under the points is nearly the average precision.
    steps = np.diff(recall, prepend=0)
    scores = one.scores()
    expected = [scores[f"average_precision_{name}"] for name in CLASSES]
    np.testing.assert_allclose((steps * precision).sum(axis=1), expected, atol=0.02)


def test_a_probability_that_is_no_number_leaves_no_score():
    broken = found()
    broken.prediction[3, 0] = np.nan
    broken.known[3, 0] = True
    one = tally()
    one.add(broken)
    one.add(found())
    assert np.isnan([one.scores()[name] for name in ("cross_entropy", "map", ERROR)]).all()


def test_without_a_folder_nothing_is_kept():
    with pytest.raises(ValueError, match="expected a folder to keep segmentations in"):
        tally().kept()
