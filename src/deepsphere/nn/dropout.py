"""Dropout of whole filters.

:class:`torch.nn.Dropout` sets single numbers to zero, which does little where pixels are alike
their neighbours: the next convolution fills them in. :class:`FilterDropout` sets all pixels of a
channel to zero. Use it right behind a block, and the former between dense layers.
"""

from torch import Tensor, nn
from torch.nn import functional


class FilterDropout(nn.Module):
    """Set whole channels to zero at random in training, other ones in each sample.

    What is left is divided by the probability to be left, so that the mean stays. In evaluation
    features stay as they are. A pooling gives the same before and after it. This is spatial dropout
    (Tompson et al., 2015, arXiv:1411.4280) on a sphere.

    The filter dropout of the ICLR 2020 code is another one: it sets the filter between an input and
    an output channel to zero, the same for all samples of a batch, and corrects no scale.

    Parameters
    ----------
    probability : float
        Of a channel to become zero, from 0 to 1.

    Raises
    ------
    ValueError
        If the probability is not from 0 to 1.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        if not 0 <= probability <= 1:
            raise ValueError(f"expected a probability from 0 to 1, found {probability}")
        self.probability = probability

    def extra_repr(self) -> str:
        """Return the probability for ``repr``."""
        return str(self.probability)

    def forward(self, features: Tensor) -> Tensor:
        """Drop channels of features, shape (batch, pixel, channel).

        Raises
        ------
        ValueError
            If the features have another number of axes.
        """
        if features.ndim != 3:
            raise ValueError(
                f"expected features of shape (batch, pixel, channel), found {tuple(features.shape)}"
            )
        if not self.training or self.probability == 0:
            return features
        batch, _, channels = features.shape
        kept = functional.dropout(features.new_ones(batch, 1, channels), self.probability)
        return features * kept
