"""Means and deviations of channels, gathered part by part without loss of digits.

Parts are joined by the update of Chan, Golub and LeVeque ("Updating formulae and a pairwise
algorithm for computing sample variances", 1979), so the values are looked at once, no sum of
squares of large numbers is formed, and the parts may be made by different processes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Moments:
    """The first two moments of the values of each channel.

    Attributes
    ----------
    samples : int
        Number of samples.
    values : int
        Number of values of each channel: samples times pixels.
    mean : ndarray of float64, shape (channel,)
    squares : ndarray of float64, shape (channel,)
        Sum of the squared differences from the mean.
    """

    samples: int
    values: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, data: NDArray[np.float32]) -> Self:
        """Return the moments of finite data of shape (sample, pixel, channel)."""
        rows = data.reshape(-1, data.shape[2]).astype(np.float64)
        mean = rows.mean(axis=0)
        return cls(len(data), len(rows), mean, np.square(rows - mean).sum(axis=0))

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """Return the moments that :meth:`to_json` wrote."""
        mean, squares = np.array(plain["mean"]), np.array(plain["squares"])
        return cls(plain["samples"], plain["values"], mean, squares)

    def to_json(self) -> dict[str, Any]:
        """Return plain data that keep every digit."""
        return {
            "samples": self.samples,
            "values": self.values,
            "mean": self.mean.tolist(),
            "squares": self.squares.tolist(),
        }

    def deviation(self) -> NDArray[np.float64]:
        """Return the standard deviations of the population, shape (channel,)."""
        return np.sqrt(self.squares / self.values)

    def __add__(self, other: "Moments") -> "Moments":
        values = self.values + other.values
        step = other.mean - self.mean
        between = np.square(step) * (self.values * other.values / values)
        return Moments(
            self.samples + other.samples,
            values,
            self.mean + step * (other.values / values),
            self.squares + other.squares + between,
        )


def join(parts: Iterable[Moments]) -> Moments:
    """Return the moments of all parts together; there must be one at least."""
    return reduce(Moments.__add__, parts)
