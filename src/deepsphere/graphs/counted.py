"""How much each pixel counts where a graph is measured or fitted."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from deepsphere.graphs.lengths import edge_lengths
from deepsphere.graphs.parts import diagonal_block, part_samplings, runs
from deepsphere.graphs.weights import SparseMatrix
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.sampling import Pixelwise, Sampling
from deepsphere.samplings.stations import Stations

# The rounding of equal distances on a regular sampling.
_MARGIN = 1e-9


def counted_areas(sampling: Sampling, weights: SparseMatrix, parts: int = 1) -> NDArray[np.float64]:
    """Return the area for which each pixel counts, in steradians, float64, shape (pixels,).

    The areas of the cells; zero for pixels at the border of a part of a sphere, whose neighbours
    are all on one side, so that no weights could make their Laplacian right; and so at the borders
    between parts that are not joined. Stations count alike,
    as they are samples of a field and their cells may span an ocean.

    Parameters
    ----------
    sampling : Sampling
        The pixels.
    weights : csr_array
        Of a graph on them, shape (pixels, pixels).
    parts : int
        Of the graph; see :mod:`~deepsphere.graphs.parts`.
    """
    if parts > 1:
        pairs = zip(part_samplings(sampling, parts), runs(len(sampling), parts), strict=True)
        return np.concatenate(
            [counted_areas(part, diagonal_block(weights, run)) for part, run in pairs]
        )
    full = sampling.full if isinstance(sampling, Masked) else sampling
    areas = sampling.areas
    if isinstance(full, Stations):
        areas = np.full(len(sampling), 4 * np.pi / len(full))
    if not isinstance(sampling, Masked):
        return areas
    inside = interior(sampling, weights)
    return np.where(inside, areas, 0.0) if inside.any() else areas


def interior(part: Masked, weights: SparseMatrix) -> NDArray[np.bool_]:
    """Return whether each pixel of a part is off its border, bool, shape (pixels,).

    A pixel is at the border if a pixel outside the part is as near as the farthest of the pixels
    that it is joined to; where that one is farther than is usual, as near as is usual (the median),
    since pixels at the border are joined to others further inside.

    Parameters
    ----------
    part : Masked
        The part.
    weights : csr_array
        Of the graph on it, shape (pixels, pixels).
    """
    reach = np.zeros(len(part))
    lengths = edge_lengths(weights, part.positions)
    joined = np.diff(weights.indptr) > 0
    reach[joined] = np.maximum.reduceat(lengths, weights.indptr[:-1][joined]) if joined.any() else 0
    reach = np.minimum(reach, np.median(reach[joined])) if joined.any() else reach
    outside = _outside(part, float(reach.max()))
    if not len(outside):
        return joined
    nearest, _ = cKDTree(outside).query(part.positions)
    inside: NDArray[np.bool_] = nearest > reach * (1 + _MARGIN)
    return inside & joined


def _outside(part: Masked, reach: float) -> NDArray[np.float64]:
    """Return the positions of pixels outside a part, of a large sampling only those nearby."""
    full = part.full
    if not isinstance(full, Pixelwise):
        return full.positions[np.setdiff1d(np.arange(len(full)), part.pixels)]
    spacing = math.sqrt(4 * math.pi / len(full))
    found = part.pixels
    # Each step goes to the pixels around, which are at least about half a spacing further.
    for _ in range(math.ceil(2 * reach / spacing) + 1):
        around = np.unique(full.neighbours_of(found))
        found = np.union1d(found, around[around >= 0])
    return full.positions_of(np.setdiff1d(found, part.pixels))
