"""Average precision against scikit-learn, with and without ties, weights and many parts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import average_precision_score, precision_recall_curve

from deepsphere.tasks import average_precision
from deepsphere.tasks.average_precision import BINS, BinnedScores, SortedScores


def random_scores(samples, decimals=None, seed=0):
    """Return probabilities of three classes, the last of which is rare, and classes."""
    random = np.random.default_rng(seed)
    truth = random.choice(3, samples, p=[0.9, 0.08, 0.02])
    logits = random.normal(size=(samples, 3)) * 3 + 3 * np.eye(3)[truth]
    chances = softmax(logits, axis=1)
    if decimals is not None:
        chances = chances.round(decimals)
    return chances.astype(np.float32), truth


def expected(chances, truth, weights=None):
    return [
        average_precision_score(truth == number, chances[:, number], sample_weight=weights)
        for number in range(chances.shape[1])
    ]


@pytest.mark.parametrize("decimals", [None, 1, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("block", [1 << 22, 100])
def test_sorted_scores_give_what_scikit_learn_gives(
    tmp_path, monkeypatch, decimals, weighted, block
):
    monkeypatch.setattr(average_precision, "_BLOCK", block)
    chances, truth = random_scores(3000, decimals)
    weights = np.random.default_rng(1).uniform(0.1, 2, len(truth)) if weighted else None
    scores = SortedScores(tmp_path, 3, weighted)
    for part in np.array_split(np.arange(len(truth)), 7):
        scores.add(chances[part], truth[part], None if weights is None else weights[part])
    np.testing.assert_allclose(scores.averages(), expected(chances, truth, weights), rtol=1e-12)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 1e-45, 1e-8, 0.25, 0.5, 1 - 2**-24, 1.0]), st.booleans()),
        min_size=1,
        max_size=30,
    )
)
def test_ties_and_the_ends_of_the_range_count_as_for_scikit_learn(tmp_path_factory, pairs):
    chances = np.array([[chance, 1 - chance] for chance, _ in pairs], np.float32)
    truth = np.array([0 if positive else 1 for _, positive in pairs])
    exact = SortedScores(tmp_path_factory.mktemp("scores"), 2)
    exact.add(chances, truth, None)
    binned = BinnedScores(2)
    binned.add(chances, truth, None)
    found, (average, tolerance) = exact.averages(), binned.averages()
    for number in range(2):
        if number in truth:
            oracle = average_precision_score(truth == number, chances[:, number])
            assert found[number] == pytest.approx(oracle, rel=1e-12)
            assert abs(average[number] - oracle) <= tolerance[number] + 1e-12
        else:
            assert np.isnan([found[number], average[number], tolerance[number]]).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("decimals", [None, 2])
def test_bins_are_as_exact_as_they_say(weighted, decimals):
    chances, truth = random_scores(50_000, decimals)
    weights = np.random.default_rng(1).uniform(0.1, 2, len(truth)) if weighted else None
    scores = BinnedScores(3)
    for part in np.array_split(np.arange(len(truth)), 3):
        scores.add(chances[part], truth[part], None if weights is None else weights[part])
    average, tolerance = scores.averages()
    error = np.abs(average - expected(chances, truth, weights))
    assert (error <= tolerance).all()
    if decimals is None:
        assert (tolerance < 0.01).all()
        assert (error < 1e-3).all()


def test_the_tolerance_is_met_by_the_worst_that_can_be_in_a_bin():
    """Ten scores of one bin: the five positive ones are the highest, or the lowest."""
    chances = np.float32(0.5) + np.arange(10, dtype=np.float32) * np.float32(2**-24)
    for positive in (chances >= chances[5], chances < chances[5]):
        truth = np.where(positive, 0, 1)
        scores = BinnedScores(2)
        scores.add(np.stack([chances, 1 - chances], axis=1), truth, None)
        assert (scores.total[0] > 0).sum() == 1
        average, tolerance = scores.averages()
        assert average[0] == 0.5
        error = abs(average[0] - average_precision_score(positive, chances))
        assert 0.1 < error <= tolerance[0] <= 0.5


def test_curves_are_those_of_scikit_learn_where_bins_hold_equal_scores():
    chances = np.array([0.9, 0.9, 0.6, 0.6, 0.2, 0.1], np.float32)
    truth = np.array([0, 1, 0, 0, 1, 0])
    scores = BinnedScores(2)
    scores.add(np.stack([chances, 1 - chances], axis=1), truth, None)
    precision, recall = scores.curves()
    assert precision.shape == recall.shape == (2, BINS)
    # scikit-learn begins with all samples and ends with none.
    oracle = precision_recall_curve(truth == 0, chances)[:2]
    steps = np.flatnonzero(np.diff(np.nan_to_num(precision[0]), prepend=-1) != 0)
    found = np.stack([precision[0], recall[0]])[:, steps[1:]]
    np.testing.assert_allclose(found, np.array(oracle)[:, -2::-1])


def test_bins_keep_the_order_of_scores_next_to_0_and_1():
    ulps = np.arange(2000, dtype=np.uint32)
    one = np.float32(1).view(np.uint32)
    near_one = (one - ulps[::-1]).astype(np.uint32).view(np.float32)
    scattered = np.sort(np.random.default_rng(0).random(100_000, np.float32))
    for chances in (near_one, scattered, np.float32(10) ** np.arange(-45, 1, dtype=np.float32)):
        assert (np.diff(average_precision._bins(chances)) >= 0).all()


def test_weights_are_given_always_or_never(tmp_path):
    chances, truth = random_scores(3)
    with pytest.raises(ValueError, match="expected weights: False, found True"):
        SortedScores(tmp_path, 3).add(chances, truth, np.ones(3))
