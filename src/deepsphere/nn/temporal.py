r"""Maps of several times: stacked as channels, or one after the other.

:class:`StackedWindows` makes any model take a window of maps, as channels of one. That is cheap,
and the right choice for a few times. :class:`GraphGRU` goes through a window of any length and
remembers what it needs: it is a gated recurrent unit (Cho et al., 2014, arXiv:1406.1078) whose
matrix products are convolutions on the graph (as in Seo et al., 2016, arXiv:1612.07659). Pixels
share the weights, and each has a state of its own, so that the number of parameters does not depend
on the number of pixels.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.operator import SymmetricOperator


class StackedWindows(nn.Module):
    """A model of one map, made one of a window of maps.

    Parameters
    ----------
    model : Module
        Of time × channel input channels: all channels of the first time, then of the next.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor) -> Tensor:
        """Return what the model makes of features of shape (batch, time, pixel, channel).

        Raises
        ------
        ValueError
            If the features have another number of axes.
        """
        check_axes(features)
        stacked = features.transpose(1, 2).flatten(2)
        result: Tensor = self.model(stacked)
        return result


class GraphGRU(nn.Module):
    r"""A gated recurrent unit on the pixels of a graph.

    From the features x and the state h before, with convolutions :math:`A` and biases,

    .. math::
        r &= \sigma(A_{xr} x + A_{hr} h) \\
        z &= \sigma(A_{xz} x + A_{hz} h) \\
        n &= \tanh(A_{xn} x + r \odot A_{hn} h) \\
        h' &= (1 - z) \odot n + z \odot h .

    This is the form of :class:`torch.nn.GRU`: with a kernel size of 1 both compute the same in each
    pixel. Here the reset gate r stands behind the convolution of the state, so that a step is one
    convolution, and the features of all times are convolved at once.

    Parameters
    ----------
    in_channels, state_channels : int
    kernel_size : int
        Coefficients of each filter.
    laplacian : SymmetricOperator
        The rescaled Laplacian of the graph.
    known : ndarray of bool, optional, shape (pixel,)
        Which pixels have data; all if not given. Convolutions take the others for zeros.

    Attributes
    ----------
    entering, remembered : ChebConv
        The convolutions of the features and of the state, of three times the state's channels: for
        r, z and n.
    """

    def __init__(
        self,
        in_channels: int,
        state_channels: int,
        kernel_size: int,
        laplacian: SymmetricOperator,
        *,
        known: NDArray[np.bool_] | None = None,
    ) -> None:
        super().__init__()
        self.entering, self.remembered = (
            ChebConv(channels, 3 * state_channels, kernel_size, laplacian, bias=True, known=known)
            for channels in (in_channels, state_channels)
        )
        self.state_channels = state_channels

    def forward(self, features: Tensor, state: Tensor | None = None) -> Tensor:
        """Return the states after each time.

        Parameters
        ----------
        features : Tensor, shape (batch, time, pixel, in_channels)
            At least one time.
        state : Tensor, optional, shape (batch, pixel, state_channels)
            The one to begin with, as ``states[:, -1]`` of the times before; 0 if not given.

        Returns
        -------
        Tensor, shape (batch, time, pixel, state_channels)

        Raises
        ------
        ValueError
            If the features have another number of axes, or no time.
        """
        check_axes(features)
        batch, times, pixels, _ = features.shape
        entering = self.entering(features.flatten(0, 1)).unflatten(0, (batch, times))
        if state is None:
            state = entering.new_zeros(batch, pixels, self.state_channels)
        # Under autocast, gates and states are of the type of the convolutions' results.
        state = state.to(entering.dtype)
        states = []
        for time in range(times):
            entering_r, entering_z, entering_n = entering[:, time].chunk(3, dim=-1)
            remembered_r, remembered_z, remembered_n = self.remembered(state).chunk(3, dim=-1)
            reset = torch.sigmoid(entering_r + remembered_r)
            update = torch.sigmoid(entering_z + remembered_z)
            new = torch.tanh(entering_n + reset * remembered_n)
            state = torch.lerp(new, state, update)
            states.append(state)
        return torch.stack(states, dim=1)


def check_axes(features: Tensor) -> None:
    """Raise a ValueError unless features are (batch, time, pixel, channel) of one time or more."""
    if features.ndim != 4 or not features.shape[1]:
        raise ValueError(
            "expected features of shape (batch, time, pixel, channel), at least one time, "
            f"found {tuple(features.shape)}"
        )
