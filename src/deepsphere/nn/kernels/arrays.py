"""Tensors as compiled loops take them: flat arrays of numbers, and bfloat16 as its bits."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepsphere.nn.kernels.memory import ALIGNMENT
from deepsphere.nn.kernels.mixing import pack
from deepsphere.nn.kernels.registers import LANES
from deepsphere.nn.kernels.terms import Rows

STREAMED = 1 << 22
"""Results of so many bytes are written past the caches, which could not hold them."""


def rows_in_memory(
    tensor: Tensor, roots: Tensor | None, values: Tensor, inverse: bool = False
) -> Rows:
    """Return features as compiled loops take them, to be scaled by the roots or their inverse."""
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.uint16)
    samples, pixels, channels = tensor.shape
    of_sample, of_pixel, _ = tensor.stride()
    if not tensor.is_contiguous():
        length = (samples - 1) * of_sample + (pixels - 1) * of_pixel + channels
        tensor = tensor.as_strided((length,), (1,))
    memory = tensor.numpy().reshape(-1)
    streamed = memory.nbytes >= STREAMED and _is_aligned(memory, of_sample, of_pixel)
    return Rows(memory, of_sample, of_pixel, channels, scales_of(roots, values, inverse), streamed)


def _is_aligned(memory: NDArray[Any], *distances: int) -> bool:
    """Return whether all rows that lie at such distances start where long vectors may."""
    places = memory.ctypes.data, *(distance * memory.itemsize for distance in distances)
    return not any(place % ALIGNMENT for place in places)


def panels_of(
    weight: Tensor, slabs: int, values: Tensor, scale: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Return the weight as :func:`~deepsphere.nn.kernels.mixing.pack` lays it out, scaled if asked.

    The scale is one of each channel that leaves.
    """
    kernel_size, entering, leaving = weight.shape
    length = kernel_size * entering * rounded(leaving, values)
    panels: NDArray[Any] = torch.empty(length, dtype=values.dtype, device="cpu").numpy()
    numbers = numbers_of(weight, values)
    numbers = np.ascontiguousarray(numbers if scale is None else numbers * scale)
    pack(numbers.reshape(-1), numbers.shape, (entering * leaving, leaving, 1), slabs, panels)
    return panels


def bits_of(tensor: Tensor) -> NDArray[np.uint16]:
    """Return the bits of bfloat16 numbers."""
    bits: NDArray[np.uint16] = tensor.detach().view(torch.uint16).numpy()
    return bits


def numbers_of(tensor: Tensor, values: Tensor) -> NDArray[Any]:
    """Return a tensor's numbers in the type of the values.

    NumPy converts them: PyTorch's threads would spin for a while after that, on the processors that
    the loops are to run on.
    """
    tensor = tensor.detach()
    if tensor.dtype != torch.bfloat16:
        return np.asarray(tensor.numpy(), numpy_type(values))
    return (bits_of(tensor).astype(np.uint32) << np.uint32(16)).view(np.float32)


def scales_of(roots: Tensor | None, values: Tensor, inverse: bool) -> NDArray[Any]:
    """Return what features are multiplied with at each pixel; nothing if pixels are equal."""
    if roots is None:
        return np.empty(0, dtype=numpy_type(values))
    scales: NDArray[Any] = (roots.reciprocal() if inverse else roots).numpy()
    return scales


def numpy_type(values: Tensor) -> type[np.floating]:
    """Return the type of the values' numbers, in which sums are computed."""
    return np.float64 if values.dtype == torch.float64 else np.float32


def row_width(numbers: int, values: Tensor) -> int:
    """Return how far apart rows of a workspace are: single numbers have no gaps."""
    return 1 if numbers == 1 else rounded(numbers, values)


def rounded(channels: int, values: Tensor) -> int:
    """Return the numbers of whole vectors."""
    lanes = LANES if values.dtype == torch.float32 else LANES // 2
    return -(-channels // lanes) * lanes
