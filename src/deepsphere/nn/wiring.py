"""How the halves of a U-Net are joined, as each of the published ones did.

They differ in little that the papers tell, and in millions of parameters. What matters most is
where skips come from. Before pooling ("outputs") they still have the detail that the decoder lacks,
and after it ("inputs") they do not, but for the level's own. A narrowing decoder has no skip on the
finest level, so that it is the one for outputs that are smooth.

:func:`encoder_channels` and :func:`decoder_stages` say what follows from a wiring, in numbers.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from deepsphere.errors import DeepsphereError

Skips = Literal["inputs", "outputs"]
Decoder = Literal["mirrored", "narrowing"]
LastStage = Literal["block", "input"]


@dataclass(frozen=True)
class Wiring:
    """How a U-Net's encoder and decoder are joined, and which of its convolutions are linear.

    Attributes
    ----------
    skips : {"inputs", "outputs"}
        What a level hands to the decoder: what enters its last convolution, just after pooling, or
        what leaves it, just before pooling to the next level.
    decoder : {"mirrored", "narrowing"}
        Mirrored: every level has a stage, the coarsest, too, of as many channels as its encoder. A
        stage unpools (but on the coarsest level), convolves, appends the skip, and ends with a
        block. Narrowing: the coarsest level has none, a stage has as many channels as the next
        finer level's encoder, and the finest level's is a block without skip.
    last : {"block", "input"} or None
        What comes after the mirrored stages, of as many channels as the first block has: a block, a
        stage that appends the network's input, or nothing.
    rectified_bottom, rectified_up : bool
        Whether the coarsest level's last convolution, and those right behind unpooling, are blocks,
        with normalization and rectifier, or linear. Linear ones behind unpooling have a bias.
    pointwise_output : bool
        Whether the output convolution sees its own pixel only, with a kernel size of 1.
    linear_bias : bool
        Whether the output convolution, and a linear one on the coarsest level, have a bias.

    Raises
    ------
    ValueError
        If a name is unknown, or a narrowing decoder has something else come last.
    """

    skips: Skips
    decoder: Decoder
    last: LastStage | None
    rectified_bottom: bool
    rectified_up: bool
    pointwise_output: bool
    linear_bias: bool

    def __post_init__(self) -> None:
        if self.skips not in get_args(Skips) or self.decoder not in get_args(Decoder):
            raise ValueError(
                f"expected skips among {get_args(Skips)} and a decoder among {get_args(Decoder)}, "
                f"found {self.skips!r} and {self.decoder!r}"
            )
        if self.last is not None and self.last not in get_args(LastStage):
            raise ValueError(f"expected a last stage {get_args(LastStage)}, found {self.last!r}")
        if self.last is not None and self.decoder == "narrowing":
            raise ValueError(f"expected no last stage of a narrowing decoder, found {self.last!r}")


WiringName = Literal["published", "latest", "paper", "jiang"]

WIRINGS: dict[str, Wiring] = {
    "published": Wiring(
        skips="inputs",
        decoder="mirrored",
        last="block",
        rectified_bottom=False,
        rectified_up=False,
        pointwise_output=True,
        linear_bias=False,
    ),
    "latest": Wiring(
        skips="inputs",
        decoder="mirrored",
        last="input",
        rectified_bottom=False,
        rectified_up=False,
        pointwise_output=True,
        linear_bias=False,
    ),
    "paper": Wiring(
        skips="outputs",
        decoder="narrowing",
        last=None,
        rectified_bottom=False,
        rectified_up=True,
        pointwise_output=False,
        linear_bias=True,
    ),
    "jiang": Wiring(
        skips="outputs",
        decoder="mirrored",
        last=None,
        rectified_bottom=True,
        rectified_up=False,
        pointwise_output=True,
        linear_bias=False,
    ),
}
"""Those of the published networks, by name:

* ``published``: what the published results of the ICLR 2020 paper come from;
* ``latest``: the last version of that code;
* ``paper``: what the text says, and deepsphere-pytorch does;
* ``jiang``: the network of Jiang et al. (2019), as the ICLR 2020 code has it.
"""


def find_wiring(name: str) -> Wiring:
    """Return a published wiring.

    Raises
    ------
    DeepsphereError
        If there is none of this name.
    """
    if name not in WIRINGS:
        raise DeepsphereError(
            f"there is no wiring {name!r} of a U-Net; take one of {', '.join(WIRINGS)}"
        )
    return WIRINGS[name]


class Stage(NamedTuple):
    """A stage of the decoder.

    Attributes
    ----------
    level : int
        Where it works; 0 is the finest.
    unpools : bool
        Whether its features come from the next coarser level.
    skip : int or None
        Channels of its skip, if it has one. Without, it is a single block.
    channels : int
        Channels that leave it.
    """

    level: int
    unpools: bool
    skip: int | None
    channels: int


def encoder_channels(
    in_channels: int, widths: tuple[tuple[int, ...], ...]
) -> list[tuple[int, ...]]:
    """Return for each level what enters its first convolution, and what leaves each of them."""
    entering = (in_channels, *(width[-1] for width in widths[:-1]))
    return [(before, *width) for before, width in zip(entering, widths, strict=True)]


def decoder_stages(
    in_channels: int, widths: tuple[tuple[int, ...], ...], wiring: Wiring
) -> list[Stage]:
    """Return the stages of the decoder in their order, the coarsest first."""
    chains = encoder_channels(in_channels, widths)
    skips = [chain[-2] if wiring.skips == "inputs" else chain[-1] for chain in chains]
    leaving = [chain[-1] for chain in chains]
    first, coarsest = widths[0][0], len(widths) - 1
    if wiring.decoder == "narrowing":
        joined = [
            Stage(level, unpools=True, skip=skips[level], channels=leaving[level - 1])
            for level in range(coarsest - 1, 0, -1)
        ]
        return [*joined, Stage(0, unpools=True, skip=None, channels=first)]
    stages = [
        Stage(level, unpools=level < coarsest, skip=skips[level], channels=leaving[level])
        for level in range(coarsest, -1, -1)
    ]
    if wiring.last is not None:
        skip = in_channels if wiring.last == "input" else None
        stages.append(Stage(0, unpools=False, skip=skip, channels=first))
    return stages
