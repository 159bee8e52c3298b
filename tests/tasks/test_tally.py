import numpy as np

from deepsphere.tasks.samples import Predictions
from deepsphere.tasks.tally import Whole, joined


class Samples:
    """Samples whose score is the mean error, and that keep the prediction."""

    def scores(self, found):
        return {"error": float(np.abs(found.prediction - found.target).mean())}

    def kept(self, found):
        return {"prediction": found.prediction}


def part(start, stop, described=False):
    numbers = np.arange(start, stop)
    prediction = numbers.astype(np.float32)
    descriptors = np.stack([prediction, -prediction], axis=1) if described else None
    return Predictions(numbers, prediction, prediction + 1, prediction > 0, descriptors)


def test_predictions_are_scored_together_in_the_order_in_which_they_came():
    tally = Whole(Samples())
    for start in (4, 0, 2):
        tally.add(part(start, start + 2))
    assert tally.scores() == {"error": 1.0}
    assert tally.kept()["prediction"].tolist() == [4, 5, 0, 1, 2, 3]
    other = Whole(Samples())
    other.add(part(6, 8))
    tally.merge(other.state())
    assert tally.state().numbers.tolist() == [4, 5, 0, 1, 2, 3, 6, 7]
    # Reading it changed nothing.
    assert tally.state().numbers.tolist() == [4, 5, 0, 1, 2, 3, 6, 7]


def test_what_there_is_of_predictions_is_joined():
    whole = joined([part(0, 2, described=True), part(2, 5, described=True)])
    assert whole.descriptors.shape == (5, 2)
    assert whole.known.tolist() == [False, True, True, True, True]
    assert joined([part(0, 2), part(2, 3)]).descriptors is None
