"""Episodes of simulated states."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.config.split import Split
from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.divisions import by_time
from deepsphere.sources.fields.simulated_calendar import days_of_years, episodes

YEARS = days_of_years(2106, 2108)


def test_years_have_no_29_february() -> None:
    assert len(YEARS) == 3 * 365
    assert YEARS[0] == (2106, 1, 1)
    assert YEARS[-1] == (2108, 12, 31)
    assert (2108, 2, 29) not in YEARS


@settings(max_examples=50, derandomize=True, deadline=None)
@given(runs=st.integers(1, 4), more=st.integers(0, 700))
def test_any_number_of_states_in_steps_of_three_hours(runs: int, more: int) -> None:
    samples = runs + more
    found = episodes(samples, dict.fromkeys(range(1, runs + 1), YEARS))
    moments = [moment for episode in found for moment in episode]
    assert len(moments) == samples == len(set(moments))
    counts = [sum(moment.run == run for moment in moments) for run in range(1, runs + 1)]
    assert max(counts) - min(counts) <= 1
    for episode in found:
        assert len(episode) <= 8
        assert all(after.step - before.step == 1 for before, after in pairwise(episode))


@pytest.mark.parametrize("samples", [10, 40, 80, 200, 400])
def test_a_division_in_order_of_time_finds_states_on_both_sides(samples: int) -> None:
    found = episodes(samples, {1: YEARS, 2: YEARS})
    moments = [moment for episode in found for moment in episode]
    shares = Split(train=0.7, validation=0.1, test=0.2)
    split = by_time(moments, shares, 5.0)
    assert (split == 255).mean() < 0.1


def test_too_few_days() -> None:
    with pytest.raises(
        DeepsphereError, match="run 3 need 13 days, and there are 10; ask for fewer"
    ):
        episodes(100, {3: YEARS[:10]})
