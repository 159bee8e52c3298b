"""Screening: what is unlike the others, and what is chance."""

import numpy as np
import pytest

from deepsphere.sources.cosmo.screening import Measured, find_outliers


def gaussian_maps(count: int, channels: int = 1) -> list[Measured]:
    """Maps of a power law, with the scatter of power over 2 l + 1 orders."""
    random, degrees = np.random.default_rng(0), np.arange(1, 11)
    scatter = random.chisquare(2 * degrees + 1, (count, channels, 10)) / (2 * degrees + 1)
    deviations = 0.0097 * (1 + 0.002 * random.standard_normal((count, channels)))
    return [
        Measured(deviation, power / degrees**2)
        for deviation, power in zip(deviations, scatter, strict=True)
    ]


def changed(one: Measured, deviation: float = 1, power: float = 1, channel: int = 0) -> Measured:
    factors = np.ones((2, *one.power.shape))
    factors[0, channel, 0] = deviation
    factors[1, channel, 2] = power
    return Measured(one.deviation * factors[0, :, 0], one.power * factors[1])


def test_chance_is_no_reason() -> None:
    assert find_outliers(gaussian_maps(2000)) == {}


@pytest.mark.parametrize("channel", [0, 2])
def test_other_variance(channel: int) -> None:
    maps = gaussian_maps(20, 3)
    maps[7] = changed(maps[7], deviation=1.14, channel=channel)
    found = find_outliers(maps)
    assert list(found) == [7]
    assert "standard deviation is 0.0110" in found[7]


@pytest.mark.parametrize("channel", [0, 2])
def test_other_large_scales(channel: int) -> None:
    maps = gaussian_maps(20, 3)
    maps[3] = changed(maps[3], power=416 * 3, channel=channel)
    found = find_outliers(maps)
    assert list(found) == [3]
    assert "power in degree 3" in found[3]


def test_variances_that_differ_by_parameter_are_usual() -> None:
    """Maps of a wide range of sigma_8, as for regression."""
    maps = [
        changed(one, deviation=factor)
        for one, factor in zip(gaussian_maps(50), np.linspace(0.6, 1.4, 50), strict=True)
    ]
    assert find_outliers(maps) == {}


def test_few_maps_cannot_tell() -> None:
    maps = gaussian_maps(4)
    maps[0] = changed(maps[0], deviation=9, power=1e6)
    assert find_outliers(maps) == {}


def test_power_of_nothing_divides_by_nothing() -> None:
    maps = gaussian_maps(9)
    for one in maps[1:]:
        one.power[:] = 0
    assert list(find_outliers(maps)) == [0]
