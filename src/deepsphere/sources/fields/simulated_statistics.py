"""Simulated states, stretched until each channel has a given mean and standard deviation.

Exactly, over all states of a data set: their moments are taken first (:class:`Moments`), and what
follows from them is applied to each (:class:`Stretching`). Most channels are shifted and scaled.
Those that cannot be negative stay so, and zero stays zero: they get a part of their square, if
their deviation is too small for their mean, or of their root.

The published deviations of temperatures and pressures are larger than any weather's, most of all
that of the pressure at sea level; about one state of zeros in 700 would explain them. Simulated
anomalies of pressure come out three times as large as those that balance the wind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError

Float = NDArray[np.float64]

POSITIVE = ("TMQ", "QREFHT", "PRECT")
"""Channels that are never negative."""

_POWERS = (0.5, 1.0, 2.0)
_ROOT, _SELF, _SQUARE = range(len(_POWERS))


class Moments:
    """Weighted moments of the channels of states that are given one by one.

    Parameters
    ----------
    channels : sequence of str
        Their names.
    weights : ndarray
        Weight of each place, float64 of shape (places,), with sum 1.
    """

    def __init__(self, channels: Sequence[str], weights: Float) -> None:
        self.channels, self.states = tuple(channels), 0
        self._weights = weights
        self._mean = np.zeros((len(channels), len(_POWERS)))
        self._square = np.zeros((len(channels), len(_POWERS), len(_POWERS)))

    def add(self, fields: Float) -> None:
        """Take a state into account.

        Parameters
        ----------
        fields : ndarray
            float64, shape (channels, places).
        """
        self.states += 1
        for number, (name, field) in enumerate(zip(self.channels, fields, strict=True)):
            powers = [field]
            if name in POSITIVE:
                powers = [field**power for power in _POWERS]
            for place, values in zip(_places(name), powers, strict=True):
                weighted = values * self._weights
                self._mean[number, place] += weighted.sum()
                for other, others in zip(_places(name), powers, strict=True):
                    self._square[number, place, other] += weighted @ others

    def of(self, channel: str) -> tuple[Float, Float]:
        """Return the means of the root, the channel itself and its square, and their covariances.

        Shapes (3,) and (3, 3); zero for the root and the square of channels that may be negative.
        """
        number = self.channels.index(channel)
        mean, square = self._mean[number] / self.states, self._square[number] / self.states
        return mean, square - np.outer(mean, mean)


@dataclass(frozen=True, eq=False)
class Stretching:
    """What gives each channel its mean and deviation.

    Attributes
    ----------
    factors : ndarray
        Of the root, the channel itself and its square, float64 of shape (channels, 3).
    shifts : ndarray
        What is added, float64 of shape (channels,).
    """

    factors: Float
    shifts: Float

    def __call__(self, fields: Float) -> NDArray[np.float32]:
        """Return the fields of a state as they are to be, float32 of the same shape."""
        stretched = self.shifts[:, None] + self.factors[:, _SELF, None] * fields
        for place in (_ROOT, _SQUARE):
            for number in np.flatnonzero(self.factors[:, place]):
                stretched[number] += self.factors[number, place] * fields[number] ** _POWERS[place]
        return stretched.astype(np.float32)


def stretching(moments: Moments, statistics: Mapping[str, tuple[float, float]]) -> Stretching:
    """Return what gives channels with these moments the statistics that are wanted.

    Parameters
    ----------
    moments : Moments
        Of all states.
    statistics : mapping of str to tuple of float
        Mean and standard deviation by channel.

    Raises
    ------
    DeepsphereError
        If a channel is constant, or cannot have such a deviation without negative values.
    """
    factors, shifts = np.zeros((len(moments.channels), len(_POWERS))), []
    for row, name in zip(factors, moments.channels, strict=True):
        mean, covariance = moments.of(name)
        wanted_mean, wanted = statistics[name]
        if covariance[_SELF, _SELF] <= 0.0:
            raise DeepsphereError(
                f"simulated states: {name} is constant in {moments.states} states; ask for more"
            )
        if name in POSITIVE:
            row[:] = _mixture(name, mean, covariance, wanted / wanted_mean) * wanted_mean / mean
            shifts.append(0.0)
        else:
            row[_SELF] = wanted / np.sqrt(covariance[_SELF, _SELF])
            shifts.append(wanted_mean - row[_SELF] * mean[_SELF])
    return Stretching(factors, np.array(shifts))


def _places(channel: str) -> tuple[int, ...]:
    return (_ROOT, _SELF, _SQUARE) if channel in POSITIVE else (_SELF,)


def _mixture(name: str, mean: Float, covariance: Float, wanted: float) -> Float:
    """Return shares of the root, the channel and its square, each divided by its mean.

    Their sum is 1, none is negative, and the mixture has the relative deviation that is wanted.
    """
    relative = covariance / np.outer(mean, mean)
    other = _SQUARE if relative[_SELF, _SELF] < wanted**2 else _ROOT
    own, both, its = relative[_SELF, _SELF], relative[_SELF, other], relative[other, other]
    # (1 - t)² own + 2 t (1 - t) both + t² its = wanted²
    candidates = np.roots([own - 2.0 * both + its, 2.0 * (both - own), own - wanted**2])
    shares = [root.real for root in candidates if abs(root.imag) < 1e-9 and 0 <= root.real <= 1]
    if not shares:
        raise DeepsphereError(
            f"simulated states: {name} cannot have a deviation of {wanted:.2f} means, as it has "
            f"{np.sqrt(own):.2f}; ask for more states"
        )
    mixture = np.zeros(len(_POWERS))
    mixture[_SELF], mixture[other] = 1.0 - min(shares), min(shares)
    return mixture
