"""The layers around a convolution.

:class:`ChebBlock` is what the published networks are stacks of. :class:`ResidualBlock` adds its
input to what two of them make of it, for networks too deep to learn otherwise. A convolution alone,
as in the last layer of a network or behind an unpooling, is a
:class:`~deepsphere.nn.chebyshev.ChebConv`, with a bias if need be.
"""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from deepsphere.nn.bases import BasisName
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.normalization import EPSILON, ChannelNormalization
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.pooling import nested
from deepsphere.nn.pooling.nested import PoolKind, pooled_pixels
from deepsphere.nn.recomputation import recomputed

ActivationName = Literal["relu", "elu", "gelu", "silu", "tanh"]
"""PyTorch's functions of these names, with their default settings."""

NormalizationName = Literal["batch", "layer"]
"""Of each channel over batch and pixels, or of each pixel over its channels."""

_ACTIVATIONS: dict[ActivationName, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "tanh": functional.tanh,
}


class ChebBlock(nn.Module):
    """Convolution, normalization, bias, activation and pooling, in this order, as published.

    With the published normalization and rectifier, all that follows the convolution is computed at
    once, without writing what is pooled away; in evaluation, where nothing is differentiated,
    together with the convolution.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, laplacian
        See :class:`deepsphere.nn.chebyshev.ChebConv`.
    pool : {"max", "mean"}, optional
        See :func:`deepsphere.nn.pooling.nested.pool`.
    basis : {"chebyshev", "monomial", "bernstein"}
        See :class:`deepsphere.nn.chebyshev.ChebConv`.
    activation : {"relu", "elu", "gelu", "silu", "tanh"} or None
        Those behind "relu" take a pass over the features of their own.
    normalization : {"batch", "layer"} or None
        Neither has a learned scale, as the filters of the next block take its place. "batch" is
        :class:`~deepsphere.nn.normalization.ChannelNormalization`. "layer" normalizes the channels
        of each pixel to mean 0 and variance 1 (Ba et al., 2016, arXiv:1607.06450), in training and
        evaluation alike, whatever the other maps of the batch are.
    known : ndarray of bool, optional, shape (pixel,)
        Which pixels have data; all if not given. The convolution takes the others for zeros, and
        they have no part in the statistics of "batch".

    Attributes
    ----------
    recomputed : bool
        Whether, in training, it is computed again for the gradient, and keeps its input alone; see
        :mod:`~deepsphere.nn.recomputation`. At first it is not.

    Raises
    ------
    ValueError
        If a size is below one, a name is unknown, or the pixels are no whole groups to pool.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        laplacian: SymmetricOperator,
        pool: PoolKind | None = None,
        *,
        basis: BasisName = "chebyshev",
        activation: ActivationName | None = "relu",
        normalization: NormalizationName | None = "batch",
        known: NDArray[np.bool_] | None = None,
    ) -> None:
        super().__init__()
        if activation is not None and activation not in _ACTIVATIONS:
            names = ", ".join(_ACTIVATIONS)
            raise ValueError(f"expected an activation among {names} or None, found {activation!r}")
        self.convolution = ChebConv(
            in_channels, out_channels, kernel_size, laplacian, basis=basis, known=known
        )
        self.normalization = _make_normalization(normalization, out_channels, known)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.activation = activation
        pooled_pixels(laplacian.pixels, pool)
        self.pool = pool
        self.recomputed = False

    def extra_repr(self) -> str:
        """Return the activation if it is not the published one, and the pooling, for ``repr``."""
        settings = [] if self.activation == "relu" else [f"activation={self.activation!r}"]
        if self.pool is not None:
            settings.append(f"pool={self.pool!r}")
        return ", ".join(settings)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of shape (batch, pixel, out_channels), or a fourth of the pixels."""
        if self.recomputed and self.training and torch.is_grad_enabled():
            return recomputed(self._compute, features, averages=self.normalization)
        return self._compute(features)

    def _compute(self, features: Tensor) -> Tensor:
        fused = self.activation in ("relu", None)
        if fused and not self.training and (found := self._infer(features)) is not None:
            return found
        result: Tensor = self.convolution(features)
        if isinstance(self.normalization, ChannelNormalization):
            result = self.normalization(
                result, self.bias, self.pool if fused else None, rectify=self.activation == "relu"
            )
            if fused:
                return result
        else:
            if self.normalization is not None:
                result = self.normalization(result).to(result.dtype)
            result = result + self.bias.to(result.dtype)
        result = _activate(result, self.activation)
        return result if self.pool is None else nested.pool(result, self.pool)

    def _infer(self, features: Tensor) -> Tensor | None:
        """Return the result, computed at once, or None where that would not be faster."""
        convolution, normalization = self.convolution, self.normalization
        # Who put something else in their place, or looks at what they return, gets them called.
        if type(convolution) is not ChebConv or type(normalization) is not ChannelNormalization:
            return None
        if _has_hooks(convolution) or _has_hooks(normalization):
            return None
        rectify = self.activation == "relu"
        return convolution.normalized(
            features, normalization, self.bias, rectify=rectify, pool=self.pool
        )


class ResidualBlock(nn.Module):
    r"""Two convolutions, and the input added to their result (He et al., 2016, arXiv:1512.03385).

    .. math:: y = f(s\, B(A(x)) + \alpha P x) \quad\text{or}\quad y = f(s\, B(A(x))) + \alpha P x

    A is a :class:`ChebBlock` with the activation f, B one without. P is the identity, or a learned
    matrix on the channels of each pixel where there are others after the block than before. The
    learned scales s, one a channel, weigh the result against the input, which the normalization
    would otherwise fix; without a normalization, B's filters do it, and there is no s.

    The residual layer of deepsphere-cosmo-tf2 is this one, but for the activation between the two
    convolutions, which is a setting of its own there. The normalization's epsilon is that of
    :class:`ChebBlock`.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, laplacian, basis, activation, normalization
        See :class:`ChebBlock`. Both convolutions have this kernel size.
    alpha : float
        What the input is multiplied with.
    activate_sum : bool
        Whether the last activation is of the sum, or of the convolutions' result before the sum.

    Raises
    ------
    ValueError
        If a size is below one, or a name is unknown.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        laplacian: SymmetricOperator,
        *,
        basis: BasisName = "chebyshev",
        activation: ActivationName | None = "relu",
        normalization: NormalizationName | None = "batch",
        alpha: float = 1.0,
        activate_sum: bool = True,
    ) -> None:
        super().__init__()
        self.first = ChebBlock(
            in_channels,
            out_channels,
            kernel_size,
            laplacian,
            basis=basis,
            activation=activation,
            normalization=normalization,
        )
        self.second = ChebBlock(
            out_channels,
            out_channels,
            kernel_size,
            laplacian,
            basis=basis,
            activation=None,
            normalization=normalization,
        )
        self.scale = None if normalization is None else nn.Parameter(torch.ones(out_channels))
        self.projection = None
        if in_channels != out_channels:
            self.projection = ChebConv(in_channels, out_channels, 1, laplacian)
        self.activation = activation
        self.alpha = alpha
        self.activate_sum = activate_sum

    def extra_repr(self) -> str:
        """Return what is not the default for ``repr``."""
        settings = [] if self.activation == "relu" else [f"activation={self.activation!r}"]
        if self.alpha != 1:
            settings.append(f"alpha={self.alpha}")
        if not self.activate_sum:
            settings.append("activate_sum=False")
        return ", ".join(settings)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of shape (batch, pixel, out_channels)."""
        result = self.second(self.first(features))
        if self.scale is not None:
            result = result * self.scale.to(result.dtype)
        entering = features if self.projection is None else self.projection(features)
        if self.activate_sum:
            return _activate(torch.add(result, entering, alpha=self.alpha), self.activation)
        return torch.add(_activate(result, self.activation), entering, alpha=self.alpha)


def cheb_blocks(
    in_channels: int,
    widths: tuple[int, ...],
    kernel_size: int,
    laplacian: SymmetricOperator,
    known: NDArray[np.bool_] | None = None,
) -> nn.Sequential:
    """Return a stack of :class:`ChebBlock`, one a width."""
    before = (in_channels, *widths[:-1])
    return nn.Sequential(
        *(
            ChebBlock(entering, leaving, kernel_size, laplacian, known=known)
            for entering, leaving in zip(before, widths, strict=True)
        )
    )


def recompute_blocks(model: nn.Module) -> int:
    """Let all blocks of a model compute their features again for the gradient, in training.

    Parameters
    ----------
    model : nn.Module
        A network of any kind. What it has beside blocks of type :class:`ChebBlock` stays as it is.

    Returns
    -------
    int
        How many blocks it has.
    """
    blocks = [module for module in model.modules() if isinstance(module, ChebBlock)]
    for block in blocks:
        block.recomputed = True
    return len(blocks)


def _make_normalization(
    name: NormalizationName | None, channels: int, known: NDArray[np.bool_] | None
) -> ChannelNormalization | nn.LayerNorm | None:
    if name is None:
        return None
    if name == "batch":
        return ChannelNormalization(channels, known)
    if name == "layer":
        return nn.LayerNorm(channels, eps=EPSILON, elementwise_affine=False)
    names = ", ".join(get_args(NormalizationName))
    raise ValueError(f"expected a normalization among {names} or None, found {name!r}")


def _has_hooks(module: nn.Module) -> bool:
    """Return whether something is called before, after or instead of the module's forward."""
    own = module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
    everyone: Any = nn.modules.module._has_any_global_hook
    return bool(own or everyone())


def _activate(features: Tensor, activation: ActivationName | None) -> Tensor:
    return features if activation is None else _ACTIVATIONS[activation](features)
