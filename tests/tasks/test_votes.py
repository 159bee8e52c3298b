import numpy as np
import pytest

from deepsphere.tasks.samples import Predictions
from deepsphere.tasks.votes import by_part, mean_probabilities, vote, voted


def test_copies_vote_with_equal_weight_whatever_their_order():
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(4), size=(5, 3))
    objects = np.repeat(np.arange(5), 3)
    order = generator.permutation(15)
    found = mean_probabilities(probabilities.reshape(15, 4)[order], objects[order], 5)
    np.testing.assert_allclose(found, probabilities.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)


def test_the_sum_decides_and_not_the_most_frequent_answer():
    probabilities = np.array([[0.6, 0.4], [0.6, 0.4], [0.1, 0.9]], np.float32)
    found = mean_probabilities(probabilities, np.zeros(3, int), 1)
    np.testing.assert_allclose(found, [[1.3 / 3, 1.7 / 3]], rtol=1e-6)
    assert found.dtype == np.float64


def test_an_object_without_samples_has_equal_probabilities():
    found = mean_probabilities(np.array([[1.0, 0, 0, 0]]), np.array([1]), 3)
    np.testing.assert_array_equal(found, [[0.25] * 4, [1, 0, 0, 0], [0.25] * 4])


def test_what_does_not_fit_is_refused():
    values = np.array([[0.5, 0.5]])
    for wrong in (values[0], values[:0]):
        with pytest.raises(ValueError, match=r"expected probabilities \(sample, class\)"):
            mean_probabilities(wrong, np.zeros(1, int), 1)
    with pytest.raises(ValueError, match=r"expected objects in 0\.\.0, found \[1\]"):
        mean_probabilities(values, np.ones(1, int), 1)
    with pytest.raises(ValueError, match="expected finite probabilities"):
        mean_probabilities(values * np.nan, np.zeros(1, int), 1)


@pytest.mark.parametrize("names", [[7, 2, 7, 5, 2, 7], list("cacbac")])
def test_objects_come_in_the_order_of_their_first_copies(names):
    chances = np.random.default_rng(1).dirichlet(np.ones(3), 6).astype(np.float32)
    described = np.arange(12, dtype=np.float32).reshape(6, 2)
    found = vote(np.array(names), chances, described)
    np.testing.assert_array_equal(found.first, [0, 1, 3])
    for values, means in ((chances, found.probabilities), (described, found.descriptors)):
        expected = [values[rows].mean(axis=0) for rows in ([0, 2, 5], [1, 4], [3])]
        np.testing.assert_allclose(means, expected, rtol=1e-6)
        assert means.dtype == np.float32
    assert vote(np.array(names), chances, None).descriptors is None


def test_votes_are_in_the_order_of_the_samples_whatever_the_order_of_the_rows():
    objects = np.array([5, 5, 2, 2, 2])
    numbers = np.array([3, 1, 4, 0, 2])
    chances = np.float32([[0.2, 0.8], [0.4, 0.6], [0, 1], [1, 0], [0.7, 0.3]])
    described = np.float32([[3], [1], [4], [0], [2]])
    found = Predictions(numbers, chances, numbers % 2, numbers < 9, described)
    by_object = voted(found, objects)
    # Samples 0 and 1 are of one object, 2 to 4 of the other.
    assert by_object.numbers.tolist() == [0, 2]
    np.testing.assert_allclose(by_object.prediction, [[0.7, 0.3], [0.3, 0.7]], rtol=1e-6)
    assert by_object.descriptors.tolist() == [[0.5], [3]]
    assert by_object.target.tolist() == [0, 0]
    assert by_object.known.tolist() == [True, True]


def test_rows_are_those_of_the_parts_that_are_known():
    chances = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    target, known = np.array([[0, 1, 2], [3, 4, 5]]), np.array([[1, 0, 1], [0, 1, 1]], bool)
    rows = by_part(Predictions(np.array([7, 4]), chances, target, known))
    assert rows.numbers.tolist() == [7, 7, 4, 4]
    assert rows.target.tolist() == [0, 2, 4, 5]
    assert rows.prediction.tolist() == [[0, 1], [4, 5], [8, 9], [10, 11]]
    assert rows.known.all()
    assert rows.known.shape == (4,)


def test_samples_without_parts_are_their_own_rows():
    numbers = np.arange(2)
    found = Predictions(numbers, np.eye(2, dtype=np.float32), numbers, numbers < 1)
    assert by_part(found) is found
