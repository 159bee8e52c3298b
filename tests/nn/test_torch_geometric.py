"""The layer against PyTorch Geometric's, which was written by others from the same paper."""

import numpy as np
import pytest
import torch
from torch_geometric.nn import ChebConv as GeometricChebConv

from deepsphere.graphs.build import build_graph
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.spectrum import largest_eigenvalue
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.samplings.healpix import Healpix


@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("normalization", [("combinatorial", None), ("normalized", "sym")], ids=str)
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 6])
@pytest.mark.parametrize("channels", [(2, 5), (4, 3)], ids=str)
def test_values_and_gradients_are_those_of_pytorch_geometric(
    channels, kernel_size, normalization, bias
):
    """It takes the weights of the edges, and 2L/lmax - I with the lmax that it is told.

    Its linear layers hold each coefficient as (out, in).
    """
    torch.manual_seed(0)
    ours, theirs = normalization
    graph = build_graph(Healpix(2), Recipe(neighbours=8))
    laplacian = graph.laplacian(ours)
    lmax = largest_eigenvalue(laplacian)
    rescaled = (2 / lmax * laplacian).tolil()
    rescaled.setdiag(rescaled.diagonal() - 1)
    operator = SymmetricOperator(rescaled.tocsr(), torch.float64)
    convolution = ChebConv(*channels, kernel_size, operator, bias=bias).double()
    other = GeometricChebConv(*channels, kernel_size, normalization=theirs, bias=bias).double()
    with torch.no_grad():
        for linear, coefficient in zip(other.lins, convolution.weight, strict=True):
            linear.weight.copy_(coefficient.T)
        if bias:
            torch.nn.init.normal_(convolution.bias)
            other.bias.copy_(convolution.bias)
    edges = graph.weights.tocoo()
    ends = torch.from_numpy(np.stack(edges.coords).astype(np.int64))
    features = torch.randn(3, len(graph), channels[0], dtype=torch.float64, requires_grad=True)
    lmax = torch.tensor(lmax, dtype=torch.float64)
    expected = other(features, ends, torch.from_numpy(edges.data), lambda_max=lmax)
    result = convolution(features)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-13)
    of_result = torch.randn_like(result)
    of_features, *of_ours = torch.autograd.grad(
        result, [features, *convolution.parameters()], of_result
    )
    weights = [linear.weight for linear in other.lins] + ([other.bias] if bias else [])
    of_theirs = torch.autograd.grad(expected, [features, *weights], of_result)
    torch.testing.assert_close(of_features, of_theirs[0], rtol=0, atol=1e-12)
    stacked = torch.stack([gradient.T for gradient in of_theirs[1 : kernel_size + 1]])
    torch.testing.assert_close(of_ours[0], stacked, rtol=0, atol=1e-12)
    if bias:
        torch.testing.assert_close(of_ours[1], of_theirs[-1], rtol=0, atol=1e-12)
