"""Maps that are unlike the others of their class: a simulation that went wrong.

Of the published training maps one is such (number 12 of the second class): its variance is 30 %
larger, its dipole 3000 times as strong, and it does not resemble its twin of the same seed, while
above degree 20 it looks like all others. Its publishers have no rule for it. Ours compares each map
with the medians of its class, so that it needs neither a theory nor known parameters:

- its standard deviation differs from the median by more than 5 %, and by more than 12 times what is
  usual (the median of these differences, times 1.48, which is the standard deviation of normal
  values);
- or its power in one of the degrees 1 to 10 is more than 100 times the median. By chance alone this
  does not happen: the power of degree l of a Gaussian field follows a chi-squared distribution of
  2 l + 1 degrees of freedom, which is 100 times its median with a probability of 1e-50 at l = 1.

Both are measured on smoothed maps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HIGHEST_DEGREE = 10

_FEWEST_MAPS = 5
_LEAST_DIFFERENCE = 0.05
_MOST_USUAL_DIFFERENCES = 12.0
_MOST_POWER_RATIO = 100.0
_NORMAL_MEDIAN = 1.4826


@dataclass(frozen=True, eq=False)
class Measured:
    """What is compared of a map.

    Attributes
    ----------
    deviation : ndarray of float64, shape (channel,)
        Standard deviation of the pixels.
    power : ndarray of float64, shape (channel, degree)
        Power C_l of the degrees from 1 on.
    """

    deviation: NDArray[np.float64]
    power: NDArray[np.float64]


def find_outliers(maps: Sequence[Measured]) -> dict[int, str]:
    """Return which maps of a class are unlike the others, and why.

    Parameters
    ----------
    maps : sequence of Measured
        Of one class.

    Returns
    -------
    dict of int to str
        Reasons by number of the map; empty where fewer than five cannot tell what is usual.
    """
    if len(maps) < _FEWEST_MAPS:
        return {}
    found: dict[int, str] = {}
    deviations = np.stack([each.deviation for each in maps])
    powers = np.stack([each.power for each in maps])
    usual = np.median(deviations, axis=0)
    differences = np.abs(deviations - usual)
    spread = _NORMAL_MEDIAN * np.median(differences, axis=0)
    is_far = (differences > _LEAST_DIFFERENCE * usual) & (
        differences > _MOST_USUAL_DIFFERENCES * spread
    )
    with np.errstate(over="ignore"):
        ratios = powers / np.maximum(np.median(powers, axis=0), np.finfo(np.float64).tiny)
    for number in range(len(maps)):
        degree = int(ratios[number].max(axis=0).argmax())
        ratio = ratios[number, :, degree].max()
        if ratio > _MOST_POWER_RATIO:
            found[number] = (
                f"its power in degree {degree + 1} is {ratio:.0f} times the median of its class"
            )
        elif is_far[number].any():
            channel = int(is_far[number].argmax())
            found[number] = (
                f"its standard deviation is {deviations[number, channel]:.4g}, and the median of "
                f"its class {usual[channel]:.4g}"
            )
    return found
