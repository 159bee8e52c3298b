"""A graph on any sampling.

Who is joined comes from :mod:`~deepsphere.graphs.edges`, how strongly from
:mod:`~deepsphere.graphs.weights`, how wide the kernel is from :mod:`~deepsphere.graphs.widths`.
Two more things make a graph commute with rotations: area weights, where pixels differ in size, and
the fit of :mod:`~deepsphere.graphs.refinement`. Where weights are fitted, a graph commutes with
the known symmetries of its sampling up to rounding: of neighbours that are equally far none is
left out (:mod:`~deepsphere.graphs.ties`), and edges that are alike get the mean of what the fit
gives them (:mod:`~deepsphere.graphs.orbits`). The finite-element Laplacian
(:mod:`~deepsphere.graphs.cotangent`) has neither width nor neighbours to choose.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.cotangent import cotangent_weights, lumped_mass
from deepsphere.graphs.counted import counted_areas
from deepsphere.graphs.edges import (
    Edges,
    adjacent_edges,
    nearest_edges,
    radius_edges,
    stacked_edges,
)
from deepsphere.graphs.graph import Graph
from deepsphere.graphs.lengths import edge_lengths
from deepsphere.graphs.orbits import mean_over_orbits
from deepsphere.graphs.parts import (
    block_diagonal,
    check_divided,
    diagonal_block,
    part_samplings,
    runs,
    within_parts,
)
from deepsphere.graphs.pattern import joined_pattern
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.refinement import refine_weights
from deepsphere.graphs.threads import compiled_threads
from deepsphere.graphs.triangles import triangles_of
from deepsphere.graphs.weights import (
    SparseMatrix,
    Symmetrization,
    gaussian,
    inverse_distance,
    time_of_width,
)
from deepsphere.graphs.widths import (
    WidthRule,
    formula_width,
    mean_square_width,
    published_width,
    search_width,
)
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.sampling import Sampling
from deepsphere.samplings.stations import Stations
from deepsphere.samplings.symmetries import symmetries

_SAME_AREA = 1e-9
_DEFAULT_REFINEMENT = 10
_MOST_PIXELS_REFINED = 1 << 22


def build_graph(sampling: Sampling, recipe: Recipe | None = None, threads: int = 1) -> Graph:
    """Build a graph on the pixels of a sampling.

    Parameters
    ----------
    sampling : Sampling
        Any. On a part of the sphere pixels at the border are joined to others further inside.
    recipe : Recipe
        How; its defaults if left out.
    threads : int
        Threads of the search for neighbours and of the fit; the result does not depend on them.

    Returns
    -------
    Graph
        Its vertices are in the order of the sampling's pixels. A sampling of one pixel has a graph
        of one vertex without edges.

    Raises
    ------
    DeepsphereError
        If the sampling has not what the recipe asks for.
    """
    recipe = recipe or Recipe()
    check_divided(sampling, recipe.parts)
    with compiled_threads(threads):
        return _build_graph(sampling, recipe, threads)


def _build_graph(sampling: Sampling, recipe: Recipe, threads: int) -> Graph:
    if recipe.weights == "cotangent":
        return _finite_elements(sampling)
    steps = _refinement_steps(sampling, recipe)
    edges = _edges(sampling, recipe, threads, ties=steps > 0)
    joined, found = _join(edges, recipe.symmetrization)
    if recipe.weights == "gaussian" and joined.nnz:
        return _gaussian_graph(sampling, recipe, joined, found, steps)
    if recipe.weights.startswith("inverse"):
        power: Literal[1, 2] = 1 if recipe.weights == "inverse-distance" else 2
        joined.data *= inverse_distance(edge_lengths(joined, sampling.positions), power)
    return Graph(joined, found.mean_distance)


@dataclass(frozen=True)
class _Found:
    """What is kept of the edges before they were made symmetric."""

    neighbours: float
    mean_distance: float | None
    mean_square_width: float | None


def _join(edges: Edges, symmetrization: Symmetrization) -> tuple[SparseMatrix, _Found]:
    """Return a symmetric matrix of the edges, and drop their distances, which are many."""
    distances = edges.distances
    found = _Found(
        neighbours=len(edges.columns) / len(edges),
        mean_distance=float(distances.mean()) if distances.size else None,
        mean_square_width=mean_square_width(distances) if distances.size else None,
    )
    offsets, columns = edges.offsets, edges.columns
    del edges, distances
    return joined_pattern(offsets, columns, symmetrization), found


def _refinement_steps(sampling: Sampling, recipe: Recipe) -> int:
    if recipe.refinement is not None:
        return recipe.refinement
    refined = (
        recipe.weights == "gaussian"
        and _is_regular(sampling, recipe)
        and len(sampling) // recipe.parts <= _MOST_PIXELS_REFINED
    )
    return _DEFAULT_REFINEMENT if refined else 0


def _is_regular(sampling: Sampling, recipe: Recipe) -> bool:
    return not _is_stations(sampling) and recipe.laplacian == "combinatorial"


def _gaussian_graph(
    sampling: Sampling, recipe: Recipe, joined: SparseMatrix, found: _Found, steps: int
) -> Graph:
    with_areas = _is_regular(sampling, recipe) if recipe.areas is None else recipe.areas
    mass = _mass(sampling) if with_areas else None
    if mass is not None:
        joined.data *= np.repeat(mass, np.diff(joined.indptr)) * mass[joined.indices]
    rule = recipe.width or ("search" if _is_stations(sampling) else "formula")
    width = _width(sampling, found, recipe, rule)
    if rule == "search":
        width = _searched_width(sampling, recipe, joined, mass, start=width)
    plain = Graph(
        _weighted(joined, edge_lengths(joined, sampling.positions), width),
        found.mean_distance,
        mass,
        width,
    )
    if not steps:
        return plain
    blocks = []
    for part, run in zip(
        part_samplings(sampling, recipe.parts), runs(len(sampling), recipe.parts), strict=True
    ):
        block = diagonal_block(plain.weights, run)
        counted = counted_areas(part, block)
        of_part = None if mass is None else mass[run]
        refined = refine_weights(block, part.positions, counted, of_part, steps)
        blocks.append(mean_over_orbits(refined, symmetries(part)))
    return Graph(block_diagonal(blocks), plain.neighbour_distance, mass, width)


def _weighted(joined: SparseMatrix, lengths: NDArray[np.float64], width: float) -> SparseMatrix:
    """Multiply the entries of a matrix by the kernel of their lengths, in place."""
    joined.data *= gaussian(lengths, time_of_width(width))
    if not joined.data.all():
        joined.eliminate_zeros()
    return joined


def _searched_width(
    sampling: Sampling,
    recipe: Recipe,
    joined: SparseMatrix,
    mass: NDArray[np.float64] | None,
    start: float,
) -> float:
    lengths = edge_lengths(joined, sampling.positions)

    def laplacian(width: float) -> SparseMatrix:
        weights = _weighted(joined.copy(), lengths, width)
        return Graph(weights, None, mass).laplacian(recipe.laplacian)

    counted = counted_areas(sampling, _weighted(joined.copy(), lengths, start), recipe.parts)
    return search_width(laplacian, sampling.positions, counted, mass, start)


def _edges(sampling: Sampling, recipe: Recipe, threads: int, *, ties: bool) -> Edges:
    if recipe.radius is None and recipe.neighbours == "adjacent":
        adjacent = sampling.neighbours()
        if adjacent is None:
            raise DeepsphereError(
                f"the sampling {sampling.name} has no neighbours of its own; "
                "give a number of nearest ones, or a radius"
            )
        return adjacent_edges(sampling.positions, within_parts(adjacent, recipe.parts))
    return stacked_edges(
        [
            _found_edges(sampling.positions[run], recipe, threads, ties=ties)
            for run in runs(len(sampling), recipe.parts)
        ]
    )


def _found_edges(
    positions: NDArray[np.float64], recipe: Recipe, threads: int, *, ties: bool
) -> Edges:
    if recipe.radius is not None:
        return radius_edges(positions, recipe.radius)
    if len(positions) == 1:
        return Edges(np.zeros(2, np.int64), np.empty(0, np.int32), np.empty(0))
    # Adjacent ones have been found already.
    neighbours = min(int(recipe.neighbours), len(positions) - 1)
    return nearest_edges(positions, neighbours, threads, ties=ties)


def _width(sampling: Sampling, found: _Found, recipe: Recipe, rule: float | WidthRule) -> float:
    """Return the width by a rule; for a search, where it begins."""
    if not isinstance(rule, str):
        return rule
    if rule == "mean" and found.mean_distance is not None:
        return found.mean_distance
    if rule == "mean-square" and found.mean_square_width is not None:
        return found.mean_square_width
    pixels = _pixels_on_the_sphere(sampling)
    # Of nearest pixels the number asked for, without ties.
    number = None if recipe.radius is not None else recipe.neighbours
    if rule != "published":
        if isinstance(number, int):
            return formula_width(pixels, min(number, len(sampling) // recipe.parts - 1))
        return formula_width(pixels, found.neighbours)
    if not sampling.name.startswith("healpix:"):
        raise DeepsphereError(
            f"widths are published for HEALPix only; found {sampling.name}; "
            "take the width by formula or search"
        )
    # Also where there are not so many pixels.
    neighbours = number if isinstance(number, int) else round(found.neighbours)
    return published_width(round(np.sqrt(pixels / 12)), neighbours)


def _pixels_on_the_sphere(sampling: Sampling) -> int:
    return len(sampling.full) if isinstance(sampling, Masked) else len(sampling)


def _is_stations(sampling: Sampling) -> bool:
    full = sampling.full if isinstance(sampling, Masked) else sampling
    return isinstance(full, Stations)


def _mass(sampling: Sampling) -> NDArray[np.float64] | None:
    """Return the areas with mean 1, or None where all pixels are of one size."""
    areas = sampling.areas
    if np.ptp(areas) <= _SAME_AREA * areas.max():
        return None
    mass: NDArray[np.float64] = areas / areas.mean()
    return mass


def _finite_elements(sampling: Sampling) -> Graph:
    positions, triangles = sampling.positions, triangles_of(sampling)
    weights = cotangent_weights(positions, triangles)
    mass = lumped_mass(positions, triangles)
    # A pixel of no triangle (a twin, a tip of a border) has no edges: its mass changes nothing.
    mass[mass == 0] = mass[mass > 0].mean()
    return Graph(weights, float(edge_lengths(weights, positions).mean()), mass / mass.mean())
