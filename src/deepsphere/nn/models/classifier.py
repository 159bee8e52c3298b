"""One class a map: the networks of SHREC'17 and ModelNet40, and of the maps of matter.

The head tells the published ones apart. The mean over the pixels and a dense layer do not change
their answer where the sphere is rotated, and need little data; so do fully convolutional ones, and
they give an answer for every place on the way. A dense layer on all pixels sees where things are.

On a graph of several parts, such as the 12 patches of a sky, a classifier says one class of each
part. It is the network of a patch, applied to all patches of a map at once, each with the graph of
its own; it has the same parameters.
"""

from itertools import pairwise

from torch import Tensor, nn

from deepsphere.errors import DeepsphereError
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.dense import dense
from deepsphere.nn.dropout import FilterDropout
from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.nn.levels import check_levels, check_widths, pooled_block, statistics_of
from deepsphere.nn.padding import ClearPadding
from deepsphere.nn.pooling.reduction import PoolingKind
from deepsphere.nn.statistics import StatisticName


class Classifier(nn.Module):
    """Blocks of convolutions, pooled from level to level, and a head that gives logits.

    The defaults are the network of the published SHREC'17 results, from nside 32 to nside 1
    (ICLR 2020 code, "optim"): 189,040 parameters with 6 channels and 55 classes. On a part of a
    sphere, every convolution takes padding for zeros, it is not pooled, and neither the blocks'
    normalization nor the head counts it.

    Parameters
    ----------
    in_channels : int
        Channels of a pixel's input.
    classes : int
        Number of logits of a map. One of them may as well be a number to regress.
    hierarchy : GraphHierarchy
        Of as many levels as the network works on. With parts, the head, and the dropout behind
        blocks, take each part for a map.
    kernel_size : int
        Coefficients of each filter.
    widths : tuple of int
        Output channels of the blocks.
    levels : tuple of int, optional
        On which level each block works, finest first, and which one is left for the head: one more
        than blocks. By default the blocks pool once each, so that the head is on level
        ``len(widths)``.
    pool : {"max", "mean", "stride"}
        See :class:`~deepsphere.nn.pooling.reduction.Pooling`.
    statistics : {"mean", "variance", "mean-variance", "max", "histogram"} or None
        What the head makes of the pixels that are left, see
        :class:`~deepsphere.nn.statistics.Statistics`, in front of a dense layer without bias. None
        leaves all pixels of all channels to the dense layer.
    fully_convolutional : bool
        Whether, instead of the dense layer, a last linear convolution comes in front of the
        statistics, which then must be as many as classes.
    filter_dropout : float
        Probability that a channel is dropped behind a block, see
        :class:`~deepsphere.nn.dropout.FilterDropout`.

    Raises
    ------
    DeepsphereError
        If there are no widths, the hierarchy is not so deep, the levels do not fit the blocks, or a
        fully convolutional network has statistics that are not one number a class.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        hierarchy: GraphHierarchy,
        *,
        kernel_size: int = 4,
        widths: tuple[int, ...] = (16, 32, 64, 128, 256),
        levels: tuple[int, ...] | None = None,
        pool: PoolingKind = "max",
        statistics: StatisticName | None = "mean",
        fully_convolutional: bool = False,
        filter_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        hierarchy = hierarchy.copy()
        self.parts = hierarchy.parts
        check_widths(widths)
        if levels is None:
            levels = tuple(range(len(widths) + 1))
        _check_steps(levels, len(widths))
        check_levels(hierarchy, levels[-1] + 1)
        pairs = [
            pooled_block(entering, leaving, kernel_size, hierarchy, level, target, pool)
            for (entering, leaving), (level, target) in zip(
                pairwise((in_channels, *widths)), pairwise(levels), strict=True
            )
        ]
        self.blocks = nn.ModuleList(block for block, _ in pairs)
        self.poolings = nn.ModuleList(pooling for _, pooling in pairs)
        self.filter_dropout = FilterDropout(filter_dropout)
        last = levels[-1]
        self.convolution = None
        if fully_convolutional:
            self.convolution = ChebConv(
                widths[-1],
                classes,
                kernel_size,
                hierarchy.operator(last),
                known=hierarchy.known[last],
            )
        self.reduction, features = _reduction(
            statistics, classes if fully_convolutional else widths[-1], hierarchy, last
        )
        if fully_convolutional and features != classes:
            raise DeepsphereError(
                f"a fully convolutional network needs one number a class; statistics={statistics!r}"
                f" has {features} for {classes} classes; take 'mean' or 'max'"
            )
        self.dense = None if fully_convolutional else dense(features, classes)

    def descriptor(self, features: Tensor) -> Tensor:
        """Describe maps, to compare them: what enters the dense layer.

        Parameters
        ----------
        features : Tensor, shape (batch, pixel, in_channels)

        Returns
        -------
        Tensor, shape (batch, number)
            The logits, where there is no dense layer. On a graph of several parts, one vector a
            part: shape (batch, part, number).
        """
        for block, pooling in zip(self.blocks, self.poolings, strict=True):
            features = self._by_parts(self.filter_dropout, pooling(block(features)))
        if self.convolution is not None:
            features = self.convolution(features)
        return self._by_parts(self.reduction, features)

    def forward(
        self, features: Tensor, *, descriptors: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return logits, and what they were made of.

        Parameters
        ----------
        features : Tensor, shape (batch, pixel, in_channels)
        descriptors : bool
            Whether the descriptors of :meth:`descriptor` are wanted as well.

        Returns
        -------
        Tensor, shape (batch, classes), or a pair of that and of shape (batch, number)
            On a graph of several parts, shapes (batch, part, classes) and (batch, part, number).
        """
        described = self.descriptor(features)
        logits: Tensor = described if self.dense is None else self.dense(described)
        return (logits, described) if descriptors else logits

    def _by_parts(self, layer: nn.Module, features: Tensor) -> Tensor:
        """Apply a layer to all parts of all maps as if each were a map.

        Where it keeps the pixels, they are joined to maps again.
        """
        if self.parts == 1:
            result: Tensor = layer(features)
            return result
        batch, pixels, channels = features.shape
        result = layer(features.reshape(batch * self.parts, pixels // self.parts, channels))
        if result.ndim == features.ndim:
            return result.reshape(features.shape)
        return result.reshape(batch, self.parts, result.shape[-1])


def _check_steps(levels: tuple[int, ...], blocks: int) -> None:
    rising = all(before <= after for before, after in pairwise(levels))
    if len(levels) != blocks + 1 or levels[0] != 0 or not rising:
        raise DeepsphereError(
            f"{blocks} blocks need {blocks + 1} levels, from 0 and never back to a finer one; "
            f"found {levels}"
        )


def _reduction(
    statistics: StatisticName | None, channels: int, hierarchy: GraphHierarchy, level: int
) -> tuple[nn.Module, int]:
    """Return what makes one vector of a map, and how long that is."""
    known = hierarchy.known[level]
    if statistics is None:
        pixels = hierarchy.pixels(level) // hierarchy.parts
        return nn.Sequential(ClearPadding(known), nn.Flatten()), channels * pixels
    layer = statistics_of(statistics, channels, hierarchy, level)
    return layer, layer.features


Model = Classifier
"""The class that the kind ``classifier`` names."""
