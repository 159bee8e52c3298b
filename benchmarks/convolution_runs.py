"""The runs that ``convolution.py`` times: ours and other ways on the same inputs, and checks."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple

import torch
from convolution_baselines import (
    CooNetwork,
    coo_convolution,
    coo_tensor,
    csr_convolution,
    csr_tensor,
    geometric_convolution,
)
from convolution_cases import (
    CLASSES,
    LAYERS,
    NETWORK,
    NETWORK_BATCH,
    NETWORK_LAYERS,
    Layer,
    SphereGraph,
)
from torch import Tensor, nn
from torch.nn import functional

from deepsphere.nn.blocks import ChebBlock
from deepsphere.nn.convolution import chebyshev_convolution
from deepsphere.nn.operator import SymmetricOperator

WAYS = ("ours", "coo", "csr")
AGREEMENT = 1e-4
BFLOAT16_AGREEMENT = 3e-2


class Runs(NamedTuple):
    """What is measured of a way: inference, a result to differentiate, and its gradients."""

    forward: Callable[[], Tensor]
    hold: Callable[[], Tensor]
    both: Callable[[], tuple[Tensor, ...]]


class Inputs(NamedTuple):
    """What a layer gets, and the gradient of its result."""

    features: Tensor
    weight: Tensor
    gradient: Tensor

    def to(self, dtype: torch.dtype) -> "Inputs":
        """Return them in another type."""
        return _with_gradients(*(tensor.detach().to(dtype) for tensor in self))


def _with_gradients(features: Tensor, weight: Tensor, gradient: Tensor) -> Inputs:
    return Inputs(features.requires_grad_(), weight.requires_grad_(), gradient)


def layer_inputs(layer: Layer, pixels: int, batch: int, device: str = "cpu") -> Inputs:
    """Return random inputs of a layer."""
    generator = torch.Generator().manual_seed(0)
    entering, leaving = layer.in_channels, layer.out_channels
    features = torch.randn(batch, pixels, entering, generator=generator)
    weight = torch.randn(layer.kernel_size, entering, leaving, generator=generator)
    gradient = torch.randn(batch, pixels, leaving, generator=generator)
    scale = (layer.kernel_size * entering) ** -0.5
    return _with_gradients(features.to(device), scale * weight.to(device), gradient.to(device))


def layer_runs(way: str, graph: SphereGraph, inputs: Inputs) -> Runs:
    """Return the runs of a layer."""
    features, weight, gradient = inputs
    dtype, device = features.dtype, features.device.type
    if way == "geometric":
        return _geometric_runs(graph, inputs)
    if way == "ours":
        exact = torch.float32 if dtype == torch.bfloat16 else dtype
        operator = SymmetricOperator(graph.laplacian, exact, graph.mass).to(device)
        convolve = partial(chebyshev_convolution, features, weight, operator)
    elif way == "coo":
        laplacian = coo_tensor(graph.on_features(), dtype, device)
        convolve = partial(coo_convolution, features, weight, laplacian)
    else:
        laplacian = csr_tensor(graph.on_features(), dtype, device)
        convolve = partial(csr_convolution, features, weight, laplacian)

    def both() -> tuple[Tensor, ...]:
        return torch.autograd.grad(convolve(), (features, weight), gradient)

    return Runs(_without_gradients(convolve), convolve, both)


def _geometric_runs(graph: SphereGraph, inputs: Inputs) -> Runs:
    features, weight, gradient = inputs
    layer, parts = geometric_convolution(graph.weights, graph.largest, weight)
    convolve = partial(layer, features)

    def both() -> tuple[Tensor, ...]:
        of_features, *of_parts = torch.autograd.grad(convolve(), [features, *parts], gradient)
        return of_features, torch.stack(of_parts).transpose(1, 2)

    return Runs(_without_gradients(convolve), convolve, both)


def _without_gradients(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
    def run() -> Tensor:
        with torch.no_grad():
            return function()

    return run


class Network(nn.Module):
    """Our layers as in SHREC'17's network: blocks, each with a maximum over four children."""

    def __init__(self, graphs: Sequence[SphereGraph]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            ChebBlock(
                layer.in_channels,
                layer.out_channels,
                layer.kernel_size,
                SymmetricOperator(graph.laplacian),
                pool="max",
            )
            for layer, graph in zip(NETWORK_LAYERS, graphs, strict=True)
        )
        self.last = nn.Linear(NETWORK_LAYERS[-1].out_channels, CLASSES, bias=False)

    def learned(self) -> list[Tensor]:
        """Return the parameters: of the convolutions, the biases, the last layer."""
        weights = [block.convolution.weight for block in self.blocks]
        return [*weights, *(block.bias for block in self.blocks), self.last.weight]

    def forward(self, features: Tensor) -> Tensor:
        """Return a value a class: (batch, pixel, channel) to (batch, class)."""
        for block in self.blocks:
            features = block(features)
        result: Tensor = self.last(features.mean(dim=1))
        return result


def network_runs(
    way: str,
    graphs: Sequence[SphereGraph],
    batch: int,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> Runs:
    """Return the runs of the network; with bfloat16, those under ``torch.autocast``."""
    torch.manual_seed(0)
    network: Any = Network(graphs)
    for block in network.blocks:
        nn.init.normal_(block.bias, std=0.1)
    if way == "coo":
        laplacians = [coo_tensor(graph.laplacian, torch.float32, "cpu") for graph in graphs]
        weights, biases = network.learned()[: len(graphs)], network.learned()[len(graphs) : -1]
        network = CooNetwork(laplacians, weights, biases, network.last.weight)
    cast = torch.autocast(device, torch.bfloat16, enabled=dtype == torch.bfloat16)
    exact = torch.float32 if dtype == torch.bfloat16 else dtype
    network = network.to(device, exact)
    inferring = deepcopy(network).eval()
    first = NETWORK_LAYERS[0]
    features = torch.randn(batch, graphs[0].pixels, first.in_channels).to(device, exact)
    labels = torch.randint(CLASSES, (batch,)).to(device)

    def forward() -> Tensor:
        with torch.no_grad(), cast:
            result: Tensor = inferring(features)
        return result

    def hold() -> Tensor:
        with cast:
            return functional.cross_entropy(network(features), labels)

    def both() -> tuple[Tensor, ...]:
        return torch.autograd.grad(hold(), network.learned())

    return Runs(forward, hold, both)


def runs_of(name: str, way: str, graphs: Sequence[SphereGraph], batch: int | None = None) -> Runs:
    """Return the runs of a case, with as many samples as it has if nothing else is said."""
    if name == NETWORK:
        return network_runs(way, graphs, batch or NETWORK_BATCH)
    layer = LAYERS[name]
    inputs = layer_inputs(layer, graphs[0].pixels, batch or layer.batch)
    return layer_runs(way, graphs[0], inputs)


def results(runs: Runs) -> tuple[Tensor, ...]:
    """Return the values and the gradients."""
    return runs.forward(), *runs.both()


def error(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference over the largest value."""
    return float((found - expected).abs().max() / expected.abs().max())


def largest_error(found: Runs, expected: Sequence[Tensor]) -> float:
    """Return the largest error of values and gradients."""
    return max(error(one, other) for one, other in zip(results(found), expected, strict=True))


def check(name: str, found: Runs, expected: Sequence[Tensor], bound: float = AGREEMENT) -> float:
    """Return the largest error of values and gradients.

    Raises
    ------
    RuntimeError
        If it is not below the bound.
    """
    largest = largest_error(found, expected)
    if not largest < bound:
        raise RuntimeError(f"{name}: values or gradients differ by {largest:.1e} of the largest")
    return largest


def check_network(graphs: Sequence[SphereGraph], device: str = "cpu") -> float:
    """Return the largest error of the network, in float64, and of its values in float32.

    Rounding may turn a rectifier or a maximum, and with it a whole gradient.

    Raises
    ------
    RuntimeError
        If it is too large.
    """
    ours, theirs = (network_runs(way, graphs, 2, device=device) for way in ("ours", "coo"))
    values = error(ours.forward(), theirs.forward())
    if not values < AGREEMENT:
        raise RuntimeError(f"{NETWORK}: values differ by {values:.1e} of the largest")
    ours, theirs = (network_runs(way, graphs, 2, torch.float64, device) for way in ("ours", "coo"))
    return max(values, check(NETWORK, ours, results(theirs)))
