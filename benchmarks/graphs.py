"""How fast is a graph built, with how much memory, and how well does it commute with rotations?

Without an option: HEALPix graphs of 20 neighbours with the published widths, beside a plain way to
build them, which is that of PyGSP's branch sphere-graphs written anew from its description: a k-d
tree, a Python loop over the vertices that fills rows, columns and distances, the missing halves of
edges filled in, and a Gaussian of the distances. Both start from the same positions, with as many
threads. Their weights are held against each other first: they may differ where a vertex has two
neighbours equally far and a place for one. Times are of paired runs in one process, in alternating
order, a ratio is of the two of a pair: above 1, ours is better. Peaks are those of a fresh process
each, over what the imports take. Then a patch of a fine map, and what the refinement costs.

With ``--equivariance``: the error of graphs with default weights beside published ones, both with
the combinatorial Laplacian of the papers' text. The exit status is 1 unless it is lower on HEALPix
throughout. One more line has the ratio for the normalized Laplacian, with which the published code
ran. With ``--widths``: the widths that the search finds. With ``--full-sphere``: time and peak
memory of a graph of 12.6 million pixels, which takes a minute.

Run it with ``python benchmarks/graphs.py``.
"""

import argparse
import math
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from deepsphere.graphs.build import build_graph
from deepsphere.graphs.degrees import degrees_within
from deepsphere.graphs.equivariance import zonal_errors
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.widths import published_width
from deepsphere.samplings import (
    cubed,
    equiangular,
    gauss_legendre,
    healpix,
    icosahedral,
    octahedral,
)
from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.sampling import Sampling

NEIGHBOURS = 20
WIDTH_NEIGHBOURS = (6, 8, 12, 20, 30, 40, 60)
WAYS = ("ours", "plain")
PUBLISHED = Recipe(NEIGHBOURS, width="published", refinement=0)
SMALLEST = 64
PATCH = "1024:7/192"
FULL_SPHERE = 1024
POLES = 8
TIE = 1e-9
AGREEMENT = 1e-12

# Every HEALPix nside with degrees up to its band, 3 nside - 1.
BANDS = {
    32: (2, 5, 10, 20, 35, 50, 70, 90),
    64: (5, 25, 50, 100, 150, 185),
    128: (10, 50, 100, 200, 300, 350),
}
NEIGHBOUR_NUMBERS = (8, 20, 40, 60)
UNEVEN: dict[str, Sampling] = {
    "icosahedral:5": icosahedral.parse("5"),
    "cubed:45": cubed.parse("45"),
    "octahedral:50": octahedral.parse("50"),
    "gauss-legendre:78x156": gauss_legendre.parse("78x156"),
    "equiangular:78x156": equiangular.parse("78x156"),
}
UNEVEN_DEGREES = (2, 10, 35, 50, 90)
UNEVEN_RECIPES = {
    "mean width": Recipe(NEIGHBOURS, areas=False, refinement=0, width="mean"),
    "formula width": Recipe(NEIGHBOURS, areas=False, refinement=0),
    "formula width, areas": Recipe(NEIGHBOURS, areas=True, refinement=0),
    "default": Recipe(NEIGHBOURS),
    "cotangent": Recipe(weights="cotangent"),
}


def plain_weights(positions: NDArray[np.float64], width: float, threads: int) -> csr_array:
    """Return the weights that the plain way gives, shape (points, points)."""
    distances, found = cKDTree(positions).query(positions, NEIGHBOURS + 1, workers=threads)
    points = len(positions)
    rows = np.empty(points * NEIGHBOURS, dtype=np.int64)
    columns = np.empty_like(rows)
    values = np.empty(points * NEIGHBOURS)
    for vertex in range(points):
        places = slice(vertex * NEIGHBOURS, (vertex + 1) * NEIGHBOURS)
        rows[places] = vertex
        columns[places] = found[vertex, 1:]
        values[places] = distances[vertex, 1:]
    weights = csr_array((values, (rows, columns)), shape=(points, points))
    is_there = weights > 0
    missing = is_there < is_there.T
    weights = csr_array(weights + missing.multiply(weights.T))
    weights.data = np.exp(-math.log(2) * np.square(weights.data / width))
    return weights


def build(way: str, sampling: Healpix, threads: int) -> csr_array:
    """Return the weights of the published graph, made in one of both ways."""
    if way == "plain":
        width = published_width(sampling.nside, NEIGHBOURS)
        return plain_weights(sampling.positions, width, threads)
    return build_graph(sampling, PUBLISHED, threads).weights


def differing_entries(sampling: Healpix, threads: int) -> tuple[int, int, float]:
    """Return the entries of only one matrix, those of both, and the largest difference of these.

    Raises
    ------
    RuntimeError
        If the two differ by more than ties and rounding.
    """
    positions = sampling.positions
    ours, plain = (build(way, sampling, threads) for way in WAYS)
    here, there = ours.astype(bool), plain.astype(bool)
    common = here.multiply(there)
    rows, columns = (here != there).tocoo().coords
    lengths = np.linalg.norm(positions[rows] - positions[columns], axis=1)
    ends = np.unique(np.concatenate([rows, columns]))
    reach = np.zeros(len(positions))
    if ends.size:
        distances, _ = cKDTree(positions).query(positions[ends], [NEIGHBOURS + 1])
        reach[ends] = np.ravel(distances)
    is_tie = np.minimum(abs(lengths - reach[rows]), abs(lengths - reach[columns])) < TIE * lengths
    difference = float(abs(ours.multiply(common) - plain.multiply(common)).max())
    if not is_tie.all() or difference > AGREEMENT:
        raise RuntimeError(
            f"{sampling.name}: {int((~is_tie).sum())} entries differ that are no ties, and weights "
            f"by {difference:.1e}"
        )
    return len(rows), common.nnz, difference


def seconds(function: Callable[[], object]) -> float:
    """Return how long a function takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def paired_seconds(sampling: Healpix, rounds: int, threads: int) -> NDArray[np.float64]:
    """Return the seconds of ours and of the plain way, shape (rounds, 2)."""
    measured = np.empty((rounds, 2))
    for number in range(rounds):
        for place in (0, 1) if number % 2 else (1, 0):
            measured[number, place] = seconds(partial(build, WAYS[place], sampling, threads))
    return measured


def peak_memory() -> float:
    """Return the peak of this process's resident memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _measure(way: str, nside: int, threads: int, results: Any) -> None:
    before = peak_memory()
    time_taken = seconds(partial(build, way, Healpix(nside), threads))
    results.put((time_taken, peak_memory() - before))


def in_fresh_process(way: str, nside: int, threads: int) -> tuple[float, float]:
    """Return the seconds of a graph, and by how many MiB the peak rises over the imports.

    Both with the positions.
    """
    spawn = multiprocessing.get_context("spawn")
    results = spawn.SimpleQueue()
    process = spawn.Process(target=_measure, args=(way, nside, threads, results))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)
    time_taken, rise = results.get()
    return time_taken, rise


def usable_threads() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def compare_with_plain(nsides: Sequence[int], rounds: int, threads: int) -> None:
    """Print times and peaks of both ways."""
    # On Linux a child's peak starts from that of its parent, which must not have grown yet.
    peaks = {nside: [in_fresh_process(way, nside, threads)[1] for way in WAYS] for nside in nsides}
    print(f"HEALPix, {NEIGHBOURS} neighbours, {threads} threads, median of {rounds} pairs")
    print(
        f"{'nside':>6}{'ours/s':>9}{'plain/s':>9}{'ratio (from, to)':>21}"
        f"{'µs/pixel':>10}{'ours/MiB':>10}{'plain/MiB':>11}{'ratio':>7}"
        f"{'entries':>11}{'differ':>8}{'by at most':>12}"
    )
    for nside in nsides:
        sampling = Healpix(nside)
        differing, common, difference = differing_entries(sampling, threads)
        measured = paired_seconds(sampling, rounds, threads)
        ours, plain = np.median(measured, axis=0)
        ratios = measured[:, 1] / measured[:, 0]
        spread = f"{np.median(ratios):.2f} ({ratios.min():.2f}, {ratios.max():.2f})"
        here, there = peaks[nside]
        print(
            f"{nside:6}{ours:9.2f}{plain:9.2f}{spread:>21}{ours / (12 * nside**2) * 1e6:10.2f}"
            f"{here:10.0f}{there:11.0f}{there / here:7.2f}"
            f"{common:11}{differing:8}{difference:12.0e}"
        )


def measure_patch(threads: int) -> None:
    """Print how long the graph of a patch takes."""
    patch = healpix.parse(PATCH)
    of_positions = seconds(lambda: patch.positions)
    of_graph = seconds(partial(build_graph, patch, PUBLISHED, threads))
    of_default = seconds(partial(build_graph, patch, Recipe(NEIGHBOURS), threads))
    print(f"\nhealpix:{PATCH}, {len(patch)} pixels, one run")
    print(f"positions {of_positions:.2f} s, graph {of_graph:.2f} s, refined {of_default:.2f} s")


def measure_refinement(nsides: Sequence[int], threads: int) -> None:
    """Print what the fit of single weights costs, and what it brings."""
    print("\ndefault weights without and with refinement, mean zonal error over the band, one run")
    print(f"{'nside':>6}{'plain/s':>9}{'refined/s':>11}{'error':>10}{'refined':>10}{'gain':>7}")
    for nside in nsides:
        sampling = Healpix(nside)
        degrees = degrees_within(sampling.areas)
        times, means = [], []
        for recipe in (Recipe(NEIGHBOURS, refinement=0), Recipe(NEIGHBOURS)):
            times.append(seconds(partial(build_graph, sampling, recipe, threads)))
            means.append(errors(sampling, recipe, degrees, threads).mean())
        print(
            f"{nside:6}{times[0]:9.2f}{times[1]:11.2f}"
            f"{means[0]:10.5f}{means[1]:10.5f}{means[0] / means[1]:7.2f}"
        )


def errors(
    sampling: Sampling, recipe: Recipe, degrees: Sequence[int], threads: int
) -> NDArray[np.float64]:
    """Return the zonal errors of the graph of a recipe, shape (degrees,)."""
    graph = build_graph(sampling, recipe, threads)
    return zonal_errors(
        graph.laplacian(recipe.laplacian),
        sampling.positions,
        sampling.areas,
        degrees,
        graph.mass,
        POLES,
    ).errors


def compare_on_healpix(threads: int) -> bool:
    """Print errors of published and of default graphs; return whether ours are all lower."""
    all_lower = True
    for nside, degrees in BANDS.items():
        print_heading(f"healpix:{nside}", degrees)
        for neighbours in NEIGHBOUR_NUMBERS:
            recipes = (
                Recipe(neighbours, width="published", refinement=0),
                Recipe(neighbours, width="published", refinement=0, laplacian="normalized"),
                Recipe(neighbours),
            )
            published, normalized, ours = (
                errors(Healpix(nside), recipe, degrees, threads) for recipe in recipes
            )
            all_lower &= bool((ours < published).all())
            print_row(f"k={neighbours} published", published, ".5f")
            print_row(f"k={neighbours} default", ours, ".5f")
            print_row("published / default", published / ours, ".2f")
            print_row("with the normalized", normalized / ours, ".2f")
    return all_lower


def compare_on_uneven_samplings(threads: int) -> None:
    """Print errors of several graphs on samplings whose pixels differ in size."""
    for name, sampling in UNEVEN.items():
        print_heading(f"{name}, {len(sampling)} pixels", UNEVEN_DEGREES)
        for label, recipe in UNEVEN_RECIPES.items():
            print_row(label, errors(sampling, recipe, UNEVEN_DEGREES, threads), ".5f")


def fit_widths(threads: int) -> None:
    """Print the widths that the search finds, and the line through their squares."""
    print("c of the width c √(4π/N) with the least error")
    print(f"{'sampling':18}" + "".join(f"{f'k={count}':>8}" for count in WIDTH_NEIGHBOURS))
    squares = []
    for sampling in (Healpix(16), Healpix(32), Healpix(64), Fibonacci(12288)):
        recipes = [Recipe(count, width="search", refinement=0) for count in WIDTH_NEIGHBOURS]
        widths = [build_graph(sampling, recipe, threads).width or 0.0 for recipe in recipes]
        found = np.array(widths) / math.sqrt(4 * math.pi / len(sampling))
        squares.append(np.square(found))
        print(f"{sampling.name:18}" + "".join(f"{value:8.3f}" for value in found))
    counts = np.tile(WIDTH_NEIGHBOURS, len(squares))
    values = np.concatenate(squares)
    # Least squares of the relative errors.
    terms = np.stack([np.ones_like(values), counts], axis=1) / values[:, np.newaxis]
    constant, slope = np.linalg.lstsq(terms, np.ones_like(values))[0]
    print(f"c² = {constant:.3f} + {slope:.4f} k")


def print_heading(title: str, degrees: Sequence[int]) -> None:
    """Print a line with the degrees of a table."""
    print(f"\n{title:36}" + "".join(f"{f'l={degree}':>9}" for degree in degrees))


def print_row(label: str, values: NDArray[np.float64], form: str) -> None:
    """Print a line of a table."""
    print(f"{label:36}" + "".join(f"{value:9{form}}" for value in values))


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=256, help="up to which nside, from 64")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of runs")
    parser.add_argument("--threads", type=int, default=usable_threads(), help="of both ways")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--equivariance", action="store_true", help="measure errors instead")
    what.add_argument("--widths", action="store_true", help="search for the best widths instead")
    what.add_argument("--full-sphere", action="store_true", help="build nside 1024 instead")
    options = parser.parse_args()
    if options.full_sphere:
        time_taken, rise = in_fresh_process("ours", FULL_SPHERE, options.threads)
        print(f"healpix:{FULL_SPHERE}: {time_taken:.0f} s with {options.threads} threads")
        print(f"peak {rise:.0f} MiB over the imports")
        return 0
    if options.widths:
        fit_widths(options.threads)
        return 0
    if options.equivariance:
        all_lower = compare_on_healpix(options.threads)
        compare_on_uneven_samplings(options.threads)
        return 0 if all_lower else 1
    nsides = [SMALLEST << step for step in range((options.largest // SMALLEST).bit_length())]
    compare_with_plain(nsides, options.rounds, options.threads)
    # Compiled once before the clock runs.
    build_graph(Healpix(8), threads=options.threads)
    measure_patch(options.threads)
    measure_refinement(nsides, options.threads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
