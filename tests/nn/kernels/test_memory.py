"""Large memory is like that of ``torch.empty`` in all but its pages."""

import gc
import subprocess
import sys
import textwrap

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


@pytest.fixture
def nothing_unused():
    memory.release()
    yield
    memory.release()


def test_memory_is_used_again_once_no_tensor_has_it(limit, nothing_unused):
    first = memory.empty((limit,), torch.float32)
    address = first.data_ptr()
    part = first[1:]
    del first
    assert memory.empty((limit,), torch.float32).data_ptr() != address
    del part
    again = memory.empty((limit // 2, 2), torch.float32)
    assert again.data_ptr() == address
    assert again.shape == (limit // 2, 2)


def test_memory_is_used_again_for_what_nearly_fills_it(limit, nothing_unused):
    address = memory.empty((10 * limit,), torch.uint8).data_ptr()
    assert memory.empty((7 * limit,), torch.uint8).data_ptr() != address
    assert memory.empty((9 * limit,), torch.uint8).data_ptr() == address
    assert memory.empty((11 * limit,), torch.uint8).data_ptr() != address


def test_the_best_fitting_memory_is_used(limit, nothing_unused):
    tensors = [memory.empty((size * limit,), torch.uint8) for size in (12, 10, 11)]
    addresses = [tensor.data_ptr() for tensor in tensors]
    del tensors
    found = [memory.empty((10 * limit,), torch.uint8) for _ in range(3)]
    assert [tensor.data_ptr() for tensor in found] == [addresses[place] for place in (1, 2, 0)]


def test_what_is_kept_is_bounded_and_the_oldest_goes_first(limit, nothing_unused, monkeypatch):
    monkeypatch.setattr(memory, "_MOST_KEPT", 3 * (limit + 64))
    tensors = [memory.empty((limit,), torch.uint8) for _ in range(4)]
    addresses = [tensor.data_ptr() for tensor in tensors]
    while tensors:
        del tensors[0]
    assert [len(unused) for unused in memory._pool.unused] == 3 * [limit + 64]
    found = [memory.empty((limit,), torch.uint8) for _ in range(3)]
    assert [tensor.data_ptr() for tensor in found] == addresses[:0:-1]
    assert not memory._pool.unused


def test_what_is_too_large_to_keep_drives_nothing_out(limit, nothing_unused, monkeypatch):
    monkeypatch.setattr(memory, "_MOST_KEPT", 3 * limit)
    memory.empty((limit,), torch.uint8)
    memory.empty((4 * limit,), torch.uint8)
    assert [len(unused) for unused in memory._pool.unused] == [limit + 64]


def test_what_comes_back_while_memory_is_taken_waits(limit, nothing_unused, monkeypatch):
    """Python may collect garbage anywhere, here while it looks for what fits best."""
    garbage = [memory.empty((limit,), torch.uint8)]
    other = memory.empty((2 * limit,), torch.uint8)
    address = other.data_ptr()
    del other

    def collect(fitting):
        garbage.clear()
        return min(fitting)

    monkeypatch.setattr(memory, "min", collect, raising=False)
    taken = memory.empty((2 * limit,), torch.uint8)
    assert taken.data_ptr() == address
    assert not memory._pool.unused
    monkeypatch.undo()
    assert memory._pool.take(1) is None
    assert [len(unused) for unused in memory._pool.unused] == [limit + 64]


def test_a_process_may_be_forked_while_memory_is_taken():
    """The child has a pool of its own, whatever a thread of the parent was about to do."""
    script = """
    import os
    import signal
    import torch
    from deepsphere.nn.kernels import memory

    size = 2 * memory._LARGE
    with memory._pool._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            first = memory.empty((size,), torch.uint8).fill_(1)
            address = first.data_ptr()
            del first
            again = memory.empty((size,), torch.uint8).data_ptr()
            os._exit(0 if again == address else 1)
    assert os.waitpid(child, 0)[1] == 0
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=120)


def test_other_default_devices_change_nothing(limit):
    with torch.device("meta"):
        assert memory.empty((limit,), torch.float32).is_cpu
        assert memory.empty((2,), torch.float32).is_cpu
