"""Histograms of maps: what is told by the values of the pixels, wherever they are.

They see all that is not Gaussian in one pixel, and nothing of how pixels depend on each other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.tasks.samples import Float

BINS = 100


@dataclass(frozen=True, eq=False)
class Histograms:
    """Histograms of each channel.

    Attributes
    ----------
    lowest, highest : ndarray of float32, shape (channel,)
        Edges of the first and the last bin; values beyond them count in no bin, as published.
    """

    lowest: Float
    highest: Float

    def __post_init__(self) -> None:
        if self.lowest.ndim != 1 or self.lowest.shape != self.highest.shape:
            raise ValueError(
                "expected a lowest and a highest value of each channel, found shapes "
                f"{self.lowest.shape} and {self.highest.shape}"
            )

    def __call__(self, values: Float, place: tuple[int, int]) -> NDArray[np.float64]:
        """Return how many pixels are in each bin.

        Parameters
        ----------
        values : ndarray of float32, shape (pixel, channel)
        place : (int, int)
            Sample and part; not used.

        Returns
        -------
        ndarray of float64, shape (100 channel,)
        """
        counts = [
            np.histogram(column, BINS, (low, high))[0]
            for column, low, high in zip(values.T, self.lowest, self.highest, strict=True)
        ]
        return np.concatenate(counts).astype(np.float64)
