import numpy as np
import pytest
import xarray as xr

from deepsphere.errors import DeepsphereError
from deepsphere.prediction.windows import find_time, windows_in_time


def dataset_of(times, **attributes):
    return xr.Dataset(coords={"time": ("time", np.asarray(times), attributes)})


@pytest.mark.parametrize("calendar", ["standard", "noleap", "360_day"])
def test_states_are_consecutive_by_their_times(calendar):
    """Hours 0, 6, 12, 24, 30 as days in single precision, in another order."""
    days = np.array([0.5, 0.0, 0.25, 1.25, 1.0], np.float32)
    dataset = dataset_of(days, units="days since 2000-01-01", calendar=calendar)
    found = windows_in_time(dataset, "time", 3, 6.0)
    assert found.tolist() == [[1, 2, 0], [-1, -1, 1], [-1, 1, 2], [-1, 4, 3], [0, -1, 4]]
    single = windows_in_time(dataset, "time", 2, 24.0)
    assert single.tolist() == [[-1, 0], [-1, 1], [-1, 2], [2, 3], [1, 4]]


@pytest.mark.parametrize(
    ("attributes", "step", "lacking"),
    [({"units": "months"}, 6.0, "file"), ({"units": "days since 2000-01-01"}, None, "run")],
)
def test_without_times_states_are_those_of_the_file(attributes, step, lacking, caplog):
    found = windows_in_time(dataset_of([0.0, 5.0, 6.0], **attributes), "time", 2, step)
    assert found.tolist() == [[-1, 0], [0, 1], [1, 2]]
    assert f"the {lacking} does not say how far apart states are" in caplog.text


def test_no_state_with_those_before():
    dataset = dataset_of([0, 1, 2], units="days since 2000-01-01")
    with pytest.raises(DeepsphereError, match="2 consecutive states, 3 hours apart; none of the 3"):
        windows_in_time(dataset, "time", 2, 3.0)


def test_the_dimension_of_time_is_found():
    dataset = dataset_of([0, 1], units="days since 2000-01-01").rename(time="initial")
    assert find_time(dataset, ("member", "initial")) == "initial"
    assert find_time(xr.Dataset(), ("member", "Time")) == "Time"
    assert find_time(xr.Dataset(), ("member", "level")) is None
    decoded = xr.Dataset(coords={"when": np.array(["2000-01-01"], "M8[ns]")})
    assert find_time(decoded, ("when",)) == "when"
