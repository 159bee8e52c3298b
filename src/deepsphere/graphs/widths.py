"""How wide a Gaussian kernel is: the distance at which a weight is 1/2, in radii of the sphere.

- ``formula`` (the default): c(k) √(4π/N) with c(k)² = 0.33 + 0.035 k, for k neighbours on a
  sphere of N pixels. It lies between the published widths and those that the search finds on
  HEALPix and Fibonacci samplings, c(k)² = 0.28 + 0.032 k (``benchmarks/graphs.py --widths``):
  the fit of single weights, which follows, mends low degrees better than high ones, and so
  begins best with a kernel that is a little wide.
- ``search``: the width with the least equivariance error of the graph at hand, averaged over all
  degrees that the sampling can hold. For irregular points, for which no formula can be right.
- ``published``: PyGSP's table of HEALPix widths for k of 8, 20, 40 and 60, behind the DeepSphere
  papers; nodes of a coarse grid, good to about 13 %.
- ``mean``: the mean distance to the neighbours, PyGSP's default for every other sampling.
- ``mean-square``: t is half the mean square distance (Perraudin et al. 2019), 3.6 times too large
  for 8 neighbours.
"""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.degrees import degrees_within
from deepsphere.graphs.equivariance import zonal_errors
from deepsphere.graphs.weights import SparseMatrix

WidthRule = Literal["formula", "search", "published", "mean", "mean-square"]

_BASE_NSIDE = 32
# From nside 32 on: PyGSP, branch sphere-graphs, as listed in its table of optimal kernel widths.
_PUBLISHED = {
    8: (0.02500, 0.01228, 0.00614, 0.00307, 0.00154, 0.00077),
    20: (0.03185, 0.01564, 0.00782, 0.00391, 0.00196, 0.00098),
    40: (0.042432, 0.021354, 0.010595, 0.005551, 0.0027755, 0.00138775),
    60: (0.051720, 0.025403, 0.012695, 0.006351, 0.0031755, 0.00158775),
}
_CONSTANT, _PER_NEIGHBOUR = 0.33, 0.035
_SEARCHED = (0.3, 4.0)
_RELATIVE_TOLERANCE = 1e-3
_NO_ERROR = 1e-6


def formula_width(pixels: float, neighbours: float) -> float:
    """Return c(k) √(4π/N).

    Parameters
    ----------
    pixels : float
        N, on the full sphere.
    neighbours : float
        k, the neighbours of a pixel, or their mean number.
    """
    return math.sqrt((_CONSTANT + _PER_NEIGHBOUR * neighbours) * 4 * math.pi / pixels)


def published_width(nside: int, neighbours: int) -> float:
    """Return the width of PyGSP's table of HEALPix graphs.

    Below nside 32 and above 1024 it is extrapolated, as there: doubled or halved a level.

    Raises
    ------
    DeepsphereError
        If the table has no such graph.
    """
    level = math.log2(nside / _BASE_NSIDE)
    if neighbours not in _PUBLISHED or level != round(level):
        raise DeepsphereError(
            f"no width is published for nside {nside} and {neighbours} neighbours; the table has "
            "powers of two, and 8, 20, 40 or 60 neighbours; take the width by formula or search"
        )
    widths = _PUBLISHED[neighbours]
    nearest = min(max(round(level), 0), len(widths) - 1)
    return widths[nearest] * math.pow(2.0, nearest - level)


def mean_square_width(distances: NDArray[np.float64]) -> float:
    """Return the width for which t is half the mean square distance.

    References
    ----------
    Perraudin, Defferrard, Kacprzak, Sgier: DeepSphere, efficient spherical CNN with HEALPix
    sampling for cosmological applications (2019), as its code has it: exp(-d²/(2 mean d²)).
    """
    lengths = distances.ravel()
    mean_square = float(np.einsum("e,e->", lengths, lengths)) / lengths.size
    return math.sqrt(2 * math.log(2) * mean_square)


def search_width(
    laplacian_of: Callable[[float], SparseMatrix],
    positions: NDArray[np.float64],
    areas: NDArray[np.float64],
    mass: NDArray[np.float64] | None,
    start: float,
) -> float:
    """Return the width whose Laplacian commutes best with rotations.

    What is least is the geometric mean of the zonal errors over the degrees that the sampling can
    hold, so that a given gain counts alike at every degree.

    Parameters
    ----------
    laplacian_of : callable
        Returns the Laplacian of a width.
    positions, areas, mass
        As :func:`~deepsphere.graphs.equivariance.zonal_errors` takes them.
    start : float
        A width of the right size; searched is from 0.3 to 4 times of it.

    Returns
    -------
    float
        To 4 digits, as the minimum is flat; ``start`` if pixels lose all their edges at any width.
    """
    degrees = degrees_within(areas)

    def objective(logarithm: float) -> float:
        laplacian = laplacian_of(start * math.exp(logarithm))
        if (laplacian.diagonal() == 0).any():
            # Some pixel has lost all its edges: nothing errs there, and nothing is right.
            return math.inf
        errors = zonal_errors(laplacian, positions, areas, degrees, mass, poles=3).errors
        return float(np.log(np.maximum(errors, _NO_ERROR)).mean())

    low, high = map(math.log, _SEARCHED)
    # The error of irregular points has more than one minimum: look around before going down.
    places = np.linspace(low, high, 9)
    values = [objective(place) for place in places]
    if not np.isfinite(values).any():
        return start
    best = int(np.argmin(values))
    sides = max(best - 1, 0), min(best + 1, len(places) - 1)
    if not np.isfinite([values[side] for side in sides]).all():
        return float(f"{start * math.exp(places[best]):.4g}")
    bounds = (places[sides[0]], places[sides[1]])
    found = minimize_scalar(
        objective, bounds=bounds, method="bounded", options={"xatol": _RELATIVE_TOLERANCE}
    )
    return float(f"{start * math.exp(found.x):.4g}")
