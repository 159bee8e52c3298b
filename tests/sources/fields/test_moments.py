"""What the names of files say, and how far apart two states are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.sources.fields.moments import Moment, read_moment


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("data-2106-03-18-05-2-mesh.npz", Moment(2, 2106, 3, 18, 5)),
        ("train/data-1996-06-09-01-1_0.nc", Moment(1, 1996, 6, 9, 1, 0)),
        ("data-2002-12-27-07-12_4.nc", Moment(12, 2002, 12, 27, 7, 4)),
        ("All-Hist/train/data-1979-12-31-00-1.h5", Moment(1, 1979, 12, 31, 0)),
    ],
)
def test_names_of_all_sources(name: str, moment: Moment) -> None:
    assert read_moment(name) == moment


@pytest.mark.parametrize(
    "name",
    [
        "stats.h5",
        "data-2108-02-29-00-1-mesh.npz",
        "data-2106-13-01-00-1-mesh.npz",
        "data-2106-01-01-08-1-mesh.npz",
        "data-0000-01-01-00-1.nc",
        "data-2106-01-01-00.nc",
        "xdata-2106-01-01-00-1.nc",
        "data-2106-01-01-00-1_x.nc",
    ],
)
def test_other_names_and_impossible_times(name: str) -> None:
    assert read_moment(name) is None


def test_neighbours_are_one_step_apart_across_months_years_and_leap_days() -> None:
    for first, second in [
        (Moment(1, 2106, 1, 1, 0), Moment(1, 2106, 1, 1, 1)),
        (Moment(1, 2106, 1, 31, 7), Moment(1, 2106, 2, 1, 0)),
        (Moment(1, 2107, 12, 31, 7), Moment(1, 2108, 1, 1, 0)),
        # 2108 is a leap year, but not to the model.
        (Moment(1, 2108, 2, 28, 7), Moment(1, 2108, 3, 1, 0)),
    ]:
        assert second.step - first.step == 1
    assert Moment(1, 2107, 5, 5, 5).step - Moment(3, 2106, 5, 5, 5).step == 365 * 8


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.lists(
        st.builds(
            Moment,
            run=st.just(1),
            year=st.integers(1, 9999),
            month=st.integers(1, 12),
            day=st.integers(1, 28),
            slot=st.integers(0, 7),
        ),
        min_size=2,
        max_size=20,
    )
)
def test_steps_and_times_have_the_order_of_moments(moments: list[Moment]) -> None:
    ordered = sorted(moments)
    assert np.all(np.diff([moment.step for moment in ordered]) >= 0)
    times = np.array([moment.time for moment in ordered])
    assert np.all(np.diff(times) >= np.timedelta64(0))
    assert times[0] == np.datetime64(
        f"{ordered[0].year:04}-{ordered[0].month:02}-{ordered[0].day:02}"
    ) + np.timedelta64(3 * ordered[0].slot, "h")
