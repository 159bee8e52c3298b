"""Settings of the graph stage."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from deepsphere.config.base import Name, StrictModel, wrong
from deepsphere.errors import DeepsphereError
from deepsphere.registry import load

SAMPLINGS = (
    "healpix",
    "icosahedral",
    "ugscnn",
    "equiangular",
    "gauss-legendre",
    "octahedral",
    "cubed",
    "fibonacci",
)
"""The kinds of sampling that a name can stand for; a new one adds its module and its name."""

_MOST_PIXELS = 2**31 - 1


class GraphSettings(StrictModel):
    """Graphs on a sampling and its coarser levels, and the operators that convolutions use."""

    store: Name | None = Field(
        default=None, description="name of the store whose sampling gets the graph"
    )
    sampling: str | None = Field(
        default=None,
        description="instead of a store: a sampling by its name, such as healpix:32, "
        "healpix:1024:7/48 (a part), icosahedral:5 or equiangular:128x128",
    )
    levels: int = Field(
        default=1, ge=1, description="how many samplings, each coarser than the one before"
    )
    edges: Literal["nearest", "adjacent", "radius"] = Field(
        default="nearest",
        description="each pixel is joined to its nearest ones, to those around it on its grid, or "
        "to all within a radius",
    )
    neighbours: int = Field(default=20, ge=1, description="how many, of nearest edges")
    radius: float | None = Field(
        default=None,
        gt=0,
        le=2,
        description="largest chord distance of radius edges, in radii of the sphere",
    )
    weights: Literal[
        "gaussian", "unweighted", "inverse-distance", "inverse-square", "cotangent"
    ] = Field(
        default="gaussian",
        description="weights of the edges: exp(-d^2/4t) of the chord distance d, 1, 1/d, 1/d^2, or "
        "those of finite elements",
    )
    width: float | None = Field(
        default=None,
        gt=0,
        description="distance at which a gaussian weight is 1/2, in radii of the sphere; null "
        "finds it by width_rule",
    )
    width_rule: Literal["formula", "search", "published", "mean", "mean-square"] | None = Field(
        default=None,
        description="by a formula of the number of pixels and neighbours, by a search for the "
        "least equivariance error, from the published table (HEALPix), the mean distance to the "
        "neighbours, or from their mean square distance; null takes the formula, and the search on "
        "stations",
    )
    symmetrization: Literal["union", "average"] = Field(
        default="union",
        description="an edge found from one side only: kept whole, or with half its weight",
    )
    areas: bool | None = Field(
        default=None,
        description="weights times the areas of both pixels, so that sums over neighbours are "
        "integrals; null does so on all samplings but stations",
    )
    refinement: int | None = Field(
        default=None,
        ge=0,
        description="steps of the fit of single weights to the sphere; null takes 10, and none on "
        "stations",
    )
    laplacian: Literal["combinatorial", "normalized"] = Field(
        default="combinatorial", description="D - A, or I - D^-1/2 A D^-1/2"
    )
    parts: int = Field(
        default=1,
        ge=1,
        description="runs of equally many pixels into which HEALPix falls, with no edge between "
        "two of them: 12, 48 or 192 are its patches of order 1, 2 or 4, each with a graph of its "
        "own",
    )
    rescaling: Literal["symmetric", "damped", "shifted"] = Field(
        default="symmetric",
        description="how the spectrum is brought into [-1, 1]: 2L/lmax - I, "
        "0.75 (2L/lmax - I), or 1.5 L/lmax - I",
    )

    @field_validator("sampling")
    @classmethod
    def _sampling_exists(cls, name: str | None) -> str | None:
        if name is None:
            return None
        kind, _, parameters = name.partition(":")
        if kind not in SAMPLINGS:
            raise ValueError(f"the kinds are {', '.join(SAMPLINGS)}")
        try:
            pixels = len(load("samplings", kind).parse(parameters))
        except (DeepsphereError, MemoryError) as error:
            raise ValueError(str(error)) from None
        if pixels > _MOST_PIXELS:
            raise ValueError(f"has {pixels:,} pixels; a graph takes {_MOST_PIXELS:,} at most")
        return name

    @model_validator(mode="after")
    def _settings_go_together(self) -> "GraphSettings":
        if (self.store is None) == (self.sampling is None):
            raise wrong(["store"], "give a store or a sampling, and not both")
        if (self.edges == "radius") != (self.radius is not None):
            raise wrong(["radius"], "goes with edges: radius; give both or neither")
        if self.width is not None and self.width_rule is not None:
            raise wrong(["width_rule"], "does not go with a width; leave one of them out")
        if self.weights == "cotangent" and self.edges != "nearest":
            raise wrong(["edges"], "finite elements choose their edges themselves; leave it out")
        if self.weights == "cotangent" and self.laplacian == "normalized":
            raise wrong(["laplacian"], "finite elements take the combinatorial one")
        if self.weights != "gaussian":
            for name in ("width", "width_rule", "areas", "refinement"):
                if getattr(self, name):
                    raise wrong([name], "is for gaussian weights; leave it out with other ones")
        if self.parts > 1 and self.weights == "cotangent":
            raise wrong(["parts"], "finite elements join the whole sampling; leave it out")
        if self.sampling is not None:
            try:
                self.check_parts(self.sampling)
            except ValueError as error:
                raise wrong(["parts"], str(error)) from None
        if self.laplacian == "normalized" and (self.areas or self.refinement):
            raise wrong(
                ["areas" if self.areas else "refinement"],
                "is for the combinatorial Laplacian; leave it out with the normalized one",
            )
        return self

    def check_parts(self, sampling: str | None) -> None:
        """Raise ValueError if a sampling of this name does not fall into the parts on all levels.

        Parameters
        ----------
        sampling : str or None
            The name of the sampling, or None on stations.
        """
        if self.parts == 1:
            return
        kind, _, parameters = (sampling or "stations").partition(":")
        if kind != "healpix":
            raise ValueError(f"found {self.parts} on {sampling or 'stations'}; it is for healpix")
        pixels = len(load("samplings", kind).parse(parameters))
        coarser = 4 ** (self.levels - 1)
        if pixels % (coarser * self.parts):
            raise ValueError(
                f"found {self.parts}, and {pixels / coarser:g} pixels of {sampling} on the "
                "coarsest level; give a number that divides them, or fewer levels"
            )
