"""How much the pixels of two samplings overlap, and the averages over pixels that follow.

For any two samplings: coarsening where cells do not nest, and conservative maps from one sampling
to another. Where cells nest, ``coarser()`` has the exact map for less work.

Overlaps are those of the polygons of ``cells()``, clipped exactly; where true sides are curved,
the corners in between decide how near the polygons are to the truth. From one HEALPix sampling to
that of half the nside, where the exact weights are 1/4, no weight is off by more than 0.0023, and
in the mean over the rows a part of 0.004 (nside 2) to 0.0003 (nside 32) goes to wrong pixels.

A cell of one sampling is clipped by the convex parts of one of the other (Sutherland & Hodgman,
Reentrant polygon clipping, Communications of the ACM, 1974), by planes through the sphere's centre.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.polygons import (
    are_convex,
    clip,
    enclosing_balls,
    flat,
    flat_areas,
    polygon_areas,
    side_normals,
)
from deepsphere.samplings.sampling import Sampling

SparseMatrix = csr_array[np.float64, tuple[int, int]]

# Pairs found at once take 50 MB; corners clipped at once stay in a processor's cache.
_BLOCK_PAIRS = 1 << 20
_BLOCK_CORNERS = 1 << 16
# Corners are good to 1e-16, so that cells which only touch overlap in slivers thinner than this.
_THINNEST = 1e-14
# Opposite corners are in a ball of radius 1 or more; their cosine is -1 to this.
_LARGE = 0.99
_OPPOSITE = 1e-12
# Smaller parts of a cell are left out: rounding may turn the planes of their sides around.
_SMALLEST_PART = 1e-14


@dataclass(frozen=True, eq=False)
class Overlap:
    """The overlaps of two samplings, and the averages that they define both ways.

    Attributes
    ----------
    areas : csr_array
        Areas in steradians as :func:`overlap_areas` returns them, shape (target pixels, source
        pixels).
    """

    areas: SparseMatrix

    @cached_property
    def forward(self) -> SparseMatrix:
        """The map from values on the source to means over the pixels of the target.

        Shape (target pixels, source pixels), float64, sorted indices. Rows sum to 1: a pixel that
        the source covers in part gets the mean over that part. A pixel that it does not cover has
        an empty row, which makes every value 0.
        """
        return _with_row_sums_of_one(self.areas)

    @cached_property
    def backward(self) -> SparseMatrix:
        """The map from values on the target to means over the pixels of the source.

        Shape (source pixels, target pixels), otherwise as :attr:`forward`.
        """
        return _with_row_sums_of_one(csr_array(self.areas.T))


def overlap(source: Sampling, target: Sampling) -> Overlap:
    """Return the overlaps of two samplings, computed once for the maps of both directions."""
    return Overlap(overlap_areas(source, target))


def area_overlap(source: Sampling, target: Sampling) -> SparseMatrix:
    """Return the map from values on the source to means over the pixels of the target.

    Parameters
    ----------
    source, target : Sampling
        The samplings; the source covers at least a part of every pixel of the target.

    Returns
    -------
    csr_array
        :attr:`Overlap.forward`: shape (target pixels, source pixels), float64, sorted indices,
        every row sums to 1.

    Raises
    ------
    DeepsphereError
        If a pixel of the target overlaps no pixel of the source.
    """
    matrix = overlap(source, target).forward
    empty = np.flatnonzero(np.diff(matrix.indptr) == 0)
    if empty.size:
        raise DeepsphereError(
            f"{empty.size} of the {len(target)} pixels of {target.name} (the first is {empty[0]}) "
            f"overlap no pixel of {source.name}; mask the first to what the second covers"
        )
    return matrix


def overlap_areas(source: Sampling, target: Sampling) -> SparseMatrix:
    """Return the areas of the intersections of the cells of two samplings.

    Parameters
    ----------
    source, target : Sampling
        The samplings. Cells may be of any shape that fits in half of the sphere. Pixels that have
        the same cell, as stations at one place do, share its overlaps equally.

    Returns
    -------
    csr_array
        Steradians, float64, shape (target pixels, source pixels), sorted indices, no entry that
        is not positive. Overlaps thinner than 1e-14 radians are rounding, and left out.

    Raises
    ------
    DeepsphereError
        If a cell has opposite corners, as those of two or three stations have.
    """
    source_cells, target_cells = _cells(source), _cells(target)
    if _is_better_clipper(source_cells, target_cells):
        areas = csr_array(_clipped_areas(target_cells, source_cells, source.positions).T)
    else:
        areas = _clipped_areas(source_cells, target_cells, target.positions)
    rows = np.repeat(np.arange(len(target)), np.diff(areas.indptr))
    smaller = np.minimum(
        polygon_areas(target_cells)[rows], polygon_areas(source_cells)[areas.indices]
    )
    areas.data[areas.data <= _THINNEST * np.sqrt(smaller)] = 0
    areas.data /= _pixels_of_cell(target_cells)[rows] * _pixels_of_cell(source_cells)[areas.indices]
    areas.eliminate_zeros()
    areas.sort_indices()
    return areas


def _cells(sampling: Sampling) -> NDArray[np.float64]:
    """Return the cells of a sampling if great arcs within them are well defined."""
    cells = sampling.cells()
    _, radii = enclosing_balls(cells)
    large = np.flatnonzero(radii > _LARGE)
    cosines = cells[large] @ cells[large].transpose(0, 2, 1)
    opposite = (cosines < -1 + _OPPOSITE).any(axis=(1, 2))
    if opposite.any():
        raise DeepsphereError(
            f"the cell of pixel {large[opposite][0]} of {sampling.name} has opposite corners, as "
            "where all pixels lie on one circle; add pixels elsewhere"
        )
    return cells


def _is_better_clipper(cells: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    """Say which of two sets of cells has fewer convex parts: convex cells, or else larger ones."""
    convex, others_convex = are_convex(cells).all(), are_convex(others).all()
    return len(cells) < len(others) if convex == others_convex else bool(convex)


def _clipped_areas(
    subjects: NDArray[np.float64],
    clippers: NDArray[np.float64],
    positions: NDArray[np.float64],
) -> SparseMatrix:
    """Return areas of intersections, shape (clippers, subjects), by clipping the subjects."""
    parts, owners, signs = _convex_parts(clippers, positions)
    normals = side_normals(parts)
    rows, columns, areas = [], [], []
    for pairs in _close_pairs(parts, subjects):
        blocks = -(-len(pairs) * subjects.shape[1] // _BLOCK_CORNERS)
        for part, subject in (block.T for block in np.array_split(pairs, max(blocks, 1))):
            clipped = clip(flat(subjects[subject]), normals[part])
            area = signs[part] * flat_areas(clipped, len(part))
            meet = area != 0
            rows.append(owners[part[meet]])
            columns.append(subject[meet])
            areas.append(area[meet])
    return csr_array(
        (np.concatenate(areas), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(clippers), len(subjects)),
    )


def _convex_parts(
    cells: NDArray[np.float64], positions: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Return convex polygons, the cell that each is a part of, and the sign that it counts with.

    Cells that are all convex are their own parts. Others are fans of triangles around their
    positions; these add up to the cell with the signs of their areas, wherever the position is.
    """
    if are_convex(cells).all():
        parts = cells[:, np.newaxis]
    else:
        apexes = np.broadcast_to(positions[:, np.newaxis], cells.shape)
        parts = np.stack([apexes, cells, np.roll(cells, -1, axis=1)], axis=2)
    areas = polygon_areas(parts)
    cell, part = np.nonzero(np.abs(areas) > _SMALLEST_PART * polygon_areas(cells)[:, np.newaxis])
    signs = np.sign(areas[cell, part])
    parts = parts[cell, part]
    parts[signs < 0] = parts[signs < 0, ::-1]
    return parts, cell, signs


def _close_pairs(
    polygons: NDArray[np.float64], others: NDArray[np.float64]
) -> Iterator[NDArray[np.int64]]:
    """Yield pairs of polygons whose balls meet, in blocks of shape (pairs, 2)."""
    centres, radii = enclosing_balls(polygons)
    other_centres, other_radii = enclosing_balls(others)
    # One search for each power of two: a few large cells do not make all searches as wide.
    _, scales = np.frexp(other_radii)
    for scale in np.unique(scales):
        members = np.flatnonzero(scales == scale)
        tree = cKDTree(other_centres[members])
        reach = radii + other_radii[members].max()
        counts = tree.query_ball_point(centres, reach, return_length=True)
        ends = np.flatnonzero(np.diff(np.cumsum(counts) // _BLOCK_PAIRS)) + 1
        for block in np.split(np.arange(len(polygons)), ends):
            found = tree.query_ball_point(centres[block], reach[block], return_sorted=False)
            left = np.repeat(block, counts[block])
            right = members[np.fromiter(itertools.chain.from_iterable(found), np.int64, len(left))]
            distances = np.linalg.norm(centres[left] - other_centres[right], axis=1)
            is_close = distances <= radii[left] + other_radii[right]
            yield np.stack([left[is_close], right[is_close]], axis=1)


def _pixels_of_cell(cells: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many pixels have the same cell as each, themselves included."""
    _, inverse, counts = np.unique(
        cells.reshape(len(cells), -1), axis=0, return_inverse=True, return_counts=True
    )
    return counts[inverse]


def _with_row_sums_of_one(areas: SparseMatrix) -> SparseMatrix:
    """Return a matrix whose rows are divided by their sums; empty ones stay empty."""
    sums: NDArray[np.float64] = areas.sum(axis=1)
    normalised = areas.copy()
    normalised.data /= np.repeat(sums, np.diff(areas.indptr))
    normalised.sort_indices()
    return normalised
