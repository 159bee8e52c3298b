from itertools import chain

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from deepsphere.errors import DeepsphereError
from deepsphere.tasks.class_samples import open_class_samples
from deepsphere.tasks.samples import Predictions

BOTH = ("distance", "cosine")


def found_of(samples, numbers, seed=0, descriptors=None):
    """Return random probabilities of some samples."""
    chances = np.random.default_rng(seed).dirichlet(np.ones(3), len(numbers))
    target, known = samples.truth(numbers)
    return Predictions(numbers, chances.astype(np.float32), target, known, descriptors)


def test_samples_are_those_of_the_copies_that_were_named(copied_store):
    samples = open_class_samples(
        copied_store, BOTH, train_copies=["turned"], test_copies=["up", "turned"]
    )
    # Objects 0 to 5 without 3, which is broken; objects 6 and 7; 8 to 11, with 9, which is broken.
    turned = [[3 * number + 1, 3 * number + 2] for number in range(12)]
    assert samples.splits["train"].tolist() == [*chain(*turned[:3], *turned[4:6])]
    assert samples.splits["validation"].tolist() == [*chain(*turned[6:8])]
    assert samples.splits["test"].tolist() == list(range(24, 36))
    assert samples.classes == ("cone", "cube", "tube")
    assert samples.input_channels == 2
    assert samples.name(4) == "m1, turned 0"


def test_all_copies_count_if_none_is_named(copied_store):
    splits = open_class_samples(copied_store, BOTH).splits
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [15, 6, 12]


def test_maps_without_copies_and_names_need_nothing_more(labelled_store):
    values = np.random.default_rng(0).normal(size=(6, 4, 1))
    store = labelled_store(values, [0, 1, 2, 0, 1, 2], [0, 0, 0, 0, 2, 2], {"class_names": None})
    samples = open_class_samples(store, ("distance",))
    assert samples.classes == ("0", "1", "2")
    assert samples.splits["train"].tolist() == [0, 1, 2, 3]
    assert samples.name(4) == "4"
    batch = samples.batch(np.array([5, 0]))
    assert batch.target.dtype == np.int64
    assert batch.target.tolist() == [2, 0]
    assert batch.known.all()
    kept = samples.kept(found_of(samples, samples.splits["test"]))
    assert kept["id"].tolist() == ["4", "5"]


def test_every_copy_is_a_sample(copied_store):
    samples = open_class_samples(copied_store, BOTH)
    numbers = samples.splits["test"]
    found = found_of(samples, numbers)
    scores = samples.scores(found)
    target = numbers // 3 % 3
    assert scores["accuracy"] == accuracy_score(target, found.prediction.argmax(axis=1))
    assert scores["error_rate"] == pytest.approx(1 - scores["accuracy"])
    assert scores["cross_entropy"] == pytest.approx(
        -np.log(found.prediction[np.arange(12), target]).mean(), rel=1e-6
    )
    assert set(samples.metrics) | set(samples.curves) == set(scores)
    kept = samples.kept(found)
    assert kept["prediction"] is found.prediction
    assert kept["sample"].tolist() == numbers.tolist()
    assert "descriptors" not in kept


def test_votes_are_means_over_the_copies(copied_store):
    samples = open_class_samples(copied_store, BOTH, votes=True)
    numbers = np.random.default_rng(1).permutation(samples.splits["test"])
    found = found_of(samples, numbers)
    # Objects 8 to 11, by an average of our own.
    means = np.stack(
        [found.prediction[numbers // 3 == number].mean(axis=0) for number in range(8, 12)]
    )
    target = np.array([2, 0, 1, 2])
    assert samples.scores(found)["accuracy"] == accuracy_score(target, means.argmax(axis=1))
    kept = samples.kept(found)
    np.testing.assert_allclose(kept["prediction"], means, rtol=1e-6)
    assert kept["prediction"].dtype == np.float32
    assert kept["target"].tolist() == target.tolist()
    assert kept["id"].tolist() == ["m8", "m9", "m10", "m11"]


@pytest.mark.parametrize("votes", [False, True])
def test_retrieval_is_of_objects_whatever_the_samples_are(copied_store, votes):
    """Copies of one object say what it is, by the mean; an object is not retrieved three times."""
    samples = open_class_samples(copied_store, BOTH, votes=votes, ranking="score")
    numbers = samples.splits["test"]
    chances = np.full((12, 3), 0.1, np.float32)
    # Object 8 (class 2) and 9 (0) are taken for 2, one copy of 9 for 0; 10 and 11 are right.
    said = np.repeat([2, 2, 1, 2], 3)
    chances[np.arange(12), said] = np.repeat([0.9, 0.8, 0.8, 0.7], 3)
    chances[3] = [0.7, 0.1, 0.2]
    found = Predictions(numbers, chances, *samples.truth(numbers))
    scores = samples.scores(found)
    # The list of class 2: 8, 11, 9, for the queries 8 and 11 (P 2/3, R 1) and 9 (P 1/3, R 1).
    assert scores["micro_precision_at_n"] == pytest.approx((2 / 3 + 1 / 3 + 1 + 2 / 3) / 4)
    assert scores["micro_recall_at_n"] == 1
    # Of 9 the average precision is that of the third place.
    assert scores["micro_map"] == pytest.approx((1 + 1 / 3 + 1 + 1) / 4)
    assert scores["macro_map"] == pytest.approx((1 / 3 + 1 + 1) / 3)
    assert set(samples.metrics) | set(samples.curves) == set(scores)


def test_the_nearest_are_found_by_descriptors(copied_store):
    """Objects 8 and 11 are of class 2; taken for 0 as 9 is, the one nearer to 8 is 11."""
    samples = open_class_samples(copied_store, BOTH, ranking="nearest")
    numbers = samples.splits["test"]
    chances = np.tile(np.float32([0.8, 0.1, 0.1]), (12, 1))
    chances[numbers // 3 == 9, 0] = 0.9
    angles = np.select([numbers // 3 == number for number in (8, 9, 10, 11)], [0, 2, 3, 0.1])
    described = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = Predictions(numbers, chances, *samples.truth(numbers), described)
    assert samples.objective == {"kind": "classification", "triplet": 0.0, "descriptors": True}
    # All are on all lists, the query first: 8 and 11 find each other second, 9 and 10 themselves.
    assert samples.scores(found)["micro_map"] == pytest.approx(1)
    assert samples.kept(found)["descriptors"].shape == (12, 2)
    by_score = open_class_samples(copied_store, BOTH, ranking="score").scores(found)
    assert by_score["micro_map"] < 0.7


def test_thresholds_are_found_on_the_validation_samples(copied_store):
    """Objects 6 and 7 (0 and 1) are taken for 0 and at the distance 1/2: a threshold that lists
    class 1 gains nothing, so it is 0. Of 2 nothing is known, but 1 is on the list of 6 and 7.
    """
    samples = open_class_samples(copied_store, BOTH, ranking="thresholds")
    asked = []

    def predict(numbers):
        """Say class 0 of object 6 and class 1 of 7, which truly are 0 and 0, and near."""
        asked.append(numbers.tolist())
        chances = np.eye(3, dtype=np.float32)[numbers // 3 % 2]
        described = np.float32([[1, 0], [1, 0.1]])[numbers // 3 % 2]
        return Predictions(numbers, chances, np.zeros_like(numbers), numbers >= 0, described)

    tuned = samples.tuned(predict)
    assert asked == [samples.splits["validation"].tolist()]
    # The distance is 1 - 1 / sqrt(1.01) = 0.00496; the lowest step above it is 0.005.
    assert tuned.thresholds.tolist() == [0.005, 0.005, 0]
    numbers = samples.splits["test"]
    chances = np.eye(3, dtype=np.float32)[np.repeat([0, 1, 1, 1], 3)]
    described = np.float32([[1, 0], [1, 0.05], [-1, 0], [0, 1]]).repeat(3, axis=0)
    found = Predictions(numbers, chances, *samples.truth(numbers), described)
    # Truly 8 to 11 are 2, 0, 1, 2. Lists: 8 9; 9 8 11 10; 10 11 9; 11 9 10.
    scores = tuned.scores(found)
    assert scores["micro_precision_at_n"] == pytest.approx((1 / 2 + 1 / 4 + 1 / 3 + 1 / 3) / 4)
    assert set(scores) == set(samples.metrics) | set(samples.curves)
    assert tuned.kept(found)["thresholds"] is tuned.thresholds


def test_only_rankings_by_thresholds_ask_for_more(copied_store):
    samples = open_class_samples(copied_store, BOTH, ranking="nearest")
    assert samples.tuned(lambda numbers: pytest.fail("asked")) is samples


def test_thresholds_need_validation_samples(labelled_store):
    store = labelled_store(np.ones((4, 3, 1)), [0, 1, 0, 1], [0, 0, 2, 2])
    samples = open_class_samples(store, ("distance",), ranking="thresholds")
    with pytest.raises(DeepsphereError, match="has no validation samples, on which ranking"):
        samples.tuned(lambda numbers: pytest.fail("asked"))


@pytest.mark.parametrize("ranking", ["nearest", "thresholds"])
def test_what_has_no_descriptors_is_not_ranked_by_another_rule(copied_store, ranking):
    samples = open_class_samples(copied_store, BOTH, ranking=ranking)
    scores = samples.scores(found_of(samples, samples.splits["test"]))
    assert not {name for name in scores if name.startswith(("micro_", "macro_"))} - {"macro_f1"}
    assert set(scores) < set(samples.metrics) | set(samples.curves)


def test_subclasses_count_in_the_gain(copied_store):
    """Of class 2, object 8 is "high" and 11 has none: the other one is worth 2 or 1, not 3."""
    samples = open_class_samples(copied_store, BOTH, ranking="score")
    numbers = samples.splits["test"]
    chances = np.eye(3, dtype=np.float32)[samples.labels[numbers]]
    scores = samples.scores(Predictions(numbers, chances, *samples.truth(numbers)))
    assert scores["micro_map"] == 1
    # Ties: the larger name comes first, "m8" before "m11". Of 11, 8 (grade 1) comes before itself.
    assert scores["micro_ndcg"] == pytest.approx((1 + 1 + 1 + (1 + 3) / (3 + 1)) / 4)


def test_probabilities_that_are_no_numbers_have_no_scores(copied_store):
    samples = open_class_samples(copied_store, BOTH, ranking="score")
    found = found_of(samples, samples.splits["test"])
    found.prediction[0] = np.nan
    scores = samples.scores(found)
    assert scores.keys() == {*samples.metrics, *samples.curves}
    assert np.isnan(list(scores.values())).all()


def test_descriptors_that_are_no_numbers_have_no_scores_and_no_thresholds(copied_store):
    samples = open_class_samples(copied_store, BOTH, ranking="thresholds")

    def predict(numbers):
        described = np.full((len(numbers), 2), np.inf, np.float32)
        return found_of(samples, numbers, descriptors=described)

    scores = samples.scores(predict(samples.splits["test"]))
    assert scores.keys() == {*samples.metrics, *samples.curves}
    assert np.isnan(list(scores.values())).all()
    with pytest.raises(DeepsphereError, match="of the validation samples is not finite; train"):
        samples.tuned(predict)


PARTS = 5
"""As many as pixels."""


def test_each_part_is_answered_for(copied_store):
    samples = open_class_samples(copied_store, BOTH, noise=0.5, parts=PARTS)
    numbers = samples.splits["test"]
    batch = samples.batch(numbers)
    assert batch.target.shape == batch.known.shape == (12, PARTS)
    assert batch.known.all()
    assert (batch.target == samples.labels[numbers][:, None]).all()
    # The noise is that of the whole map.
    whole = open_class_samples(copied_store, BOTH, noise=0.5).batch(numbers)
    np.testing.assert_array_equal(batch.inputs, whole.inputs)
    chances = np.random.default_rng(0).dirichlet(np.ones(3), (12, PARTS)).astype(np.float32)
    found = Predictions(numbers, chances, batch.target, batch.known)
    scores = samples.scores(found)
    predicted = chances.argmax(axis=-1).ravel()
    assert scores["accuracy"] == accuracy_score(batch.target.ravel(), predicted)
    kept = samples.kept(found)
    np.testing.assert_array_equal(kept["prediction"], chances.reshape(-1, 3))
    assert kept["target"].tolist() == batch.target.ravel().tolist()
    assert kept["sample"].tolist() == np.repeat(numbers, PARTS).tolist()
    assert kept["part"].tolist() == list(range(PARTS)) * 12
    assert kept["id"][:: 3 * PARTS].tolist() == ["m8", "m9", "m10", "m11"]
    assert {len(kept[name]) for name in kept if name != "classes"} == {60}


def test_an_object_is_voted_on_by_the_parts_of_its_copies(copied_store):
    samples = open_class_samples(copied_store, BOTH, votes=True, parts=PARTS)
    numbers = samples.splits["test"]
    chances = np.random.default_rng(0).dirichlet(np.ones(3), (12, PARTS)).astype(np.float32)
    kept = samples.kept(Predictions(numbers, chances, *samples.truth(numbers)))
    # Three copies of five parts.
    np.testing.assert_allclose(
        kept["prediction"], chances.reshape(4, -1, 3).mean(axis=1), rtol=1e-6
    )
    assert kept["target"].tolist() == [2, 0, 1, 2]
    assert kept["sample"].tolist() == [24, 27, 30, 33]
    assert "part" not in kept


def test_parts_of_which_nothing_is_seen_do_not_count(labelled_store):
    seen = np.array([True, False, False, False, True, True])
    values = np.where(seen[:, None], np.random.default_rng(0).normal(size=(4, 6, 1)), np.nan)
    store = labelled_store(values, [0, 1, 0, 1], [0, 0, 2, 2], of_pixels={"seen": seen})
    samples = open_class_samples(store, ("distance",), parts=3)
    target, known = samples.truth(np.array([2, 3]))
    assert known.tolist() == [[True, False, True]] * 2
    right = np.eye(3, dtype=np.float32)[target]
    # Answers for what was not seen are wrong, and do not matter.
    right[:, 1] = [0, 0, 1]
    found = Predictions(np.array([2, 3]), right, target, known)
    assert samples.scores(found)["accuracy"] == 1
    kept = samples.kept(found)
    assert kept["part"].tolist() == [0, 2, 0, 2]
    assert kept["sample"].tolist() == [2, 2, 3, 3]
    # Of whole maps, some is seen.
    assert open_class_samples(store, ("distance",)).truth(np.array([2]))[1].tolist() == [True]
    halves = open_class_samples(store, ("distance",), parts=2)
    assert halves.truth(np.array([2]))[1].all()


def test_parts_that_do_not_divide_the_pixels_are_refused(copied_store):
    with pytest.raises(DeepsphereError, match=r"parts: found 12, but the 5 pixels of .* do not fa"):
        open_class_samples(copied_store, BOTH, parts=12)
