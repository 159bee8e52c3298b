"""Functions on the sphere that are sums of harmonics up to a degree, as tensors.

Such a function is known everywhere by its coefficients: its values at any points are
``harmonics_up_to(degree, points) @ coefficients``, so it is rotated without interpolation. They are
drawn by :func:`isotropic_coefficients`, or found from values at pixels by
:class:`NearestFunctions`.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepsphere.graphs.harmonics import real_harmonics

# Of the least squares: what no such function can explain must not look like one so much larger. It
# is below 3 on even pixels up to the degree that they hold, and more on a part of the sphere.
_WORST_CONDITION = 10


def harmonics_up_to(degree: int, positions: NDArray[np.float64]) -> Tensor:
    """Return the real spherical harmonics of all degrees from 0 to one.

    Parameters
    ----------
    degree : int
        The highest degree.
    positions : ndarray of float64, shape (point, 3)
        Unit vectors.

    Returns
    -------
    Tensor of float64, shape (point, harmonic)
        The (degree + 1)² harmonics by degree, as from
        :func:`~deepsphere.graphs.harmonics.real_harmonics`.
    """
    of_degrees = [real_harmonics(each, positions) for each in range(degree + 1)]
    return torch.from_numpy(np.concatenate(of_degrees, axis=1))


def isotropic_coefficients(
    degree: int, maps: int, channels: int, generator: np.random.Generator
) -> Tensor:
    """Draw Gaussian functions whose distribution no rotation changes.

    At every point they have mean 0 and variance 1, an equal share of it from each degree: by the
    addition theorem, the squares of the harmonics of degree l sum to (2l + 1) / 4π.

    Returns
    -------
    Tensor of float64, shape (map, harmonic, channel)
    """
    orders = 2 * np.arange(degree + 1) + 1
    deviations = np.sqrt(4 * math.pi / (degree + 1) / orders)
    drawn = generator.standard_normal((maps, int(orders.sum()), channels))
    return torch.from_numpy(np.repeat(deviations, orders)[:, np.newaxis] * drawn)


class NearestFunctions:
    """The sums of harmonics that are nearest to values at pixels, by least squares.

    Parameters
    ----------
    harmonics : Tensor of float64, shape (pixel, harmonic)
        At the pixels.
    areas : ndarray of float64, shape (pixel,)
        How much the square at each pixel counts.

    Raises
    ------
    ValueError
        If there are several functions that are as near, or almost.
    """

    def __init__(self, harmonics: Tensor, areas: NDArray[np.float64]) -> None:
        pixels, functions = harmonics.shape
        self._roots = torch.from_numpy(np.sqrt(areas)).unsqueeze(-1)
        self._basis, self._triangle = torch.linalg.qr(self._roots * harmonics)
        if functions > pixels or not torch.linalg.cond(self._triangle) < _WORST_CONDITION:
            raise ValueError(
                f"expected pixels that tell {functions} harmonics apart, found {pixels} that do "
                "not: lower the degree"
            )

    def coefficients(self, values: Tensor) -> Tensor:
        """Return the coefficients of the functions nearest to some values.

        Parameters
        ----------
        values : Tensor of float64, shape (map, pixel, channel)

        Returns
        -------
        Tensor of float64, shape (map, harmonic, channel)
            Their Euclidean norm is that of the functions on the sphere.
        """
        seen = self._basis.mT @ (self._roots * values)
        nearest: Tensor = torch.linalg.solve_triangular(self._triangle, seen, upper=True)
        return nearest
