"""Which faces to turn over, so that neighbours are wound alike and parts face outward.

A walk over the faces does that one by one, which takes seconds for a large mesh. Here a tree of
neighbours is grown by compiled code, and what is to be turned then follows for all faces at once:
in each step every face jumps twice as far towards the root as in the step before.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from deepsphere.regridding.topology import Topology

# Distance of a part's plane from the centroid up to which it is rounding that moves it aside.
_IN_PLANE = 1e-9


def turned(faces: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return faces of shape (faces, 3), those chosen wound the other way."""
    if not chosen.any():
        return faces
    return np.where(chosen[:, np.newaxis], faces[:, ::-1], faces)


def against_neighbours(topology: Topology, areas: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which faces to turn over so that neighbours are wound alike, part by part.

    The way round that has more area in a part stays. A part with one side only, as a Möbius strip
    has, keeps a seam of neighbours wound against each other.

    Parameters
    ----------
    topology : Topology
        How the faces are joined.
    areas : ndarray
        Areas of the faces, float64, shape (faces,).

    Returns
    -------
    ndarray
        bool, shape (faces,).
    """
    disagreeing = topology.disagreeing()
    if not disagreeing.any():
        return np.zeros(len(areas), dtype=np.bool_)
    turn = _against_first(topology, disagreeing)
    balance = np.bincount(topology.parts, weights=np.where(turn, areas, -areas))
    backward: NDArray[np.bool_] = (balance > 0)[topology.parts]
    exchanged: NDArray[np.bool_] = turn != backward
    return exchanged


def facing_inward(
    topology: Topology, volumes: NDArray[np.float64], areas: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return the faces of the parts that are turned inside out.

    A closed part is if its volume is negative. One that is not closed is if it shows its back to
    places around the mesh more than its front, which the same sum says: that of the volumes
    between its faces and the mesh's centroid.

    Parameters
    ----------
    topology : Topology
        How the faces are joined.
    volumes : ndarray
        Volumes of the tetrahedra from the centroid to each face, positive where the centroid is
        behind the face, float64, shape (faces,), in a unit that makes the mesh about 1 large.
    areas : ndarray
        Areas of the faces in that unit, float64, shape (faces,).

    Returns
    -------
    ndarray
        bool, shape (faces,). Parts in a plane with the centroid stay as they are.
    """
    balance = np.bincount(topology.parts, weights=volumes)
    area = np.bincount(topology.parts, weights=areas)
    inward: NDArray[np.bool_] = (3 * balance < -_IN_PLANE * area)[topology.parts]
    return inward


def _against_first(topology: Topology, disagreeing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which faces are wound against the first face of their part."""
    count = len(topology.parts)
    first = np.zeros(topology.parts.max() + 1, dtype=np.int64)
    first[topology.parts[::-1]] = np.arange(count)[::-1]
    one, other = topology.pairs.T // 3

    # One more vertex, the root, is joined to the first face of each part: one tree reaches all.
    tails, heads = np.r_[one, other, np.full(len(first), count)], np.r_[other, one, first]
    graph = csr_array((np.ones(len(tails)), (tails, heads)), shape=(count + 1, count + 1))
    _, ancestor = breadth_first_order(graph, count)
    ancestor[count] = count

    against = np.zeros(count + 1, dtype=np.bool_)
    for child, parent in ((one, other), (other, one)):
        joined = ancestor[child] == parent
        against[child[joined]] = disagreeing[joined]
    while (ancestor != count).any():
        against ^= against[ancestor]
        ancestor = ancestor[ancestor]
    return against[:count]
