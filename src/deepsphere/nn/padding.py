"""The pixels that complete a part of a sphere to whole super-pixels, and have no data.

:class:`ClearPadding` is what a :class:`~deepsphere.nn.chebyshev.ChebConv` that is told which pixels
are known puts before each convolution. What it lets through is the same whatever a reader put into
the padding, be it NaN, and whatever layers before made of it, such as a bias.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class ClearPadding(nn.Module):
    """Set the features of padding to zero.

    Parameters
    ----------
    known : ndarray of bool, shape (pixel,), or None
        Which pixels have data; with None all have, and features stay as they are.
    """

    known: Tensor | None

    def __init__(self, known: NDArray[np.bool_] | None) -> None:
        super().__init__()
        column = None if known is None or known.all() else torch.as_tensor(known)[:, None]
        self.register_buffer("known", column, persistent=False)

    def extra_repr(self) -> str:
        """Return how many pixels are padding for ``repr``."""
        return "" if self.known is None else f"padding={int((~self.known).sum())}"

    def forward(self, features: Tensor) -> Tensor:
        """Clear features, shape (..., pixel, channel).

        Raises
        ------
        ValueError
            If there are more or fewer pixels.
        """
        if self.known is None:
            return features
        if features.ndim < 2 or features.shape[-2] != len(self.known):
            raise ValueError(
                f"expected features of shape (..., {len(self.known)}, channel), "
                f"found {tuple(features.shape)}"
            )
        # Not a product, as zero times NaN is NaN.
        return torch.where(self.known, features, 0)
