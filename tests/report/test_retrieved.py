import numpy as np
import pytest
from scipy.spatial.distance import cdist

from deepsphere.report.retrieved import nearest_rows
from deepsphere.report.runs import ClassPredictions

CLASSES = 5


def predictions(objects=60, copies=1, described=True):
    """Return predictions of objects, whose copies do not lie together."""
    random = np.random.default_rng(0)
    target = random.integers(0, CLASSES, objects)
    rows = np.tile(np.arange(objects), copies)
    descriptors = random.normal(size=(len(rows), 8)).astype(np.float32)
    return ClassPredictions(
        prediction=random.dirichlet(np.ones(CLASSES), len(rows)).astype(np.float32),
        target=target[rows],
        classes=np.array([f"class {number}" for number in range(CLASSES)]),
        id=np.array([f"mesh-{number:03d}" for number in rows]),
        descriptors=descriptors if described else None,
    )


def ranked(features, predicted, query):
    """Sort by hand: what is of the query's predicted class first, and then by cosine distance."""
    distance = cdist(features[query : query + 1], features, "cosine")[0]
    order = np.lexsort((distance, predicted != predicted[query]))
    return order[order != query]


@pytest.mark.parametrize("described", [True, False])
def test_what_is_nearest_by_descriptors_or_else_by_probabilities(described):
    found = predictions(described=described)
    features = found.descriptors if described else found.prediction
    rows = nearest_rows(found, 4, 7)
    assert rows.shape == (4, 8)
    for query, *others in rows:
        expected = ranked(features, found.prediction.argmax(axis=1), query)[:7]
        np.testing.assert_array_equal(others, expected)


def test_copies_of_an_object_are_taken_together():
    """They are found as one object that has their means."""
    found = predictions(objects=30, copies=3)
    once = ClassPredictions(
        prediction=found.prediction.reshape(3, 30, -1).mean(axis=0),
        target=found.target[:30],
        classes=found.classes,
        id=found.id[:30],
        descriptors=found.descriptors.reshape(3, 30, -1).mean(axis=0),
    )
    np.testing.assert_array_equal(nearest_rows(found, 5, 6), nearest_rows(once, 5, 6))


def test_queries_are_of_different_classes_and_the_same_for_all_variants():
    found = predictions()
    rows = nearest_rows(found, 3, 2)
    assert (np.diff(found.target[rows[:, 0]]) > 0).all()
    other = predictions(described=False)
    np.testing.assert_array_equal(nearest_rows(other, 3, 4)[:, 0], rows[:, 0])


def test_there_are_no_more_queries_than_classes_and_no_more_answers_than_objects():
    found = predictions(objects=12)
    rows = nearest_rows(found, 50, 20)
    assert len(rows) == len(np.unique(found.target))
    for row in rows:
        np.testing.assert_array_equal(np.sort(row[:12]), np.arange(12))
        assert (row[12:] == -1).all()


@pytest.mark.parametrize(("queries", "places"), [(0, 3), (3, 0)])
def test_numbers_must_be_positive(queries, places):
    with pytest.raises(ValueError, match="expected positive numbers"):
        nearest_rows(predictions(), queries, places)
