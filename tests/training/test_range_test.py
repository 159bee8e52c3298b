import dataclasses

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.training.losses import LossSum
from deepsphere.training.objectives import Regression
from deepsphere.training.range_test import train_range_test


@pytest.mark.parametrize("accumulate", [1, 4])
def test_the_suggestion_trains_well(
    tmp_path, make_settings, make_samples, train, small, accumulate
):
    settings = make_settings(accumulate=accumulate, epochs=20, select="best", monitor_every=1)
    found = train_range_test(
        small, make_samples(), Regression(), settings, 0, lowest=1e-5, highest=30, steps=60
    )
    assert len(found.rates) == len(found.losses) <= 60
    assert 1e-4 < found.suggestion < 1
    # A hundredth of it is slower.
    losses = {}
    for rate in (found.suggestion, found.suggestion / 100):
        changed = settings.model_copy(update={"learning_rate": rate})
        _, progress = train(tmp_path / str(rate), changed)
        losses[rate] = progress.history[-1]["loss"]
    assert losses[found.suggestion] < 0.5 * losses[found.suggestion / 100]


@pytest.mark.parametrize("breaks_at", [1000, 25])
def test_a_range_test_ends_where_the_loss_does_and_is_the_same_twice(
    make_settings, make_samples, small, breaks_at
):
    class Breaking(Regression):
        def loss(self, model, inputs, target, known):
            calls.append(len(target))
            total, weight = super().loss(model, inputs, target, known)
            return LossSum(total * float("nan") if len(calls) == breaks_at else total, weight)

    results = []
    for _ in range(2):
        calls = []
        results.append(
            train_range_test(
                small, make_samples(), Breaking(), make_settings(), 3, 1e-5, highest=30, steps=60
            )
        )
        assert len(results[-1].rates) == len(calls) <= breaks_at
    assert results[0].losses.tobytes() == results[1].losses.tobytes()
    assert results[0].suggestion == results[1].suggestion


def test_a_range_test_without_samples_is_refused(make_settings, make_samples, small):
    whole = make_samples()

    class Empty(type(whole)):
        @property
        def splits(self):
            return {**super().splits, "train": np.arange(0)}

    fields = {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole)}
    with pytest.raises(DeepsphereError, match="found 0 train samples"):
        train_range_test(small, Empty(**fields), Regression(), make_settings(), 0)
