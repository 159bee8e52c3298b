"""How far a Laplacian is from commuting with rotations.

By Schur's lemma an operator L commutes with all rotations on H_l, the space of the spherical
harmonics of degree l, if and only if it acts there as a number, its response λ. Both measures look
at what is left of Lf beyond λf; neither rotates maps, nor needs transforms:

- :func:`zonal_errors` takes a few functions that are symmetric about random poles. It is cheap
  enough for every sampling, and is what kernel widths are chosen by.
- :func:`haar_errors` is the error that the papers plot, averaged over all functions and all
  rotations. It takes 2l + 1 products with the Laplacian, or a random part of them.

Both hold for any sampling of the full sphere and any operator. On a part of the sphere the border
counts as an error too. The Haar error is √2 times the zonal one, since the rotated and the original
function both err, or up to 1.7 times where a few regions err most, as it is the root of a mean
square and the other a mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.harmonics import harmonic_blocks, zonal
from deepsphere.graphs.weights import SparseMatrix

_SIGNIFICANT_DIGITS = 6
# Lf this far below f times the diagonal of L is the rounding of zero: its direction means nothing.
_ZERO = 1e-13
# Squared errors below this are the rounding of 1 - 1.
_EXACT = 1e-13


@dataclass(frozen=True, eq=False)
class Equivariance:
    """What an operator does to the spherical harmonics of some degrees.

    Attributes
    ----------
    degrees : ndarray
        The degrees l, int64, shape (degrees,).
    responses : ndarray
        The number λ_l that the operator is nearest to on H_l, float64, same shape. On a good graph
        it is proportional to l(l + 1) for low degrees.
    errors : ndarray
        The relative error, float64, same shape; 0 where it is below 1e-6, which is rounding.

    Raises
    ------
    DeepsphereError
        If their shapes differ.
    """

    degrees: NDArray[np.int64]
    responses: NDArray[np.float64]
    errors: NDArray[np.float64]

    def __post_init__(self) -> None:
        shapes = {self.degrees.shape, self.responses.shape, self.errors.shape}
        if shapes != {(self.degrees.size,)}:
            raise DeepsphereError(
                f"each degree must have one response and one error; found shapes {sorted(shapes)}"
            )

    def described(self) -> dict[str, list[int] | list[float]]:
        """Return plain data, to 6 digits: what lies beyond depends on the machine."""
        return {
            "degrees": self.degrees.tolist(),
            "responses": _rounded(self.responses),
            "errors": _rounded(self.errors),
        }


def random_poles(count: int, seed: int = 0) -> NDArray[np.float64]:
    """Return points drawn evenly from the sphere, unit vectors, float64, shape (count, 3).

    Random, as the poles of a sampling, or the corners of its faces, would flatter or slander it.
    """
    poles = np.random.default_rng(seed).standard_normal((count, 3))
    poles /= np.linalg.norm(poles, axis=1, keepdims=True)
    return poles


def zonal_errors(
    laplacian: SparseMatrix,
    positions: NDArray[np.float64],
    areas: NDArray[np.float64],
    degrees: Sequence[int],
    mass: NDArray[np.float64] | None = None,
    poles: int = 6,
    seed: int = 0,
) -> Equivariance:
    """Measure an operator on zonal functions f(x) = P_l(<x, p>) of random poles p.

    The response is λ = <f, Lf> / <f, f>, the error |Lf - λf| / |Lf|; both are averaged over the
    poles. It is zero for almost every pole if and only if L is a number on H_l: the zonal functions
    span H_l, and their eigenvalue, of which there are finitely many, cannot change continuously.

    Parameters
    ----------
    laplacian : csr_array
        Symmetric S, shape (pixels, pixels). The operator is L = M^(-1/2) S M^(1/2).
    positions : ndarray
        Unit vectors, float64, shape (pixels, 3).
    areas : ndarray
        Areas of the pixels in steradians, shape (pixels,): <f, g> = Σ areas f g.
    degrees : sequence of int
        The degrees l, in any order.
    mass : ndarray, optional
        The diagonal of M, positive, shape (pixels,); ones by default.
    poles : int
        How many poles.
    seed : int
        Of their random draw; see :func:`random_poles`.

    Returns
    -------
    Equivariance
        In the order of the degrees.

    Raises
    ------
    DeepsphereError
        If the arrays do not belong together, or there is no pole.
    """
    if poles < 1:
        raise DeepsphereError(f"zonal functions need at least one pole; found {poles}")
    _check(laplacian, positions, areas, mass)
    directions = random_poles(poles, seed)
    measured = np.empty((len(degrees), 2))
    for row, degree in enumerate(degrees):
        moments = _moments(laplacian, areas, mass, zonal(degree, positions, directions))
        measured[row] = _response_and_error(laplacian, moments).mean(axis=-1)
    return Equivariance(np.array(degrees, dtype=np.int64), measured[:, 0], measured[:, 1])


def haar_errors(
    laplacian: SparseMatrix,
    positions: NDArray[np.float64],
    areas: NDArray[np.float64],
    degrees: Sequence[int],
    mass: NDArray[np.float64] | None = None,
    functions: int | None = None,
    seed: int = 0,
) -> Equivariance:
    r"""Measure √(E|RLf - LRf|² / E|Lf|²) over isotropic random f in H_l and random rotations R.

    A rotation keeps norms, so |RLf - LRf| = |Lf - R⁻¹LRf|; the two are equally large on average, as
    Rf is distributed as f. The mean of R⁻¹LR over the rotations (Haar measure) commutes with them,
    so that it is the number λ on H_l. Hence E<Lf, R⁻¹LRf> = λ E<Lf, f>, and with λ E|f|² = E<Lf, f>

        E|RLf - LRf|² = 2 (E|Lf|² - λ² E|f|²) = 2 E|Lf - λf|².

    For f = Yc, with the harmonics as columns of Y and c standard normal, the expectations are
    traces: E|f|² = tr(YᵀAY), E<Lf, f> = tr(YᵀALY), E|Lf|² = tr((LY)ᵀALY), where A holds the areas.
    YᵀAY, the identity for exact quadrature only, is left as it is: then the error is zero if and
    only if LY = λY at every pixel.

    Parameters
    ----------
    laplacian, positions, areas, degrees, mass
        As in :func:`zonal_errors`.
    functions : int, optional
        Draw so many functions f instead of taking the traces, where they are fewer than 2l + 1.
        With 16 of them the error is good to some percent.
    seed : int
        Of the random draw.

    Returns
    -------
    Equivariance
        In the order of the degrees.

    Raises
    ------
    DeepsphereError
        If the arrays do not belong together, or no function is asked for.

    References
    ----------
    Defferrard, Milani, Gusset, Perraudin: DeepSphere, a graph-based spherical CNN (ICLR 2020).
    They define the error squared; their curves show it as here.
    """
    if functions is not None and functions < 1:
        raise DeepsphereError(f"at least one random function is needed; found {functions}")
    _check(laplacian, positions, areas, mass)
    measured = np.empty((len(degrees), 2))
    for row, degree in enumerate(degrees):
        moments = np.zeros(3)
        if functions is None or functions > 2 * degree:
            for _, values in harmonic_blocks(degree, positions):
                moments += _moments(laplacian, areas, mass, values).sum(axis=-1)
        else:
            values = _isotropic(degree, positions, functions, seed)
            moments += _moments(laplacian, areas, mass, values).sum(axis=-1)
        measured[row] = _response_and_error(laplacian, moments)
    return Equivariance(
        np.array(degrees, dtype=np.int64), measured[:, 0], np.sqrt(2) * measured[:, 1]
    )


def _isotropic(
    degree: int, positions: NDArray[np.float64], count: int, seed: int
) -> NDArray[np.float64]:
    """Return harmonics with standard normal coefficients, shape (pixels, count)."""
    # Each degree has a draw of its own, which is the same next to any other degrees.
    generator = np.random.default_rng([seed, degree])
    coefficients = generator.standard_normal((2 * degree + 1, count))
    functions = np.zeros((len(positions), count))
    for orders, values in harmonic_blocks(degree, positions):
        functions += values @ coefficients[degree + orders]
    return functions


def _moments(
    laplacian: SparseMatrix,
    areas: NDArray[np.float64],
    mass: NDArray[np.float64] | None,
    functions: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return <f, f>, <f, Lf> and <Lf, Lf> of functions of shape (pixels, n), shape (3, n)."""
    # In rows, as the product needs them and gives them.
    functions = np.ascontiguousarray(functions)
    root = np.ones(1) if mass is None else np.sqrt(mass)[:, np.newaxis]
    images = np.asarray(laplacian @ (root * functions)) / root
    pairs = ((functions, functions), (functions, images), (images, images))
    return np.array([areas @ (one * other) for one, other in pairs])


def _response_and_error(
    laplacian: SparseMatrix, moments: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return λ and |Lf - λf| / |Lf| of moments of shape (3, ...), shape (2, ...).

    By Pythagoras the squared error is 1 - <f, Lf>² / (<f, f> <Lf, Lf>).
    """
    squares, products, images = moments
    is_zero = images <= np.square(_ZERO * laplacian.diagonal().max()) * squares
    squared = 1 - np.square(products) / (squares * np.where(is_zero, np.inf, images))
    errors = np.sqrt(np.where(is_zero | (squared < _EXACT), 0, squared))
    return np.stack([np.where(is_zero, 0, products / squares), errors])


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.{_SIGNIFICANT_DIGITS}g}") for value in values]


def _check(
    laplacian: SparseMatrix,
    positions: NDArray[np.float64],
    areas: NDArray[np.float64],
    mass: NDArray[np.float64] | None,
) -> None:
    pixels = len(positions)
    if laplacian.shape != (pixels, pixels):
        raise DeepsphereError(
            f"the Laplacian of {pixels} positions must have as many rows and columns; "
            f"found shape {laplacian.shape}"
        )
    if areas.shape != (pixels,):
        raise DeepsphereError(
            f"the areas of {pixels} pixels must have the shape ({pixels},); found {areas.shape}"
        )
    if mass is not None and (mass.shape != (pixels,) or not (mass > 0).all()):
        raise DeepsphereError(
            f"the mass must be {pixels} positive numbers; found shape {mass.shape} and a minimum "
            f"of {mass.min()}"
        )
