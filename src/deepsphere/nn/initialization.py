r"""The weights a convolution starts from.

* ``published``: what the published code did, for its numbers.
* ``deepsphere-pytorch``: what that package did.
* ``modern``: an output of variance 2, so of second moment 1 behind a rectifier, from **white
  noise** of variance 1. For a convolution of noise, or in front of a normalization, which makes up
  for any scale.
* ``smooth``: the same from maps that vary **slowly**. For smooth fields, and for stacks of
  convolutions and rectifiers without normalization: their features become smooth, and the mean
  square settles, where with ``modern`` it grows with every layer by the ratio of the gains below,
  at K = 5 about twice on graphs of 20 neighbours and up to three times on graphs of 8.

The last two follow He et al. (2015, arXiv:1502.01852). A filter is
:math:`\sum_k w_k \varphi_k(\tilde L)`, with the functions :math:`\varphi_k` of a basis. Let its
:math:`F_{in}` inputs be random signals with the power spectrum p(λ) of average 1, and its weights
independent, of mean zero and variance :math:`\sigma^2`. Then products of different weights cancel
in the mean, and an output has, averaged over the V pixels, the variance

.. math:: F_{in}\, \sigma^2\, g, \qquad
   g = \frac1V \sum_\lambda p(\lambda) \sum_k \varphi_k(\lambda)^2 .

A rectifier halves the second moment of what is symmetric about zero, so the weights get
:math:`\sigma^2 = 2 / (F_{in}\, g)`. The **gain** g depends on the basis, the kernel size and the
graph, and on the signals. White noise has p = 1 (:func:`white_gain`). But white noise behind a
rectifier is not white any more, as 1/π of its second moment is in its mean, and each rectifier
makes the features of any two pixels more alike (Cho and Saul, 2009, the arc-cosine kernel). So
deeper features approach constants, whatever went in (:func:`smooth_gain`). Constants are at the
lower end of the spectrum, where the squares sum to K (chebyshev, monomial) or 1 (bernstein), more
than on average.
"""

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from deepsphere.nn.bases import BasisName, chebyshev_coefficients
from deepsphere.nn.operator import SymmetricOperator

InitializationName = Literal["published", "deepsphere-pytorch", "modern", "smooth"]
INITIALIZATIONS: tuple[InitializationName, ...] = get_args(InitializationName)

_RANDOM_SIGNS = 1 << 17


def initialize(
    weight: Tensor,
    bias: Tensor | None,
    laplacian: SymmetricOperator,
    basis: BasisName,
    initialization: InitializationName,
) -> None:
    r"""Fill the weights and the bias of a convolution in place, from PyTorch's random numbers.

    ================== ====================================================== ====
    initialization     weights                                                bias
    ================== ====================================================== ====
    published          normal, σ of :func:`published_deviation`, cut at 2σ    0
    deepsphere-pytorch normal, :math:`\sigma^2 = 2 / (F_{in} K)`              0.01
    modern             normal, :math:`\sigma^2 = 2 / (F_{in} g)`, white gain  0
    smooth             normal, :math:`\sigma^2 = 2 / (F_{in} g)`, smooth gain 0
    ================== ====================================================== ====

    Parameters
    ----------
    weight : Tensor, shape (kernel_size, in_channels, out_channels)
        Coefficients in the basis. With groups, the in_channels are those of one group: no others
        add to an output.
    bias : Tensor or None, shape (out_channels,)
    laplacian : SymmetricOperator
        Rescaled. Only ``modern`` and ``smooth`` look at it.
    basis : {"chebyshev", "monomial", "bernstein"}
    initialization : {"published", "deepsphere-pytorch", "modern", "smooth"}

    Raises
    ------
    ValueError
        If there is no such initialization.
    """
    kernel_size, in_channels, out_channels = weight.shape
    if initialization == "published":
        deviation = published_deviation(basis, kernel_size, in_channels, out_channels)
        nn.init.trunc_normal_(weight, std=deviation, a=-2 * deviation, b=2 * deviation)
    else:
        if initialization == "deepsphere-pytorch":
            gain = float(kernel_size)
        elif initialization == "modern":
            gain = white_gain(laplacian, basis, kernel_size)
        elif initialization == "smooth":
            gain = smooth_gain(laplacian, basis, kernel_size)
        else:
            names = ", ".join(INITIALIZATIONS)
            raise ValueError(f"expected an initialization among {names}, found {initialization!r}")
        nn.init.normal_(weight, std=math.sqrt(2 / (in_channels * gain)))
    if bias is not None:
        nn.init.constant_(bias, 0.01 if initialization == "deepsphere-pytorch" else 0)


def published_deviation(
    basis: BasisName, kernel_size: int, in_channels: int, out_channels: int
) -> float:
    r"""Return the standard deviation of the published weights, before they are cut.

    ========== ========================================= =======================================
    basis      deviation                                 reason
    ========== ========================================= =======================================
    chebyshev  :math:`\sqrt{2 / (F_{in} (K + 1/2))}`     the squares of T_0 to T_{K-1} sum to
                                                         about (K + 1/2) / 2
    monomial   0.1                                       none known: it depends on no size
    bernstein  :math:`\sqrt{6 / (F_{in} + F_{out})}`     none known: it does not depend on K
    ========== ========================================= =======================================

    So deepsphere-cosmo-tf2 has them. Its weights are cut at two deviations, which leaves 0.88 of
    the deviation. Of ``bernstein`` is known what the code says, and no result. The number is that
    of Glorot and Bengio (2010) for one coefficient, but there it is the bound of a uniform
    distribution and the deviation is :math:`\sqrt 3` times smaller. And it stood before functions
    that were not Bernstein's (:mod:`deepsphere.nn.bases`), so that it is kept for completeness, not
    because it would do the same here.

    Parameters
    ----------
    basis : {"chebyshev", "monomial", "bernstein"}
    kernel_size, in_channels, out_channels : int

    Returns
    -------
    float
    """
    if basis == "monomial":
        return 0.1
    if basis == "bernstein":
        return math.sqrt(6 / (in_channels + out_channels))
    return math.sqrt(2 / (in_channels * (kernel_size + 0.5)))


def white_gain(laplacian: SymmetricOperator, basis: BasisName, kernel_size: int) -> float:
    r"""Return the mean square that white noise has behind all functions of a basis together.

    That is the average over the spectrum of the sum of the functions' squares. It is estimated
    from s signals of random signs, always the same ones (Hutchinson, 1990); the relative error is
    about :math:`\sqrt{2 / (V s)}`, and s is chosen to make that 0.4 % or less. On graphs of at most
    362 pixels the signals are single pixels, and the average is exact.

    Where pixels have masses, white noise and its variance are those of the sphere: noise of
    variance 1/mass in each pixel, and squares weighted by mass.

    Parameters
    ----------
    laplacian : SymmetricOperator
        Rescaled; on any device.
    basis : {"chebyshev", "monomial", "bernstein"}
    kernel_size : int

    Returns
    -------
    float
        For ``chebyshev`` about (K + 1/2) / 2.
    """
    pixels = laplacian.pixels
    count = -(-_RANDOM_SIGNS // pixels)
    signals: NDArray[np.float64]
    if count >= pixels:
        signals = np.eye(pixels)
    else:
        bits = np.random.default_rng(0).integers(2, size=(pixels, count), dtype=np.int8)
        signals = 2 * bits.astype(np.float64) - 1
    return _gain(laplacian, signals, basis, kernel_size)


def smooth_gain(laplacian: SymmetricOperator, basis: BasisName, kernel_size: int) -> float:
    """Return the mean square that a constant one has behind all functions of a basis together.

    Parameters
    ----------
    laplacian : SymmetricOperator
        Rescaled; on any device.
    basis : {"chebyshev", "monomial", "bernstein"}
    kernel_size : int

    Returns
    -------
    float
        Where the constants are at the lower end of the spectrum and that is -1: kernel_size for
        ``chebyshev`` and ``monomial``, 1 for ``bernstein``.
    """
    roots = laplacian.root_mass
    constants = np.ones(laplacian.pixels) if roots is None else _numbers(roots)
    return _gain(laplacian, constants[:, None], basis, kernel_size)


def _gain(
    laplacian: SymmetricOperator,
    signals: NDArray[np.float64],
    basis: BasisName,
    kernel_size: int,
) -> float:
    """Return the sum of the squares of all functions of signals, over that of the signals.

    Signals are (pixel, signal), and functions are of the symmetric matrix alone, without the mass.
    """
    columns, offsets = (array.cpu().numpy() for array in (laplacian.columns, laplacian.offsets))
    pixels = laplacian.pixels
    matrix = csr_array((_numbers(laplacian.values), columns, offsets), shape=(pixels, pixels))
    terms = [signals, matrix @ signals][:kernel_size]
    while len(terms) < kernel_size:
        terms.append(2 * (matrix @ terms[-1]) - terms[-2])
    rows = np.stack([term.ravel() for term in terms])
    functions = chebyshev_coefficients(basis, kernel_size)
    squares = np.einsum("jk,kl,jl->", functions, rows @ rows.T, functions)
    return float(squares / np.square(signals).sum())


def _numbers(tensor: Tensor) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = tensor.detach().double().cpu().numpy()
    return numbers
