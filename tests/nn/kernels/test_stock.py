"""The three functions against dense polynomials of the matrix, in float64.

With the eigenvectors U and eigenvalues e of S, T_k(R^-1 S R) = R^-1 U T_k(e) U^T R, with the scalar
polynomials of NumPy; the gradients are autograd's of the sum of these times features and weight.
"""

import warnings

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.nn.kernels import stock

TOLERANCE = {torch.float64: 1e-13, torch.float32: 3e-6, torch.bfloat16: 2**-8}
PRODUCTS = {"bags": stock._bags, "sparse_rows": stock._sparse_rows}


@pytest.fixture(params=PRODUCTS)
def product(request, monkeypatch):
    """Make the backend use each of its two products in turn."""
    monkeypatch.setattr(stock, "_product", PRODUCTS[request.param])


def buffers(matrix, dtype=torch.float32):
    """Return the matrix as offsets, columns and values."""
    return (
        torch.tensor(matrix.indptr.astype(np.int32)),
        torch.tensor(matrix.indices.astype(np.int32)),
        torch.tensor(matrix.data.astype(np.float64)).to(dtype),
    )


def arguments(matrix, shape, dtype=torch.float32, with_roots=False, seed=0):
    """Return features, gradient, weight, the matrix and the roots of random numbers.

    The shape is (batch, in_channels, out_channels, kernel_size).
    """
    batch, channels, outputs, kernel_size = shape
    pixels = matrix.shape[0]
    exact = torch.float64 if dtype == torch.float64 else torch.float32
    generator = torch.Generator().manual_seed(seed)
    draw = {"dtype": torch.float64, "generator": generator}
    features = torch.randn(batch, pixels, channels, **draw).to(dtype)
    gradient = torch.randn(batch, pixels, outputs, **draw).to(dtype)
    weight = torch.randn(kernel_size, channels, outputs, **draw).to(dtype)
    roots = (0.5 + torch.rand(pixels, **draw)).to(exact) if with_roots else None
    return features, gradient, weight, buffers(matrix, exact), roots


def dense(features, gradient, weight, matrix, roots):
    """Return the result and both gradients by the formula at the top, in float64."""
    offsets, columns, values = (array.numpy() for array in matrix)
    pixels = len(offsets) - 1
    rows = scipy.sparse.csr_array((values.astype(np.float64), columns, offsets), (pixels, pixels))
    eigenvalues, vectors = np.linalg.eigh(rows.toarray())
    scalars = np.polynomial.chebyshev.chebvander(eigenvalues, len(weight) - 1)
    terms = torch.tensor(np.einsum("vj,jk,wj->kvw", vectors, scalars, vectors))
    if roots is not None:
        terms = terms * roots.double() / roots.double()[:, None]
    features, weight = (tensor.double().detach().requires_grad_() for tensor in (features, weight))
    result = torch.einsum("kvw,bwi,kio->bvo", terms, features, weight)
    return result.detach(), *torch.autograd.grad(result, (features, weight), gradient.double())


def assert_close(found, expected, dtype):
    assert found.dtype == dtype
    assert found.shape == expected.shape
    assert found.is_contiguous()
    scale = expected.abs().max().clamp(min=1)
    assert (found.double() - expected).abs().max() <= TOLERANCE[dtype] * scale


def check(features, gradient, weight, matrix, roots):
    """Compare all three functions with the dense formula."""
    dtype = features.dtype
    result, of_features, of_weight = dense(features, gradient, weight, matrix, roots)
    assert_close(stock.convolve(features, weight, *matrix, roots), result, dtype)
    alone = stock.weight_gradient(features, gradient, len(weight), *matrix, roots)
    assert_close(alone, of_weight, dtype)
    both = stock.gradients(features, gradient, weight, *matrix, roots)
    assert_close(both[0], of_features, dtype)
    assert_close(both[1], of_weight, dtype)


@pytest.mark.parametrize("with_roots", [False, True])
@pytest.mark.parametrize("kernel_size", [1, 2, 5])
@pytest.mark.parametrize(("channels", "outputs"), [(3, 5), (5, 3), (1, 1), (200, 9)])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_values_and_gradients_are_those_of_the_dense_formula(
    rescaled_laplacian, product, dtype, channels, outputs, kernel_size, with_roots
):
    shape = (2, channels, outputs, kernel_size)
    check(*arguments(rescaled_laplacian(11), shape, dtype, with_roots))


@given(
    pixels=st.integers(1, 12),
    shape=st.tuples(*[st.integers(1, most) for most in (6, 5, 5, 6)]),
    with_roots=st.booleans(),
    name=st.sampled_from(sorted(PRODUCTS)),
    samples=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_any_shape_and_any_chunk_give_the_dense_formula(
    rescaled_laplacian, pixels, shape, with_roots, name, samples, seed
):
    drawn = arguments(rescaled_laplacian(pixels, seed), shape, torch.float64, with_roots, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stock, "_product", PRODUCTS[name])
        patch.setattr(stock, "_columns_at_once", lambda *_: samples * (shape[1] + shape[2]))
        check(*drawn)


@pytest.mark.parametrize(("channels", "outputs"), [(3, 5), (5, 3)])
def test_the_recurrence_has_the_fewer_channels(rescaled_laplacian, monkeypatch, channels, outputs):
    drawn = arguments(rescaled_laplacian(6), (2, channels, outputs, 4))
    features, gradient, weight, matrix, roots = drawn
    widths = []

    def observed(*matrix):
        product = stock._bags(*matrix)

        def multiply(term, *others):
            widths.append(term.shape[2])
            return product(term, *others)

        return multiply

    monkeypatch.setattr(stock, "_product", observed)
    stock.convolve(features, weight, *matrix, roots)
    stock.weight_gradient(features, gradient, 4, *matrix, roots)
    assert widths == [3] * 6


@pytest.mark.parametrize(
    ("columns", "expected"),
    [(1, [1, 1, 1, 1, 1]), (15, [1, 1, 1, 1, 1]), (16, [2, 2, 1]), (39, [4, 1]), (99, [5])],
)
def test_chunks_cover_the_batch_in_order(monkeypatch, columns, expected):
    monkeypatch.setattr(stock, "_columns_at_once", lambda *_: columns)
    features = torch.arange(5)[:, None, None].expand(5, 7, 3)
    chunks = [features[chunk] for chunk in stock._chunks(features, 8)]
    assert [len(chunk) for chunk in chunks] == expected
    assert torch.cat(chunks).equal(features)


@pytest.mark.parametrize("outputs", [2, 6])
@pytest.mark.parametrize("with_roots", [False, True])
def test_bfloat16_is_rounded_once_at_the_end(rescaled_laplacian, product, outputs, with_roots):
    matrix = rescaled_laplacian(40)
    *tensors, matrix, roots = arguments(matrix, (3, 4, outputs, 5), torch.bfloat16, with_roots)
    features, gradient, weight = tensors
    wide, wide_gradient, wide_weight = (tensor.float() for tensor in tensors)
    found = stock.convolve(features, weight, *matrix, roots)
    assert found.equal(stock.convolve(wide, wide_weight, *matrix, roots).bfloat16())
    found = stock.weight_gradient(features, gradient, 5, *matrix, roots)
    expected = stock.weight_gradient(wide, wide_gradient, 5, *matrix, roots)
    assert found.equal(expected.bfloat16())
    found = stock.gradients(features, gradient, weight, *matrix, roots)
    expected = stock.gradients(wide, wide_gradient, wide_weight, *matrix, roots)
    assert all(one.equal(other.bfloat16()) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("outputs", [2, 4])
def test_rows_without_entries(product, outputs):
    """Of an isolated pixel T_0 is 1, T_1 is 0 and T_2 is -1, whatever the others are."""
    path = np.diag([1.0, 0, 0, 1], 1) / 2
    *tensors, matrix, roots = arguments(scipy.sparse.csr_array(path + path.T), (2, 3, outputs, 3))
    assert matrix[0].diff().tolist() == [1, 1, 0, 1, 1]
    check(*tensors, matrix, roots)
    features, _, weight = tensors
    found = stock.convolve(features, weight, *matrix, roots)[:, 2]
    torch.testing.assert_close(found, features[:, 2] @ (weight[0] - weight[2]))


def test_a_matrix_without_entries(product):
    check(*arguments(scipy.sparse.csr_array((4, 4)), (2, 3, 2, 4)))


@pytest.mark.parametrize("outputs", [2, 4])
@pytest.mark.parametrize("with_roots", [False, True])
def test_tensors_of_any_strides(rescaled_laplacian, product, outputs, with_roots):
    drawn = arguments(rescaled_laplacian(9), (4, 6, 2 * outputs, 3), torch.float32, with_roots)
    features, gradient, weight, matrix, roots = drawn
    strided = features[::2, :, ::2], gradient[::2, :, :1].expand(-1, -1, outputs)
    turned = weight[:, ::2, :outputs].transpose(1, 2).contiguous().transpose(1, 2)
    assert not any(tensor.is_contiguous() for tensor in (*strided, turned))
    check(*strided, turned, matrix, roots)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("kernel_size", [1, 4])
@pytest.mark.parametrize("outputs", [2, 3])
def test_arguments_stay_as_they_were(rescaled_laplacian, product, batch, kernel_size, outputs):
    """A transposed batch of one sample is contiguous as it is: it must be copied nonetheless."""
    drawn = arguments(rescaled_laplacian(8), (batch, 3, outputs, kernel_size))
    features, gradient, weight, matrix, roots = drawn
    tensors = features, gradient, weight, *matrix
    before = [tensor.clone() for tensor in tensors]
    stock.convolve(features, weight, *matrix, roots)
    stock.weight_gradient(features, gradient, kernel_size, *matrix, roots)
    stock.gradients(features, gradient, weight, *matrix, roots)
    assert all(map(torch.equal, tensors, before))


def test_an_empty_batch(rescaled_laplacian, product):
    drawn = arguments(rescaled_laplacian(8), (0, 3, 2, 4))
    features, gradient, weight, matrix, roots = drawn
    assert stock.convolve(features, weight, *matrix, roots).shape == (0, 8, 2)
    assert stock.weight_gradient(features, gradient, 4, *matrix, roots).eq(0).all()
    of_features, of_weight = stock.gradients(features, gradient, weight, *matrix, roots)
    assert of_features.shape == (0, 8, 3)
    assert of_weight.eq(0).all()


@pytest.mark.parametrize("outputs", [4, 6])
def test_the_gradient_of_the_weight_is_accurate_over_many_rows(product, outputs):
    """Sums of 4e5 positive numbers, which lose most where float32 is added one by one.

    On a ring, let C turn by one pixel. Then S = (C + C^-1) / 2 is cos of an angle for every
    eigenvector, and T_k(S), cos of k times it, is (C^k + C^-k) / 2.
    """
    pixels, batch = 5000, 80
    ring = scipy.sparse.diags_array(
        [0.5, 0.5, 0.5, 0.5], offsets=[1, -1, pixels - 1, 1 - pixels], shape=(pixels, pixels)
    )
    matrix = buffers(scipy.sparse.csr_array(ring))
    generator = torch.Generator().manual_seed(0)
    features, gradient = (
        torch.rand(batch, pixels, width, generator=generator) for width in (5, outputs)
    )
    exact = gradient.double()
    terms = [(exact.roll(order, 1) + exact.roll(-order, 1)) / 2 for order in range(4)]
    expected = torch.stack([torch.einsum("bvi,bvo->io", features.double(), term) for term in terms])
    alone = stock.weight_gradient(features, gradient, 4, *matrix, None)
    weight = torch.ones(4, 5, outputs)
    _, with_features = stock.gradients(features, gradient, weight, *matrix, None)
    for found in (alone, with_features):
        torch.testing.assert_close(found.double(), expected, rtol=3e-6, atol=0)


@pytest.mark.parametrize("outputs", [2, 4])
def test_autocast_changes_nothing(rescaled_laplacian, product, outputs):
    drawn = arguments(rescaled_laplacian(20), (2, 3, outputs, 4))
    features, gradient, weight, matrix, roots = drawn
    plain = (
        stock.convolve(features, weight, *matrix, roots),
        stock.weight_gradient(features, gradient, 4, *matrix, roots),
        *stock.gradients(features, gradient, weight, *matrix, roots),
    )
    with torch.autocast("cpu", torch.bfloat16):
        cast = (
            stock.convolve(features, weight, *matrix, roots),
            stock.weight_gradient(features, gradient, 4, *matrix, roots),
            *stock.gradients(features, gradient, weight, *matrix, roots),
        )
    assert all(map(torch.equal, cast, plain))


def test_nobody_is_warned_of_sparse_tensors(rescaled_laplacian):
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            stock._sparse_rows(*buffers(rescaled_laplacian(5)))
    finally:
        torch.set_warn_always(before)
