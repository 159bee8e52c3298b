"""Settings of the graph stage."""

from typing import Literal

from pydantic import Field

from deepsphere.config.base import Name, StrictModel


class GraphSettings(StrictModel):
    """A graph on the sampling of a store, and the operator that the convolutions use."""

    store: Name = Field(description="name of the store whose sampling gets the graph")
    neighbours: int = Field(ge=1, description="each pixel is joined to so many nearest ones")
    weights: Literal["unweighted", "gaussian"] = Field(
        default="gaussian",
        description="weights of the edges: 1, or exp(-d^2/4t) of the chord distance d",
    )
    width: float | None = Field(
        default=None,
        gt=0,
        description="distance at which a gaussian weight is 1/2, in radii of the sphere; "
        "null takes the mean distance to the neighbours",
    )
    symmetrization: Literal["union", "average"] = Field(
        default="union",
        description="an edge found from one side only: kept whole, or with half its weight",
    )
    laplacian: Literal["combinatorial", "normalized"] = Field(
        default="combinatorial", description="D - A, or I - D^-1/2 A D^-1/2"
    )
    rescaling: Literal["symmetric", "damped", "shifted"] = Field(
        default="symmetric",
        description="how the spectrum is brought into [-1, 1]: 2L/lmax - I, "
        "0.75 (2L/lmax - I), or 1.5 L/lmax - I",
    )
