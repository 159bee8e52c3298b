"""Populations keep their numbers, and come and go evenly."""

from dataclasses import dataclass

import numpy as np
import pytest

from deepsphere.sources.fields.simulated_events import (
    Patch,
    population_of_count,
    population_of_share,
    strength,
)
from deepsphere.sources.fields.simulated_grid import Grid


@dataclass(frozen=True)
class Spot:
    """Covers a thousandth of the sphere in the first half of its life."""

    birth: float
    life: float
    label: int = 1

    def labelled_area(self, hour: float) -> float:
        return 1e-3 if hour < self.birth + self.life / 2 else 0.0

    def patch(self, grid: Grid, hour: float) -> Patch:
        raise NotImplementedError


def draw(generator: np.random.Generator, birth: float, summer: float) -> Spot:
    return Spot(birth, float(generator.uniform(20.0, 60.0)))


def alive(events: list[Spot], hour: float) -> list[Spot]:
    return [event for event in events if event.birth < hour < event.birth + event.life]


def test_as_many_are_alive_at_any_hour_as_were_asked_for() -> None:
    population = population_of_count(draw, 4.0)
    generator = np.random.default_rng(0)
    hours = np.array([0.5, 30.0, 99.5])
    counts = [
        [len(alive(list(events), hour)) for hour in hours]
        for events in ([*population.during(generator, 100.0, 0.0)] for _ in range(1000))
    ]
    # Poisson: 4 ± 2 / sqrt(1000).
    np.testing.assert_allclose(np.mean(counts, axis=0), 4.0, atol=0.25)
    np.testing.assert_allclose(np.var(counts, axis=0), 4.0, rtol=0.2)


def test_as_much_is_covered_as_was_asked_for() -> None:
    population = population_of_share(draw, 0.01)
    # Half a thousandth each, in the mean.
    assert population.count == pytest.approx(20)
    generator = np.random.default_rng(0)
    covered = [
        sum(
            event.labelled_area(10.0)
            for event in alive([*population.during(generator, 20.0, 0.0)], 10.0)
        )
        for _ in range(500)
    ]
    assert np.mean(covered) == pytest.approx(0.01, rel=0.06)


def test_strength_rises_and_falls() -> None:
    hours = np.linspace(10.0, 60.0, 51)
    grown = np.array([strength(10.0, 50.0, hour) for hour in hours])
    assert grown[0] == pytest.approx(0, abs=1e-3)
    assert grown[25] == 1
    assert (np.diff(grown[:26]) > 0).all()
    np.testing.assert_allclose(grown, grown[::-1], atol=1e-3)
    assert strength(10.0, 50.0, 9.0) == 0
