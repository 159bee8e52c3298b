"""How fast is the Chebyshev convolution, beside other ways to write it and the machine's limits?

Without an option: layers and a network (``convolution_cases.py``), forward and forward with
backward, each beside the way of deepsphere-pytorch (``coo``) and plain PyTorch (``csr``), then
beside PyTorch Geometric on fewer samples, and in bfloat16. The gradients are those of the features
and of the weight; a training step of the network is forward, cross entropy and backward, without
the optimizer on either side. Values and gradients of all ways are held against each other first.
Times are of paired runs in one process, in alternating order, with PyTorch's default allocator; a
ratio is the other's time over ours in the same pair, median and quartiles: above 1, ours is better.
The limit is the least time that the speed of large matrix products, or that of memory, allows; both
are measured first. The exit status is 1 if a ratio to hold is missed.

With ``--sweep``: small and odd shapes beside the faster of both ways. The exit status is 1 if ours
is slower anywhere by more than a twentieth, also when the lowest are measured again. With
``--memory``: the memory that runs take, in fresh processes. With ``--first-call``: what compiling
costs, in fresh processes. With ``--gpu``: the same comparison on a GPU.

Run it with ``python benchmarks/convolution.py``.
"""

import argparse
import ctypes
import gc
import itertools
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from operator import itemgetter
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import torch
from convolution_cases import (
    LAYERS,
    NETWORK,
    NETWORK_BATCH,
    Layer,
    Machine,
    SphereGraph,
    Timer,
    costs_of,
    cpu_seconds,
    gpu_seconds,
    graph_of,
    graphs_of,
    measure_machine,
    small,
)
from convolution_runs import (
    AGREEMENT,
    BFLOAT16_AGREEMENT,
    WAYS,
    Runs,
    check,
    check_network,
    largest_error,
    layer_inputs,
    layer_runs,
    network_runs,
    results,
    runs_of,
)
from numpy.typing import NDArray

from deepsphere.nn.kernels import memory
from deepsphere.samplings.healpix import Healpix

RUNS = ("forward", "both")
# Ratios to hold, of deepsphere-pytorch's time over ours: forward, and forward with backward.
TARGETS = {
    "a1": (10.0, 7.0),
    "a2": (10.0, 7.0),
    "a3": (6.0, 4.0),
    "b": (8.0, 6.0),
    "c": (8.0, 6.0),
    "d": (15.0, 9.0),
    NETWORK: (7.0, 4.0),
}
# PyTorch Geometric knows no areas.
GEOMETRIC_CASES = tuple(name for name, layer in LAYERS.items() if not layer.areas)
BFLOAT16_CASES = ("a3", "b", "c")
GPU_CASES = ("a1", "a2", "a3", "b", NETWORK)
# PyTorch Geometric makes a row of channels for every edge: 128 MiB with so many values.
GEOMETRIC_MESSAGES = 1 << 25
GEOMETRIC_PAIRS = 2
# OpenMP's threads spin for some milliseconds after their work, which the next run must not pay for.
PAUSE = 0.005

SWEEP_NSIDES = (1, 2, 4, 16)
SWEEP_BATCHES = (1, 4)
SWEEP_CHANNELS = ((1, 1), (1, 16), (3, 5), (5, 7), (7, 13), (13, 17), (17, 33), (33, 3), (16, 16))
SWEEP_KERNEL_SIZES = (1, 2, 5)
SWEEP_FLOOR = 0.95
SWEEP_SAMPLE = 2e-3
SWEEP_LOWEST = 5
SWEEP_AGAIN = 5


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep Python's garbage collector from running."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def paired_seconds(
    functions: Sequence[Callable[[], object]],
    pairs: int,
    timer: Timer = cpu_seconds,
    repeats: int = 1,
) -> NDArray[np.float64]:
    """Return the seconds of functions that run in turn, shape (pairs, functions)."""
    measured = np.empty((pairs, len(functions)))
    for function in functions:
        function()
    with without_collector():
        for number in range(pairs):
            places = range(len(functions))
            for place in places if number % 2 else reversed(places):
                sleep(PAUSE)
                measured[number, place] = timer(functions[place], repeats)
    return measured


def spread(ratios: NDArray[np.float64]) -> str:
    """Return the median and the quartiles of ratios as text."""
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def check_ways(name: str, runs: Sequence[Runs]) -> float:
    """Hold ours and csr against coo; return the largest error of ours."""
    ours, coo, csr = runs
    expected = results(coo)
    check(f"{name}, csr", csr, expected)
    return check(name, ours, expected)


def compare(names: Sequence[str], pairs: int, machine: Machine) -> bool:
    """Print times of all ways; return whether all ratios to hold are held."""
    print(
        f"\n{'case':6}{'run':9}{'ours/ms':>9}{'coo/ms':>9}{'csr/ms':>9}"
        f"{'coo / ours':>24}{'csr / ours':>24}{'limit/ms':>10}{'reached':>9}{'error':>9}"
        f"{'to hold':>9}{'held':>6}"
    )
    all_held = True
    for name in names:
        graphs = graphs_of(name)
        ways = WAYS[:2] if name == NETWORK else WAYS
        runs = [runs_of(name, way, graphs) for way in ways]
        largest = check_network(graphs) if name == NETWORK else check_ways(name, runs)
        for place, (run, cost) in enumerate(zip(RUNS, costs_of(name), strict=True)):
            measured = paired_seconds([getattr(one, run) for one in runs], pairs)
            times = [f"{1e3 * value:9.1f}" for value in np.median(measured, axis=0)]
            ratios = [spread(other / measured[:, 0]) for other in measured.T[1:]]
            limit = machine.seconds(cost)
            to_hold = TARGETS[name][place] if name in TARGETS else None
            held = to_hold is None or np.median(measured[:, 1] / measured[:, 0]) >= to_hold
            all_held &= bool(held)
            print(
                f"{name:6}{run:9}{times[0]}{times[1]}{times[2] if times[2:] else '-':>9}"
                f"{ratios[0]:>24}{ratios[1] if ratios[1:] else '-':>24}{1e3 * limit:10.1f}"
                f"{limit / np.median(measured[:, 0]):9.0%}{largest:9.0e}"
                f"{to_hold or '-':>9}{'' if to_hold is None else 'yes' if held else 'NO':>6}",
                flush=True,
            )
    return all_held


def compare_with_geometric(names: Sequence[str], pairs: int) -> None:
    """Print times beside PyTorch Geometric, with as many samples as its messages allow."""
    if find_spec("torch_geometric") is None:
        print("\nPyTorch Geometric is not installed, and is left out")
        return
    if not names:
        return
    print("\nPyTorch Geometric")
    print(f"{'case':6}{'run':9}{'samples':>8}{'ours/ms':>9}{'its/ms':>9}{'its / ours':>26}")
    for name in names:
        layer = small(LAYERS[name], GEOMETRIC_MESSAGES)
        graph = graph_of(layer)
        inputs = layer_inputs(layer, graph.pixels, layer.batch)
        runs = [layer_runs(way, graph, inputs) for way in ("ours", "geometric")]
        check(f"{name}, PyTorch Geometric", runs[0], results(runs[1]))
        for run in RUNS:
            functions = [getattr(one, run) for one in runs]
            measured = paired_seconds(functions, min(pairs, GEOMETRIC_PAIRS))
            ours, theirs = 1e3 * np.median(measured, axis=0)
            ratios = spread(measured[:, 1] / measured[:, 0])
            print(f"{name:6}{run:9}{layer.batch:8}{ours:9.1f}{theirs:9.1f}{ratios:>26}", flush=True)


def compare_in_bfloat16(names: Sequence[str], pairs: int, machine: Machine) -> None:
    """Print times of ours in bfloat16, beside float32 and beside deepsphere-pytorch's way."""
    if not names:
        return
    print("\nfeatures and weights in bfloat16; errors are of float32")
    print(
        f"{'case':6}{'run':9}{'ours/ms':>9}{'float32 / ours':>24}{'coo / ours':>26}"
        f"{'reached':>9}{'error':>9}{'of coo':>9}"
    )
    for name in names:
        layer = LAYERS[name]
        graph = graph_of(layer)
        inputs = layer_inputs(layer, graph.pixels, layer.batch)
        halves = inputs.to(torch.bfloat16)
        exact = layer_runs("ours", graph, inputs)
        runs = [layer_runs("ours", graph, halves), exact, layer_runs("coo", graph, halves)]
        expected = results(exact)
        ours = check(f"{name}, bfloat16", runs[0], expected, BFLOAT16_AGREEMENT)
        theirs = largest_error(runs[2], expected)
        for run, cost in zip(RUNS, costs_of(name, value_bytes=2), strict=True):
            measured = paired_seconds([getattr(one, run) for one in runs], pairs)
            of_float32, of_coo = (spread(other / measured[:, 0]) for other in measured.T[1:])
            middle = np.median(measured[:, 0])
            print(
                f"{name:6}{run:9}{1e3 * middle:9.1f}{of_float32:>24}{of_coo:>26}"
                f"{machine.seconds(cost, torch.bfloat16) / middle:9.0%}{ours:9.0e}{theirs:9.0e}",
                flush=True,
            )


def sweep(pairs: int) -> bool:
    """Print how ours does on small and odd shapes; return whether it is slower nowhere."""
    shapes = itertools.product(SWEEP_NSIDES, SWEEP_BATCHES, SWEEP_KERNEL_SIZES)
    print(f"the faster of coo and csr over ours, lowest of {len(SWEEP_CHANNELS)} channel numbers")
    print(f"{'pixels':>6}{'batch':>6}{'K':>3}" + "".join(f"{run:>12}{'at':>10}" for run in RUNS))
    all_ratios: list[tuple[float, str, Layer, str]] = []
    for nside, batch, kernel_size in shapes:
        line = f"{12 * nside**2:6}{batch:6}{kernel_size:3}"
        for run in RUNS:
            ratios = []
            for entering, leaving in SWEEP_CHANNELS:
                layer = Layer(Healpix(nside), 20, batch, entering, leaving, kernel_size)
                ratio = _sweep_ratio(layer, run, pairs)
                ratios.append((ratio, f"{entering} to {leaving}"))
                all_ratios.append((ratio, f"{layer}, {run}", layer, run))
            line += "{:12.2f}{:>10}".format(*min(ratios))
        print(line, flush=True)
    print(f"\n{len(all_ratios)} shapes, median {np.median([one for one, *_ in all_ratios]):.2f}")
    # The lowest of so many are low by chance too.
    more = SWEEP_AGAIN * pairs
    print(f"the lowest, and the same measured again, {more} pairs")
    below = sum(ratio < 1 for ratio, *_ in all_ratios)
    lowest = sorted(all_ratios, key=itemgetter(0))[: max(below, SWEEP_LOWEST)]
    again = [_sweep_ratio(layer, run, more) for _, _, layer, run in lowest]
    for second, (first, text, *_) in zip(again, lowest, strict=True):
        print(f"{first:6.2f}{second:6.2f}  {text}")
    return min(again) >= SWEEP_FLOOR


def _sweep_ratio(layer: Layer, run: str, pairs: int) -> float:
    graph = graph_of(layer)
    inputs = layer_inputs(layer, graph.pixels, layer.batch)
    runs = [layer_runs(way, graph, inputs) for way in WAYS]
    check_ways(str(layer), runs)
    functions = [getattr(one, run) for one in runs]
    once = paired_seconds(functions, 3).min()
    repeats = max(1, round(SWEEP_SAMPLE / once))
    measured = paired_seconds(functions, pairs, repeats=repeats)
    faster = 1 + int(np.argmin(np.median(measured[:, 1:], axis=0)))
    return float(np.median(measured[:, faster] / measured[:, 0]))


def in_fresh_process(function: Callable[..., None], *arguments: object) -> Any:
    """Return what a function puts into the queue that it gets after its arguments."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.SimpleQueue()
    process = spawn.Process(target=function, args=(*arguments, results))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)
    return results.get()


def resident(field: str = "VmRSS") -> float:
    """Return the resident memory of this process in MiB, or with ``VmHWM`` its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def _settled() -> float:
    """Return the resident memory after all that is free went back to the system."""
    gc.collect()
    memory.release()
    ctypes.CDLL(None).malloc_trim(0)
    return resident()


def _measure_memory(
    name: str, way: str, graphs: list[SphereGraph], threads: int, results: Any
) -> None:
    torch.set_num_threads(threads)
    first = runs_of(name, way, graphs, batch=1)
    for function in (first.forward, first.both):
        function()
    runs = runs_of(name, way, graphs)
    before = _settled()
    # The peak starts anew, from what is resident.
    Path("/proc/self/clear_refs").write_text("5")
    rises = []
    for function in (runs.forward, runs.both):
        function()
        rises.append(resident("VmHWM") - before)
    before = _settled()
    result = runs.hold()
    held = _settled() - before - result.nbytes / 2**20
    results.put((*rises, held))


def measure_memory(names: Sequence[str], threads: int) -> None:
    """Print the memory that runs take."""
    if not Path("/proc/self/clear_refs").exists():
        raise SystemExit("memory is read from /proc, which only Linux has")
    print("MiB over imports and inputs: peaks of forward and of both, and what is held between")
    print(f"{'case':6}{'way':6}{'forward':>9}{'both':>9}{'held':>9}{'/ ours':>9}{'/ ours':>9}")
    for name in names:
        ours = None
        for way in WAYS[:2] if name == NETWORK else WAYS:
            taken = in_fresh_process(_measure_memory, name, way, graphs_of(name), threads)
            ours = ours or taken
            print(
                f"{name:6}{way:6}" + "".join(f"{value:9.0f}" for value in taken) + ""
                f"{taken[0] / ours[0]:9.1f}{taken[1] / ours[1]:9.1f}",
                flush=True,
            )


def _measure_first_call(
    name: str, run: str, graphs: list[SphereGraph], threads: int, results: Any
) -> None:
    torch.set_num_threads(threads)
    function = getattr(runs_of(name, "ours", graphs), run)
    # PyTorch imports more of itself for the first gradient of anything, which is not ours to time.
    one = torch.ones(1, requires_grad=True)
    torch.autograd.grad(2 * one, one, torch.ones(1))
    first = cpu_seconds(function)
    results.put((first, cpu_seconds(function)))


def measure_first_calls(names: Sequence[str], threads: int) -> None:
    """Print how long first calls take, without and with compiled code from an earlier process."""
    print("seconds of the first call, and of the second")
    print(f"{'case':6}{'run':9}{'compiling':>10}{'cached':>8}{'second':>8}")
    for name in names:
        for run in RUNS:
            arguments = (_measure_first_call, name, run, graphs_of(name), threads)
            with tempfile.TemporaryDirectory() as folder, _environment(NUMBA_CACHE_DIR=folder):
                compiling, _ = in_fresh_process(*arguments)
                cached, second = in_fresh_process(*arguments)
            print(f"{name:6}{run:9}{compiling:10.2f}{cached:8.2f}{second:8.3f}", flush=True)


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set variables for the processes that start in the meantime."""
    before = {key: os.environ[key] for key in variables if key in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for key in variables:
            del os.environ[key]
        os.environ.update(before)


def compare_on_gpu(names: Sequence[str], pairs: int, device: str, timer: Timer) -> None:
    """Print times on a GPU, and how near its limits they come."""
    machine = measure_machine(device, timer)
    print(f"{machine}\nGB/s and TFlop/s are the least bytes and operations over the time of ours")
    print(
        f"{'case':6}{'run':9}{'type':10}{'ours/ms':>9}{'coo / ours':>26}{'csr / ours':>26}"
        f"{'GB/s':>8}{'TFlop/s':>9}{'reached':>9}"
    )
    for name, dtype in itertools.product(names, (torch.float32, torch.bfloat16)):
        ways = WAYS[:2] if name == NETWORK else WAYS
        # cuSPARSE's products are beside ours in the type in which they are exact.
        runs = [
            _gpu_runs(name, way, torch.float32 if way != "ours" else dtype, device) for way in ways
        ]
        if name == NETWORK:
            check_network(graphs_of(name), device)
        else:
            bound = BFLOAT16_AGREEMENT if dtype == torch.bfloat16 else AGREEMENT
            check(f"{name}, {dtype}", runs[0], results(runs[1]), bound)
        for run, cost in zip(RUNS, costs_of(name, dtype.itemsize), strict=True):
            measured = paired_seconds([getattr(one, run) for one in runs], pairs, timer, 10)
            ratios = [spread(other / measured[:, 0]) for other in measured.T[1:]]
            middle = np.median(measured[:, 0])
            print(
                f"{name:6}{run:9}{str(dtype).removeprefix('torch.'):10}{1e3 * middle:9.3f}"
                f"{ratios[0]:>26}{ratios[1] if ratios[1:] else '-':>26}"
                f"{cost.bytes / middle / 1e9:8.0f}{(cost.hops + cost.mixing) / middle / 1e12:9.2f}"
                f"{machine.seconds(cost, dtype) / middle:9.0%}",
                flush=True,
            )


def _gpu_runs(name: str, way: str, dtype: torch.dtype, device: str) -> Runs:
    graphs = graphs_of(name)
    if name == NETWORK:
        return network_runs(way, graphs, NETWORK_BATCH, dtype, device)
    layer = LAYERS[name]
    inputs = layer_inputs(layer, graphs[0].pixels, layer.batch, device)
    return layer_runs(way, graphs[0], inputs.to(dtype))


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", help="names of cases, joined by commas; all without it")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of runs")
    parser.add_argument(
        "--threads", type=int, default=torch.get_num_threads(), help="of PyTorch, for all ways"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--sweep", action="store_true", help="measure small and odd shapes instead")
    what.add_argument("--memory", action="store_true", help="measure memory instead")
    what.add_argument("--first-call", action="store_true", help="measure first calls instead")
    what.add_argument("--gpu", action="store_true", help="measure on a GPU instead")
    options = parser.parse_args()
    names = options.cases.split(",") if options.cases else [*LAYERS, NETWORK]
    unknown = [name for name in names if name not in (*LAYERS, NETWORK)]
    if unknown:
        parser.error(f"no case is called {unknown[0]!r}: there are {', '.join(LAYERS)}, {NETWORK}")
    torch.set_num_threads(options.threads)
    print(
        f"PyTorch {torch.__version__}, {options.pairs} pairs, threads: {options.threads}, "
        f"load of the machine: {os.getloadavg()[0]:.1f}"
    )
    if options.sweep:
        return 0 if sweep(options.pairs) else 1
    if options.memory:
        measure_memory(names, options.threads)
        return 0
    if options.first_call:
        measure_first_calls(names, options.threads)
        return 0
    if options.gpu:
        if not torch.cuda.is_available():
            raise SystemExit("there is no GPU that PyTorch could use here")
        print(torch.cuda.get_device_name())
        of_gpu = [name for name in names if options.cases or name in GPU_CASES]
        compare_on_gpu(of_gpu, options.pairs, "cuda", gpu_seconds)
        return 0
    machine = measure_machine()
    print(machine)
    for name in names:
        print(f"{name:6}{LAYERS.get(name, 'network, batch 32')}")
    all_held = compare(names, options.pairs, machine)
    compare_with_geometric([name for name in names if name in GEOMETRIC_CASES], options.pairs)
    compare_in_bfloat16([name for name in names if name in BFLOAT16_CASES], options.pairs, machine)
    return 0 if all_held else 1


if __name__ == "__main__":
    sys.exit(main())
