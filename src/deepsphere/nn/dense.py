"""The dense layer at the end of networks that describe a whole map."""

import math

from torch import nn


def dense(in_features: int, out_features: int) -> nn.Linear:
    """Return a linear layer without bias, as published.

    Its weights start from a normal distribution of standard deviation 1/√in_features, cut at two of
    them (ICLR 2020 code).
    """
    layer = nn.Linear(in_features, out_features, bias=False)
    deviation = 1 / math.sqrt(in_features)
    nn.init.trunc_normal_(layer.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
    return layer
