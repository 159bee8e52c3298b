"""The compiled convolution against a dense one, closed forms on a ring, and PyTorch's.

Small graphs are one tile; so that there are several, with pixels around them, tests make them
smaller.
"""

import gc
import math
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.nn.kernels import compiled, direct, plans, stock, workspaces
from deepsphere.nn.kernels.hops import HOP_ROWS
from deepsphere.nn.kernels.tiles import cut
from deepsphere.nn.pooling.nested import pool as pool_pixels

# Largest error allowed, relative to the largest value: some tens of roundings of float64 and
# float32, and one to bfloat16, which is half of 2^-8.
TOLERANCE = {torch.float64: 1e-14, torch.float32: 4e-6, torch.bfloat16: 2**-8}
PIXELS = 70
ISOLATED = 30
# Links are to so many pixels before and behind.
NEAREST = 3
# As wide, wider and narrower, by less and more than a vector, two, and a row of the workspace.
CHANNELS = [
    (1, 1), (3, 7), (7, 3), (13, 13), (13, 17), (17, 13), (33, 64), (64, 33), (96, 130), (130, 96),
    (130, 1), (1, 130), (7, 64),
]  # fmt: skip


@pytest.fixture(scope="module", params=["direct", "of Python"], autouse=True)
def at_work(request):
    """Have PyTorch's threads share what is little, as it is here, and then threads of Python."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "_WORTH_A_THREAD", 1)
        if request.param == "of Python":
            patch.setattr(workspaces, "_WORTH_WAKING", 1)
            patch.setattr(direct, "_MOST_WORK", 0)
        yield request.param


@contextmanager
def tiles_of(size):
    """Cut graphs whose matrices were not seen before into tiles of so many pixels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "cut", lambda *arguments: cut(*arguments[:-1], size))
        yield


@pytest.fixture(params=[PIXELS, 16], ids=["a tile", "tiles"])
def tile(request):
    """Have one tile of all pixels, and some of few; return how many pixels they have."""
    with tiles_of(request.param):
        yield request.param


@pytest.fixture
def threads():
    """Return the function that sets how many threads PyTorch uses, and undo it at the end."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def summed_in(dtype):
    return torch.float64 if dtype == torch.float64 else torch.float32


def draw(*shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator).to(dtype)


def compressed(matrix, dtype):
    rows = scipy.sparse.csr_array(matrix)
    return (
        torch.as_tensor(rows.indptr, dtype=torch.int32),
        torch.as_tensor(rows.indices, dtype=torch.int32),
        torch.as_tensor(rows.data).to(summed_in(dtype)),
    )


def draw_matrix(dtype, pixels=PIXELS, seed=0):
    """Return compressed rows with a norm of at most 1: a ring, with a pixel without a link."""
    generator = np.random.default_rng(seed)
    weights = np.diag(generator.standard_normal(pixels))
    for step in range(1, NEAREST + 1):
        weights += np.roll(np.diag(generator.standard_normal(pixels)), step, axis=1)
    weights += weights.T
    weights[ISOLATED:][:1] = weights[:, ISOLATED:][:, :1] = 0
    return compressed(weights / max(abs(weights).sum(axis=1).max(), 1e-3), dtype)


def draw_roots(dtype, pixels=PIXELS):
    return draw(pixels, seed=4).abs().add(0.5).sqrt().to(summed_in(dtype))


def ring(pixels, dtype):
    """Return the mean of the pixels to both sides, whose polynomials are :func:`shifted`."""
    ones = scipy.sparse.eye_array(pixels, format="csr")
    order = np.arange(pixels)
    following, preceding = np.roll(order, -1), np.roll(order, 1)
    return compressed((ones[following] + ones[preceding]) / 2, dtype)


def shifted(features, kernel_size):
    r"""Return T_k features on a ring.

    The matrix is :math:`(P + P^{-1}) / 2` with the shift P by a pixel, and as :math:`T_k(\cos a) =
    \cos k a`, with :math:`P = e^{i a}`, so is :math:`T_k = (P^k + P^{-k}) / 2`.
    """
    return [
        (features.roll(order, 1) + features.roll(-order, 1)) / 2 for order in range(kernel_size)
    ]


def formula(features, weight, gradient, terms):
    """Return result and gradients, by automatic differentiation in float64."""
    features = features.double().clone().requires_grad_()
    weight = weight.double().clone().requires_grad_()
    pairs = zip(terms(features), weight, strict=True)
    result = sum(term @ one for term, one in pairs)
    return result.detach(), *torch.autograd.grad(result, [features, weight], gradient.double())


def dense_operator(offsets, columns, values, roots):
    """Return R^-1 S R in float64, of the very same numbers."""
    pixels = len(offsets) - 1
    rows = torch.arange(pixels).repeat_interleave(offsets.diff())
    dense = torch.zeros(pixels, pixels, dtype=torch.float64)
    dense[rows, columns.long()] = values.double()
    return dense if roots is None else dense * roots.double() / roots.double()[:, None]


def dense_formula(features, weight, gradient, matrix):
    operator = dense_operator(*matrix)

    def terms(features):
        found = [features, operator @ features][: len(weight)]
        while len(found) < len(weight):
            found.append(2 * operator @ found[-1] - found[-2])
        return found

    return formula(features, weight, gradient, terms)


def call(features, weight, gradient, matrix):
    """Return all that the backend computes: the result, and the gradients alone and together."""
    result = compiled.convolve(features, weight, *matrix)
    by_itself = compiled.weight_gradient(features, gradient, len(weight), *matrix)
    of_features, of_weight = compiled.gradients(features, gradient, weight, *matrix)
    return result, of_features, of_weight, by_itself


def assert_close(found, expected, dtype, tolerance=None, usual=0.0):
    """Hold the largest error against the largest value, or the usual one if that is larger."""
    assert found.shape == expected.shape
    assert found.dtype == dtype
    assert found.is_contiguous()
    assert not found.requires_grad
    if found.numel():
        error = (found.double() - expected).abs().max()
        assert error <= (tolerance or TOLERANCE[dtype]) * max(expected.abs().max(), usual)


def check(features, weight, gradient, matrix, sizes=(PIXELS, 16)):
    """Compare all functions with the formula, with one tile and with several."""
    result, of_features, of_weight = dense_formula(features, weight, gradient, matrix)
    expected = result, of_features, of_weight, of_weight
    # So large are sums of products of so many random numbers; where they happen to be smaller,
    # roundings are not.
    usual = 0.0, 0.0, *2 * [math.sqrt(features[..., 0].numel())]
    for size in sizes:
        with tiles_of(size):
            new = [tensor if tensor is None else tensor.clone() for tensor in matrix]
            found = call(features, weight, gradient, new)
        for one, other, large in zip(found, expected, usual, strict=True):
            assert_close(one, other, features.dtype, usual=large)


def drawn(dtype, batch, channels, kernel_size, pixels=PIXELS):
    """Return random features, weight and gradient."""
    entering, leaving = channels
    return (
        draw(batch, pixels, entering, dtype=dtype, seed=1),
        draw(kernel_size, entering, leaving, dtype=dtype, seed=2),
        draw(batch, pixels, leaving, dtype=dtype, seed=3),
    )


@pytest.mark.parametrize("channels", CHANNELS, ids=str)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_values_and_gradients_are_those_of_the_formula(dtype, channels):
    check(*drawn(dtype, 3, channels, 4), (*draw_matrix(dtype), None))


@pytest.mark.parametrize("channels", CHANNELS, ids=str)
def test_bfloat16_multiplied_as_float32(monkeypatch, channels):
    monkeypatch.setattr(plans, "fastest_pairs", lambda: None)
    check(*drawn(torch.bfloat16, 3, channels, 4), (*draw_matrix(torch.bfloat16), None))


@pytest.mark.parametrize("channels", [(3, 5), (5, 5), (40, 3), (40, 64)], ids=str)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_pixels_that_differ_in_mass(dtype, channels):
    check(*drawn(dtype, 2, channels, 3), (*draw_matrix(dtype), draw_roots(dtype)))


@pytest.mark.parametrize("with_roots", [False, True], ids=["equal", "masses"])
@pytest.mark.parametrize("channels", [(2, 3), (3, 2)], ids=str)
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5, 6])
def test_any_order(kernel_size, channels, with_roots):
    roots = draw_roots(torch.float64) if with_roots else None
    check(*drawn(torch.float64, 3, channels, kernel_size), (*draw_matrix(torch.float64), roots))


@pytest.mark.parametrize("channels", [(1, 1), (3, 5), (5, 3), (40, 33)], ids=str)
@pytest.mark.parametrize("batch", [0, 1, 2, 33])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_any_batch(dtype, batch, channels):
    """Rows of the workspace have some samples, the last of them fewer."""
    check(*drawn(dtype, batch, channels, 3), (*draw_matrix(dtype), None))


@pytest.mark.parametrize("with_roots", [False, True], ids=["equal", "masses"])
@pytest.mark.parametrize("kernel_size", [1, 2, 5])
@pytest.mark.parametrize("channels", [(1, 1), (1, 5), (5, 1), (1, 40), (40, 1)], ids=str)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_a_map_of_one_channel(dtype, channels, kernel_size, with_roots):
    """Rows of the workspace are of one number where they have one channel of one sample."""
    matrix = (*draw_matrix(dtype), draw_roots(dtype) if with_roots else None)
    check(*drawn(dtype, 1, channels, kernel_size), matrix)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    pixels=st.sampled_from([1, 2, 3, 4, 5, 13, 48, 63, 64, 65]),
    batch=st.integers(1, 20),
    channels=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    kernel_size=st.integers(1, 5),
    size=st.integers(1, 70),
    with_roots=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_shape_and_tiles(pixels, batch, channels, kernel_size, size, with_roots, seed):
    roots = draw_roots(torch.float64, pixels) if with_roots else None
    matrix = (*draw_matrix(torch.float64, pixels, seed), roots)
    check(*drawn(torch.float64, batch, channels, kernel_size, pixels), matrix, [size])


@pytest.mark.parametrize("channels", [(3, 5), (5, 3), (40, 33)], ids=str)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_sums_that_are_exact_are_found_exactly(tile, dtype, channels):
    """On a ring, with integers so small that any sum of their products and halves is a number.

    In bfloat16 they are rounded once, at the end.
    """
    most = 2**20 if dtype == torch.float64 else 8

    def integers(*shape, seed):
        return draw(*shape, seed=seed).mul(most / 3).round().clamp(-most, most).to(dtype)

    entering, leaving = channels
    features = integers(4, 64, entering, seed=1)
    weight = integers(4, entering, leaving, seed=2)
    gradient = integers(4, 64, leaving, seed=3)
    result, of_features, of_weight = formula(
        features, weight, gradient, lambda features: shifted(features, 4)
    )
    expected = result, of_features, of_weight, of_weight
    matrix = (*ring(64, dtype), None)
    for found, one in zip(call(features, weight, gradient, matrix), expected, strict=True):
        assert torch.equal(found, one.to(dtype))


@pytest.mark.parametrize("channels", [(3, 5), (5, 3)], ids=str)
@pytest.mark.parametrize("mean", [0, 1])
def test_sums_over_many_rows_lose_no_digits(channels, mean):
    """Of 4e5 rows of float32, whose sums in one go would lose two digits."""
    entering, leaving = channels
    features = draw(4, 100_000, entering, dtype=torch.float32, seed=1) + mean
    gradient = draw(4, 100_000, leaving, dtype=torch.float32, seed=2) + mean
    weight = draw(3, entering, leaving, dtype=torch.float32)
    right = gradient.double().flatten(0, 1)
    terms = shifted(features.double(), len(weight))
    expected = torch.stack([term.flatten(0, 1).T @ right for term in terms])
    matrix = (*ring(100_000, torch.float32), None)
    alone = compiled.weight_gradient(features, gradient, len(weight), *matrix)
    assert_close(alone, expected, torch.float32, 3e-6)
    both = compiled.gradients(features, gradient, weight, *matrix)
    assert_close(both[1], expected, torch.float32, 3e-6)


LAYOUTS = {
    "batch behind pixels": lambda tensor: tensor.transpose(0, 1).contiguous().transpose(0, 1),
    "some of the channels": lambda tensor: torch.cat([tensor, tensor, tensor], 2).narrow(
        2, tensor.shape[2], tensor.shape[2]
    ),
    "every other sample": lambda tensor: tensor.repeat_interleave(2, 0)[::2],
    "every third pixel": lambda tensor: tensor.repeat_interleave(3, 1)[:, 1::3],
    "one sample for all": lambda tensor: tensor[:1].expand_as(tensor),
    "one pixel for all": lambda tensor: tensor[:, 5:6].expand_as(tensor),
    "one row for all": lambda tensor: tensor[2:3, 7:8].expand_as(tensor),
}


@pytest.mark.parametrize("channels", [(3, 5), (5, 3), (1, 1)], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_rows_may_lie_in_any_order(dtype, layout, channels):
    """As in slices, gradients of sums and of means, and transposed features."""
    features, weight, gradient = drawn(dtype, 3, channels, 3)
    matrix = (*draw_matrix(dtype), None)
    strided = LAYOUTS[layout](features)
    assert not strided.is_contiguous()
    check(strided, weight, gradient, matrix)
    check(features, weight, LAYOUTS[layout](gradient), matrix)


@pytest.mark.parametrize("channels", [(3, 5), (5, 3)], ids=str)
def test_a_weight_may_lie_in_any_order(channels):
    features, weight, gradient = drawn(torch.float64, 2, channels, 3)
    turned = weight.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    assert not turned.is_contiguous()
    check(features, turned, gradient, (*draw_matrix(torch.float64), None))


def test_a_matrix_without_entries():
    """T_0 is 1, T_1 is 0 and T_2 is -1."""
    features, weight, gradient = drawn(torch.float64, 2, (3, 5), 3)
    matrix = (*compressed(scipy.sparse.csr_array((PIXELS, PIXELS)), torch.float64), None)
    check(features, weight, gradient, matrix)
    found = compiled.convolve(features, weight, *matrix)
    torch.testing.assert_close(found, features @ (weight[0] - weight[2]))


def scattered(matrix, order):
    """Return the matrix of the same graph with its pixels in another order."""
    offsets, columns, values = (tensor.numpy() for tensor in matrix)
    rows = scipy.sparse.csr_array((values, columns, offsets))
    return compressed(rows[order][:, order], torch.from_numpy(values).dtype)


def test_the_order_of_pixels_is_that_of_the_graph():
    """Tiles of pixels that are scattered are of pixels in another order."""
    order = np.random.default_rng(0).permutation(PIXELS)
    features, weight, gradient = drawn(torch.float64, 2, (3, 5), 3)
    plain = draw_matrix(torch.float64)
    matrix = scattered(plain, order)
    check(features, weight, gradient, (*matrix, None))
    with tiles_of(16):
        expected = compiled.convolve(features, weight, *plain, None)[:, order]
        found = compiled.convolve(features[:, order], weight, *matrix, None)
    assert_close(found, expected, torch.float64)


def torus(width, dtype):
    """Return a mean of the four neighbours on a square whose opposite edges are one."""
    line = scipy.sparse.diags_array([1.0, 1, 1, 1], offsets=[1, -1, width - 1, 1 - width],
                                    shape=(width, width))  # fmt: skip
    return compressed(scipy.sparse.kronsum(line, line) / 4, dtype)


@pytest.mark.parametrize("term_bytes", [None, 2**12], ids=["large", "small"])
@pytest.mark.parametrize("channels", [(16, 64), (64, 16), (64, 64)], ids=str)
def test_large_results_are_those_of_the_stock_backend(monkeypatch, channels, term_bytes):
    """With terms of a tile that are large or small, and results that are in other memory."""
    counts = []

    def counted(*arguments):
        tiles = cut(*arguments)
        counts.append(len(tiles.starts) - 1)
        return tiles

    monkeypatch.setattr(plans, "cut", counted)
    if term_bytes:
        monkeypatch.setattr(plans, "_TERM_BYTES", term_bytes)
        monkeypatch.setattr(plans, "_LARGE_TERM_BYTES", term_bytes)
    pixels = 64**2
    features, weight, gradient = drawn(torch.float32, 5, channels, 4, pixels)
    matrix = (*torus(64, torch.float32), draw_roots(torch.float32, pixels))
    result, of_features, of_weight, alone = call(features, weight, gradient, matrix)
    assert_close(result, stock.convolve(features, weight, *matrix), torch.float32)
    expected = stock.gradients(features, gradient, weight, *matrix)
    assert_close(of_features, expected[0], torch.float32)
    # PyTorch sums over all rows in one go.
    assert_close(of_weight, expected[1], torch.float32, 2e-5)
    assert_close(alone, expected[1], torch.float32, 2e-5)
    if term_bytes:
        assert min(counts) > 4


@pytest.mark.parametrize("channels", [(3, 5), (40, 33)], ids=str)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_results_do_not_depend_on_threads_nor_on_earlier_calls(tile, threads, dtype, channels):
    tensors = drawn(dtype, 9, channels, 4)
    matrix = (*draw_matrix(dtype), draw_roots(dtype))
    threads(1)
    expected = call(*tensors, matrix)
    for number in [1, 2, 2, 5]:
        threads(number)
        found = call(*tensors, matrix)
        assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


@pytest.mark.parametrize("tile", [16], indirect=True)
def test_calls_at_once_do_not_disturb_each_other(tile, threads):
    """Of different shapes and types, as their workspaces would be."""
    threads(2)
    shapes = {(3, 40): torch.float32, (40, 3): torch.float64, (13, 17): torch.bfloat16}
    cases = [
        (*drawn(dtype, 9, channels, 3), (*draw_matrix(dtype), None))
        for channels, dtype in shapes.items()
    ]
    expected = [call(*case) for case in cases]
    callers = 2 * len(cases)
    together = threading.Barrier(callers)

    def work(caller):
        together.wait(60)
        return [call(*cases[caller % len(cases)]) for _ in range(20)]

    with ThreadPoolExecutor(callers) as pool:
        for caller, found in enumerate(pool.map(work, range(callers))):
            for results in found:
                pairs = zip(results, expected[caller % len(cases)], strict=True)
                assert all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize("channels", [(2, 3), (3, 2)], ids=str)
@pytest.mark.parametrize("pixel", [0, ISOLATED, PIXELS - 1])
def test_what_is_not_a_number_does_not_spread_beyond_its_group(tile, pixel, channels):
    """It reaches all that its pixel reaches, and with them those in groups of rows with them.

    Groups are of consecutive pixels where there is one tile. Of several tiles, those that need the
    pixel may be lost. Other samples, which share rows of the workspace, are not.
    """
    hops = 2
    features, weight, _ = drawn(torch.float64, 3, channels, hops + 1)
    matrix = (*draw_matrix(torch.float64), None)
    clean = compiled.convolve(features, weight, *matrix)
    features[1, pixel] = torch.nan
    found = compiled.convolve(features, weight, *matrix)
    reached = (torch.eye(PIXELS) + dense_operator(*matrix).abs()).matrix_power(hops)[pixel] > 0
    missing = found[1].isnan()
    assert missing[reached].all()
    if tile == PIXELS:
        distance = (torch.arange(PIXELS) - pixel).abs()
        distance = torch.minimum(distance, PIXELS - distance)
        lost = distance <= hops * (NEAREST + HOP_ROWS - 1)
    else:
        lost = torch.cat([part.any().expand(len(part)) for part in reached.split(tile)])
    assert not lost.all()
    assert torch.equal(found[1, ~lost], clean[1, ~lost])
    assert torch.equal(found[[0, 2]], clean[[0, 2]])


def test_nothing_of_an_earlier_call_is_left_in_the_workspace(tile):
    shapes = [(5, (3, 5)), (5, (5, 3)), (5, (40, 33)), (5, (7, 7)), (1, (1, 5)), (1, (5, 1))]
    for batch, channels in shapes:
        features, weight, gradient = drawn(torch.float32, batch, channels, 3)
        matrix = (*draw_matrix(torch.float32), None)
        expected = call(features, weight, gradient, matrix)
        for other in [(40, 40), (1, 2), (33, 7)]:
            spoilt = [tensor * torch.nan for tensor in drawn(torch.float32, 9, other, 4)]
            assert call(*spoilt, matrix)[0].isnan().all()
            found = call(features, weight, gradient, matrix)
            assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


@pytest.mark.parametrize("channels", [(3, 5), (5, 3)], ids=str)
def test_arguments_stay_as_they_were(tile, channels):
    tensors = drawn(torch.float32, 3, channels, 3)
    matrix = (*draw_matrix(torch.float32), draw_roots(torch.float32))
    before = [tensor.clone() for tensor in (*tensors, *matrix)]
    call(*tensors, matrix)
    assert all(map(torch.equal, (*tensors, *matrix), before))


@pytest.mark.parametrize("channels", [(3, 5), (5, 3)], ids=str)
def test_nothing_is_kept_alive(tile, channels):
    def names_of_all():
        tensors = drawn(torch.float32, 3, channels, 3)
        matrix = (*draw_matrix(torch.float32), draw_roots(torch.float32))
        found = call(*tensors, matrix)
        memory = [weakref.ref(tensor.untyped_storage()) for tensor in (*tensors, *matrix)]
        return memory + [weakref.ref(tensor) for tensor in (*tensors, *matrix, *found)]

    names = names_of_all()
    gc.collect()
    # Another thread may need a moment to let go of what it has done.
    deadline = time.monotonic() + 10
    while any(name() is not None for name in names) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert all(name() is None for name in names)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_results_have_memory_of_their_own(dtype):
    tensors = drawn(dtype, 3, (3, 5), 3)
    matrix = (*draw_matrix(dtype), None)
    first = call(*tensors, matrix)
    copies = [tensor.clone() for tensor in first]
    for tensor in call(*tensors, matrix):
        tensor.zero_()
    assert all(map(torch.equal, first, copies))


def test_a_matrix_may_be_written_to(tile):
    """As where a module is given the numbers of another graph."""
    features, weight, gradient = drawn(torch.float64, 2, (3, 5), 3)
    matrix = (*draw_matrix(torch.float64), None)
    for _ in range(3):
        expected = dense_formula(features, weight, gradient, matrix)
        found = call(features, weight, gradient, matrix)
        for one, other in zip(found, (*expected, expected[2]), strict=True):
            assert_close(one, other, torch.float64)
        matrix[2].mul_(-0.5)


@pytest.mark.parametrize("channels", [(3, 5), (5, 3)], ids=str)
def test_inference_and_parameters(channels):
    """Tensors may be of inference mode, or require a gradient."""
    tensors = drawn(torch.float64, 2, channels, 3)
    matrix = (*draw_matrix(torch.float64), None)
    expected = call(*tensors, matrix)
    with torch.no_grad():
        found = call(*(tensor.clone().requires_grad_() for tensor in tensors), matrix)
    assert all(map(torch.equal, found, expected))
    assert not any(tensor.requires_grad for tensor in found)
    with torch.inference_mode():
        tensors = drawn(torch.float64, 2, channels, 3)
        found = call(*tensors, (*draw_matrix(torch.float64), None))
        assert all(map(torch.equal, found, expected))


POOLS = [None, "max", "mean"]
SETTLED = 72


def step_by_step(features, weight, scale, shift, rectify, pool, matrix):
    """Return what follows a convolution, in float64."""
    gradient = torch.zeros(*features.shape[:2], weight.shape[2])
    convolved = dense_formula(features, weight, gradient, matrix)[0]
    result = convolved * scale + shift
    result = result.clamp(min=0) if rectify else result
    return result if pool is None else pool_pixels(result, pool)


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("channels", CHANNELS, ids=str)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_what_follows_a_convolution_is_computed_with_it(dtype, channels, pool):
    features, weight, _ = drawn(dtype, 3, channels, 3, SETTLED)
    scale = draw(channels[1], seed=5).abs() + 0.5
    shift = draw(channels[1], seed=6)
    for roots in (None, draw_roots(dtype, SETTLED)):
        for size in (SETTLED, 16):
            matrix = (*draw_matrix(dtype, SETTLED), roots)
            expected = step_by_step(features, weight, scale, shift, True, pool, matrix)
            with tiles_of(size):
                found = compiled.convolve_rectify(
                    features, weight, scale, shift, True, pool, *matrix
                )
            # Of what is computed in steps, the first is rounded to bfloat16 too.
            steps = 1 + (dtype == torch.bfloat16 and channels[1] < channels[0])
            assert_close(found, expected, dtype, 2 * steps * TOLERANCE[dtype])


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("rectify", [False, True])
def test_what_follows_may_leave_the_negative(rectify, pool):
    features, weight, _ = drawn(torch.float64, 2, (3, 5), 3, SETTLED)
    scale, shift = torch.ones(5), torch.full((5,), -0.5)
    matrix = (*draw_matrix(torch.float64, SETTLED), None)
    found = compiled.convolve_rectify(features, weight, scale, shift, rectify, pool, *matrix)
    expected = step_by_step(features, weight, scale, shift, rectify, pool, matrix)
    assert_close(found, expected, torch.float64)
    assert (found < 0).any() != rectify


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("channels", [(3, 5), (32, 40), (40, 32)], ids=str)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_what_follows_does_not_depend_on_the_order_of_tiles(dtype, channels, pool):
    """Where tiles are of pixels in another order, no rows of a tile are those of one family.

    So what is pooled is computed in two steps, the first of which is rounded to bfloat16 too.
    """
    order = np.random.default_rng(0).permutation(SETTLED)
    features, weight, _ = drawn(dtype, 2, channels, 3, SETTLED)
    matrix = (*scattered(draw_matrix(dtype, SETTLED), order), None)
    scale, shift = torch.full((channels[1],), 0.25), draw(channels[1], seed=6)
    with tiles_of(16):
        assert not plans.make_plan(2, 3, *channels, min(channels), *matrix[:3]).tiles.in_order
        found = compiled.convolve_rectify(features, weight, scale, shift, True, pool, *matrix)
    expected = step_by_step(features, weight, scale, shift, True, pool, matrix)
    assert_close(found, expected, dtype, 2 * TOLERANCE[dtype])


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("batch", [0, 1, 33])
def test_what_follows_in_any_batch(batch, pool):
    features, weight, _ = drawn(torch.float32, batch, (3, 5), 3, SETTLED)
    matrix = (*draw_matrix(torch.float32, SETTLED), None)
    scale, shift = torch.ones(5), draw(5, seed=6)
    found = compiled.convolve_rectify(features, weight, scale, shift, True, pool, *matrix)
    expected = step_by_step(features, weight, scale, shift, True, pool, matrix)
    assert_close(found, expected, torch.float32)


LITTLE = (2, (5, 7), 3)


def is_direct(monkeypatch, shape, dtype=torch.float32, pixels=PIXELS):
    """Return whether all that :func:`call` asks for is done without arrays made of tensors."""

    def refuse(*arguments):
        raise NotImplementedError

    monkeypatch.setattr(compiled, "_convolve", refuse)
    monkeypatch.setattr(compiled, "_differentiate", refuse)
    batch, channels, kernel_size = shape
    features, weight, gradient = drawn(dtype, batch, channels, kernel_size, pixels)
    matrix = (*draw_matrix(dtype, pixels), draw_roots(dtype, pixels))
    found = []
    for compute, arguments in (
        (compiled.convolve, (features, weight)),
        (compiled.weight_gradient, (features, gradient, kernel_size)),
        (compiled.gradients, (features, gradient, weight)),
    ):
        try:
            compute(*arguments, *matrix)
        except NotImplementedError:
            found.append(False)
        else:
            found.append(True)
    assert len(set(found)) == 1
    return found[0]


def test_what_is_little_is_called_for_directly(monkeypatch, at_work):
    assert is_direct(monkeypatch, LITTLE) == (at_work == "direct")
    assert is_direct(monkeypatch, LITTLE, torch.float64) == (at_work == "direct")
    assert not is_direct(monkeypatch, LITTLE, torch.bfloat16)
    assert not is_direct(monkeypatch, (64, (128, 128), 3))
    assert not is_direct(monkeypatch, (0, (5, 7), 3))
    # Much of it to write, if little to compute.
    assert not is_direct(monkeypatch, (1 << 14, (1, 1), 1), pixels=PIXELS)


def test_other_default_devices_change_nothing():
    tensors = drawn(torch.float64, *LITTLE)
    expected = call(*tensors, (*draw_matrix(torch.float64), None))
    # Another matrix, of which nothing is known yet.
    matrix = (*draw_matrix(torch.float64), None)
    with torch.device("meta"):
        found = call(*tensors, matrix)
    assert all(map(torch.equal, found, expected))


def test_numbers_of_another_type_are_not_taken_for_those_of_the_matrix():
    features, weight, gradient = drawn(torch.float32, *LITTLE)
    matrix = (*draw_matrix(torch.float32), None)
    result, of_features, of_weight, _ = call(features, weight, gradient, matrix)
    other = compiled.convolve(features, weight.double(), *matrix)
    torch.testing.assert_close(other, result, rtol=0, atol=1e-6)
    found = compiled.gradients(features, gradient, weight.double(), *matrix)
    for one, expected in zip(found, (of_features, of_weight), strict=True):
        torch.testing.assert_close(one, expected, rtol=0, atol=1e-5)
