"""Which faces of a mesh are neighbours, and which hang together.

The groundwork of :mod:`~deepsphere.regridding.winding` and :mod:`~deepsphere.regridding.holes`.
Faces are neighbours where they, and no third one, share a side: where three or more meet, as at the
seams of a box with a wall inside, none is the continuation of another.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components


class Topology(NamedTuple):
    """How the faces of a mesh are joined. Side 3f + i leads from corner i of face f to the next.

    Attributes
    ----------
    starts, ends : ndarray
        The vertex that each side comes from and that it leads to, int64, shape (3 · faces,).
    sharing : ndarray
        How many faces have that side, in either direction, int64, shape (3 · faces,).
    pairs : ndarray
        The two sides that neighbours share, int64, shape (pairs, 2).
    parts : ndarray
        The part each face belongs to, of those that hang together by neighbours, numbered from 0,
        int64, shape (faces,).
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    sharing: NDArray[np.int64]
    pairs: NDArray[np.int64]
    parts: NDArray[np.int64]

    def disagreeing(self) -> NDArray[np.bool_]:
        """Return which pairs are wound against each other: sides in the same direction."""
        one, other = self.pairs.T
        same: NDArray[np.bool_] = self.starts[one] == self.starts[other]
        return same


def topology_of(faces: NDArray[np.int64]) -> Topology:
    """Return how faces are joined.

    Parameters
    ----------
    faces : ndarray
        Three different vertices each, int64, shape (faces, 3); at least one face.
    """
    starts = faces.ravel()
    ends = faces[:, [1, 2, 0]].ravel()
    keys = np.minimum(starts, ends) * (faces.max() + 1) + np.maximum(starts, ends)
    order = np.argsort(keys)
    firsts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    counts = np.diff(firsts, append=len(keys))
    sharing = np.empty(len(keys), dtype=np.int64)
    sharing[order] = np.repeat(counts, counts)
    twos = firsts[counts == 2]
    pairs = np.stack([order[twos], order[twos + 1]], axis=1)
    one, other = pairs.T // 3
    graph = csr_array((np.ones(len(pairs)), (one, other)), shape=(len(faces), len(faces)))
    _, parts = connected_components(graph, directed=False)
    return Topology(starts, ends, sharing, pairs, parts.astype(np.int64))
