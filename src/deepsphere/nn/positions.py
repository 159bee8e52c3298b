"""Where pixels are, for layers that treat all of them alike.

Attention gives the same for pixels in any order. :class:`LearnedPositions` learns a vector a pixel:
it can single out any pixel, but belongs to one sampling. :class:`CoordinatePositions` learns a
smooth function on the sphere, with a number of parameters that does not depend on the pixels, so
that it carries over to other samplings. With neither, a network knows no place from another, as on
the sphere there is none: so take one where the data have a fixed frame, such as a geography.
"""

from typing import ClassVar, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepsphere.graphs.points import check_unit_vectors
from deepsphere.nn.constants import KeepsConstants, constant_dtype
from deepsphere.nn.pooling.remap import check_features

PositionalName = Literal["none", "learned", "coordinates"]

_DEVIATION = 0.02


class LearnedPositions(nn.Module):
    """Add a learned vector to each pixel's features.

    It starts with a standard deviation of 0.02, as in Dosovitskiy et al. (2021).

    Parameters
    ----------
    pixels, channels : int
    """

    def __init__(self, pixels: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(pixels, channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the vectors anew."""
        nn.init.normal_(self.embedding, std=_DEVIATION)

    def extra_repr(self) -> str:
        """Return the sizes for ``repr``."""
        pixels, channels = self.embedding.shape
        return f"{pixels}, {channels}"

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the shape of those given, (batch, pixel, channel).

        Raises
        ------
        ValueError
            If there are more or fewer pixels or channels.
        """
        check_features(features, *self.embedding.shape)
        return features + self.embedding


class CoordinatePositions(KeepsConstants):
    """Add a learned function of each pixel's place to its features.

    The function is a network of one hidden layer, with as many channels, that sees x, y and z.

    Parameters
    ----------
    positions : ndarray, shape (pixel, 3)
        Unit vectors.
    channels : int

    Raises
    ------
    DeepsphereError
        If the positions are not unit vectors.
    """

    constants: ClassVar[tuple[str, ...]] = ("positions",)

    positions: Tensor

    def __init__(self, positions: NDArray[np.float64], channels: int) -> None:
        super().__init__()
        check_unit_vectors(positions)
        places = torch.tensor(positions, dtype=constant_dtype())
        self.register_buffer("positions", places, persistent=False)
        self.channels = channels
        self.function = nn.Sequential(
            nn.Linear(3, channels), nn.GELU(), nn.Linear(channels, channels)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the shape of those given, (batch, pixel, channel).

        Raises
        ------
        ValueError
            If there are more or fewer pixels or channels.
        """
        check_features(features, len(self.positions), self.channels)
        weight = next(self.function.parameters())
        embedding: Tensor = self.function(self.positions.to(weight.dtype))
        return features + embedding


def positional_embedding(
    kind: PositionalName,
    pixels: int,
    channels: int,
    positions: NDArray[np.float64] | None = None,
) -> nn.Module:
    """Return a layer that adds to features where their pixels are.

    Parameters
    ----------
    kind : {"none", "learned", "coordinates"}
        :class:`torch.nn.Identity`, :class:`LearnedPositions` or :class:`CoordinatePositions`.
    pixels, channels : int
    positions : ndarray, shape (pixel, 3)
        Unit vectors; only ``coordinates`` needs them.

    Raises
    ------
    ValueError
        If the kind is another, or positions are missing or of another number of pixels.
    DeepsphereError
        If the positions are not unit vectors.
    """
    if kind not in get_args(PositionalName):
        raise ValueError(f"expected an embedding of {get_args(PositionalName)}, found {kind!r}")
    if kind == "none":
        return nn.Identity()
    if kind == "learned":
        return LearnedPositions(pixels, channels)
    if positions is None or len(positions) != pixels:
        found = "none" if positions is None else f"{len(positions)}"
        raise ValueError(f"expected positions of {pixels} pixels for coordinates, found {found}")
    return CoordinatePositions(positions, channels)
