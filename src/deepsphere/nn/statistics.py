r"""Heads that describe a map by statistics of its channels.

A classifier or regressor of whole maps has to forget where things are. :class:`Statistics` does so:
its numbers do not depend on the order of the pixels, so that a network of convolutions and
statistics does not change its answer where the sphere is rotated. Use

* ``mean`` if nothing speaks against it: it is what the published results have;
* ``variance`` and ``mean-variance`` where the amplitude of fluctuations tells the classes apart;
* ``max`` where few pixels decide;
* ``histogram`` where the distribution of values does, as in maps of the mass of the universe
  (Perraudin et al., 2019, arXiv:1810.12186).

Where pixels differ in area, the sums over pixels are integrals over the sphere; where a part of a
sphere was padded, they are over the pixels with data.
"""

from typing import ClassVar, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from deepsphere.nn.constants import KeepsConstants, constant_dtype

StatisticName = Literal["mean", "variance", "mean-variance", "max", "histogram"]


class Statistics(KeepsConstants):
    r"""Statistics of each channel over the pixels.

    With weights :math:`a_v` that sum to 1, the areas of the pixels over their sum:

    ============= ===========================================================================
    mean          :math:`\mu = \sum_v a_v x_v`
    variance      :math:`\sum_v a_v (x_v - \mu)^2`, also called biased, as published
    mean-variance the means of all channels, then the variances of all
    max           the largest :math:`x_v`; where several are, they share its gradient
    histogram     :math:`h_b = \sum_v a_v \max(0, 1 - |x_v - c_b| s_b)`
    ============= ===========================================================================

    Each channel has bins b of its own, with learned centers c and slopes s (a bin's half width is
    1/\|s\|). At first the centers are spread evenly over the range, and a bin ends where its
    neighbours' centers are. So every value in the range counts exactly once, at most in two bins:
    there the bins sum to 1, and :math:`\sum_b c_b h_b` is the mean. Values beyond are in no bin,
    and only the values in a bin move it; so those below zero stay idle behind a rectifier.

    The published code starts with slopes of 4 range / bins instead, and multiplies the result by
    bins / (4 range), to which a dense layer is indifferent. Its comment asks for neighbours that
    overlap by half, but so its bins reach over 11 neighbours to each side. Ours start as the
    comment says.

    Parameters
    ----------
    kind : {"mean", "variance", "mean-variance", "max", "histogram"}
    channels : int
    areas : ndarray, optional, shape (pixel,)
        What each pixel stands for, in any unit, positive; all the same if not given. Without effect
        on the maximum. Kept in PyTorch's default type, but not less precise than float32.
    known : ndarray of bool, optional, shape (pixel,)
        Which pixels have data; all if not given. What the others hold, be it NaN, has no effect.
    bins : int
        Of a channel's histogram, at least 2.
    initial_range : float
        Centers are first from minus this to this. Normalized channels are mostly within 2.

    Attributes
    ----------
    centers, slopes : Parameter, shape (channel, bin), or None
        Those of the histogram.

    Raises
    ------
    ValueError
        If there is no such kind, a number is too small, areas are not positive, no pixel is known,
        or areas and known are not of as many pixels.
    """

    constants: ClassVar[tuple[str, ...]] = ("areas",)

    areas: Tensor | None
    known_pixels: Tensor | None
    centers: nn.Parameter | None
    slopes: nn.Parameter | None

    def __init__(
        self,
        kind: StatisticName,
        channels: int,
        *,
        areas: NDArray[np.float64] | None = None,
        known: NDArray[np.bool_] | None = None,
        bins: int = 20,
        initial_range: float = 2.0,
    ) -> None:
        super().__init__()
        if kind not in get_args(StatisticName):
            names = ", ".join(get_args(StatisticName))
            raise ValueError(f"expected a kind among {names}, found {kind!r}")
        if channels < 1:
            raise ValueError(f"expected at least 1 channel, found {channels}")
        self.kind = kind
        self.channels = channels
        self.pixels = _count_pixels(areas, known)
        if areas is not None and known is not None:
            areas = areas[known]
        weights = (
            None if areas is None else torch.as_tensor(areas / areas.mean()).to(constant_dtype())
        )
        self.register_buffer("areas", weights, persistent=False)
        numbers = None if known is None else torch.as_tensor(np.flatnonzero(known))
        self.register_buffer("known_pixels", numbers, persistent=False)
        self.centers = self.slopes = None
        if kind == "histogram":
            if bins < 2 or not initial_range > 0:
                raise ValueError(
                    f"expected at least 2 bins and a positive range, found {bins=}, "
                    f"{initial_range=}"
                )
            centers = torch.linspace(-initial_range, initial_range, bins)
            slope = (bins - 1) / (2 * initial_range)
            self.centers = nn.Parameter(centers.repeat(channels, 1))
            self.slopes = nn.Parameter(torch.full((channels, bins), slope))

    @property
    def features(self) -> int:
        """How many numbers describe a map."""
        if self.centers is not None:
            return self.centers.numel()
        return self.channels * (2 if self.kind == "mean-variance" else 1)

    def extra_repr(self) -> str:
        """Return the kind and the sizes for ``repr``."""
        bins = "" if self.centers is None else f", bins={self.centers.shape[1]}"
        return f"{self.kind!r}, {self.channels}{bins}"

    def forward(self, features: Tensor) -> Tensor:
        """Describe maps.

        Parameters
        ----------
        features : Tensor, shape (batch, pixel, channel)
            At least one pixel. A histogram takes memory for each pixel, channel and bin.

        Returns
        -------
        Tensor, shape (batch, self.features)
            Of the type of the features; half precision is computed in float32. The bins of a
            channel are next to each other.

        Raises
        ------
        ValueError
            If the features have another shape.
        """
        self._check(features)
        values = features if features.dtype == torch.float64 else features.float()
        if self.known_pixels is not None:
            values = values.index_select(1, self.known_pixels)
        return self._describe(values).to(features.dtype)

    def _describe(self, values: Tensor) -> Tensor:
        if self.kind == "mean":
            return self._average(values)
        if self.kind == "max":
            return values.amax(dim=1)
        if self.centers is not None and self.slopes is not None:
            distances = (values[..., None] - self.centers).abs()
            return self._average(functional.relu(1 - distances * self.slopes.abs())).flatten(1)
        mean = self._average(values)
        # The mean of large numbers is rounded; that of their deviations from it tells by how much.
        deviations = values - mean.detach()[:, None]
        deviations = deviations - self._average(deviations)[:, None]
        variance = self._average(deviations.square())
        return variance if self.kind == "variance" else torch.cat((mean, variance), dim=1)

    def _average(self, values: Tensor) -> Tensor:
        """Return the mean over the pixels, the second axis."""
        if self.areas is None:
            return values.mean(dim=1)
        areas = self.areas.to(values.dtype)
        weights = areas / areas.sum()
        return (values * weights.view(-1, *[1] * (values.ndim - 2))).sum(dim=1)

    def _check(self, features: Tensor) -> None:
        expected = "pixel" if self.pixels is None else self.pixels
        if (
            features.ndim != 3
            or features.shape[1] < 1
            or features.shape[1] != (self.pixels or features.shape[1])
            or features.shape[2] != self.channels
        ):
            raise ValueError(
                f"expected features of shape (batch, {expected}, {self.channels}), "
                f"found {tuple(features.shape)}"
            )


def _count_pixels(areas: NDArray[np.float64] | None, known: NDArray[np.bool_] | None) -> int | None:
    """Return the number of pixels that is given, if any."""
    for name, given in (("areas", areas), ("known", known)):
        if given is not None and given.ndim != 1:
            raise ValueError(f"expected {name} of shape (pixel,), found {given.shape}")
    if areas is not None and not (areas > 0).all():
        raise ValueError(f"expected positive areas, found {areas.min()}")
    if known is not None and (known.dtype != np.bool_ or not known.any()):
        raise ValueError(f"expected bools, at least one of them true, found {known.dtype=}")
    if areas is not None and known is not None and len(areas) != len(known):
        raise ValueError(f"expected areas of {len(known)} pixels, found {len(areas)}")
    either = known if areas is None else areas
    return None if either is None else len(either)
