"""Who is joined to whom, before anything is made symmetric.

- :func:`nearest_edges`: the k nearest points; the choice of the DeepSphere papers, and the default.
  With ties, where a graph shall be as symmetric as its sampling.
- :func:`radius_edges`: all points within a distance, for a physical range.
- :func:`adjacent_edges`: the neighbours that the sampling itself has, such as the 8 pixels around a
  HEALPix pixel (Perraudin et al. 2019) or the 4 of an equiangular grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.graphs.neighbours import nearest_neighbours
from deepsphere.graphs.points import check_unit_vectors, chords
from deepsphere.graphs.radius import radius_neighbours
from deepsphere.graphs.ties import neighbours_with_ties


@dataclass(frozen=True, eq=False)
class Edges:
    """The points to which each point is joined, in compressed rows.

    Attributes
    ----------
    offsets : ndarray
        Where the row of each point starts, int64, shape (points + 1,).
    columns : ndarray
        The other end of each edge, int32, shape (edges,).
    distances : ndarray
        Chord distances in radii of the sphere, float64, shape (edges,).
    """

    offsets: NDArray[np.int64]
    columns: NDArray[np.int32]
    distances: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


def nearest_edges(
    positions: NDArray[np.float64], neighbours: int, threads: int = 1, *, ties: bool = False
) -> Edges:
    """Join every point to its nearest ones; see :func:`~.neighbours.nearest_neighbours`.

    With ``ties``, also to all that are as far as the last of them, so that the choice does not
    depend on the order of the points; see :func:`~.ties.neighbours_with_ties`.
    """
    if ties:
        return Edges(*neighbours_with_ties(positions, neighbours, threads))
    indices, distances = nearest_neighbours(positions, neighbours, threads)
    offsets = np.arange(0, indices.size + 1, neighbours, dtype=np.int64)
    return Edges(offsets, indices.ravel(), distances.ravel())


def stacked_edges(groups: Sequence[Edges]) -> Edges:
    """Return the edges of several groups of points, the points of one after those of the other."""
    if len(groups) == 1:
        return groups[0]
    points = np.cumsum([0, *(len(group) for group in groups)])
    edges = np.cumsum([0, *(len(group.columns) for group in groups)])
    offsets = [group.offsets[1:] + start for group, start in zip(groups, edges[:-1], strict=True)]
    columns = np.empty(edges[-1], dtype=np.int32)
    for group, start, first, end in zip(groups, points[:-1], edges[:-1], edges[1:], strict=True):
        np.add(group.columns, start, out=columns[first:end], casting="unsafe")
    return Edges(
        np.concatenate([[0], *offsets]),
        columns,
        np.concatenate([group.distances for group in groups]),
    )


def radius_edges(positions: NDArray[np.float64], radius: float) -> Edges:
    """Join every point to all within a chord distance; see :func:`~.radius.radius_neighbours`."""
    offsets, columns, distances = radius_neighbours(positions, radius)
    return Edges(offsets, columns, distances)


def adjacent_edges(positions: NDArray[np.float64], neighbours: NDArray[np.int64]) -> Edges:
    """Join every point to those that its sampling calls its neighbours.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, float64, shape (points, 3).
    neighbours : ndarray
        Their neighbours, int64, shape (points, most); -1 stands for none.
    """
    check_unit_vectors(positions)
    there = neighbours >= 0
    rows, columns = np.nonzero(there)[0], neighbours[there]
    offsets = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    distances = chords(positions[rows], positions[columns])
    return Edges(offsets.astype(np.int64), columns.astype(np.int32), distances)
