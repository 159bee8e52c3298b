"""The GPU's convolution against a dense one: on a GPU or, without one, in Triton's interpreter.

The interpreter runs kernels in NumPy. It has to be chosen before Triton is imported, so it has a
process of its own.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("triton")

from deepsphere.nn.kernels import gpu

# Largest error allowed, relative to the largest value: some tens of roundings of float32 and
# float64, and a few of the terms in bfloat16.
TOLERANCE = {torch.float32: 4e-6, torch.float64: 1e-14, torch.bfloat16: 2e-2}
PIXELS = 70
ISOLATED = 9
# Wider, a little and much (two recurrences); as wide; narrower (Clenshaw's recurrence); a single
# one; more than a program's columns, and not a multiple of them.
CHANNELS = [(3, 5), (2, 7), (3, 3), (5, 2), (1, 1), (24, 40)]
# So little that the test's samples are computed one, two or all at a time.
LIMIT = "from deepsphere.nn.kernels import gpu; gpu._BYTES_AT_A_TIME = 2**15"


@pytest.fixture(scope="module")
def call():
    """Return a function that calls one of the backend's functions with tensors on the CPU."""
    if torch.cuda.is_available():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gpu, "_BYTES_AT_A_TIME", 2**15)
            yield call_on_gpu
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, initializer=exec, initargs=(LIMIT,)) as pool:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TRITON_INTERPRET", "1")
            pool.submit(int).result()
        yield lambda function, *arguments: pool.submit(function, *arguments).result()


def call_on_gpu(function, *arguments):
    moved = [one.cuda() if isinstance(one, torch.Tensor) else one for one in arguments]
    result = function(*moved)
    return result.cpu() if isinstance(result, torch.Tensor) else [one.cpu() for one in result]


def draw(*shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator).to(dtype)


def draw_matrix(dtype, pixels=PIXELS, seed=0):
    """Return compressed rows with a norm of 1: few neighbours, a hub, and a pixel without any."""
    generator = np.random.default_rng(seed)
    weights = generator.standard_normal((pixels, pixels))
    weights[generator.random((pixels, pixels)) > 2 / pixels] = 0
    weights[0, : pixels // 3] = 1
    weights += weights.T
    weights[ISOLATED:][:1] = weights[:, ISOLATED:][:, :1] = 0
    weights /= max(abs(np.linalg.eigvalsh(weights)).max(), 1e-3)
    matrix = scipy.sparse.csr_array(weights)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    return (
        torch.as_tensor(matrix.indptr, dtype=torch.int32),
        torch.as_tensor(matrix.indices, dtype=torch.int32),
        torch.as_tensor(matrix.data).to(wide),
    )


def draw_roots(dtype, pixels=PIXELS):
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    return draw(pixels, seed=4).abs().add(0.5).sqrt().to(wide)


def dense_operator(offsets, columns, values, roots):
    """Return R^-1 S R in float64, of the very same numbers."""
    pixels = len(offsets) - 1
    rows = torch.arange(pixels).repeat_interleave(offsets.diff())
    dense = torch.zeros(pixels, pixels, dtype=torch.float64)
    dense[rows, columns.long()] = values.double()
    return dense if roots is None else dense * roots.double() / roots.double()[:, None]


def expected_of(features, weight, gradient, matrix):
    """Return result and gradients, by automatic differentiation of the formula in float64."""
    features = features.double().clone().requires_grad_()
    weight = weight.double().clone().requires_grad_()
    operator = dense_operator(*matrix)
    terms = [features, operator @ features][: len(weight)]
    while len(terms) < len(weight):
        terms.append(2 * operator @ terms[-1] - terms[-2])
    result = sum(term @ one for term, one in zip(terms, weight, strict=True))
    return result.detach(), *torch.autograd.grad(result, [features, weight], gradient.double())


def assert_close(found, expected, dtype):
    assert found.shape == expected.shape
    assert found.dtype == dtype
    assert found.is_contiguous()
    error = (found.double() - expected).abs().max()
    assert error <= TOLERANCE[dtype] * expected.abs().max()


def check(call, features, weight, gradient, matrix):
    dtype = features.dtype
    result, of_features, of_weight = expected_of(features, weight, gradient, matrix)
    assert_close(call(gpu.convolve, features, weight, *matrix), result, dtype)
    alone = call(gpu.weight_gradient, features, gradient, len(weight), *matrix)
    assert_close(alone, of_weight, dtype)
    both = call(gpu.gradients, features, gradient, weight, *matrix)
    assert_close(both[0], of_features, dtype)
    assert_close(both[1], of_weight, dtype)


def check_drawn(call, dtype, batch, channels, kernel_size, roots=None, pixels=PIXELS, seed=0):
    entering, leaving = channels
    features = draw(batch, pixels, entering, dtype=dtype, seed=1)
    weight = draw(kernel_size, entering, leaving, dtype=dtype, seed=2)
    gradient = draw(batch, pixels, leaving, dtype=dtype, seed=3)
    check(call, features, weight, gradient, (*draw_matrix(dtype, pixels, seed), roots))


@pytest.mark.parametrize("channels", CHANNELS, ids=str)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_values_and_gradients_are_those_of_the_formula(call, dtype, channels):
    check_drawn(call, dtype, 3, channels, 4)


@pytest.mark.parametrize("channels", [(2, 3), (2, 6), (4, 2)], ids=str)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_pixels_that_differ_in_mass(call, dtype, channels):
    check_drawn(call, dtype, 2, channels, 3, draw_roots(dtype))


@pytest.mark.parametrize("channels", [(2, 3), (3, 2)], ids=str)
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 7])
def test_any_order(call, kernel_size, channels):
    check_drawn(call, torch.float64, 1, channels, kernel_size, draw_roots(torch.float64))


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    pixels=st.sampled_from([1, 2, 10, 63, 64, 65]),
    batch=st.integers(0, 4),
    channels=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel_size=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_any_shape(call, pixels, batch, channels, kernel_size, seed):
    if batch:
        check_drawn(call, torch.float64, batch, channels, kernel_size, None, pixels, seed)
    else:
        features, weight = draw(0, pixels, channels[0]), draw(kernel_size, *channels)
        matrix = (*draw_matrix(torch.float64, pixels, seed), None)
        found = call(gpu.convolve, features, weight, *matrix)
        assert found.shape == (0, pixels, channels[1])
        of_weight = call(gpu.weight_gradient, features, found, kernel_size, *matrix)
        assert torch.equal(of_weight, torch.zeros_like(weight))


@pytest.mark.parametrize("channels", [(3, 5), (5, 3)], ids=str)
def test_tensors_may_lie_in_any_order(call, channels):
    entering, leaving = channels
    features = draw(PIXELS, 3, entering).transpose(0, 1)
    weight = draw(leaving, entering, 3).transpose(0, 2)
    gradient = draw(leaving, 3, PIXELS).permute(1, 2, 0)
    check(call, features, weight, gradient, (*draw_matrix(torch.float64), None))


@pytest.mark.parametrize("channels", [(2, 3), (3, 2)], ids=str)
@pytest.mark.parametrize("pixel", [0, ISOLATED, PIXELS - 1])
def test_what_is_not_a_number_reaches_the_neighbours_only(call, pixel, channels):
    """Neither other samples, nor pixels that a place without a neighbour could be mistaken for."""
    matrix = (*draw_matrix(torch.float64), None)
    operator = dense_operator(*matrix)
    features = draw(3, PIXELS, channels[0])
    features[1, pixel] = torch.nan
    found = call(gpu.convolve, features, draw(3, *channels), *matrix).isnan()
    reached = (torch.eye(PIXELS) + operator.abs()).matrix_power(2)[:, pixel] > 0
    assert not reached.all()
    assert torch.equal(found[1], reached[:, None].expand(-1, channels[1]))
    assert not found[[0, 2]].any()
