"""Spherical harmonics at any points of the sphere, the functions that equivariance is measured on.

Those of degree l span H_l, the smallest space of functions that rotations map to itself; an
operator that commutes with rotations multiplies it by a number. :func:`zonal` gives the one
function of H_l that is symmetric about a pole, and is the cheapest; :func:`real_harmonics` gives a
basis of H_l; :func:`harmonic_blocks` gives the same basis a few functions at a time, where pixels
times 2l + 1 numbers are too many for memory.

Points need not lie on a grid, so there is no fast transform here. Tested to degree 1000.
"""

from collections.abc import Iterator

import numba
import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError

# Points nearer to a pole are taken to be so far from it: all orders but 0 are below 1e-25 there,
# and no step of the recursion can overflow.
_SMALLEST_SINE = 1e-30
_RESCALING_EXPONENT = 256
# Values that the recursion of Legendre polynomials works on at once: they stay in the fastest cache
# while it runs over all degrees.
_BLOCK = 256


def real_harmonics(degree: int, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the real spherical harmonics of one degree.

    They are orthonormal on the sphere, and without the Condon-Shortley phase: of order m > 0 they
    are √2 P(θ) cos mφ, of order -m √2 P(θ) sin mφ, with P positive near the equator for m = l.

    Parameters
    ----------
    degree : int
        l, from 0.
    positions : ndarray
        Unit vectors, float64, shape (pixels, 3).

    Returns
    -------
    ndarray
        Shape (pixels, 2l + 1), float64; the columns are the orders -l, ..., l. The absolute error
        is below 1e-11 for degrees up to 1000.

    Raises
    ------
    DeepsphereError
        If the degree is negative.
    """
    _check_degree(degree)
    values = np.empty((len(positions), 2 * degree + 1))
    for orders, block in harmonic_blocks(degree, positions):
        values[:, degree + orders] = block
    return values


def harmonic_blocks(
    degree: int, positions: NDArray[np.float64], columns: int = 32
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Give the real spherical harmonics of one degree by blocks of orders.

    All blocks together take O(pixels · degree) operations: they are stations of one recursion,
    from the highest order down.

    Parameters
    ----------
    degree, positions
        As in :func:`real_harmonics`.
    columns : int
        The most harmonics in a block, at least 2; a block takes 8 · columns bytes a pixel.

    Yields
    ------
    orders : ndarray
        Orders of the block, int64, shape (n,), n <= columns: l, -l, l - 1, -(l - 1), ..., 0.
    values : ndarray
        The harmonics of these orders, float64, shape (pixels, n).

    Raises
    ------
    DeepsphereError
        If the degree is negative or a block has no room for m and -m.
    """
    _check_degree(degree)
    if columns < 2:
        raise DeepsphereError(f"a block must hold at least 2 harmonics; found {columns}")
    signed = np.array([sign * order for order in range(degree, 0, -1) for sign in (1, -1)] + [0])
    blocks = np.split(signed, np.arange(columns - columns % 2, len(signed), columns - columns % 2))
    meridians = _associated_legendre(degree, positions)
    circles = _circular(degree, positions)
    for orders in blocks:
        values = np.empty((len(orders), len(positions)))
        for row in range(0, len(orders), 2):
            meridian, circle = next(meridians), next(circles)
            if orders[row] == 0:
                values[row] = meridian
            else:
                np.multiply(meridian, circle.real, out=values[row])
                np.multiply(meridian, circle.imag, out=values[row + 1])
        yield orders, values.T


def zonal(
    degree: int, positions: NDArray[np.float64], poles: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the harmonics that are symmetric about a pole p, P_l(<x, p>).

    Parameters
    ----------
    degree : int
        l, from 0.
    positions : ndarray
        Unit vectors x, float64, shape (pixels, 3).
    poles : ndarray
        Unit vectors p, float64, shape (poles, 3).

    Returns
    -------
    ndarray
        Legendre polynomials, 1 at the pole, float64, shape (pixels, poles). The rounding of <x, p>
        shows near the pole, where the slope is l(l + 1)/2: 2e-10 at degree 1000.

    Raises
    ------
    DeepsphereError
        If the degree is negative.
    """
    _check_degree(degree)
    return _legendre(degree, np.clip(positions @ poles.T, -1, 1))


def _check_degree(degree: int) -> None:
    if degree < 0:
        raise DeepsphereError(f"the degree of a spherical harmonic must be from 0; found {degree}")


def _legendre(degree: int, cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return P_l by k P_k = (2k - 1) t P_(k-1) - (k - 1) P_(k-2), which is stable upwards."""
    values = np.empty(cosines.size)
    _legendre_by_blocks(degree, cosines.ravel(), values)
    return values.reshape(cosines.shape)


@numba.njit(parallel=True, cache=True)
def _legendre_by_blocks(degree, cosines, values):  # type: ignore[no-untyped-def]
    for block in numba.prange((len(cosines) + _BLOCK - 1) // _BLOCK):
        first, last = block * _BLOCK, min((block + 1) * _BLOCK, len(cosines))
        before = np.zeros(last - first)
        current = np.ones(last - first)
        for k in range(1, degree + 1):
            ahead, back = (2 * k - 1) / k, (k - 1) / k
            for place in range(last - first):
                following = cosines[first + place] * current[place] * ahead - before[place] * back
                before[place] = current[place]
                current[place] = following
        values[first:last] = current


def _associated_legendre(
    degree: int, positions: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """Give the orthonormal associated Legendre functions P_l^m(θ), m = l, ..., 0, shape (pixels,).

    The recursion over m at fixed l,

        √((l + m)(l - m + 1)) P^(m-1) = 2m cot θ P^m - √((l - m)(l + m + 1)) P^(m+1),

    is stable downwards, as P^m decays with m where m > l sin θ. It starts from P^l ~ sin^l θ, which
    underflows near the poles, so each point carries a power of two of its own.
    """
    x, y, z = positions.T
    radius = np.hypot(x, y)
    length = np.hypot(radius, z)
    sine = np.maximum(radius / length, _SMALLEST_SINE)
    cotangent = z / (length * sine)
    # sin^l = fraction^l 2^(l exponent): the logarithm of the fraction alone is small enough that
    # l times its rounding error does not matter.
    fraction, exponent = np.frexp(sine)
    logarithm = degree * np.log2(fraction)
    whole = np.floor(logarithm)
    exponent = degree * exponent + whole.astype(exponent.dtype)
    even = 2.0 * np.arange(1, degree + 1)
    current = np.sqrt(np.prod((even + 1) / even) / (4 * np.pi)) * np.exp2(logarithm - whole)
    above = np.zeros_like(current)
    scale = np.ldexp(1.0, exponent)
    for m in range(degree, 0, -1):
        yield current * scale
        norm = np.sqrt((degree + m) * (degree - m + 1))
        below = cotangent * current
        below *= 2 * m / norm
        above *= np.sqrt((degree - m) * (degree + m + 1)) / norm
        below -= above
        above, current = current, below
        if max(current.max(), -current.min()) > 2.0**_RESCALING_EXPONENT:
            large = np.flatnonzero(np.abs(current) > 2.0**_RESCALING_EXPONENT)
            current[large] *= 2.0**-_RESCALING_EXPONENT
            above[large] *= 2.0**-_RESCALING_EXPONENT
            exponent[large] += _RESCALING_EXPONENT
            scale[large] = np.ldexp(1.0, exponent[large])
    yield current * scale


def _circular(degree: int, positions: NDArray[np.float64]) -> Iterator[NDArray[np.complex128]]:
    """Give √2 exp(imφ), m = l, ..., 0, shape (pixels,); each takes the place of the last."""
    longitude = np.arctan2(positions[:, 1], positions[:, 0])
    backwards = np.exp(-1j * longitude)
    current = np.sqrt(2) * np.exp(1j * degree * longitude)
    for _ in range(degree):
        yield current
        current *= backwards
    yield current
