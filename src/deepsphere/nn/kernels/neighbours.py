"""Lists of neighbours in the order in which :mod:`deepsphere.nn.kernels.gpu_hop` reads them.

Compressed rows suit a processor that walks along one row. A GPU walks along many rows in step, and
wants what it reads at once to lie side by side. So rows are taken in blocks of consecutive pixels,
padded to the longest row of their block, and laid down transposed: the first neighbours of all
pixels of the block, then the second ones, and so on (sliced ELLPACK; Monakov, Lokhmotov and
Avetisyan, 2010). With blocks of four pixels, a to d and e to g::

    a1 b1 c1 d1   a2 b2 -- d2   -- b3 -- --   e1 f1 g1 --   e2 -- -- --
    starts[0]                                 starts[1]                   starts[2]

A pixel with very many neighbours lengthens its own block and no other.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from deepsphere.nn.kernels.kept import derived

PIXELS_PER_BLOCK = 64


@dataclass(frozen=True)
class Neighbours:
    """The rows of an operator on features, by blocks of :data:`PIXELS_PER_BLOCK` pixels.

    Attributes
    ----------
    starts : Tensor of int64, shape (block + 1,)
        Where each block starts in ``pixels``; a multiple of the block's number of pixels.
    pixels : Tensor of int32, shape (place,)
        Neighbours. Where there is none, the pixel itself; where there is no pixel, the last one.
    weights : Tensor of float32 or float64, shape (place,)
        The operator's values; 0 where there is no neighbour.
    """

    starts: Tensor
    pixels: Tensor
    weights: Tensor


def build_neighbours(
    offsets: Tensor, columns: Tensor, values: Tensor, roots: Tensor | None = None
) -> Neighbours:
    """Return the neighbours for the operator R^-1 S R, on the device of its tensors.

    Parameters
    ----------
    offsets : Tensor of int32, shape (pixel + 1,)
        The symmetric S in compressed rows.
    columns : Tensor of int32, shape (entry,)
    values : Tensor of float32 or float64, shape (entry,)
    roots : Tensor or None, shape (pixel,)
        The diagonal of R, of the type of ``values``; None for the identity.
    """
    count, device = offsets.numel() - 1, offsets.device
    degrees = offsets.diff().long()
    blocks = -(-count // PIXELS_PER_BLOCK)
    padded = functional.pad(degrees, (0, blocks * PIXELS_PER_BLOCK - count))
    longest = padded.view(blocks, PIXELS_PER_BLOCK).amax(dim=1)
    starts = functional.pad(longest.cumsum(dim=0), (1, 0)) * PIXELS_PER_BLOCK

    lanes = torch.arange(PIXELS_PER_BLOCK, device=device)
    first = torch.arange(blocks, device=device).repeat_interleave(longest) * PIXELS_PER_BLOCK
    pixels = (first[:, None] + lanes).clamp_(max=count - 1).to(torch.int32).flatten()
    weights = values.new_zeros(pixels.numel())

    rows = torch.arange(count, device=device).repeat_interleave(degrees)
    order = torch.arange(rows.numel(), device=device) - offsets[rows]
    places = starts[rows // PIXELS_PER_BLOCK] + order * PIXELS_PER_BLOCK + rows % PIXELS_PER_BLOCK
    pixels[places] = columns
    weights[places] = values if roots is None else values * roots[columns] / roots[rows]
    return Neighbours(starts, pixels, weights)


def neighbours(
    offsets: Tensor,
    columns: Tensor,
    values: Tensor,
    roots: Tensor | None,
    *,
    adjoint: bool = False,
) -> Neighbours:
    """Return what :func:`build_neighbours` does, from an earlier call where there was one.

    See :func:`~deepsphere.nn.kernels.kept.derived`.

    Parameters
    ----------
    offsets, columns, values, roots
        See :func:`build_neighbours`.
    adjoint : bool
        Whether to return those of the adjoint R S R^-1 instead.
    """
    sources = [values, offsets, columns] if roots is None else [values, offsets, columns, roots]
    return derived(
        sources,
        ("neighbours", adjoint and roots is not None),
        lambda: build_neighbours(
            offsets,
            columns,
            values,
            roots.reciprocal() if adjoint and roots is not None else roots,
        ),
    )
