"""Pooling from any sampling to the next coarser one: the largest, the mean, or one of the pixels.

* ``mean`` averages by area, the natural choice for fields.
* ``max`` keeps what stands out. With indices it can be undone by
  :class:`~deepsphere.nn.pooling.expansion.Unpooling`.
* ``stride`` drops all but one pixel, and nothing is smoothed before: what varies faster than the
  coarse pixels remains as noise. It is what was published for the icosahedron.

Several levels at once are pooled by :func:`~deepsphere.nn.hierarchy.compose`.
"""

from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from torch import Tensor, nn

from deepsphere.nn.hierarchy import CoarseningMap
from deepsphere.nn.pooling.nested import Pool
from deepsphere.nn.pooling.remap import Remap, check_features

PoolingKind = Literal["max", "mean", "stride"]
"""What a coarse pixel gets of its fine pixels."""

# Weights that differ by no more than their rounding are equal.
_ROUNDING = 1e-9


class Pooling(nn.Module):
    """From features of a level to those of the next coarser one.

    The fine pixels of a coarse one are those of positive weight in its row of the map: its
    children, or, where cells do not nest, all that share some area with it.

    Parameters
    ----------
    coarsening : CoarseningMap
    kind : {"max", "mean", "stride"}
        Each coarse pixel gets the largest feature of its fine pixels, channel by channel; their
        mean, with the weights of the map, which are by area; or all features of the one of largest
        weight, the first of them if there are several. That one is the vertex at the same place on
        the icosahedral samplings, and child 0 on HEALPix.
    known : ndarray of bool, optional, shape (fine pixel,)
        Which fine pixels have data. Others are ignored, whatever they hold. Coarse pixels without
        any known one get 0.
    return_indices : bool
        Whether ``max`` also returns which fine pixel it took.

    Raises
    ------
    ValueError
        If the kind is another, there are indices of another kind than ``max``, or ``known`` is not
        one boolean a fine pixel.

    Notes
    -----
    Of several largest features the fine pixel of lowest index counts and receives the gradient. A
    feature that is not a number is larger than all numbers.
    """

    def __init__(
        self,
        coarsening: CoarseningMap,
        kind: PoolingKind,
        *,
        known: NDArray[np.bool_] | None = None,
        return_indices: bool = False,
    ) -> None:
        super().__init__()
        if kind not in get_args(PoolingKind):
            raise ValueError(f"expected a kind of {get_args(PoolingKind)}, found {kind!r}")
        if return_indices and kind != "max":
            raise ValueError(f"expected kind 'max' to return indices of, found {kind!r}")
        self.coarse, self.fine = coarsening.coarse, coarsening.fine
        self.kind = kind
        self.return_indices = return_indices
        rows, has_known = rows_of_known(coarsening, known)
        complete = known is None or bool(known.all())
        self.reduction: nn.Module
        if kind != "stride" and not return_indices and complete and _is_plain(coarsening, kind):
            self.reduction = Pool(kind, self.fine // self.coarse)
        elif kind == "max":
            self.reduction = _Maximum(rows, has_known)
        else:
            matrix = rows if kind == "mean" else _selection(rows)
            self.reduction = Remap(csr_array(diags_array(has_known.astype(np.float64)) @ matrix))

    def extra_repr(self) -> str:
        """Return the kind and the sizes for ``repr``."""
        return f"{self.kind!r}, fine={self.fine}, coarse={self.coarse}"

    def forward(self, features: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Pool features.

        Parameters
        ----------
        features : Tensor, shape (batch, fine pixel, channel)

        Returns
        -------
        pooled : Tensor, shape (batch, coarse pixel, channel)
            Of the type of the features. Means of half precision are computed in float32.
        indices : Tensor of int64, shape (batch, coarse pixel, channel)
            Only with ``return_indices``: the fine pixel of each maximum; one of its own fine
            pixels where a coarse pixel has no known one.
        """
        check_features(features, self.fine)
        result: Tensor | tuple[Tensor, Tensor] = self.reduction(features)
        if isinstance(result, tuple) and not self.return_indices:
            return result[0]
        return result


def strided_pixels(matrix: csr_array) -> NDArray[np.int64]:
    """Return the fine pixel of largest weight in each row of a map, the first if several are.

    Parameters
    ----------
    matrix : csr_array, shape (coarse pixel, fine pixel)
        As :class:`~deepsphere.nn.hierarchy.CoarseningMap` has it.

    Returns
    -------
    ndarray of int64, shape (coarse pixel,)
    """
    largest = np.maximum.reduceat(matrix.data, matrix.indptr[:-1])
    counts = np.diff(matrix.indptr)
    places = np.flatnonzero(matrix.data >= (1 - _ROUNDING) * np.repeat(largest, counts))
    first = np.searchsorted(places, matrix.indptr[:-1])
    return matrix.indices[places[first]].astype(np.int64)


class _Maximum(nn.Module):
    """The largest feature of the fine pixels in each row, and where it is.

    Rows are padded by their first entry, which changes neither the maximum nor its first place.
    """

    candidates: Tensor
    unknown: Tensor | None

    def __init__(self, rows: csr_array, has_known: NDArray[np.bool_]) -> None:
        super().__init__()
        counts = np.diff(rows.indptr)
        place = np.arange(counts.max())
        place = np.where(place < counts[:, np.newaxis], place, 0)
        candidates = rows.indices[rows.indptr[:-1, np.newaxis] + place].astype(np.int64)
        unknown = None if has_known.all() else torch.as_tensor(~has_known)[:, None]
        self.register_buffer("candidates", torch.as_tensor(candidates), persistent=False)
        self.register_buffer("unknown", unknown, persistent=False)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        batch, _, channels = features.shape
        coarse, most = self.candidates.shape
        flat = self.candidates.flatten()
        with torch.no_grad():
            groups = features.index_select(1, flat).view(batch, coarse, most, channels)
            place = groups.max(dim=2).indices
        start = most * torch.arange(coarse, device=features.device)
        indices = flat[start[:, None] + place]
        largest = features.gather(1, indices)
        if self.unknown is not None:
            largest = largest.masked_fill(self.unknown, 0)
        return largest, indices


def rows_of_known(
    coarsening: CoarseningMap, known: NDArray[np.bool_] | None
) -> tuple[csr_array, NDArray[np.bool_]]:
    """Return the averages over the fine pixels that are known.

    Parameters
    ----------
    coarsening : CoarseningMap
    known : ndarray of bool, shape (fine pixel,), or None
        With None all are known.

    Returns
    -------
    rows : csr_array, shape (coarse pixel, fine pixel)
        Rows without a known pixel keep all their entries.
    has_known : ndarray of bool, shape (coarse pixel,)
        Which rows have a known pixel.

    Raises
    ------
    ValueError
        If ``known`` is not one boolean a fine pixel.
    """
    if known is None:
        known = np.ones(coarsening.fine, dtype=np.bool_)
    if known.shape != (coarsening.fine,) or known.dtype != np.bool_:
        raise ValueError(
            f"expected a boolean for each of {coarsening.fine} fine pixels, "
            f"found {known.dtype} of shape {known.shape}"
        )
    rows = csr_array(coarsening.matrix, copy=True)
    rows.eliminate_zeros()
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    has_known = np.bincount(row, known[rows.indices], rows.shape[0]) > 0
    rows.data *= known[rows.indices] | ~has_known[row]
    rows.eliminate_zeros()
    rows.data /= np.repeat(rows.sum(axis=1), np.diff(rows.indptr))
    return rows, has_known


def _is_plain(coarsening: CoarseningMap, kind: PoolingKind) -> bool:
    """Say whether nested groups are pooled without weights."""
    weights = coarsening.matrix.data
    even = kind == "max" or np.ptp(weights) <= _ROUNDING * weights.max()
    return coarsening.nested and bool(even)


def _selection(rows: csr_array) -> csr_array:
    coarse = rows.shape[0]
    return csr_array(
        (np.ones(coarse), strided_pixels(rows), np.arange(coarse + 1)), shape=rows.shape
    )
