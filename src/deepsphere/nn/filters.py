r"""The filters of a convolution as numbers to look at.

A filter leads from one input channel to one output channel. It is a polynomial
:math:`h(x) = \sum_k c_k T_k(x)` of the layer's rescaled Laplacian, which can be seen in three ways:

================================= ==================================================================
:func:`chebyshev_coefficients_of` the numbers c, whatever basis the layer learns in
:func:`spectral_response`         h over the spectrum of the graph, so which frequencies pass;
                                  :func:`degree_eigenvalues` says where the degrees l are
:func:`impulse_response`          what becomes of a single pixel; :mod:`~deepsphere.nn.sections`
                                  orders that by the distance from the pixel or along a great
                                  circle, and lays it on a plane
================================= ==================================================================

:func:`filter_views` takes all of them of a few filters,
:mod:`~deepsphere.nn.learned_filters` keeps them, and
:func:`deepsphere.report.filters.plot_filters` draws them::

    hierarchy = build_graph_hierarchy(Healpix(16))
    layer = ChebConv(16, 32, 5, hierarchy.operator(0))
    views = filter_views(layer, hierarchy.positions[0], pixel=0, areas=hierarchy.areas[0])
    plot_filters(views, "first layer").savefig("filters.pdf")

All is measured on the layer's own graph, be it of a whole sphere or of a part. Eigenvalues are
those of the rescaled Laplacian, in [-1, 1], as the layer knows no other. Biases are left out.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.polynomial.chebyshev import chebval
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array
from torch import Tensor

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.degrees import degrees_within
from deepsphere.graphs.equivariance import zonal_errors
from deepsphere.graphs.spectrum import largest_eigenvalue
from deepsphere.graphs.weights import SparseMatrix
from deepsphere.nn.bases import chebyshev_coefficients
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.convolution import chebyshev_convolution
from deepsphere.nn.learned_filters import Curves, FilterViews
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.sections import Float, check_pixel, gnomonic, section

_DEGREES = 10
_FAINT = 0.01
_FEWEST_PIXELS = 20
_WIDEST = math.radians(60)


def filter_views(
    layer: ChebConv,
    positions: Float,
    pixel: int,
    *,
    filters: Sequence[tuple[int, int]] | None = None,
    count: int = 6,
    areas: Float | None = None,
) -> FilterViews:
    """Return the views of some filters of a layer.

    Parameters
    ----------
    layer : ChebConv
    positions : ndarray, shape (pixel, 3)
        Unit vectors of the pixels of the layer's graph.
    pixel : int
        Around which to look at impulse responses.
    filters : sequence of (input, output), optional
        Channels of each filter; by default, the ``count`` filters whose coefficients have the
        largest norms, largest first.
    count : int
        How many filters, if they are not named.
    areas : ndarray, optional, shape (pixel,)
        What each pixel stands for, in any unit, if the pixels cover the sphere: then the degrees
        are known. On a part of the sphere there are no functions of one degree.

    Returns
    -------
    FilterViews
        They reach as far as a filter has 1 % of its largest value, but to 20 pixels at least, and
        to 60° at most.

    Raises
    ------
    ValueError
        If the positions are not those of the layer, or there is no such pixel or filter.
    DeepsphereError
        If the positions are not unit vectors, areas are missing, or a filter is not finite.
    """
    coefficients = chebyshev_coefficients_of(layer)
    broken = np.argwhere(~np.isfinite(coefficients).all(axis=0)).tolist()
    if broken:
        raise DeepsphereError(
            f"{len(broken)} filters of the layer are not finite, such as the one from channel "
            f"{broken[0][0]} to {broken[0][1]}; load weights from before the training diverged"
        )
    channels = _largest(coefficients, count) if filters is None else _checked(filters, coefficients)
    chosen = coefficients[:, channels[:, 0], channels[:, 1]]
    values = _terms(layer, pixel) @ chosen
    angles, ordered = section(positions, values, pixel)
    extent = _extent(angles, ordered)
    in_view = angles <= extent
    # The corners of a square are farther from its centre than the sides.
    pixels, plane = gnomonic(positions, positions[pixel], math.atan(2 * math.tan(extent)))
    return FilterViews(
        channels=channels,
        coefficients=chosen,
        response=_respond(layer.laplacian, chosen),
        degrees=None if areas is None else _degrees(layer.laplacian, positions, areas),
        around=(angles[in_view], ordered[in_view]),
        eastward=_within(extent, section(positions, values, pixel, bearing=90)),
        northward=_within(extent, section(positions, values, pixel, bearing=0)),
        plane=(plane, values[pixels]),
        extent=extent,
    )


def chebyshev_coefficients_of(layer: ChebConv) -> Float:
    """Return the Chebyshev coefficients of all filters of a layer.

    Returns
    -------
    ndarray of float64, shape (kernel_size, in_channels, out_channels)
        Zero from the input channels of one group to the output channels of another.
    """
    weight = _numbers(layer.weight)
    kernel_size, entering, out_channels = weight.shape
    change = chebyshev_coefficients(layer.basis, kernel_size)
    coefficients = np.zeros((kernel_size, layer.in_channels, out_channels))
    leaving = out_channels // layer.groups
    for group in range(layer.groups):
        inputs = slice(group * entering, (group + 1) * entering)
        outputs = slice(group * leaving, (group + 1) * leaving)
        coefficients[:, inputs, outputs] = np.einsum("jk,jio->kio", change, weight[..., outputs])
    return coefficients


def spectral_response(layer: ChebConv, count: int = 200) -> Curves:
    """Return what all filters multiply eigenvectors of the layer's graph with.

    Parameters
    ----------
    layer : ChebConv
    count : int
        At how many eigenvalues, evenly spaced.

    Returns
    -------
    eigenvalues : ndarray of float64, shape (count,)
        From the lowest to the highest eigenvalue of the rescaled Laplacian, found to some 1e-4.
        Beyond them a filter's polynomial goes on, but meets nothing.
    responses : ndarray of float64, shape (count, in_channels, out_channels)

    Raises
    ------
    ValueError
        If there are fewer than 2 eigenvalues.
    """
    return _respond(layer.laplacian, chebyshev_coefficients_of(layer), count)


def degree_eigenvalues(
    laplacian: SymmetricOperator, positions: Float, areas: Float, degrees: Sequence[int]
) -> Float:
    """Return where in the spectrum the spherical harmonics of some degrees are.

    Parameters
    ----------
    laplacian : SymmetricOperator
        Of a graph on the whole sphere.
    positions : ndarray, shape (pixel, 3)
        Unit vectors.
    areas : ndarray, shape (pixel,)
        What each pixel stands for, in any unit.
    degrees : sequence of int
        Degrees l, from 0.

    Returns
    -------
    ndarray of float64, shape (degree,)
        The number that the operator is nearest to on functions of each degree; see
        :func:`~deepsphere.graphs.equivariance.zonal_errors`, also for how near that is.
    """
    roots = laplacian.root_mass
    mass = None if roots is None else np.square(_numbers(roots))
    return zonal_errors(_matrix(laplacian), positions, areas, degrees, mass).responses


def impulse_response(layer: ChebConv, pixel: int) -> Float:
    """Return what all filters make of a map that is 1 at a pixel and 0 elsewhere.

    Parameters
    ----------
    layer : ChebConv
    pixel : int

    Returns
    -------
    ndarray of float64, shape (pixel, in_channels, out_channels)
        Computed by the layer's operator, in the type of its values; zero more than kernel_size - 1
        edges away.

    Raises
    ------
    ValueError
        If there is no such pixel.
    """
    response: Float = np.tensordot(_terms(layer, pixel), chebyshev_coefficients_of(layer), axes=1)
    return response


def _terms(layer: ChebConv, pixel: int) -> Float:
    """Return the Chebyshev polynomials of the operator, of a single pixel, (pixel, kernel_size)."""
    laplacian, kernel_size = layer.laplacian, len(layer.weight)
    check_pixel(pixel, laplacian.pixels)
    values = laplacian.values
    impulse = torch.zeros(1, laplacian.pixels, 1, dtype=values.dtype, device=values.device)
    impulse[0, pixel] = 1
    each = torch.eye(kernel_size, dtype=values.dtype, device=values.device)[:, None]
    with torch.no_grad():
        return _numbers(chebyshev_convolution(impulse, each, laplacian)[0])


def _respond(laplacian: SymmetricOperator, coefficients: Float, count: int = 200) -> Curves:
    """Return eigenvalues, and the responses of filters with coefficients (kernel_size, ...)."""
    if count < 2:
        raise ValueError(f"expected at least 2 eigenvalues, found {count=}")
    matrix, identity = _matrix(laplacian), eye_array(laplacian.pixels)
    lowest = 1 - largest_eigenvalue(csr_array(identity - matrix))
    highest = largest_eigenvalue(csr_array(identity + matrix)) - 1
    eigenvalues = np.linspace(lowest, highest, count)
    # The points come last.
    responses: Float = np.moveaxis(np.asarray(chebval(eigenvalues, coefficients)), -1, 0)
    return eigenvalues, responses


def _degrees(
    laplacian: SymmetricOperator, positions: Float, areas: Float
) -> tuple[NDArray[np.int64], Float]:
    """Return round degrees, up to the highest that the pixels can hold, and their eigenvalues."""
    top = degrees_within(areas * (4 * math.pi / areas.sum()))[-1]
    steps = (factor * 10**power for power in range(9) for factor in (1, 2, 5))
    degrees = np.arange(0, top + 1, next(step for step in steps if step * _DEGREES >= top))
    return degrees, degree_eigenvalues(laplacian, positions, areas, degrees.tolist())


def _largest(coefficients: Float, count: int) -> NDArray[np.int64]:
    if count < 1:
        raise ValueError(f"expected at least 1 filter, found {count=}")
    norms = np.linalg.norm(coefficients, axis=0)
    order = np.argsort(-norms, axis=None, kind="stable")[:count]
    return np.stack(np.unravel_index(order, norms.shape), axis=1)


def _checked(filters: Sequence[tuple[int, int]], coefficients: Float) -> NDArray[np.int64]:
    channels = np.asarray(filters, dtype=np.int64)
    sizes = coefficients.shape[1:]
    if (
        channels.ndim != 2
        or channels.shape[1] != 2
        or not len(channels)
        or not ((channels >= 0) & (channels < sizes)).all()
    ):
        raise ValueError(
            f"expected pairs of channels from (0, 0) to below {sizes}, found {filters}"
        )
    return channels


def _extent(angles: Float, values: Float) -> float:
    """Return how far a view of impulse responses goes, whose angles ascend."""
    if len(angles) < 2:
        raise ValueError(f"expected a graph of 2 pixels at least, found {len(angles)}")
    sizes = np.abs(values)
    seen = (sizes > _FAINT * sizes.max(axis=0)).any(axis=1)
    nearby = angles[min(_FEWEST_PIXELS, len(angles) - 1)]
    return float(np.clip(angles[seen].max(initial=0), nearby, _WIDEST))


def _within(extent: float, curves: Curves) -> Curves:
    angles, values = curves
    inside = np.abs(angles) <= extent
    return angles[inside], values[inside]


def _matrix(laplacian: SymmetricOperator) -> SparseMatrix:
    columns, offsets = (array.cpu().numpy() for array in (laplacian.columns, laplacian.offsets))
    shape = laplacian.pixels, laplacian.pixels
    return csr_array((_numbers(laplacian.values), columns, offsets), shape=shape)


def _numbers(tensor: Tensor) -> Float:
    numbers: Float = tensor.detach().double().cpu().numpy()
    return numbers
