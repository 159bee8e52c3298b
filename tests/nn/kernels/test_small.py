"""PyTorch's own products against dense polynomials of the operator, and which of them is taken.

With the operator on features A = R^-1 S R, T_0 = 1, T_1 = A, T_k = 2 A T_(k-1) - T_(k-2), all dense
and in float64 here, by SciPy's matrices.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.nn.kernels.small import multiply_polynomials, multiply_rows, small_way

PIXELS = 11
TOLERANCE = {torch.float64: 1e-13, torch.float32: 3e-6}


def arguments(matrix, shape, dtype, with_roots, seed=0):
    """Return features, weight, the matrix and the roots; shape (batch, in, out, kernel_size)."""
    batch, entering, leaving, kernel_size = shape
    generator = np.random.default_rng(seed)
    roots = generator.uniform(0.5, 2, PIXELS) if with_roots else None
    return [
        torch.tensor(generator.standard_normal((batch, PIXELS, entering)), dtype=dtype),
        torch.tensor(generator.standard_normal((kernel_size, entering, leaving)), dtype=dtype),
        torch.tensor(matrix.indptr, dtype=torch.int32),
        torch.tensor(matrix.indices, dtype=torch.int32),
        torch.tensor(matrix.data, dtype=dtype),
        None if roots is None else torch.tensor(roots, dtype=dtype),
    ]


def dense(features, weight, matrix, roots):
    operator = matrix.toarray()
    if roots is not None:
        operator = operator * roots.numpy() / roots.numpy()[:, None]
    terms = [np.eye(PIXELS), operator]
    while len(terms) < len(weight):
        terms.append(2 * operator @ terms[-1] - terms[-2])
    return sum(
        np.einsum("pq,bqi,io->bpo", term, features.double().numpy(), part.double().numpy())
        for term, part in zip(terms[: len(weight)], weight, strict=True)
    )


@pytest.mark.parametrize("compute", [multiply_polynomials, multiply_rows])
@pytest.mark.parametrize("with_roots", [False, True], ids=["even", "masses"])
@pytest.mark.parametrize("dtype", TOLERANCE)
@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=15)
def test_values_are_those_of_dense_polynomials(
    data, dtype, with_roots, compute, rescaled_laplacian
):
    shape = tuple(data.draw(st.integers(1, most)) for most in (3, 5, 4, 5))
    matrix = rescaled_laplacian(PIXELS)
    given_ = arguments(matrix, shape, dtype, with_roots, seed=sum(shape))
    result = compute(*given_)
    expected = dense(given_[0], given_[1], matrix, given_[-1])
    assert result.dtype == dtype
    assert (result.transpose(0, 1) if compute is multiply_rows else result).is_contiguous()
    largest = np.abs(expected).max()
    np.testing.assert_allclose(
        result.double().numpy(), expected, rtol=0, atol=TOLERANCE[dtype] * largest * 10
    )


@pytest.mark.parametrize("compute", [multiply_polynomials, multiply_rows])
def test_any_strides_are_taken(compute, rescaled_laplacian):
    matrix = rescaled_laplacian(PIXELS)
    features, weight, *others = arguments(matrix, (2, 3, 4, 3), torch.float64, True)
    expected = compute(features, weight, *others)
    turned = features.transpose(1, 2).contiguous().transpose(1, 2)
    other = weight.transpose(0, 2).contiguous().transpose(0, 2)
    for one in (turned, turned[:1], features[:, :, :1].expand(-1, -1, 3)):
        found = compute(one, other, *others)
        np.testing.assert_allclose(
            found, compute(one.contiguous(), weight, *others), rtol=0, atol=1e-12
        )
    np.testing.assert_allclose(compute(turned, other, *others), expected, rtol=0, atol=1e-12)


def test_what_is_learned_from_is_never_multiplied_by_sparse_rows():
    """PyTorch would differentiate them by a transposed matrix, made anew at every step."""
    values = torch.zeros(1)
    for pixels in (12, 192, 12_288):
        for kernel_size in (1, 2, 5):
            weight = torch.zeros(kernel_size, 2, 2)
            features = torch.zeros(1, pixels, 2)
            assert small_way(features, weight, values, learned=True) is not multiply_rows


@pytest.mark.parametrize(
    ("shape", "kernel_size", "expected"),
    [
        ((1, 12, 1), 2, multiply_polynomials),
        ((4, 48, 16), 5, multiply_polynomials),
        ((1, 192, 16), 2, multiply_rows),
        ((1, 192, 5), 5, multiply_rows),
        ((1, 192, 1), 5, multiply_polynomials),
        ((1, 12, 1), 5, multiply_polynomials),
        ((4, 48, 16), 2, multiply_polynomials),
        ((1, 12_288, 16), 5, multiply_rows),
        ((1, 12_288, 64), 5, None),
        ((32, 48, 128), 5, None),
        ((4, 12_288, 16), 2, None),
        ((32, 12_288, 16), 5, None),
        ((0, 12_288, 16), 5, None),
    ],
)
def test_the_way_is_the_one_that_was_fastest(shape, kernel_size, expected):
    features, weight = torch.zeros(shape), torch.zeros(kernel_size, shape[2], shape[2])
    assert small_way(features, weight, torch.zeros(1), learned=False) is expected


def test_half_precision_and_traced_tensors_are_not_small():
    weight = torch.zeros(2, 1, 1)
    half = torch.zeros(1, 12, 1, dtype=torch.bfloat16)
    assert small_way(half, weight.bfloat16(), torch.zeros(1), learned=False) is None
    with torch._subclasses.FakeTensorMode():
        assert small_way(torch.zeros(1, 12, 1), weight, torch.zeros(1), learned=False) is None
    meta = torch.zeros(1, 12, 1, device="meta")
    assert small_way(meta, weight, torch.zeros(1, device="meta"), learned=False) is None


def test_sparse_rows_say_nothing_about_being_new(recwarn, rescaled_laplacian):
    given_ = arguments(rescaled_laplacian(PIXELS), (1, 1, 1, 2), torch.float32, False)
    multiply_rows(*given_)
    assert not recwarn.list


@pytest.mark.parametrize("compute", [multiply_polynomials, multiply_rows])
def test_other_default_devices_change_nothing(compute, rescaled_laplacian):
    given_ = arguments(rescaled_laplacian(PIXELS), (1, 1, 1, 3), torch.float64, True)
    expected = compute(*given_)
    # Other tensors, of which nothing is known yet.
    again = arguments(rescaled_laplacian(PIXELS), (1, 1, 1, 3), torch.float64, True)
    with torch.device("meta"):
        found = compute(*again)
    assert torch.equal(found, expected)
