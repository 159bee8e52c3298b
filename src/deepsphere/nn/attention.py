r"""Attention between pixels that a graph joins.

A convolution gives all neighbours at one distance the same weight; attention decides by what they
hold. Take :class:`GraphTransformer` where that matters and every pixel is to be kept: what it costs
grows with the edges of the graph. Where far pixels are to see each other at once, take
:class:`~deepsphere.nn.super_pixels.SuperPixelTransformer`.

With queries q, keys k and values v of d channels, a head gives pixel i

.. math:: y_i = \sum_{j \in N(i) \cup \{i\}}
          \mathrm{softmax}_j \left(\frac{q_i \cdot k_j}{\sqrt{d}}\right) v_j,

which is the attention of Vaswani et al. (2017) with all pixels masked but i and its neighbours
N(i). It counts which edges there are, and not their weights. Pixels do not know where they are: a
layer of :mod:`deepsphere.nn.positions` before tells them.
"""

import math

import numpy as np
import torch
from scipy.sparse import csr_array, eye_array
from torch import Tensor, nn
from torch.nn import functional

from deepsphere.nn.operator import SymmetricOperator

FEED_FORWARD = 4
"""Hidden channels of a feed-forward network for each channel, as in Vaswani et al. (2017)."""


class NeighbourLists(nn.Module):
    """The pixels that each pixel attends to: itself and its neighbours.

    Share one between all layers on a graph. All lists are as long as the longest, which suits
    graphs of k nearest neighbours; a single pixel with very many would make all of them long.

    Parameters
    ----------
    laplacian : SymmetricOperator
        Its entries that are not zero, off the diagonal, are the edges.

    Attributes
    ----------
    pixels : Tensor of int64, shape (pixel, most)
        Ascending; once a list has ended, the pixel itself again.
    absent : Tensor of bool, shape (pixel, most)
        Where a list has ended.
    """

    pixels: Tensor
    absent: Tensor

    def __init__(self, laplacian: SymmetricOperator) -> None:
        super().__init__()
        offsets, columns, values = (
            tensor.cpu().numpy()
            for tensor in (laplacian.offsets, laplacian.columns, laplacian.values)
        )
        count, device = laplacian.pixels, laplacian.values.device
        edges = csr_array((values != 0, columns, offsets), shape=(count, count))
        joined = csr_array(edges + eye_array(count, dtype=bool))
        joined.eliminate_zeros()
        joined.sort_indices()
        lengths = np.diff(joined.indptr)
        present = np.arange(lengths.max()) < lengths[:, np.newaxis]
        pixels = np.repeat(np.arange(count)[:, np.newaxis], present.shape[1], axis=1)
        pixels[present] = joined.indices
        for name, array in (("pixels", pixels), ("absent", ~present)):
            self.register_buffer(name, torch.from_numpy(array).to(device), persistent=False)

    def extra_repr(self) -> str:
        """Return the sizes for ``repr``."""
        count, most = self.pixels.shape
        return f"pixels={count}, most={most}"

    def gather(self, features: Tensor) -> Tensor:
        """Return what each pixel attends to.

        Parameters
        ----------
        features : Tensor, shape (batch, pixel, channel)

        Returns
        -------
        Tensor, shape (batch, pixel, most, channel)
        """
        # Its gradient is summed in one order, unlike that of an index in brackets.
        found = features.index_select(1, self.pixels.flatten())
        return torch.unflatten(found, 1, self.pixels.shape)


class GraphAttention(nn.Module):
    """Attention of several heads over each pixel and its neighbours.

    It keeps 2 x most x channels numbers a pixel for the gradient.

    Parameters
    ----------
    channels : int
        Of the input and of the output.
    heads : int
        Into so many equal parts channels are cut; each attends for itself.
    neighbours : NeighbourLists
    dropout : float
        With what probability a weight of the attention is set to zero in training.

    Raises
    ------
    ValueError
        If the heads do not divide the channels.
    """

    def __init__(
        self, channels: int, heads: int, neighbours: NeighbourLists, dropout: float = 0.0
    ) -> None:
        super().__init__()
        check_heads(channels, heads)
        self.heads = heads
        self.dropout = dropout
        self.neighbours = neighbours
        self.entering = nn.Linear(channels, 3 * channels)
        self.leaving = nn.Linear(channels, channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew, as :class:`torch.nn.MultiheadAttention` does."""
        nn.init.xavier_uniform_(self.entering.weight)
        nn.init.zeros_(self.entering.bias)
        self.leaving.reset_parameters()
        nn.init.zeros_(self.leaving.bias)

    def extra_repr(self) -> str:
        """Return the number of heads for ``repr``."""
        return f"heads={self.heads}"

    def forward(self, features: Tensor) -> Tensor:
        """Return what the pixels hear from their neighbours.

        Parameters
        ----------
        features : Tensor, shape (batch, pixel, channels)

        Returns
        -------
        Tensor, shape (batch, pixel, channels)

        Raises
        ------
        ValueError
            If the features have another shape.
        """
        pixels, channels = len(self.neighbours.pixels), self.leaving.in_features
        if features.ndim != 3 or features.shape[1:] != (pixels, channels):
            raise ValueError(
                f"expected features of shape (batch, {pixels}, {channels}), "
                f"found {tuple(features.shape)}"
            )
        query, key, value = self.entering(features).chunk(3, dim=-1)
        query = self._of_heads(query) / math.sqrt(channels // self.heads)
        key = self._of_heads(self.neighbours.gather(key))
        value = self._of_heads(self.neighbours.gather(value))
        logits = torch.einsum("bphc,bpnhc->bpnh", query, key)
        logits = logits.masked_fill(self.neighbours.absent[..., None], -torch.inf)
        weights = functional.dropout(logits.softmax(dim=2), self.dropout, self.training)
        heard = torch.einsum("bpnh,bpnhc->bphc", weights, value)
        result: Tensor = self.leaving(heard.flatten(-2))
        return result

    def _of_heads(self, features: Tensor) -> Tensor:
        """Return features of shape (..., channels) as (..., head, channel of the head)."""
        return torch.unflatten(features, -1, (self.heads, -1))


class GraphTransformer(nn.Module):
    """Layers of attention along the edges of a graph, each followed by a feed-forward network.

    These are the layers of :class:`torch.nn.TransformerEncoder` with ``norm_first`` and the GELU,
    and a last normalization; but pixels attend to their neighbours and to themselves only.

    Parameters
    ----------
    channels : int
        Of the input and of the output.
    heads : int
        Of each layer; they divide the channels.
    layers : int
        How many; so many edges away does a pixel see.
    laplacian : SymmetricOperator
        Of the graph, for its edges.
    dropout : float
        With what probability numbers are set to zero in training: weights of the attention, and
        what attention and feed-forward network add.

    Raises
    ------
    ValueError
        If the heads do not divide the channels.

    Examples
    --------
    With an embedding of the data, and of where pixels are::

        nn.Sequential(
            nn.Linear(in_channels, channels),
            LearnedPositions(hierarchy.pixels(0), channels),
            GraphTransformer(channels, heads, layers, hierarchy.operator(0)),
        )
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        layers: int,
        laplacian: SymmetricOperator,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        neighbours = NeighbourLists(laplacian)
        self.layers = nn.Sequential(
            *(_GraphTransformerLayer(channels, heads, neighbours, dropout) for _ in range(layers))
        )
        self.normalization = nn.LayerNorm(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the shape of those given, (batch, pixel, channels)."""
        result: Tensor = self.normalization(self.layers(features))
        return result


class _GraphTransformerLayer(nn.Module):
    """What attention and a feed-forward network add to normalized features."""

    def __init__(
        self, channels: int, heads: int, neighbours: NeighbourLists, dropout: float
    ) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            nn.LayerNorm(channels),
            GraphAttention(channels, heads, neighbours, dropout),
            nn.Dropout(dropout),
        )
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, FEED_FORWARD * channels),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(FEED_FORWARD * channels, channels),
            nn.Dropout(dropout),
        )

    def forward(self, features: Tensor) -> Tensor:
        features = features + self.attention(features)
        result: Tensor = features + self.feed_forward(features)
        return result


def check_heads(channels: int, heads: int) -> None:
    """Refuse heads that do not divide the channels.

    Raises
    ------
    ValueError
        If so, or there is none.
    """
    if heads < 1 or channels < 1 or channels % heads:
        raise ValueError(f"expected heads that divide the channels, found {channels=}, {heads=}")
