"""A whole data set of simulated states with given statistics, state by state."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.sources.fields.channels import NAMES
from deepsphere.sources.fields.moments import Moment
from deepsphere.sources.fields.simulated_states import Atmosphere, SimulatedState
from deepsphere.sources.fields.simulated_statistics import Moments, stretching

Float = NDArray[np.float64]

Placing = Callable[[SimulatedState], tuple[Float, NDArray[np.uint8]]]
"""Takes a state on its grid, returns fields (channels, places) and labels (places,) elsewhere."""


@dataclass(frozen=True, eq=False)
class FinishedState:
    """A state as it is written into a file.

    Attributes
    ----------
    moment : Moment
        When it is from.
    fields : ndarray
        Channels of :data:`~deepsphere.sources.fields.channels.CHANNELS` in their units, float32 of
        shape (channels, places).
    labels : ndarray
        Numbers of the classes, uint8 of shape (places,).
    """

    moment: Moment
    fields: NDArray[np.float32]
    labels: NDArray[np.uint8]


def finished_states(
    atmosphere: Atmosphere,
    episodes: Sequence[Sequence[Moment]],
    statistics: Mapping[str, tuple[float, float]],
    weights: Float,
    placed: Placing | None = None,
) -> Iterator[FinishedState]:
    """Yield the states of a data set, whose channels have the given statistics over all of them.

    All states are made twice, the first time to take their moments: that takes the time of two, and
    the memory of one.

    Parameters
    ----------
    atmosphere : Atmosphere
        Makes them.
    episodes : sequence of sequence of Moment
        When they are from.
    statistics : mapping of str to tuple of float
        Mean and standard deviation by channel.
    weights : ndarray
        Weight of each place in the statistics, float64 of shape (places,), with sum 1.
    placed : callable, optional
        Takes states to other places; without it they stay on their grid.

    Raises
    ------
    DeepsphereError
        If the channels cannot have these statistics.
    """
    place = placed or _as_they_are
    moments = Moments(NAMES, weights)
    for episode in episodes:
        for state in atmosphere.episode(episode):
            moments.add(place(state)[0])
    stretch = stretching(moments, statistics)
    for episode in episodes:
        for moment, state in zip(episode, atmosphere.episode(episode), strict=True):
            fields, labels = place(state)
            yield FinishedState(moment, stretch(fields), labels)


def _as_they_are(state: SimulatedState) -> tuple[Float, NDArray[np.uint8]]:
    return state.fields, state.labels
