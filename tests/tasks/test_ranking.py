import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from deepsphere.tasks.ranking import (
    by_score,
    class_then_nearest,
    class_thresholds,
    within_thresholds,
)
from deepsphere.tasks.retrieval import retrieval_metrics


def answers(lists):
    return [lists.members[number].tolist() for number in lists.list_of]


def draw(objects, classes=4, features=6, seed=0):
    generator = np.random.default_rng(seed)
    predicted = generator.integers(0, classes, objects)
    centres = generator.normal(size=(classes, features))
    return centres[predicted] + generator.normal(size=(objects, features)), predicted


def name(numbers):
    return [f"{number:06d}" for number in numbers]


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.data())
def test_by_score_is_the_published_order(data):
    objects = data.draw(st.integers(1, 12))
    # Few values, so that many are equal.
    row = st.lists(st.integers(0, 2), min_size=3, max_size=3)
    values = np.array(data.draw(st.lists(row, min_size=objects, max_size=objects))) / 4
    ids = name(data.draw(st.permutations(range(objects))))
    predicted = values.argmax(axis=1)
    found = answers(by_score(values, ids))
    for query in range(objects):
        rows = [
            (values[other].max(), ids[other])
            for other in range(objects)
            if predicted[other] == predicted[query]
        ]
        expected = [ids.index(identifier) for _, identifier in sorted(rows, reverse=True)]
        assert found[query] == expected


def test_queries_of_a_class_share_their_list():
    generator = np.random.default_rng(0)
    probabilities = generator.random((50, 3))
    lists = by_score(probabilities, name(range(50)))
    assert len(lists.members) == 3
    np.testing.assert_array_equal(lists.list_of, probabilities.argmax(axis=1))


def test_no_list_is_longer_than_counts():
    probabilities = np.linspace(0.5, 1, 1200)[:, None]
    assert answers(by_score(probabilities, name(range(1200))))[0] == list(range(1199, 199, -1))
    descriptors, predicted = np.ones((1200, 2)), np.zeros(1200, int)
    for lists in (
        within_thresholds(descriptors, predicted, np.zeros(1)),
        class_then_nearest(descriptors, predicted),
    ):
        # All distances are equal: then in the order of the objects.
        assert all(answer == list(range(1000)) for answer in answers(lists))


@pytest.mark.parametrize("objects", [30, 1500])
def test_distances_are_those_of_scipy(objects):
    descriptors, predicted = draw(objects)
    thresholds = np.array([0, 0.2, 0.7, 2.1])
    near = answers(within_thresholds(descriptors, predicted, thresholds))
    all_of_them = answers(class_then_nearest(descriptors, predicted))
    queries = range(0, objects, 29)
    distances = cdist(descriptors[queries], descriptors, "cosine")
    for query, row in zip(queries, distances, strict=True):
        others = predicted != predicted[query]
        ranked = np.lexsort((row, others))[:1000]
        # Nothing is nearer to another than float32 can tell.
        same = all_of_them[query] == ranked.tolist()
        assert same or np.allclose(row[all_of_them[query]], row[ranked], atol=1e-6)
        kept = np.flatnonzero(~others | (row < thresholds[predicted[query]]))
        ranked = kept[row[kept].argsort()][:1000]
        assert len(near[query]) == len(ranked)
        np.testing.assert_allclose(row[near[query]], row[ranked], atol=1e-6)


def test_a_threshold_of_0_lists_the_class_alone():
    descriptors = np.ones((4, 3))
    predicted = np.array([0, 1, 0, 1])
    found = answers(within_thresholds(descriptors, predicted, np.zeros(2)))
    assert found == [[0, 2], [1, 3], [0, 2], [1, 3]]


@pytest.mark.parametrize("scale", [1e-30, 1, 1e30])
def test_only_directions_count(scale):
    descriptors, predicted = draw(40, seed=1)
    expected = answers(class_then_nearest(descriptors, predicted))
    scales = scale * np.linspace(1, 3, 40)[:, None]
    found = answers(class_then_nearest((scales * descriptors).astype(np.float32), predicted))
    assert found == expected


def test_a_descriptor_of_zeros_is_at_distance_1_of_all():
    descriptors = np.array([[0.0, 0], [1, 0], [-1, 0.1], [0.1, -1]])
    predicted = np.zeros(4, int)
    found = answers(class_then_nearest(descriptors, predicted))
    assert found[0] == [0, 1, 2, 3]
    assert found[1] == [1, 3, 0, 2]


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60))
def test_the_others_behind_the_class_cost_no_average_precision(seed, objects):
    descriptors, predicted = draw(objects, seed=seed)
    categories = np.random.default_rng(seed).permutation(predicted)
    alone = within_thresholds(descriptors, predicted, np.zeros(4))
    for metric in ("mAP", "R@N", "NDCG"):
        low = retrieval_metrics(alone, categories, categories)["micro"][metric]
        lists = class_then_nearest(descriptors, predicted)
        high = retrieval_metrics(lists, categories, categories)["micro"][metric]
        assert high >= low - 1e-12


def test_sure_answers_are_still_told_apart():
    """The angle between (1, a) and (1, 0) is a: 1 - cos is a² / 2, here 5e-13 to 5e-11."""
    angles = 1e-6 * np.array([0, 10, 3, 7, 1])
    descriptors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert answers(class_then_nearest(descriptors, np.zeros(5, int)))[0] == [0, 4, 2, 3, 1]


def test_probabilities_as_descriptors_lift_the_average_precision():
    generator = np.random.default_rng(4)
    centres = generator.normal(size=(6, 16))
    categories = generator.integers(0, 6, 600)
    noisy = centres[categories] + 1.5 * generator.normal(size=(600, 16))
    probabilities = np.exp(noisy @ centres.T / 1.5**2 - np.square(centres).sum(axis=1) / 2 / 1.5**2)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    assert 0.7 < (predicted == categories).mean() < 0.95
    low, high = (
        retrieval_metrics(lists, categories, categories)["micro"]["mAP"]
        for lists in (
            by_score(probabilities, name(range(600))),
            class_then_nearest(probabilities, predicted),
        )
    )
    assert high > low + 0.05


def test_thresholds_are_the_best_of_their_grid():
    descriptors, categories = draw(120, seed=2)
    generator = np.random.default_rng(2)
    predicted = np.where(generator.random(120) < 0.6, categories, generator.integers(0, 3, 120))
    distances = cdist(descriptors, descriptors, "cosine")
    grid = np.arange(401) / 200
    f1 = np.zeros((5, 401))
    for query in range(120):
        for step, threshold in enumerate(grid):
            listed = (predicted == predicted[query]) | (distances[query] < threshold)
            hits = (listed & (categories == categories[query])).sum()
            precision = hits / listed.sum()
            recall = hits / (categories == categories[query]).sum()
            if hits:
                mean = 2 * precision * recall / (precision + recall)
                f1[predicted[query], step] += mean
    found = class_thresholds(descriptors, predicted, categories, 5)
    assert found[4] == 0
    assert (found > 0).any()
    steps = np.round(found * 200).astype(int)
    np.testing.assert_allclose(f1[np.arange(5), steps], f1.max(axis=1), rtol=1e-12)
    for steps_of_class, best in zip(f1, steps, strict=True):
        assert (steps_of_class[:best] < steps_of_class[best] + 1e-9).all()


def test_tuned_thresholds_lift_the_f1_of_other_objects():
    generator = np.random.default_rng(3)
    centres = 3 * generator.normal(size=(4, 8))
    categories = generator.integers(0, 4, 400)
    descriptors = centres[categories] + generator.normal(size=(400, 8))
    predicted = np.where(generator.random(400) < 0.7, categories, generator.integers(0, 4, 400))
    tuned = class_thresholds(descriptors[:200], predicted[:200], categories[:200], 4)
    scores = [
        retrieval_metrics(
            within_thresholds(descriptors[200:], predicted[200:], thresholds),
            categories[200:],
            categories[200:],
        )["micro"]["F1@N"]
        for thresholds in (np.zeros(4), tuned)
    ]
    assert scores[1] > scores[0] + 0.1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value):
    values = np.array([[0.5, value], [0.5, 0.5]])
    with pytest.raises(ValueError, match="expected finite probabilities"):
        by_score(values, ["a", "b"])
    for call in (
        lambda: class_then_nearest(values, np.zeros(2, int)),
        lambda: within_thresholds(values, np.zeros(2, int), np.zeros(1)),
        lambda: class_thresholds(values, np.zeros(2, int), np.zeros(2, int), 1),
    ):
        with pytest.raises(ValueError, match="expected finite descriptors"):
            call()


def test_wrong_shapes_and_classes_are_refused():
    values = np.ones((2, 3))
    classes = np.zeros(2, int)
    with pytest.raises(ValueError, match=r"expected probabilities \(object, class\) of 1 objects"):
        by_score(values, ["a"])
    with pytest.raises(ValueError, match=r"expected descriptors \(object, feature\) and predicted"):
        class_then_nearest(values, np.zeros(3, int))
    with pytest.raises(ValueError, match=r"expected classes in 0\.\.0, found \[0 1\]"):
        within_thresholds(values, np.array([0, 1]), np.zeros(1))
    with pytest.raises(ValueError, match=r"expected classes in 0\.\.1, found \[-1  0\]"):
        class_thresholds(values, classes, np.array([-1, 0]), 2)
    with pytest.raises(ValueError, match="expected one shape, found"):
        class_thresholds(values, classes, np.zeros(3, int), 2)
