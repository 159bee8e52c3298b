"""The convolutions that ``convolution.py`` times, what they cost at least, and what a machine can.

The least time of a case is that of its sums of products at the speed of a large matrix product, or
that of its bytes at the speed of a copy, whichever is longer. With B samples, V pixels, E entries
of the Laplacian, K coefficients and F to G channels, a forward pass has

- 2 E B (K - 1) min(F, G) operations in its hops, as channels can be mixed before or after them,
- 2 B V K F G operations in its mixing of channels,
- the bytes of features, result, weights and Laplacian, each once,

and forward with backward has

- the hops of the forward pass and 2 E B (K - 1) min(G, 2 F) more, of the terms of the gradient,
  or of the features' terms and a Clenshaw recurrence; at min(F, G) where features need none,
- three times the mixing, twice where features need no gradient,
- the bytes of features and result twice, and of each gradient once.

A network has the sum over its layers; its normalization, rectifier and pooling count as nothing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from torch import Tensor

from deepsphere.graphs.build import build_graph
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.rescaling import RESCALINGS
from deepsphere.graphs.spectrum import largest_eigenvalue
from deepsphere.samplings import healpix, icosahedral
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.sampling import Sampling


@dataclass(frozen=True)
class Layer:
    """A convolution from ``in_channels`` to ``out_channels`` on the graph of a sampling.

    With ``areas`` the operator on features is not symmetric but R⁻¹ S R, which is the default where
    pixels differ in size.
    """

    sampling: Sampling
    neighbours: int
    batch: int
    in_channels: int
    out_channels: int
    kernel_size: int
    areas: bool = False

    def __str__(self) -> str:
        areas = ", areas" if self.areas else ""
        return (
            f"{self.sampling.name}, {self.neighbours} neighbours{areas}, batch {self.batch}, "
            f"{self.in_channels} to {self.out_channels} channels, K = {self.kernel_size}"
        )


LAYERS = {
    "a1": Layer(Healpix(32), 20, 32, 16, 32, 5),
    "a2": Layer(Healpix(32), 8, 32, 16, 32, 5),
    "a3": Layer(Healpix(32), 20, 32, 64, 128, 4),
    "b": Layer(Healpix(64), 20, 8, 32, 64, 5),
    "c": Layer(icosahedral.parse("5"), 10, 16, 64, 64, 4),
    "ca": Layer(icosahedral.parse("5"), 10, 16, 64, 64, 4, areas=True),
    "d": Layer(healpix.parse("1024:7/192"), 20, 8, 8, 16, 5),
    "n16": Layer(Healpix(32), 20, 16, 64, 16, 5),
    "n32": Layer(Healpix(32), 20, 16, 64, 32, 5),
}
NETWORK = "e"
NETWORK_BATCH = 32
CLASSES = 55
_NSIDES = (32, 16, 8, 4, 2)
_CHANNELS = (6, 16, 32, 64, 128, 256)
# Five layers as in the network of SHREC'17, each with max-pooling over four children after it.
NETWORK_LAYERS = tuple(
    Layer(Healpix(nside), 20, NETWORK_BATCH, before, after, 5)
    for nside, before, after in zip(_NSIDES, _CHANNELS[:-1], _CHANNELS[1:], strict=True)
)


class SphereGraph(NamedTuple):
    """A graph as the ways need it.

    ``laplacian`` is the rescaled one, 2 L / ``largest`` - I, symmetric; with a ``mass`` M the
    operator on features is M^(-1/2) ``laplacian`` M^(1/2).
    """

    weights: csr_array
    laplacian: csr_array
    largest: float
    mass: NDArray[np.float64] | None

    @property
    def entries(self) -> int:
        """How many entries the Laplacian has, its diagonal included."""
        return int(self.laplacian.nnz)

    @property
    def pixels(self) -> int:
        """How many pixels the graph has."""
        return int(self.laplacian.shape[0])

    def on_features(self) -> csr_array:
        """Return the operator on features."""
        if self.mass is None:
            return self.laplacian
        roots = np.sqrt(self.mass)
        return csr_array(diags_array(1 / roots) @ self.laplacian @ diags_array(roots))


@cache
def _graph(sampling: Sampling, neighbours: int, areas: bool) -> SphereGraph:
    threads = torch.get_num_threads()
    graph = build_graph(sampling, Recipe(neighbours, areas=areas, refinement=0), threads)
    # numba's parallel loops set how many threads OpenMP has, and with it PyTorch.
    torch.set_num_threads(threads)
    laplacian = graph.laplacian()
    lmax, rescaling = largest_eigenvalue(laplacian), RESCALINGS["symmetric"]
    rescaled = rescaling.apply(laplacian, lmax)
    return SphereGraph(graph.weights, rescaled, rescaling.margin * lmax, graph.mass)


def graph_of(layer: Layer) -> SphereGraph:
    """Return the graph of a layer, with plain weights."""
    return _graph(layer.sampling, layer.neighbours, layer.areas)


def graphs_of(name: str) -> list[SphereGraph]:
    """Return the graphs of a case, one a layer."""
    layers = NETWORK_LAYERS if name == NETWORK else (LAYERS[name],)
    return [graph_of(layer) for layer in layers]


def small(layer: Layer, messages: int) -> Layer:
    """Return the layer with as many samples as keep entries times channels below a bound."""
    fitting = messages // (graph_of(layer).entries * layer.in_channels)
    return replace(layer, batch=max(1, min(layer.batch, fitting)))


class Cost(NamedTuple):
    """The least operations and bytes of a run."""

    hops: float
    mixing: float
    bytes: float

    def __add__(self, other: object) -> "Cost":
        if not isinstance(other, Cost):
            return NotImplemented
        return Cost(*(one + another for one, another in zip(self, other, strict=True)))


def layer_costs(layer: Layer, value_bytes: int = 4, needs_input: bool = True) -> tuple[Cost, Cost]:
    """Return the costs of forward, and of forward with backward."""
    graph = graph_of(layer)
    entering, leaving = layer.in_channels, layer.out_channels
    hop = 2.0 * graph.entries * layer.batch * (layer.kernel_size - 1)
    mixing = 2.0 * layer.batch * graph.pixels * layer.kernel_size * entering * leaving
    features = value_bytes * layer.batch * graph.pixels * entering
    result = value_bytes * layer.batch * graph.pixels * leaving
    fixed = 8 * graph.entries + value_bytes * layer.kernel_size * entering * leaving
    ahead = hop * min(entering, leaving)
    back = hop * (min(leaving, 2 * entering) if needs_input else min(entering, leaving))
    gradients = 2 if needs_input else 1
    return (
        Cost(ahead, mixing, features + result + fixed),
        Cost(
            ahead + back,
            (1 + gradients) * mixing,
            (1 + gradients) * features + 2 * result + 2 * fixed,
        ),
    )


def network_costs(value_bytes: int = 4) -> tuple[Cost, Cost]:
    """Return the costs of inference, and of forward with backward, of the network's layers."""
    forward, both = Cost(0, 0, 0), Cost(0, 0, 0)
    for number, layer in enumerate(NETWORK_LAYERS):
        of_forward, of_both = layer_costs(layer, value_bytes, needs_input=number > 0)
        forward, both = forward + of_forward, both + of_both
    return forward, both


def costs_of(name: str, value_bytes: int = 4) -> tuple[Cost, Cost]:
    """Return the costs of a case: of forward, and of forward with backward."""
    if name == NETWORK:
        return network_costs(value_bytes)
    return layer_costs(LAYERS[name], value_bytes)


Timer = Callable[[Callable[[], object], int], float]


def cpu_seconds(function: Callable[[], object], repeats: int = 1) -> float:
    """Return how long a function takes, on average over calls in a row."""
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - start) / repeats


def gpu_seconds(function: Callable[[], object], repeats: int = 1) -> float:
    """Return how long a GPU takes for a function, on average over calls in a row."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    for _ in range(repeats):
        function()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1e3 / repeats


class Machine(NamedTuple):
    """What a machine can: operations a second of matrix products, and bytes a second of memory."""

    float32: float
    bfloat16: float
    memory: float

    def __str__(self) -> str:
        return (
            f"matrix product {self.float32 / 1e9:.0f} GFlop/s in float32, "
            f"{self.bfloat16 / 1e9:.0f} in bfloat16; memory {self.memory / 1e9:.1f} GB/s"
        )

    def seconds(self, cost: Cost, dtype: torch.dtype = torch.float32) -> float:
        """Return the least time; hops add in float32, products of channels multiply in dtype."""
        mixing = self.bfloat16 if dtype == torch.bfloat16 else self.float32
        return max(cost.hops / self.float32 + cost.mixing / mixing, cost.bytes / self.memory)


def measure_machine(device: str = "cpu", timer: Timer = cpu_seconds) -> Machine:
    """Measure the best of several products of square matrices, and passes over large arrays.

    A pass reads and writes as much: one array to another, or one in place, which many processors do
    faster, as they read what they write.
    """
    side, length = (2048, 1 << 26) if device == "cpu" else (8192, 1 << 28)
    rates = []
    for dtype in (torch.float32, torch.bfloat16):
        factor = torch.randn(side, side, device=device).to(dtype)
        product = torch.empty_like(factor)
        times = _times(lambda a=factor, out=product: torch.mm(a, a, out=out), timer)
        rates.append(2 * side**3 / min(times))
    source = torch.ones(length, device=device)
    target: Tensor = torch.zeros_like(source)
    passes = (lambda: target.copy_(source), lambda: target.add_(1))
    fastest = min(min(_times(function, timer)) for function in passes)
    return Machine(*rates, 2 * source.nbytes / fastest)


def _times(function: Callable[[], object], timer: Timer) -> list[float]:
    function()
    return [timer(function, 1) for _ in range(8)]
