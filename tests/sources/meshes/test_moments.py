"""Moments gathered in parts are those of the whole, computed with exact fractions."""

import json
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from deepsphere.sources.meshes.moments import Moments, join


def exact(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return mean and population variance of values, without rounding on the way."""
    numbers = [Fraction(float(value)) for value in values.ravel()]
    mean = sum(numbers, Fraction(0)) / len(numbers)
    variance = sum(((number - mean) ** 2 for number in numbers), Fraction(0)) / len(numbers)
    return float(mean), float(variance)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("cuts", [[], [5], [1, 2, 3, 11]])
def test_parts_make_the_whole(offset: float, cuts: list[int]) -> None:
    """At an offset of 1000 a mean of squares minus a squared mean keeps 9 of 15 digits."""
    random = np.random.default_rng(3)
    scale = np.array([1.0, 1e-3])
    data = (offset + scale * random.standard_normal((12, 20, 2))).astype(np.float32)
    found = join(Moments.of(part) for part in np.split(data, cuts))
    assert (found.samples, found.values) == (12, 240)
    for channel in range(2):
        mean, variance = exact(data[..., channel])
        assert found.mean[channel] == pytest.approx(mean, rel=1e-13, abs=1e-15)
        assert found.deviation()[channel] ** 2 == pytest.approx(variance, rel=1e-11)


def test_json_keeps_every_digit() -> None:
    moments = Moments.of(np.random.default_rng(0).random((3, 5, 2)).astype(np.float32))
    back = Moments.from_json(json.loads(json.dumps(moments.to_json())))
    np.testing.assert_array_equal(back.mean, moments.mean)
    np.testing.assert_array_equal(back.squares, moments.squares)
    assert (back.samples, back.values) == (3, 15)


def test_equal_values_have_no_deviation() -> None:
    ones = np.full((4, 3, 1), 0.1, np.float32)
    moments = join([Moments.of(ones), Moments.of(ones[:1])])
    assert moments.deviation() == pytest.approx([0], abs=1e-16)
