"""Random fields on the sphere that change in time, made of spherical harmonics.

A field is a sum of harmonics ``Y_lm = P_lm(sin latitude) exp(i m longitude)``, orthonormal on the
unit sphere, so that it has no seam at 0°E and no knot at the poles. Its coefficients forget and are
stirred anew (a process of Ornstein and Uhlenbeck), and turn: eastward with the mean wind, held back
as Rossby-Haurwitz waves are (Haurwitz, J. Marine Res. 3, 1940). For spectra up to a hundred or two
degrees; only NumPy is needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.sources.fields.simulated_constants import EARTH_ROTATION

Float = NDArray[np.float64]
Complex = NDArray[np.complex128]

# A pole is a point where winds have no components; this far from it they have.
_NEXT_TO_POLE = np.radians(90.0 - 1e-3)


class Harmonics:
    """Spherical harmonics on rows of latitude and equal columns of longitude from 0°E.

    Parameters
    ----------
    latitude : ndarray
        Degrees north of the rows.
    columns : int
        Number of columns.
    degree : int
        The largest degree; less than half of the columns.
    """

    def __init__(self, latitude: Float, columns: int, degree: int) -> None:
        if not 0 < 2 * degree < columns:
            raise ValueError(f"degree {degree} needs more than {2 * degree} columns: {columns}")
        self.columns, self.degree = columns, degree
        angle = np.clip(np.radians(latitude), -_NEXT_TO_POLE, _NEXT_TO_POLE)
        sine, cosine = np.sin(angle), np.cos(angle)
        legendre = normalized_legendre(sine, cosine, degree + 1)
        degrees, orders = np.arange(degree + 1), np.arange(degree + 1)[:, None]
        lower = np.zeros_like(legendre[:-1, :-1])
        lower[:, 1:] = legendre[:-1, :-2]
        # (1 - x²) dP_l/dx = (l + 1) e_l P_{l-1} - l e_{l+1} P_{l+1}, with e as in the recurrence.
        down = (degrees + 1) * _ratio(degrees, orders)
        up = degrees * _ratio(degrees + 1, orders)
        slope = down[:, :, None] * lower - up[:, :, None] * legendre[:-1, 1:]
        self._values = legendre[:-1, :-1].transpose(0, 2, 1)
        self._northward = (slope / cosine).transpose(0, 2, 1)
        self._eastward = 1j * np.arange(degree + 1)[:, None] / cosine

    def values(self, coefficients: Complex) -> Float:
        """Return the field, shape (rows, columns), of coefficients of shape (orders, degrees)."""
        return self._along_rows(self._sums(self._values, coefficients))

    def gradient(self, coefficients: Complex) -> tuple[Float, Float]:
        """Return the derivatives of the field eastward and northward, a radian of arc each."""
        eastward = self._eastward * self._sums(self._values, coefficients)
        northward = self._sums(self._northward, coefficients)
        return self._along_rows(eastward), self._along_rows(northward)

    def _sums(self, table: Float, coefficients: Complex) -> Complex:
        """Return the amplitude of each order in each row, shape (orders, rows)."""
        parts = np.stack([coefficients.real, coefficients.imag], axis=-1)
        sums = table @ parts
        return np.asarray(sums[..., 0] + 1j * sums[..., 1])

    def _along_rows(self, amplitudes: Complex) -> Float:
        return np.fft.irfft(amplitudes.T, n=self.columns, axis=1, norm="forward")


@dataclass(frozen=True, eq=False)
class Evolution:
    """How the coefficients of a field with variance 1 change.

    Attributes
    ----------
    power : ndarray
        Mean square of a coefficient by degree, shape (degrees,), degree 0 first.
    memory : ndarray
        Hours in which a degree forgets all but 1/e, shape (degrees,).
    turning : ndarray
        Radians an hour by which a coefficient turns eastward, shape (orders, degrees).
    """

    power: Float
    memory: Float
    turning: Float

    def steps(self, generator: np.random.Generator, hours: float) -> Iterator[Complex]:
        """Yield the coefficients, complex128 of shape (orders, degrees), every so many hours."""
        kept = np.exp(-hours / self.memory) * np.exp(-1j * self.turning * hours)
        stirred = np.sqrt(1.0 - np.exp(-2.0 * hours / self.memory))
        coefficients = self._draw(generator)
        while True:
            yield coefficients
            coefficients = kept * coefficients + stirred * self._draw(generator)

    def _draw(self, generator: np.random.Generator) -> Complex:
        count = len(self.power)
        parts = generator.standard_normal((2, count, count)) * np.sqrt(self.power / 2.0)
        drawn = parts[0] + 1j * parts[1]
        drawn[0] = parts[0, 0] * np.sqrt(2.0)
        degrees, orders = np.arange(count), np.arange(count)[:, None]
        return np.where(orders <= degrees, drawn, 0.0)


def evolution(degree: int, peak: float, slope: float, memory: float, speed: float) -> Evolution:
    """Return a spectrum with a peak, whose long waves live longest.

    Parameters
    ----------
    degree : int
        The largest degree.
    peak : float
        Degree at which the power of ``P ∝ x**2 / (1 + x**(2 + slope))``, ``x = l / peak``, bends:
        the variance of all harmonics of one degree.
    slope : float
        How fast the variance falls with the degree beyond the peak.
    memory : float
        Hours that the degree ``peak`` lives; it is less for smaller scales, as ``1 / l``.
    speed : float
        Zonal wind that carries the field, in radians of longitude an hour.

    Returns
    -------
    Evolution
        Of variance 1 and mean 0: degree 0 has no power.
    """
    degrees = np.arange(degree + 1)
    scaled = degrees / peak
    variance = scaled**2 / (1.0 + scaled ** (2.0 + slope))
    variance /= variance.sum()
    power = variance * 4.0 * np.pi / (2.0 * degrees + 1.0)
    turning = np.arange(degree + 1)[:, None] * rossby_haurwitz(degrees, speed)
    return Evolution(power, memory / np.maximum(scaled, 0.3), turning)


def rossby_haurwitz(degrees: NDArray[np.int64], speed: float) -> Float:
    """Return the radians of longitude an hour that waves of each degree move eastward.

    ``c = s - 2 (w + s) / (l (l + 1))`` in a wind that turns with the angular speed ``s`` relative
    to an Earth that turns with ``w``. It is not let below ``-s``: the longest waves of theory move
    far faster westward than those of the atmosphere.
    """
    rotation = EARTH_ROTATION * 3600.0
    slowing = 2.0 * (rotation + speed) / np.maximum(degrees * (degrees + 1.0), 1.0)
    return np.maximum(speed - slowing, -abs(speed))


def normalized_legendre(sine: Float, cosine: Float, degree: int) -> Float:
    """Return orthonormal associated Legendre functions, shape (orders, degrees, rows).

    Those of the harmonics that are orthonormal on the sphere, with the sign (-1)^m of Condon and
    Shortley left out.

    Parameters
    ----------
    sine, cosine : ndarray
        Of the latitudes, shape (rows,).
    degree : int
        The largest degree and order.
    """
    table = np.zeros((degree + 1, degree + 1, len(sine)))
    table[0, 0] = np.sqrt(0.25 / np.pi)
    for order in range(1, degree + 1):
        factor = np.sqrt((2.0 * order + 1.0) / (2.0 * order))
        table[order, order] = factor * cosine * table[order - 1, order - 1]
    for at in range(1, degree + 1):
        orders = np.arange(at)
        before = table[:at, at - 2] * _ratio(at - 1, orders)[:, None] if at > 1 else 0.0
        below = (sine * table[:at, at - 1] - before) / _ratio(at, orders)[:, None]
        table[:at, at] = below
    return table


def _ratio(degree: NDArray[np.int64] | int, order: NDArray[np.int64]) -> Float:
    """Return sqrt((l² - m²) / (4 l² - 1)), the ratio of the recurrence; 0 where m > l."""
    square = np.asarray(degree, np.float64) ** 2
    return np.sqrt(np.maximum(square - order**2.0, 0.0) / np.abs(4.0 * square - 1.0))
