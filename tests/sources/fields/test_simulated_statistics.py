"""Stretched channels have the statistics asked for, and positive ones stay positive."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.simulated_statistics import Moments, Stretching, stretching

CHANNELS = ("TMQ", "U850", "PRECT")
STATISTICS = {"TMQ": (26.0, 17.0), "U850": (1.0, 8.0), "PRECT": (3.8e-8, 1.9e-7)}


def drawn(seed: int, spread: float, states: int = 4) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [
        np.stack(
            [
                np.exp(spread * generator.standard_normal(500) + 2),
                5 * generator.standard_normal(500) + 3,
                1e-8 * np.exp(1.5 * generator.standard_normal(500)),
            ]
        )
        for _ in range(states)
    ]


def fitted(states: list[np.ndarray], weights: np.ndarray) -> Stretching:
    moments = Moments(CHANNELS, weights)
    for fields in states:
        moments.add(fields)
    return stretching(moments, STATISTICS)


@settings(max_examples=20, derandomize=True, deadline=None)
@given(seed=st.integers(0, 1000), spread=st.floats(0.35, 1.1))
def test_mean_and_deviation_are_exact(seed: int, spread: float) -> None:
    states = drawn(seed, spread)
    weights = np.random.default_rng(seed).uniform(0.5, 1.5, 500)
    weights /= weights.sum()
    stretch = fitted(states, weights)
    stretched = np.stack([stretch(fields) for fields in states]).astype(np.float64)
    for number, name in enumerate(CHANNELS):
        mean = np.mean(stretched[:, number] @ weights)
        deviation = np.sqrt(np.mean((stretched[:, number] - mean) ** 2 @ weights))
        wanted_mean, wanted = STATISTICS[name]
        # float32 keeps seven digits.
        assert mean == pytest.approx(wanted_mean, abs=1e-6 * wanted)
        assert deviation == pytest.approx(wanted, rel=1e-6)


def test_order_and_sign_are_kept() -> None:
    states = drawn(0, 0.5)
    stretch = fitted(states, np.full(500, 1 / 500))
    for number in range(len(CHANNELS)):
        order = np.argsort(states[0][number])
        assert (np.diff(stretch(states[0])[number, order]) >= 0).all()
    assert stretch(states[0])[[0, 2]].min() > 0
    np.testing.assert_array_equal(stretch(np.zeros((3, 1)))[[0, 2]], 0)


def test_nothing_changes_where_the_statistics_are_right_already() -> None:
    states = drawn(3, 0.6)
    weights = np.full(500, 1 / 500)
    stretch = fitted(states, weights)
    once = [stretch(fields).astype(np.float64) for fields in states]
    again = fitted(once, weights)
    np.testing.assert_allclose(again(once[0]), once[0], rtol=1e-4)


def test_moments_are_those_of_numpy() -> None:
    states = drawn(1, 0.5)
    moments = Moments(CHANNELS, np.full(500, 1 / 500))
    for fields in states:
        moments.add(fields)
    values = np.concatenate([fields[0] for fields in states])
    powers = np.stack([values**0.5, values, values**2])
    mean, covariance = moments.of("TMQ")
    np.testing.assert_allclose(mean, powers.mean(axis=1))
    np.testing.assert_allclose(covariance, np.cov(powers, bias=True))


def test_what_cannot_be_is_refused() -> None:
    weights = np.full(500, 1 / 500)
    constant = [np.ones((3, 500))]
    with pytest.raises(DeepsphereError, match="TMQ is constant in 1 states; ask for more"):
        fitted(constant, weights)
    narrow = [np.concatenate([1 + 1e-3 * fields[:1] / 100, fields[1:]]) for fields in drawn(0, 0.1)]
    with pytest.raises(DeepsphereError, match=r"TMQ cannot have a deviation of 0\.65 means"):
        fitted(narrow, weights)
