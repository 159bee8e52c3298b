"""The polynomial convolution as a layer: any basis, any number of groups, one kernel.

:class:`ChebConv` holds the weights in the basis it is asked for and hands Chebyshev coefficients to
:func:`~deepsphere.nn.convolution.chebyshev_convolution`. For weights that are not a layer's, call
that function.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepsphere.nn.bases import BasisName, chebyshev_coefficients
from deepsphere.nn.convolution import (
    chebyshev_convolution,
    convolve_normalize,
    is_computed_at_once,
)
from deepsphere.nn.initialization import InitializationName, initialize
from deepsphere.nn.normalization import ChannelNormalization
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.padding import ClearPadding
from deepsphere.nn.pooling.nested import PoolKind

_FEWEST_CHANNELS = 32


class ChebConv(nn.Module):
    r"""A convolution with polynomials of the Laplacian.

    Output channel o is :math:`\sum_{k,i} w_{kio}\, \varphi_k(\tilde L)\, x_i`, plus a bias, where i
    runs over the input channels of o's group, and :math:`\varphi_k` are the functions of the basis.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
        Number K of coefficients of each filter, in every basis; the order is K - 1, and so many
        edges away does the filter see.
    laplacian : SymmetricOperator
        The rescaled Laplacian; share one between all layers on a graph.
    basis : {"chebyshev", "monomial", "bernstein"}
        Which functions the weights multiply; see :mod:`deepsphere.nn.bases`.
    initialization : {"published", "deepsphere-pytorch", "modern", "smooth"}
        What the weights and the bias start as; see :mod:`deepsphere.nn.initialization`.
    bias : bool
        Whether to learn one offset an output channel.
    groups : int
        Channels are cut into so many groups of neighbours, and an output channel sees the input
        channels of its own group only, as in ``torch.nn.Conv1d``. With as many groups as input
        channels the convolution is depthwise. Groups are computed several at a time with zeros
        between them, so that a feature that is not finite spoils the groups next to it, too.
    known : ndarray of bool, optional, shape (pixel,)
        Which pixels have data; all if not given. The others count as zeros, whatever they hold.

    Attributes
    ----------
    weight : Parameter, shape (kernel_size, in_channels / groups, out_channels)
        Coefficients in the basis.
    bias : Parameter, shape (out_channels,), or None

    Raises
    ------
    ValueError
        If a size is below one, the groups do not divide the channels, or a name is unknown.
    """

    change_of_basis: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        laplacian: SymmetricOperator,
        *,
        basis: BasisName = "chebyshev",
        initialization: InitializationName = "published",
        bias: bool = False,
        groups: int = 1,
        known: NDArray[np.bool_] | None = None,
    ) -> None:
        super().__init__()
        if min(in_channels, out_channels, kernel_size, groups) < 1:
            raise ValueError(
                f"expected at least 1 each, found {in_channels=}, {out_channels=}, "
                f"{kernel_size=}, {groups=}"
            )
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                "expected groups that divide the channels, "
                f"found {in_channels=}, {out_channels=}, {groups=}"
            )
        self.in_channels = in_channels
        self.groups = groups
        self.basis = basis
        self.initialization = initialization
        self.laplacian = laplacian
        self.padding = None if known is None or known.all() else ClearPadding(known)
        self.weight = nn.Parameter(torch.empty(kernel_size, in_channels // groups, out_channels))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.register_buffer("change_of_basis", None, persistent=False)
        self._place_change_of_basis()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights and the bias anew."""
        initialize(self.weight, self.bias, self.laplacian, self.basis, self.initialization)

    def extra_repr(self) -> str:
        """Return the sizes, and what is not the default, for ``repr``."""
        kernel_size, _, out_channels = self.weight.shape
        settings = [f"{self.in_channels}, {out_channels}, kernel_size={kernel_size}"]
        if self.basis != "chebyshev":
            settings.append(f"basis={self.basis!r}")
        if self.initialization != "published":
            settings.append(f"initialization={self.initialization!r}")
        if self.bias is not None:
            settings.append("bias=True")
        if self.groups != 1:
            settings.append(f"groups={self.groups}")
        return ", ".join(settings)

    def forward(self, features: Tensor) -> Tensor:
        """Filter features.

        Parameters
        ----------
        features : Tensor, shape (batch, pixel, in_channels)

        Returns
        -------
        Tensor, shape (batch, pixel, out_channels)

        Raises
        ------
        ValueError
            If the features have another shape.
        """
        features, weight = self._operands(features)
        if self.groups == 1:
            result = chebyshev_convolution(features, weight, self.laplacian)
        else:
            result = _convolve_groups(features, weight, self.laplacian, self.groups)
        return result if self.bias is None else result + self.bias.to(result.dtype)

    def normalized(
        self,
        features: Tensor,
        normalization: ChannelNormalization,
        bias: Tensor,
        *,
        rectify: bool,
        pool: PoolKind | None,
    ) -> Tensor | None:
        """Filter features, and do all that follows in a block at once, where that is faster.

        Parameters
        ----------
        features : Tensor, shape (batch, pixel, in_channels)
        normalization : ChannelNormalization
            In evaluation.
        bias, rectify, pool
            See :func:`deepsphere.nn.normalization.normalize_rectify`.

        Returns
        -------
        Tensor or None
            None where the steps are to be taken one by one; see
            :func:`deepsphere.nn.convolution.convolve_normalize`.
        """
        held = normalization.statistics
        if held.training or self.groups != 1 or self.bias is not None:
            return None
        # Asked before the features are made ready, which would be in vain.
        if not is_computed_at_once(features, self.weight, bias):
            return None
        statistics = held.get_buffer("running_mean"), held.get_buffer("running_var")
        return convolve_normalize(
            *self._operands(features),
            self.laplacian,
            statistics,
            bias,
            epsilon=held.eps,
            rectify=rectify,
            pool=pool,
        )

    def _operands(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features without padding, and the Chebyshev coefficients."""
        if self.padding is not None:
            features = self.padding(features)
        weight: Tensor = self.weight
        if self.change_of_basis is not None:
            weight = _change_basis(weight, self.change_of_basis)
        return features, weight

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Moving a module rounds its buffers. A rounded change of basis would be one to a slightly
        # other basis, also after the weights are back at more digits, so it is made anew.
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._place_change_of_basis()
        return self

    def _place_change_of_basis(self) -> None:
        if self.basis == "chebyshev":
            return
        functions = torch.from_numpy(chebyshev_coefficients(self.basis, len(self.weight)))
        dtype = torch.promote_types(self.weight.dtype, torch.float32)
        self.change_of_basis = functions.to(self.weight.device, dtype)


def _change_basis(weight: Tensor, functions: Tensor) -> Tensor:
    """Return Chebyshev coefficients, of the weights' own type and shape."""
    # Mixed precision is for the many features; the few weights stay exact.
    with torch.autocast(weight.device.type, enabled=False):
        coefficients = torch.einsum("jk,jio->kio", functions, weight.to(functions.dtype))
        return coefficients.to(weight.dtype)


def _convolve_groups(
    features: Tensor, weight: Tensor, laplacian: SymmetricOperator, groups: int
) -> Tensor:
    """Convolve chunks of whole groups, each as one dense convolution.

    A call looks up the neighbours of every pixel once, for all its channels, and multiplies dense
    matrices. So a call on some 32 channels costs less than one on each of a group's few channels,
    although most of its weights are zeros; more channels would only multiply more zeros.
    """
    entering, leaving = weight.shape[1], weight.shape[2] // groups
    if features.ndim != 3 or features.shape[1:] != (laplacian.pixels, groups * entering):
        raise ValueError(
            f"expected features of shape (batch, {laplacian.pixels}, {groups * entering}), "
            f"found {tuple(features.shape)}"
        )
    least = -(-_FEWEST_CHANNELS // entering)
    chunks = max(1, groups // least)
    results = [
        chebyshev_convolution(
            features[..., first * entering : last * entering],
            _block_diagonal(weight[..., first * leaving : last * leaving], last - first),
            laplacian,
        )
        for first, last in pairwise(groups * chunk // chunks for chunk in range(chunks + 1))
    ]
    return results[0] if chunks == 1 else torch.cat(results, dim=-1)


def _block_diagonal(weight: Tensor, groups: int) -> Tensor:
    """Return the weights of groups as those of one convolution, with zeros between groups.

    Parameters
    ----------
    weight : Tensor, shape (kernel_size, in_channels of a group, out_channels of all)
    groups : int

    Returns
    -------
    Tensor, shape (kernel_size, in_channels of all, out_channels of all)
    """
    kernel_size, entering, leaving = weight.shape
    blocks = weight.view(kernel_size, entering, groups, leaving // groups)
    # From (order, in, out, group) to (order, group, in, group, out).
    dense = torch.diag_embed(blocks.movedim(2, 3), dim1=1, dim2=3)
    return dense.reshape(kernel_size, groups * entering, leaving)
