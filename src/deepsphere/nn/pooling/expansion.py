"""Unpooling from any sampling to the next finer one.

* ``repeat`` gives each fine pixel what its parent has.
* ``interpolate`` is for samplings of which cells do not nest, where fine pixels belong to several
  coarse ones. Where they belong to one each, it repeats.
* ``max`` puts features back to where the maxima came from, and 0 elsewhere.
* ``fill`` puts features to where pooling by ``stride`` took them from, and a constant elsewhere. As
  published for the icosahedron, that is 1 (after UGSCNN), which is as arbitrary as it sounds.

Several levels at once are unpooled by :func:`~deepsphere.nn.hierarchy.compose`.
"""

from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from deepsphere.nn.hierarchy import CoarseningMap
from deepsphere.nn.pooling.reduction import rows_of_known, strided_pixels
from deepsphere.nn.pooling.remap import Remap, check_features

UnpoolingKind = Literal["repeat", "interpolate", "max", "fill"]
"""What a fine pixel gets of its coarse pixels."""


class Unpooling(nn.Module):
    """From features of a level to those of the next finer one.

    Parameters
    ----------
    coarsening : CoarseningMap
        The map that goes the other way.
    kind : {"repeat", "interpolate", "max", "fill"}
        ``repeat``: each fine pixel gets the features of the coarse pixel whose child it is.

        ``interpolate``: each gets the mean of the coarse pixels that it is averaged into, with
        weights in proportion to those that it has there. Constants stay constant. On icosahedral
        vertices, a vertex that both levels have keeps its features, and one in the middle of a side
        gets the mean of the two ends with weights between 0.44 and 0.56, as the map counts the area
        of the ends in.

        ``max``: features go to the fine pixels that ``Pooling(..., return_indices=True)`` found,
        others get 0. Where cells do not nest, several coarse pixels may name the same fine one:
        that gets their mean. So what was pooled comes back to its place unchanged.

        ``fill``: features go to the fine pixels that pooling by ``stride`` takes them from, others
        get ``fill``. Where several coarse pixels have the same one, it gets their mean.
    fill : float
        For ``fill``: 0, or 1 as published for the icosahedron.
    known : ndarray of bool, optional, shape (fine pixel,)
        For ``fill``, the one that the pooling was given: which fine pixels have data.

    Raises
    ------
    ValueError
        If the kind is another, there is something to fill with of another kind than ``fill``, the
        map has no children to repeat to or has fine pixels that belong to no coarse one, or
        ``known`` is not one boolean a fine pixel.
    """

    elsewhere: Tensor | None

    def __init__(
        self,
        coarsening: CoarseningMap,
        kind: UnpoolingKind,
        *,
        fill: float = 0.0,
        known: NDArray[np.bool_] | None = None,
    ) -> None:
        super().__init__()
        if kind not in get_args(UnpoolingKind):
            raise ValueError(f"expected a kind of {get_args(UnpoolingKind)}, found {kind!r}")
        if fill and kind != "fill":
            raise ValueError(f"expected kind 'fill' to fill with {fill}, found {kind!r}")
        if kind == "repeat" and coarsening.children is None:
            raise ValueError(
                "expected a map with children to repeat to, found one without; "
                "use kind 'interpolate', which also serves where cells do not nest"
            )
        self.coarse, self.fine = coarsening.coarse, coarsening.fine
        self.kind = kind
        self.fill = fill
        self.nested = coarsening.nested
        self.shared = bool(np.bincount(coarsening.matrix.indices).max() > 1)
        elsewhere = None
        if kind == "fill":
            rows, _ = rows_of_known(coarsening, known)
            pixels = strided_pixels(rows)
            entries = (np.ones(self.coarse), (pixels, np.arange(self.coarse)))
            self.expansion = Remap(_averages(csr_array(entries, (self.fine, self.coarse))))
            elsewhere = torch.full((self.fine, 1), float(fill))
            elsewhere[pixels] = 0
        elif kind != "max" and not self.nested:
            self.expansion = Remap(_interpolation(coarsening.matrix))
        self.register_buffer("elsewhere", elsewhere, persistent=False)

    def extra_repr(self) -> str:
        """Return the kind and the sizes for ``repr``."""
        fill = f"fill={self.fill}, " if self.kind == "fill" else ""
        return f"{self.kind!r}, {fill}coarse={self.coarse}, fine={self.fine}"

    def forward(self, features: Tensor, indices: Tensor | None = None) -> Tensor:
        """Unpool features.

        Parameters
        ----------
        features : Tensor, shape (batch, coarse pixel, channel)
        indices : Tensor of int64, shape (batch, coarse pixel, channel)
            For ``max``, and only for it: the fine pixel of each feature, from a
            :class:`~deepsphere.nn.pooling.reduction.Pooling` with the same map.

        Returns
        -------
        Tensor, shape (batch, fine pixel, channel)
            Of the type of the features.

        Raises
        ------
        ValueError
            If a shape is another, or indices are missing or of no use.
        """
        check_features(features, self.coarse)
        if self.kind == "max":
            return self._put_back(features, indices)
        if indices is not None:
            raise ValueError(f"expected no indices for kind {self.kind!r}, found some")
        if self.kind != "fill" and self.nested:
            children = self.fine // self.coarse
            return features.unsqueeze(2).expand(-1, -1, children, -1).flatten(1, 2)
        expanded: Tensor = self.expansion(features)
        if self.elsewhere is not None:
            expanded = expanded + self.elsewhere.to(features.dtype)
        return expanded

    def _put_back(self, features: Tensor, indices: Tensor | None) -> Tensor:
        if indices is None or indices.shape != features.shape:
            found = None if indices is None else tuple(indices.shape)
            raise ValueError(f"expected indices of shape {tuple(features.shape)}, found {found}")
        empty = features.new_zeros(features.shape[0], self.fine, features.shape[2])
        sums = empty.scatter_add(1, indices, features)
        if not self.shared:
            return sums
        counts = empty.scatter_add(1, indices, torch.ones_like(features))
        return sums / counts.clamp(min=1)


def _interpolation(matrix: csr_array) -> csr_array:
    """Return the averages of the coarse pixels that each fine one belongs to."""
    rows = _averages(csr_array(matrix.T))
    orphans = np.flatnonzero(np.diff(rows.indptr) == 0)
    if orphans.size:
        raise ValueError(
            f"expected each of {rows.shape[0]} fine pixels to belong to a coarse one, "
            f"found {orphans.size} that do not, the first is {orphans[0]}"
        )
    return rows


def _averages(matrix: csr_array) -> csr_array:
    """Return a matrix whose rows are divided by their sums; empty ones stay empty."""
    rows = csr_array(matrix, copy=True)
    rows.eliminate_zeros()
    rows.data /= np.repeat(rows.sum(axis=1), np.diff(rows.indptr))
    return rows
