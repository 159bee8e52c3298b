"""How much memory and time a training step on one large map takes.

Networks on a patch of the sky, with one channel: the published fully convolutional one of the maps
of matter, which pools behind each block, and one with two blocks on each level. Each as it is, and
with its blocks computed again for the gradient (``training.recompute``). "kept" is what is there
between the forward and the backward pass, "peak" the most at any time, both beyond what there was
before the step, without what is kept for later results (up to 512 MB,
:mod:`deepsphere.nn.kernels.memory`): it is given back behind each block. Before that, the graphs:
how long they take, and their peak beyond the imports.

Run it with ``python benchmarks/large_maps.py --nside 1024``, on Linux. ``--order 0 --parts 12``
takes the whole sky, with a graph for each of its 12 patches.
"""

import argparse
import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import torch

from deepsphere.graphs.build import build_graph
from deepsphere.graphs.hierarchy import build_hierarchy
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.rescaling import RESCALINGS
from deepsphere.nn.blocks import recompute_blocks
from deepsphere.nn.hierarchy import CoarseningMap, GraphHierarchy
from deepsphere.nn.kernels.memory import release
from deepsphere.nn.models.classifier import Classifier
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.samplings import healpix

WIDTHS = (16, 32, 64, 64, 64)
LEVELS = 6
NETWORKS = {
    "published": (WIDTHS, None),
    "twice": (
        tuple(width for width in WIDTHS for _ in range(2)),
        (0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5),
    ),
}
"""Output channels of the blocks, and the level that each works on."""

# No eigenvalue of a normalized Laplacian is larger: how large they are changes no time or memory.
_LARGEST = 2.0
# Names of settings of the allocator in malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_GIVEN_BACK = 2**17
_MEGABYTE = 2**20
_PAGE = 4096


def main() -> None:
    """Build the graphs, and print a row for each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nside", type=int, default=256)
    parser.add_argument("--order", type=int, default=1, help="of the patch; 0 for the whole sky")
    parser.add_argument("--parts", type=int, default=1, help="of the graph")
    parser.add_argument("--neighbours", type=int, default=8)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--bf16", action="store_true", help="in half precision")
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=NETWORKS)
    options = parser.parse_args()
    # What is freed goes back at once: what the allocator keeps for later would not be seen again.
    for setting in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
        ctypes.CDLL(None).mallopt(setting, _GIVEN_BACK)
    hierarchy = _build(options)
    print(f"{'network':>10} {'again':>6} {'kept':>7} {'peak':>7} MB {'seconds':>8}")
    for name in options.networks:
        for again in (False, True):
            _measure(name, again, hierarchy, options)


def _build(options: argparse.Namespace) -> GraphHierarchy:
    """Build the graphs of all levels, with the published weights."""
    patch = f":0/{12 * options.order**2}" if options.order else ""
    recipe = Recipe(
        options.neighbours,
        width="published",
        refinement=0,
        laplacian="normalized",
        parts=options.parts,
    )
    with _watched() as found:
        hierarchy = build_hierarchy(healpix.parse(f"{options.nside}{patch}"), LEVELS)
        samplings = hierarchy.samplings
        threads = torch.get_num_threads()
        laplacians = (
            build_graph(sampling, recipe, threads).laplacian("normalized") for sampling in samplings
        )
        operators = tuple(
            SymmetricOperator(RESCALINGS["symmetric"].apply(laplacian, _LARGEST))
            for laplacian in laplacians
        )
    print(
        f"nside {options.nside}, {len(samplings[0])} pixels, {options.neighbours} neighbours, "
        f"parts: {options.parts}; graphs: {found.seconds:.1f} s, peak {found.peak:.0f} MB"
    )
    maps = (CoarseningMap(each.matrix, each.children) for each in hierarchy.coarsenings)
    return GraphHierarchy(
        operators=operators,
        maps=tuple(maps),
        positions=tuple(sampling.positions for sampling in samplings),
        areas=tuple(sampling.areas / sampling.areas.mean() for sampling in samplings),
        known=(None,) * LEVELS,
        parts=options.parts,
    )


def _measure(
    name: str, again: bool, hierarchy: GraphHierarchy, options: argparse.Namespace
) -> None:
    """Print the row of a network, of the second of two steps."""
    widths, levels = NETWORKS[name]
    torch.manual_seed(0)
    model = Classifier(
        1, 2, hierarchy, kernel_size=5, widths=widths, levels=levels, fully_convolutional=True
    )
    if again:
        recompute_blocks(model)
    for block in model.blocks:
        block.register_forward_hook(lambda *_: release())
    optimizer = torch.optim.Adam(model.parameters(), 2e-4)
    features = torch.randn(options.batch, hierarchy.pixels(0), 1)
    for _ in range(2):
        release()
        with _watched() as found:
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
                logits = model(features)
            kept = _resident() - found.before
            logits.float().square().sum().backward()
            optimizer.step()
        del logits
    numbers = f"{kept:7.0f} {found.peak:7.0f}    {found.seconds:8.2f}"
    print(f"{name:>10} {'yes' if again else 'no':>6} {numbers}", flush=True)


@contextmanager
def _watched() -> Iterator[SimpleNamespace]:
    """Give the memory ``before`` and, after the end, the ``peak`` beyond it, in MB, and seconds."""
    found = SimpleNamespace(before=_resident(), peak=0.0)
    end = threading.Event()

    def watch() -> None:
        while not end.wait(0.001):
            found.peak = max(found.peak, _resident() - found.before)

    thread = threading.Thread(target=watch)
    thread.start()
    begin = time.perf_counter()
    try:
        yield found
    finally:
        found.seconds = time.perf_counter() - begin
        end.set()
        thread.join()


def _resident() -> float:
    """Return the memory of the process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / _MEGABYTE


if __name__ == "__main__":
    main()
