"""How many meshes a second become signals on the sphere, and where the time goes?

Rays of HEALPix nside 32 (12,288) are cast at synthetic meshes of about 1,000, 10,000 and 80,000
faces, and at their convex hulls, by one thread. Two kinds of mesh stand for the two that there are:
a bumpy sphere is one closed surface with a hull of many corners; a soup is made of boxes whose
squares share no vertices, three in ten of their triangles wound the wrong way.

A column is the best of several runs, of which the order is random, in time of the processor, which
what else runs on the machine disturbs less than a clock: cleaning and normalizing, the convex hull,
the trees of the mesh and of its hull, the rays at both, and what is left of the whole, which is to
describe the hits. ``meshes/s`` counts one copy of each mesh and no reading of files. The last
columns are the hours of one core that SHREC'17's 51,162 meshes would take with three copies each if
all were like this, and what trimesh needs to clean the mesh, if that is asked for (``--trimesh``).

The exit status is 1 if fewer than 15 meshes of 10,000 faces a second were projected.

Run it with ``python benchmarks/projection.py``.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import trimesh
from scipy.spatial import ConvexHull

from deepsphere.regridding.hull import convex_hull
from deepsphere.regridding.mesh import Mesh, cleaned, normalized
from deepsphere.regridding.motions import random_motion
from deepsphere.regridding.projection import project
from deepsphere.regridding.rays import RayTarget
from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.healpix import Healpix

FACES = (1_000, 10_000, 80_000)
JUDGED = 10_000
LEAST_RATE = 15
FLIPPED = 0.3
COPIES = 3
SHREC17_MESHES = 51_162
SQUARE_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
SQUARE_HALVES = np.array([[0, 1, 2], [0, 2, 3]])


def bumpy_sphere(faces: int) -> Mesh:
    """Return a closed surface of so many triangles, whose radius varies by a third."""
    points = Fibonacci(faces // 2 + 2).positions
    hull = ConvexHull(points)
    x, y, z = points.T
    radii = 1 + 0.3 * np.sin(5 * x) * np.sin(4 * y) * np.sin(6 * z)
    return Mesh(points * radii[:, np.newaxis], hull.simplices.astype(np.int64))


def box_soup(faces: int) -> Mesh:
    """Return boxes of twelve triangles at random places, each square with corners of its own."""
    generator = np.random.default_rng(0)
    squares = []
    for axis in range(3):
        for side in (0, 1):
            square = np.full((4, 3), side, dtype=np.float64)
            square[:, [place for place in range(3) if place != axis]] = SQUARE_CORNERS
            squares.append(square)
    corners = np.concatenate(squares) - 0.5
    count = faces // 12
    turns = np.linalg.qr(generator.standard_normal((count, 3, 3)))[0]
    sizes = generator.uniform(0.05, 0.3, (count, 1, 3))
    places = generator.uniform(-1, 1, (count, 1, 3))
    vertices = (corners * sizes) @ turns + places
    starts = 4 * np.arange(6 * count)[:, np.newaxis]
    triangles = np.concatenate([starts + half for half in SQUARE_HALVES])
    flipped = generator.random((len(triangles), 1)) < FLIPPED
    return Mesh(vertices.reshape(-1, 3), np.where(flipped, triangles[:, ::-1], triangles))


def clean_by_trimesh(mesh: Mesh) -> None:
    """Do with trimesh what ``cleaned`` does."""
    theirs = trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)
    theirs.update_faces(theirs.nondegenerate_faces())
    theirs.fix_normals()
    theirs.fill_holes()
    theirs.update_faces(theirs.unique_faces())
    theirs.remove_infinite_values()
    theirs.remove_unreferenced_vertices()


def plant(vertices: np.ndarray, faces: np.ndarray) -> RayTarget:
    """Return a target after its first ray, for which the tree is built."""
    target = RayTarget(vertices, faces)
    up = np.array([[0.0, 0, 1]])
    target.first_hits(up, -up)
    return target


def best_seconds(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the shortest time of each run, in rounds of random order."""
    best = dict.fromkeys(runs, np.inf)
    names = list(runs)
    shuffle = random.Random(0).shuffle
    for _ in range(rounds):
        shuffle(names)
        for name in names:
            start = time.process_time()
            runs[name]()
            best[name] = min(best[name], time.process_time() - start)
    return best


def measure(mesh: Mesh, rounds: int) -> dict[str, float]:
    """Return the seconds of each step, of one copy, and of several."""
    outward = Healpix(32).positions
    motions = [random_motion("so3", 0.1, ("benchmark", copy)) for copy in range(COPIES)]
    clean = cleaned(mesh)
    ready = normalized(clean)
    hull = convex_hull(ready.vertices)
    if hull is None:
        raise SystemExit("a mesh of the benchmark is flat")
    solid, around = plant(ready.vertices, ready.faces), plant(hull.vertices, hull.faces)
    seconds = best_seconds(
        {
            "clean": partial(cleaned, mesh),
            "normalize": partial(normalized, clean),
            "hull": partial(convex_hull, ready.vertices),
            "mesh tree": partial(plant, ready.vertices, ready.faces),
            "hull tree": partial(plant, hull.vertices, hull.faces),
            "mesh rays": partial(solid.first_hits, outward, -outward),
            "hull rays": partial(around.first_hits, outward, -outward),
            "one": partial(project, ready, outward, motions[:1]),
            "all": partial(project, ready, outward, motions),
        },
        rounds,
    )
    trees, rays = (seconds[f"mesh {part}"] + seconds[f"hull {part}"] for part in ("tree", "rays"))
    before = seconds["clean"] + seconds["normalize"]
    return {
        "clean": seconds["clean"],
        "normalize": seconds["normalize"],
        "hull": seconds["hull"],
        "trees": trees,
        "rays": rays,
        "features": seconds["one"] - seconds["hull"] - trees - rays,
        "total": before + seconds["one"],
        "copies": before + seconds["all"],
    }


def main() -> int:
    """Measure, print a table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="runs of each step (default 7)")
    parser.add_argument("--trimesh", action="store_true", help="time trimesh's cleaning, too")
    arguments = parser.parse_args()
    # Embree builds its trees with as many threads as it has processors: it gets one.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    steps = ("clean", "normalize", "hull", "trees", "rays", "features", "total")
    print("| mesh | faces | " + " | ".join(f"{step}, ms" for step in steps), end="")
    print(f" | meshes/s | SHREC'17 × {COPIES}, core-hours | trimesh's cleaning, ms |")
    print("|---" * (len(steps) + 5) + "|")
    rates = []
    for name, make in (("bumpy sphere", bumpy_sphere), ("soup of boxes", box_soup)):
        for faces in FACES:
            mesh = make(faces)
            seconds = measure(mesh, arguments.rounds)
            rate, hours = 1 / seconds["total"], SHREC17_MESHES * seconds["copies"] / 3600
            cells = [name, f"{len(mesh.faces):,}", *(f"{1e3 * seconds[s]:.1f}" for s in steps)]
            theirs = ""
            if arguments.trimesh:
                start = time.process_time()
                clean_by_trimesh(mesh)
                theirs = f"{1e3 * (time.process_time() - start):.0f}"
            print("| " + " | ".join([*cells, f"{rate:.1f}", f"{hours:.2f}", theirs]) + " |")
            if faces == JUDGED:
                rates.append(rate)
    print(f"\nfewest meshes of {JUDGED:,} faces a second: {min(rates):.1f} (want {LEAST_RATE})")
    return int(min(rates) < LEAST_RATE)


if __name__ == "__main__":
    sys.exit(main())
