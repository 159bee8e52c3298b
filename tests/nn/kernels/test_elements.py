import numba
import numpy as np
import pytest
import torch

from deepsphere.nn.kernels.elements import read, write


@numba.njit
def copy(source, target):
    for row in range(source.shape[0]):
        for column in range(source.shape[1]):
            write(target, row, column, read(source, row, column))


def bits_of(tensor):
    return tensor.view(torch.uint16).numpy()


def test_every_bfloat16_number_is_read_as_pytorch_does():
    bits = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    numbers = np.empty(bits.shape, dtype=np.float32)
    copy(bits, numbers)
    expected = torch.from_numpy(bits).view(torch.bfloat16).float().numpy()
    np.testing.assert_array_equal(numbers.view(np.uint32), expected.view(np.uint32))


def test_numbers_are_rounded_to_bfloat16_as_pytorch_does():
    """All upper halves, with lower halves on and around what rounds down, to even, and up."""
    upper = np.arange(2**16, dtype=np.uint32)[:, None] << 16
    lower = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], dtype=np.uint32)
    numbers = (upper | lower).view(np.float32)
    rounded = np.empty(numbers.shape, dtype=np.uint16)
    copy(numbers, rounded)
    missing = np.isnan(numbers)
    expected = bits_of(torch.from_numpy(numbers).to(torch.bfloat16))
    np.testing.assert_array_equal(rounded[~missing], expected[~missing])
    assert torch.from_numpy(rounded).view(torch.bfloat16).isnan().numpy()[missing].all()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_other_numbers_are_left_as_they_are(kind):
    numbers = np.random.default_rng(0).standard_normal((3, 17)).astype(kind)
    copied = np.zeros_like(numbers)
    copy(numbers, copied)
    np.testing.assert_array_equal(copied, numbers)
