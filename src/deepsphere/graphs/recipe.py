"""How a graph is made, in a few words."""

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.laplacian import LaplacianKind
from deepsphere.graphs.weights import Symmetrization
from deepsphere.graphs.widths import WidthRule

Weights = Literal["gaussian", "unweighted", "inverse-distance", "inverse-square", "cotangent"]


@dataclass(frozen=True)
class Recipe:
    """How a graph is made; the defaults are for new work where pixels are spread evenly.

    Grids of latitude and longitude are not: the nearest pixels near a pole lie on the pixel's own
    row, and the graph may fall into pieces there. Take a radius, or finite elements.

    Attributes
    ----------
    neighbours : int or "adjacent"
        How many nearest pixels each pixel is joined to (all others where there are fewer), or the
        neighbours that the sampling itself has. Where weights are fitted, also to all that are as
        far as the last of so many; else the index decides between these.
    radius : float or None
        Instead of ``neighbours``: all pixels within this chord distance, in radii of the sphere.
    weights : {"gaussian", "unweighted", "inverse-distance", "inverse-square", "cotangent"}
        exp(-d²/(4t)) of the chord distance d, 1, 1/d, 1/(d² + 1e-8), or those of finite elements,
        which choose the edges themselves.
    width : float, str or None
        Distance at which a gaussian weight is 1/2, or the rule by which it is found: see
        :mod:`~deepsphere.graphs.widths`. None stands for the formula, but for the search on
        stations.
    symmetrization : {"union", "average"}
        An edge found from one side only: kept whole, or with half its weight.
    areas : bool or None
        Gaussian weights are multiplied by the areas of both pixels, and the graph gets the areas as
        mass: then sums over neighbours are integrals also where pixels differ in size. Nothing
        changes where all areas are equal. None stands for yes, but not on stations.
    refinement : int or None
        Steps of the fit of single gaussian weights to the sphere; 0 for plain ones. None stands
        for 10, but none on stations, nor above 4 million pixels: the fit takes 3 kB a pixel. With a
        fit, graphs on HEALPix commute up to rounding with the rotations that map it onto itself.
    laplacian : {"combinatorial", "normalized"}
        What the width is searched for. Areas and the fit need the combinatorial one; None stands
        for neither with the normalized one.
    parts : int
        Into how many runs of equally many consecutive pixels the sampling falls, no two of which
        are joined: 12, 48, 192, ... are patches of HEALPix, see :mod:`~deepsphere.graphs.parts`.
        Each has the edges, and the fit, that it would have by itself; all have one width.

    Raises
    ------
    DeepsphereError
        If two of them do not go together.
    """

    neighbours: int | Literal["adjacent"] = 20
    radius: float | None = None
    weights: Weights = "gaussian"
    width: float | WidthRule | None = None
    symmetrization: Symmetrization = "union"
    areas: bool | None = None
    refinement: int | None = None
    laplacian: LaplacianKind = "combinatorial"
    parts: int = 1

    def __post_init__(self) -> None:
        _check_one_of("weights", self.weights, Weights)
        _check_one_of("a symmetrization", self.symmetrization, Symmetrization)
        _check_one_of("a laplacian", self.laplacian, LaplacianKind)
        if isinstance(self.width, str):
            _check_one_of("a width is a number, or its rule", self.width, WidthRule)
        elif self.width is not None and not 0 < self.width < math.inf:
            raise DeepsphereError(f"a width must be positive and finite; found {self.width}")
        if self.neighbours != "adjacent" and not _is_whole(self.neighbours, lowest=1):
            raise DeepsphereError(
                f"neighbours are a whole number from 1 or 'adjacent'; found {self.neighbours!r}"
            )
        if self.radius is not None and not 0 < self.radius <= 2:
            raise DeepsphereError(f"a radius is a chord distance in (0, 2]; found {self.radius}")
        if self.refinement is not None and not _is_whole(self.refinement, lowest=0):
            raise DeepsphereError(
                f"the refinement has a whole number of steps from 0; found {self.refinement}"
            )
        if not _is_whole(self.parts, lowest=1):
            raise DeepsphereError(f"parts are a whole number from 1; found {self.parts!r}")
        if (self.areas or self.refinement) and self.laplacian == "normalized":
            raise DeepsphereError(
                "area weights and refinement are for the combinatorial Laplacian; found them with "
                "the normalized one; leave them out"
            )
        if self.weights != "gaussian" and (self.areas or self.refinement or self.width is not None):
            raise DeepsphereError(
                f"width, area weights and refinement are for gaussian weights; found them with "
                f"{self.weights} ones; leave them out"
            )
        if self.weights == "cotangent" and self.radius is not None:
            raise DeepsphereError(
                "finite elements choose their edges themselves; leave the radius out"
            )
        if self.weights == "cotangent" and self.parts > 1:
            raise DeepsphereError(
                f"finite elements join the whole sampling; found {self.parts} parts; take gaussian "
                "weights"
            )
        if self.weights == "cotangent" and self.laplacian == "normalized":
            raise DeepsphereError(
                "finite elements have a mass of their own; take the combinatorial Laplacian"
            )


def _is_whole(value: object, lowest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= lowest


def _check_one_of(what: str, value: str, allowed: Any) -> None:
    if value not in get_args(allowed):
        listed = ", ".join(get_args(allowed))
        raise DeepsphereError(f"{what} must be one of {listed}; found {value!r}")
