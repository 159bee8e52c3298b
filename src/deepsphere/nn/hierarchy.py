"""The levels of a network: what convolutions, pooling and unpooling need, finest level first.

:func:`graph_hierarchy` takes it from a graph on disk, and
:func:`~deepsphere.nn.building.build_graph_hierarchy` builds it on a sampling. Every model is made
from one; so the same class serves full spheres, parts of spheres and stations.
:class:`CoarseningMap` is what joins a level to the next coarser one.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepsphere.graphs.storage import StoredGraph
from deepsphere.nn.operator import SymmetricOperator


@dataclass(frozen=True, eq=False)
class CoarseningMap:
    """Which pixels of a level make the pixels of a coarser one.

    Attributes
    ----------
    matrix : csr_array, shape (coarse pixel, fine pixel)
        Averages over the fine pixels of each coarse one: float64, sorted indices, not negative,
        rows that sum to 1.
    children : ndarray of int64, shape (coarse pixel, child), or None
        The fine pixels of each coarse one, where every fine pixel has one coarse one and all of
        these have as many.

    Raises
    ------
    ValueError
        If the children are not those of so many pixels.
    """

    matrix: csr_array = field(repr=False)
    children: NDArray[np.int64] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.children is not None and (
            self.children.ndim != 2
            or len(self.children) != self.coarse
            or self.children.size != self.fine
        ):
            raise ValueError(
                f"expected children that share {self.fine} pixels among {self.coarse}, "
                f"found shape {self.children.shape}"
            )

    @property
    def coarse(self) -> int:
        """Number of coarse pixels."""
        return int(self.matrix.shape[0])

    @property
    def fine(self) -> int:
        """Number of fine pixels."""
        return int(self.matrix.shape[1])

    @property
    def nested(self) -> bool:
        """Whether the children of pixel p are n p to n p + n - 1, as in HEALPix' nested order."""
        if self.children is None:
            return False
        return np.array_equal(self.children.ravel(), np.arange(self.fine))


def compose(maps: Sequence[CoarseningMap]) -> CoarseningMap:
    """Return the map over several levels at once, from maps finest first.

    It averages the averages: over children that are known as such, these are averages again.
    """
    if not maps:
        raise ValueError("expected at least one map to compose, found none")
    return reduce(_after, maps)


def _after(fine: CoarseningMap, coarse: CoarseningMap) -> CoarseningMap:
    if fine.coarse != coarse.fine:
        raise ValueError(
            f"expected a map of {fine.coarse} pixels after one to them, found one of {coarse.fine}"
        )
    matrix = csr_array(coarse.matrix @ fine.matrix)
    matrix.sort_indices()
    children = None
    if fine.children is not None and coarse.children is not None:
        children = fine.children[coarse.children].reshape(coarse.coarse, -1)
    return CoarseningMap(matrix, children)


@dataclass(frozen=True, eq=False)
class GraphHierarchy:
    """The levels of a network, finest first.

    Models take a :meth:`copy`, so that any number of them can be made from one hierarchy, and each
    be moved to a device and a type of its own. Layers by themselves share what they are given.

    Attributes
    ----------
    operators : tuple of SymmetricOperator or None
        The rescaled Laplacian of each level, which all layers of a model share; None for a single
        pixel, or one a part, on which nothing can be convolved.
    maps : tuple of CoarseningMap
        From each level to the next, one fewer.
    positions : tuple of ndarray
        Unit vectors of the pixels of each level, float64, shape (pixel, 3).
    areas : tuple of ndarray
        What each pixel of each level counts in means over the sphere, float64, shape (pixel,),
        positive, mean 1: its area, whatever the weights of the graph. On stations, where there is
        no more sphere than was observed, it is 1, unless the graph was asked for areas.
    known : tuple of ndarray of bool or None
        Of a part of a sphere that was padded: which pixels of each level have data. None where all
        have.
    parts : int
        Runs of equally many consecutive pixels of each level, no two of which are joined, as
        :mod:`deepsphere.graphs.parts` explains. Models that say something of a whole map say it of
        each part.

    Raises
    ------
    ValueError
        If the pixels of a level do not fall into the parts, or those of several parts are not all
        known and of one area.
    """

    operators: tuple[SymmetricOperator | None, ...]
    maps: tuple[CoarseningMap, ...]
    positions: tuple[NDArray[np.float64], ...] = field(repr=False)
    areas: tuple[NDArray[np.float64], ...] = field(repr=False)
    known: tuple[NDArray[np.bool_] | None, ...] = field(repr=False)
    parts: int = 1

    def __post_init__(self) -> None:
        if self.parts == 1:
            return
        for level, (areas, known) in enumerate(zip(self.areas, self.known, strict=True)):
            even = known is None and np.allclose(areas, areas[0], rtol=1e-9, atol=0)
            if len(areas) % self.parts or not even:
                raise ValueError(
                    f"expected level {level} to have {self.parts} parts of equally many pixels, "
                    f"all known and of one area, found {len(areas)} pixels"
                )

    def __len__(self) -> int:
        return len(self.operators)

    def pixels(self, level: int) -> int:
        """Return the number of pixels of a level."""
        return len(self.positions[level])

    def copy(self) -> Self:
        """Return a hierarchy with operators of its own."""
        return replace(self, operators=copy.deepcopy(self.operators))

    def operator(self, level: int) -> SymmetricOperator:
        """Return the operator of a level.

        Raises
        ------
        ValueError
            If there is no such level, or it has a single pixel.
        """
        if not 0 <= level < len(self):
            raise ValueError(f"expected a level from 0 to {len(self) - 1}, found {level}")
        operator = self.operators[level]
        if operator is None:
            raise ValueError(
                f"level {level} has a single pixel, or one a part: pool to it, but convolve on a "
                "finer level"
            )
        return operator


def graph_hierarchy(stored: StoredGraph, dtype: torch.dtype = torch.float32) -> GraphHierarchy:
    """Return the levels of a graph as a network takes them.

    Parameters
    ----------
    stored : StoredGraph
        As :func:`deepsphere.graphs.storage.load_graph` returns it.
    dtype : torch.dtype
        Of the Laplacians' values, float32 or float64.
    """
    levels = stored.levels
    maps = tuple(
        CoarseningMap(level.pooling, level.children)
        for level in levels
        if level.pooling is not None
    )
    known: list[NDArray[np.bool_] | None] = [None] * len(levels)
    if len(stored.padding):
        finest = np.ones(len(levels[0]), dtype=np.bool_)
        finest[stored.padding] = False
        known[0] = before = finest
        for number, coarsening in enumerate(maps, start=1):
            known[number] = before = coarsening.matrix @ before > 0
    return GraphHierarchy(
        operators=tuple(
            None
            if not level.graph.weights.nnz
            else SymmetricOperator(level.operator(), dtype, level.graph.mass)
            for level in levels
        ),
        maps=maps,
        positions=tuple(level.positions for level in levels),
        areas=tuple(level.areas for level in levels),
        known=tuple(known),
        parts=stored.parts,
    )
