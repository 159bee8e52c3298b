import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.conversion.packing import missing_marks, unpacked

NAN = np.nan


@pytest.mark.parametrize(
    ("values", "attributes", "expected"),
    [
        (np.array([1, -999], np.float32), {"_FillValue": np.float32(-999)}, [1, NAN]),
        (np.array([1, -999], np.float32), {"missing_value": -999.0}, [1, NAN]),
        (np.array([1, 1e20], np.float32), {"missing_value": 1e20}, [1, NAN]),
        (np.array([1, -1, -2]), {"_FillValue": -1, "missing_value": [-2, -3]}, [1, NAN, NAN]),
        (np.array([1, -999], np.float32), {"missing_value": "-999"}, [1, NAN]),
        (np.array([1, 9.969209968386869e36], np.float32), {}, [1, NAN]),
        (np.array([1, 9.969209968386869e36]), {}, [1, NAN]),
        (np.array([4, -9], np.int16), {"scale_factor": 0.5, "_FillValue": -9}, [2, NAN]),
        (np.array([4, 5], np.int16), {"scale_factor": [0.5], "add_offset": 1}, [3, 3.5]),
        (np.array([-1, 1], np.int8), {"_Unsigned": "true", "scale_factor": 2.0}, [510, 2]),
        (np.array([4, 5], np.int16), {"_FillValue": NAN, "missing_value": 1e20}, [4, 5]),
        (np.array([4, 5], np.int16), {"_FillValue": 4.5, "scale_factor": "none"}, [4, 5]),
        (np.array([1, 7], ">f4"), {"_FillValue": np.array([7], ">f4")}, [1, NAN]),
        (np.array([1, NAN]), {"valid_range": [5, 6]}, [1, NAN]),
        (np.array(20, np.int16), {"scale_factor": 0.1, "add_offset": [1.0]}, 3),
        (np.array(20, np.int16), {"_FillValue": 20}, NAN),
        (np.array([True, False]), {"_FillValue": 1}, [1, 0]),
    ],
)
def test_every_way_to_say_what_numbers_mean(values, attributes, expected):
    np.testing.assert_array_equal(unpacked(values, attributes), expected)


def test_nothing_is_copied_where_nothing_is_to_be_done():
    values = np.array([1, 2], np.float32)
    assert unpacked(values, {"_FillValue": np.float32(3), "units": "K"}) is values


def test_the_given_array_stays_as_it_is():
    values = np.array([1.0, -9.0])
    unpacked(values, {"_FillValue": -9.0, "scale_factor": 3.0})
    np.testing.assert_array_equal(values, [1, -9])


@pytest.mark.parametrize("kind", ["i1", "i2", "u2", "i4", "f4", "f8"])
def test_marks_fit_the_type(kind):
    marks = missing_marks(np.dtype(kind), {"_FillValue": 100, "missing_value": 1e30})
    expected = [100] if kind[0] in "iu" else [100, np.dtype(kind).type(1e30)]
    np.testing.assert_array_equal(marks, expected)
    assert marks.dtype == kind


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    st.lists(st.floats(-1e3, 1e3) | st.just(NAN), min_size=1, max_size=20),
    st.floats(1e-3, 10),
    st.floats(-100, 100),
)
def test_packing_and_unpacking_loses_half_a_step_at_most(numbers, scale, offset):
    numbers = np.array(numbers)
    packed = np.where(np.isnan(numbers), -(2**31), np.round((numbers - offset) / scale))
    attributes = {"scale_factor": scale, "add_offset": offset, "_FillValue": -(2**31)}
    result = unpacked(packed.astype(np.int32), attributes)
    np.testing.assert_allclose(result, numbers, rtol=0, atol=scale * 0.500001 + 1e-10)
