from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.report.numbers import as_printed, significant, uncertain

FINITE = st.floats(-1e12, 1e12).filter(lambda value: value == 0 or abs(value) > 1e-12)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (8.2034, 4, "8.203"),
        (10.8849, 4, "10.88"),
        (0.0039, 4, "0.003900"),
        (-0.98, 4, "-0.9800"),
        (9.99996, 4, "10.00"),
        (0.0996, 2, "0.10"),
        (123456.0, 4, "123456"),
        (1234567.0, 4, "1.235e+06"),
        (0.00001, 2, "1.0e-05"),
        (0.0, 4, "0"),
        (float("inf"), 4, "inf"),
    ],
)
def test_significant(value, digits, text):
    assert significant(value, digits) == text


@settings(derandomize=True, max_examples=200)
@given(FINITE, st.integers(1, 6))
def test_rounding_moves_a_number_by_at_most_half_a_unit_of_its_last_digit(value, digits):
    text = significant(value, digits)
    unit = Decimal(10) ** (Decimal(value).adjusted() - digits + 1)
    assert abs(Decimal(text) - Decimal(value)) <= unit / 2 * Decimal("1.0000001")


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [
        (8.2034, None, "8.203"),
        (8.2034, 0.117, "8.20 ± 0.12"),
        (8.2034, 0.00123, "8.203 ± 0.0012"),
        (8.2034, 1.17, "8.2 ± 1.2"),
        (8.2034, 12.3, "8 ± 12"),
        (8.2034, 0.0, "8.203 ± 0"),
        (0.0, 0.5, "0 ± 0.50"),
        (-0.98, 0.031, "-0.980 ± 0.031"),
    ],
)
def test_a_mean_has_no_more_decimals_than_its_deviation(mean, deviation, text):
    assert uncertain(mean, deviation) == text


@pytest.mark.parametrize("text", ["8.2", "10.88", "-0.98", "0.921", "83.8"])
def test_printed_numbers_stay_as_printed(text):
    assert as_printed(float(text)) == text
