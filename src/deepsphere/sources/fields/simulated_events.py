"""What vortices and filaments have in common: they add to the air around them, and come and go."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deepsphere.sources.fields.simulated_grid import Grid

Float = NDArray[np.float64]

_FADING = 0.4
_EXAMPLES = 500


@dataclass(frozen=True, eq=False)
class Patch:
    """What an event adds at the places of a grid that it reaches; arrays of shape (places,).

    Attributes
    ----------
    places : ndarray
        Their numbers, int64.
    eastward, northward : ndarray
        Wind, m/s.
    pressure : ndarray
        At sea level, Pa.
    middle, upper : ndarray
        Temperature at 500 and 200 hPa, K.
    moisture : ndarray
        Water vapour of the column, kg/m².
    rain : ndarray
        m/s of water.
    inside : ndarray
        Whether the place is labelled as part of the event, bool.
    """

    places: NDArray[np.int64]
    eastward: Float
    northward: Float
    pressure: Float
    middle: Float
    upper: Float
    moisture: Float
    rain: Float
    inside: NDArray[np.bool_]


class Event(Protocol):
    """Something that comes and goes."""

    @property
    def label(self) -> int:
        """Number of its class; 0 for what only looks like one."""

    @property
    def birth(self) -> float:
        """Hour that it begins."""

    @property
    def life(self) -> float:
        """Hours that it lasts."""

    def labelled_area(self, hour: float) -> float:
        """Return the share of the sphere that is labelled, about."""

    def patch(self, grid: Grid, hour: float) -> Patch:
        """Return what it adds at an hour of its life."""


Draw = Callable[[np.random.Generator, float, float], Event]
"""Takes a source of chance, the hour of birth, and how much it is summer in the north."""


@dataclass(frozen=True)
class Population:
    """Events of one kind.

    Attributes
    ----------
    draw : callable
        Draws one.
    count : float
        How many there are at a time, in the mean.
    life : float
        Hours that they last, in the mean.
    longest : float
        Hours that none outlasts by much.
    """

    draw: Draw
    count: float
    life: float
    longest: float

    def during(
        self, generator: np.random.Generator, hours: float, summer: float
    ) -> Iterator[Event]:
        """Yield the events of some hours from hour 0 on, those that began before included.

        As many are born in any hour as in any other.
        """
        for _ in range(generator.poisson(self.count / self.life * (hours + self.longest))):
            birth = float(generator.uniform(-self.longest, hours))
            event = self.draw(generator, birth, summer)
            if event.birth + event.life > 0:
                yield event


def population_of_count(draw: Draw, count: float) -> Population:
    """Return so many events at a time, in the mean."""
    lives = [event.life for event in _examples(draw)]
    return Population(draw, count, float(np.mean(lives)), max(lives))


def population_of_share(draw: Draw, share: float) -> Population:
    """Return as many events as it takes to cover a share of the sphere, in the mean.

    Parameters
    ----------
    draw : callable
        Draws one.
    share : float
        Mean share of the sphere that is labelled.
    """
    phases = (np.arange(8) + 0.5) / 8
    events = _examples(draw)
    covered = [
        event.life * np.mean([event.labelled_area(event.birth + p * event.life) for p in phases])
        for event in events
    ]
    count = share * sum(event.life for event in events) / float(np.sum(covered))
    return population_of_count(draw, count)


def strength(birth: float, life: float, hour: float) -> float:
    """Return how far an event has grown, from 0 over 1 in the middle of its life to 0."""
    phase = np.clip((hour - birth) / life, 0.0, 1.0)
    return float(max(np.sin(np.pi * phase), 0.0) ** _FADING)


def _examples(draw: Draw) -> list[Event]:
    generator = np.random.default_rng(0)
    return [draw(generator, 0.0, 0.0) for _ in range(_EXAMPLES)]
