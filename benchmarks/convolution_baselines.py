"""What ``convolution.py`` holds our convolution against: the same one, written in other ways.

All take features of shape (batch, pixel, channel) and weights of shape (coefficient, channel in,
channel out), and leave the backward pass to autograd. None is code of the projects; that of
deepsphere-pytorch is written anew from its description.

- ``coo``: deepsphere-pytorch. The Laplacian in coordinates, the samples among the columns of one
  matrix, the terms appended one by one with ``torch.cat``, one product with the weights.
- ``csr``: what one would write in PyTorch today. The Laplacian in compressed rows, one stack.
- ``geometric``: ``torch_geometric.nn.ChebConv``, with its Laplacian made in every call, as usual.
"""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn import functional


def coo_tensor(matrix: csr_array, dtype: torch.dtype, device: str) -> Tensor:
    """Return a matrix in coordinates."""
    places = torch.as_tensor(np.stack(matrix.tocoo().coords)).long()
    values = torch.as_tensor(matrix.data).to(dtype)
    tensor = torch.sparse_coo_tensor(places, values, matrix.shape, check_invariants=True)
    return tensor.coalesce().to(device)


def csr_tensor(matrix: csr_array, dtype: torch.dtype, device: str) -> Tensor:
    """Return a matrix in compressed rows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            torch.as_tensor(matrix.indptr).int(),
            torch.as_tensor(matrix.indices).int(),
            torch.as_tensor(matrix.data).to(dtype),
            matrix.shape,
            check_invariants=True,
        ).to(device)


def coo_convolution(features: Tensor, weight: Tensor, laplacian: Tensor) -> Tensor:
    """Return the convolution as deepsphere-pytorch computes it."""
    batch, pixels, channels = features.shape
    kernel_size, _, leaving = weight.shape
    before = features.permute(1, 2, 0).contiguous().view(pixels, channels * batch)
    terms = before.unsqueeze(0)
    if kernel_size > 1:
        last = torch.sparse.mm(laplacian, before)
        terms = torch.cat([terms, last.unsqueeze(0)])
    for _ in range(2, kernel_size):
        before, last = last, 2 * torch.sparse.mm(laplacian, last) - before
        terms = torch.cat([terms, last.unsqueeze(0)])
    terms = terms.view(kernel_size, pixels, channels, batch).permute(3, 1, 2, 0).contiguous()
    mixed = terms.view(batch * pixels, channels * kernel_size) @ weight.transpose(0, 1).reshape(
        channels * kernel_size, leaving
    )
    return mixed.view(batch, pixels, leaving)


def csr_convolution(features: Tensor, weight: Tensor, laplacian: Tensor) -> Tensor:
    """Return the convolution with one stack of terms."""
    batch, pixels, channels = features.shape
    kernel_size, _, leaving = weight.shape
    terms = [features.transpose(0, 1).reshape(pixels, batch * channels)]
    if kernel_size > 1:
        terms.append(laplacian @ terms[0])
    while len(terms) < kernel_size:
        terms.append(2 * (laplacian @ terms[-1]) - terms[-2])
    stacked = torch.stack([term.view(pixels, batch, channels) for term in terms], dim=2)
    mixed = stacked.view(pixels * batch, kernel_size * channels) @ weight.view(-1, leaving)
    return mixed.view(pixels, batch, leaving).transpose(0, 1)


def geometric_convolution(
    weights: csr_array, largest: float, weight: Tensor
) -> tuple[Callable[[Tensor], Tensor], list[Tensor]]:
    """Return the layer of PyTorch Geometric with a weight, and the parameters that hold it.

    Its operator is 2 (D - W) / largest - I, for W the ``weights`` of the graph. The parameters have
    shape (out, in), one a coefficient.
    """
    from torch_geometric.nn import ChebConv

    kernel_size, entering, leaving = weight.shape
    layer = ChebConv(entering, leaving, kernel_size, normalization=None, bias=False)
    for linear, coefficient in zip(layer.lins, weight.detach(), strict=True):
        linear.weight = nn.Parameter(coefficient.T.contiguous())
    edges = torch.as_tensor(np.stack(weights.tocoo().coords)).long()
    edge_weights = torch.as_tensor(weights.data).float()
    bound = torch.tensor(largest)

    def convolve(features: Tensor) -> Tensor:
        result: Tensor = layer(features, edges, edge_weights, lambda_max=bound)
        return result

    return convolve, [linear.weight for linear in layer.lins]


class CooNetwork(nn.Module):
    """Blocks as in deepsphere-pytorch, then the mean over pixels and a linear layer.

    A block is the convolution, ``BatchNorm1d`` on a permuted view, a rectifier, and a maximum over
    four children on a permuted view. deepsphere-pytorch adds a bias before the normalization, which
    takes it away again; here there is none, so that the comparison is to its advantage.

    Parameters
    ----------
    laplacians : sequence of Tensor
        In coordinates, one a block.
    weights, biases : sequence of Tensor
        Of the convolutions and of the normalizations, one a block.
    last : Tensor
        Weight of the linear layer, shape (class, channel).
    """

    def __init__(
        self,
        laplacians: Sequence[Tensor],
        weights: Sequence[Tensor],
        biases: Sequence[Tensor],
        last: Tensor,
    ) -> None:
        super().__init__()
        for number, laplacian in enumerate(laplacians):
            self.register_buffer(f"laplacian_{number}", laplacian)
        self.weights = nn.ParameterList(weight.detach().clone() for weight in weights)
        self.norms = nn.ModuleList(nn.BatchNorm1d(len(bias)) for bias in biases)
        for norm, bias in zip(self.norms, biases, strict=True):
            norm.bias = nn.Parameter(bias.detach().clone())
        self.last = nn.Parameter(last.detach().clone())

    def learned(self) -> list[Tensor]:
        """Return the parameters that our network has too, in its order."""
        return [*self.weights, *(norm.bias for norm in self.norms), self.last]

    def forward(self, features: Tensor) -> Tensor:
        """Return a value a class: (batch, pixel, channel) to (batch, class)."""
        for number, (weight, norm) in enumerate(zip(self.weights, self.norms, strict=True)):
            convolved = coo_convolution(features, weight, self.get_buffer(f"laplacian_{number}"))
            features = functional.relu(norm(convolved.permute(0, 2, 1)).permute(0, 2, 1))
            features = functional.max_pool1d(features.permute(0, 2, 1), 4).permute(0, 2, 1)
        return functional.linear(features.mean(dim=1), self.last)
