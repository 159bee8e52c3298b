"""Large memory is like that of ``torch.empty`` in all but its pages."""

import gc

import pytest
import torch

from deepsphere.nn.kernels import memory

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.uint8]


@pytest.fixture
def limit(monkeypatch):
    """Make memory of 4096 bytes large."""
    monkeypatch.setattr(memory, "_LARGE", 4096)
    return 4096


def is_numpys(tensor):
    """NumPy's memory cannot be resized by PyTorch."""
    return not tensor.untyped_storage().resizable()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [0, 1, 15, 16, 17, 100])
def test_shape_type_and_alignment(limit, dtype, rows):
    columns = limit // 16 // dtype.itemsize
    found = memory.empty((rows, columns, 1), dtype)
    assert found.shape == (rows, columns, 1)
    assert found.dtype == dtype
    assert found.is_contiguous()
    assert not found.requires_grad
    assert found.data_ptr() % 64 == 0
    assert is_numpys(found) == (rows >= 16)


def test_the_limit_is_some_megabytes():
    """Small results are PyTorch's to reuse; those of a layer are not small."""
    assert not is_numpys(memory.empty((2**10,), torch.float32))
    assert is_numpys(memory.empty((2**23,), torch.float32))


def test_all_shapes_are_taken(limit):
    for shape in [(limit,), [4, limit], torch.Size([2, 3, 4, limit])]:
        assert memory.empty(shape, torch.float32).shape == torch.Size(shape)
    assert memory.empty((), torch.float64).shape == ()


@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_is_apart_and_outlives_all_but_the_tensor(limit, dtype):
    tensors = [memory.empty((limit + 1,), dtype).fill_(index) for index in range(20)]
    for tensor in tensors[::2]:
        tensor.add_(100)
    del tensor
    parts = [tensor[-3:] for tensor in tensors]
    del tensors
    gc.collect()
    others = [memory.empty((limit + 1,), dtype).fill_(77) for _ in range(20)]
    expected = [index + 100 * (index % 2 == 0) for index in range(20)]
    assert [part.tolist() for part in parts] == [[number] * 3 for number in expected]
    assert all((other == 77).all() for other in others)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_it_can_be_differentiated_and_written_to(limit, dtype):
    """The gradient of the sum of squares of x is 2 x."""
    numbers = memory.empty((limit, 2), dtype)
    numbers[:] = 3
    numbers.requires_grad_()
    numbers.square().sum().backward()
    assert torch.equal(numbers.grad, torch.full((limit, 2), 6, dtype=dtype))
    before = numbers._version
    with torch.no_grad():
        numbers.mul_(2)
    assert numbers._version > before
    assert (numbers == 6).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_a_large_result_of_an_operator_can_be_changed_in_place(monkeypatch, dtype):
    """As by a rectifier that writes to what it is given."""
    monkeypatch.setattr(memory, "_LARGE", 1)

    @torch.library.custom_op("deepsphere_tests::twice_" + str(dtype)[6:], mutates_args=())
    def twice(numbers: torch.Tensor) -> torch.Tensor:
        return memory.empty(numbers.shape, numbers.dtype).copy_(2 * numbers)

    twice.register_autograd(lambda ctx, gradient: 2 * gradient)
    numbers = torch.linspace(-1, 1, 12, dtype=dtype).view(3, 4).requires_grad_()
    result = twice(numbers)
    assert not result._is_view()
    result.relu_().sum().backward()
    assert torch.equal(numbers.grad, 2.0 * (numbers.detach() > 0))
