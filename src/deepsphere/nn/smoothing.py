r"""Smoothing with a Gaussian of a given width, on the whole sphere or a part of it.

Take it to bring maps to one resolution, or to look at a network's input at several. Nothing is
learned. Pixel i becomes the mean, with weights

.. math:: w_{ij} = a_j \exp\left(-\frac{\theta_{ij}^2}{2 \sigma^2}\right),

of the known pixels j within a distance, where :math:`\theta` is the angle between pixels and a
their area. So a constant stays what it is, at borders and around gaps, too. Each channel has the
width that it is given, whatever the others have.

On the whole sphere, smoothing with a Gaussian also means to multiply the spherical harmonics of
degree l by :math:`\exp(-l (l + 1) \sigma^2 / 2)`, as ``healpy.smoothing`` does. That is diffusion,
whose kernel is :math:`\sqrt{\theta / \sin \theta}` times this one for small :math:`\sigma`. The two
factors on a degree differ by :math:`\sigma^2 / (6 e)` at most, which is 2e-5 for 1°.
"""

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array
from scipy.spatial import cKDTree
from torch import Tensor, nn

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.points import check_unit_vectors
from deepsphere.graphs.radius import radius_neighbours
from deepsphere.graphs.weights import SparseMatrix, compressed, symmetrize
from deepsphere.nn.convolution import chebyshev_convolution
from deepsphere.nn.operator import SymmetricOperator

# As many entries as an operator may have.
_MOST_PAIRS = np.iinfo(np.int32).max


def fwhm_to_sigma(fwhm: float) -> float:
    """Return the standard deviation of a Gaussian with this full width at half maximum."""
    return fwhm / math.sqrt(8 * math.log(2))


class GaussianSmoothing(nn.Module):
    r"""Smooth each channel with a Gaussian on the sphere.

    Parameters
    ----------
    positions : ndarray, shape (pixel, 3)
        Unit vectors.
    areas : ndarray, shape (pixel,), or None
        What each pixel stands for, positive, in any unit; None if all for as much.
    sigma : float or sequence of float
        Standard deviation in radians, of all channels or one a channel; see :func:`fwhm_to_sigma`.
        With less than the distance of pixels, the sum over them is a poor integral: HEALPix maps
        of degrees up to 2 nside are off by some 5 % at half of that distance, 0.2 % at one and
        0.05 % at two (root mean square, of the map's own).
    support : float
        To how many standard deviations pixels are taken. Of the plane's Gaussian,
        :math:`e^{-n^2/2}` is farther away than n of them; without it, the variance is less by a
        share of :math:`n^2/2 \, / (e^{n^2/2} - 1)`: 5 % at 3, 0.3 % at 4, 5e-5 at 5.
    known : ndarray of bool, shape (pixel,), optional
        Pixels that have data. The others add nothing, whatever they hold, and become zero.
    dtype : torch.dtype
        Of the weights, float32 or float64: that in which sums are computed.

    Raises
    ------
    DeepsphereError
        If the positions are not unit vectors, or there are 2^31 pairs of pixels or more.
    ValueError
        If a width, the support or an area is not positive, or shapes or types do not fit.

    Notes
    -----
    With the kernel G, the areas A and its row sums D (of G A), the mean is

    .. math:: D^{-1} G A = (D A)^{-1/2} \left[ (A / D)^{1/2}\, G\, (A / D)^{1/2} \right]
              (D A)^{1/2},

    a symmetric operator between roots of a mass. So it is computed by the products of the
    convolutions, and kept as they are: in compressed rows, once for all channels of a width. That
    takes 8 bytes a pair in float32, and making it some seven times as much for a while.
    """

    known: Tensor | None
    order: Tensor | None
    back: Tensor | None

    def __init__(
        self,
        positions: NDArray[np.float64],
        areas: NDArray[np.float64] | None,
        sigma: float | Sequence[float],
        *,
        support: float = 5.0,
        known: NDArray[np.bool_] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        check_unit_vectors(positions)
        self.pixels = len(positions)
        given = np.asarray(sigma, np.float64)
        if given.ndim > 1 or not given.size:
            raise ValueError(f"expected one width or one a channel, found {sigma=}")
        if not ((given > 0).all() and np.isfinite(given).all() and support > 0):
            raise ValueError(f"expected positive widths and support, found {sigma=}, {support=}")
        self.sigma = given.item() if given.ndim == 0 else tuple(given.tolist())
        self.support = support
        widths, kernels = np.unique(given, return_inverse=True)
        areas = _checked_areas(self.pixels, areas)
        known = _checked_known(self.pixels, known)
        self.kernels = nn.ModuleList(
            _mean_operator(positions, areas, known, width, support, dtype)
            for width in widths.tolist()
        )
        self.channels = np.bincount(kernels.ravel()).tolist()
        order = torch.from_numpy(kernels.ravel()).argsort(stable=True)
        several = len(widths) > 1
        self.register_buffer("known", None if known.all() else torch.tensor(known), False)
        self.register_buffer("order", order if several else None, persistent=False)
        self.register_buffer("back", order.argsort() if several else None, persistent=False)

    def extra_repr(self) -> str:
        """Return the widths and the support for ``repr``."""
        return f"sigma={self.sigma}, support={self.support}"

    def forward(self, features: Tensor) -> Tensor:
        """Smooth features.

        Parameters
        ----------
        features : Tensor, shape (batch, pixel, channel)
            Of types as :func:`~deepsphere.nn.convolution.chebyshev_convolution` takes.

        Returns
        -------
        Tensor, shape (batch, pixel, channel)
            Zero in pixels that are not known.

        Raises
        ------
        ValueError
            If the features have another shape, or more or fewer channels than there are widths.
        """
        channels = len(self.sigma) if isinstance(self.sigma, tuple) else "channel"
        if (
            features.ndim != 3
            or features.shape[1] != self.pixels
            or channels not in ("channel", features.shape[2])
        ):
            raise ValueError(
                f"expected features of shape (batch, {self.pixels}, {channels}), "
                f"found {tuple(features.shape)}"
            )
        if self.known is not None:
            features = torch.where(self.known[:, None], features, 0)
        if self.order is None or self.back is None:
            return _smooth(features, self.kernels[0])
        parts = torch.split(features.index_select(2, self.order), self.channels, dim=2)
        smoothed = [_smooth(*pair) for pair in zip(parts, self.kernels, strict=True)]
        return torch.cat(smoothed, dim=2).index_select(2, self.back)


def _smooth(features: Tensor, kernel: nn.Module) -> Tensor:
    """Multiply all channels by an operator."""
    same = torch.eye(features.shape[2], dtype=features.dtype, device=features.device)
    # Of the polynomials of degree 0 and 1, the second.
    weight = torch.stack([torch.zeros_like(same), same])
    return chebyshev_convolution(features, weight, cast(SymmetricOperator, kernel))


def _mean_operator(
    positions: NDArray[np.float64],
    areas: NDArray[np.float64],
    known: NDArray[np.bool_],
    sigma: float,
    support: float,
    dtype: torch.dtype,
) -> SymmetricOperator:
    """Return the weighted mean over pixels around each; of unknown pixels there is none."""
    kernel = _kernel(positions, sigma, support)
    sums = np.where(known, kernel @ np.where(known, areas, 0), 1)
    roots = np.where(known, np.sqrt(areas / sums), 0)
    # In this order the product of two roots is the same for both pixels of a pair.
    kernel.data *= np.repeat(roots, np.diff(kernel.indptr)) * roots[kernel.indices]
    kernel.eliminate_zeros()
    return SymmetricOperator(kernel, dtype, mass=areas * sums)


def _kernel(positions: NDArray[np.float64], sigma: float, support: float) -> SparseMatrix:
    """Return exp(-θ²/(2 sigma²)) for pixels up to support sigma apart, and for each with itself."""
    reach = 2 * math.sin(min(support * sigma, math.pi) / 2)
    tree = cKDTree(positions)
    pairs = int(tree.count_neighbors(tree, reach))
    if pairs > _MOST_PAIRS:
        raise DeepsphereError(
            f"smoothing {len(positions)} pixels over {support * sigma:g} radians takes {pairs} "
            f"pairs of pixels, and at most {_MOST_PAIRS} are possible; give widths in radians, a "
            "coarser sampling or less support"
        )
    offsets, columns, chords = radius_neighbours(positions, reach)
    # The chord between antipodes may be rounded up.
    angles = 2 * np.arcsin(np.minimum(chords / 2, 1))
    weights = np.exp(-np.square(angles / sigma) / 2)
    others = symmetrize(compressed(weights, columns, offsets, len(positions)), "union")
    return csr_array(others + eye_array(len(positions)))


def _checked_areas(pixels: int, areas: NDArray[np.float64] | None) -> NDArray[np.float64]:
    if areas is None:
        return np.ones(pixels)
    if areas.shape != (pixels,) or not (areas > 0).all():
        raise ValueError(f"expected {pixels} positive areas, found {areas.shape=}, {areas.min()=}")
    return areas


def _checked_known(pixels: int, known: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    if known is None:
        return np.ones(pixels, np.bool_)
    if known.shape != (pixels,) or known.dtype != np.bool_:
        raise ValueError(f"expected {pixels} booleans, found {known.shape=}, {known.dtype=}")
    return known
