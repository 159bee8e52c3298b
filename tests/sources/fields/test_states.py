"""Labels and fields as they come in files, checked."""

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.states import checked_fields, class_numbers


@pytest.mark.parametrize("dtype", ["i1", "<i4", "<i8", "u1", "<f4", "<f8"])
def test_labels_of_any_type(dtype: str) -> None:
    labels = np.array([[0, 1], [2, 0]], dtype)
    found = class_numbers(labels)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, [[0, 1], [2, 0]])


def test_unknown_labels() -> None:
    np.testing.assert_array_equal(class_numbers(np.array([np.nan, 1.0])), [255, 1])
    np.testing.assert_array_equal(class_numbers(np.array([255, 2])), [255, 2])
    np.testing.assert_array_equal(class_numbers(np.array([False, True])), [0, 1])
    for nothing in (np.full(3, np.nan), np.full(3, 255, np.uint8)):
        with pytest.raises(DeepsphereError, match="labels are all unknown"):
            class_numbers(nothing)


@pytest.mark.parametrize("wrong", [3, -1, 0.5, np.inf, 256])
def test_labels_of_no_class(wrong: float) -> None:
    with pytest.raises(DeepsphereError, match=r"labels hold \S+; expected 0 to 2: background, "):
        class_numbers(np.array([0, 1, wrong]))


def test_labels_that_are_no_numbers() -> None:
    with pytest.raises(DeepsphereError, match="expected numbers"):
        class_numbers(np.array(["a", "b"]))


def test_fields_become_float32_and_may_have_holes() -> None:
    fields = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, 6.0]])
    found = checked_fields(fields, ("TMQ", "PS"))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, fields.astype(np.float32))


@pytest.mark.parametrize("wrong", [[np.nan, np.nan], [np.inf, 1.0], [1e300, 1.0]])
def test_fields_that_hold_nothing_or_infinity(wrong: list[float]) -> None:
    with pytest.raises(DeepsphereError, match="PS holds infinite numbers, or none at all"):
        checked_fields(np.array([[1.0, 2.0], wrong]), ("TMQ", "PS"))


def test_fields_that_are_no_numbers() -> None:
    with pytest.raises(DeepsphereError, match="expected numbers"):
        checked_fields(np.array([["a"]]), ("TMQ",))
