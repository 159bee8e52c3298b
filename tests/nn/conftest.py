from types import FunctionType, SimpleNamespace

import numba
import numpy as np
import pytest
import scipy.sparse

from deepsphere.nn.kernels import pairs, plans, terms
from deepsphere.nn.kernels.dot_instructions import has_dot_products
from deepsphere.nn.kernels.matrix_instructions import BLOCK, DEPTH, TILE, has_matrix_units
from deepsphere.nn.kernels.pair_products import BY_DOTS, BY_UNITS


@pytest.fixture(scope="session")
def rescaled_laplacian():
    """Return a function that makes a random graph's Laplacian with a spectrum from -1 to 1.

    The graph has no order that a symmetric layer could profit from, vertices of unequal degree,
    and, where there are more than two vertices, one without any edge.
    """

    def make(pixels, seed=0):
        generator = np.random.default_rng(seed)
        weights = np.triu(generator.random((pixels, pixels)), 1)
        weights[generator.random((pixels, pixels)) < 0.5] = 0
        if pixels > 2:
            weights[pixels // 2] = weights[:, pixels // 2] = 0
            weights[0, -1] = 1
        weights = weights + weights.T
        laplacian = np.diag(weights.sum(axis=0)) - weights
        largest = max(np.linalg.eigvalsh(laplacian)[-1], 1e-3)
        return scipy.sparse.csr_array(2 / largest * laplacian - np.eye(pixels))

    return make


@numba.njit
def multiply_one_by_one(
    target, left, start, left_row, right, first, right_row, apart, further, steps
):
    """Do what ``multiply_pairs`` says."""
    for row in range(BLOCK):
        for column in range(BLOCK):
            total = np.float32(0)
            for depth in range(steps * DEPTH):
                pair, half = depth % DEPTH // 2, depth % 2
                tile = first + depth // DEPTH * further + column // TILE * apart
                one = left[start + row * left_row + depth]
                other = right[tile + pair * right_row + 2 * (column % TILE) + half]
                total += number_of(one) * number_of(other)
            target[row * BLOCK + column] = total


@numba.njit
def number_of(bits):
    return np.uint32(np.uint32(bits) << np.uint32(16)).view(np.float32)


@numba.njit
def nothing_to_set_up(settings, right):
    pass


@numba.njit
def nothing_to_clear(right):
    pass


def compile_with(loop, **names):
    """Compile a loop anew, with other functions by these names, and keep nothing on disk."""
    function = loop.py_func
    scope = {**function.__globals__, **names}
    return numba.njit(nogil=True)(FunctionType(function.__code__, scope))


@pytest.fixture(scope="session")
def multiplied_one_by_one():
    """Return the loops of bfloat16, compiled to multiply one number after the other."""
    emulation = {
        "set_up": nothing_to_set_up,
        "clear": nothing_to_clear,
        "multiply_pairs": multiply_one_by_one,
    }
    mix_by_pairs = compile_with(pairs.mix_by_pairs, **emulation)
    add_outer_by_pairs = compile_with(pairs.add_outer_by_pairs, **emulation)

    @numba.njit
    def mix(
        work, start, width, slabs, slab, entering, samples, count, panels, first, target, at,
        pixels, after,
    ):  # fmt: skip
        mix_by_pairs(
            work, start, width, slabs, slab, entering, samples, count, panels, target, at, pixels,
            after,
        )  # fmt: skip

    return SimpleNamespace(
        kind=BY_UNITS,
        mix_by_pairs=mix_by_pairs,
        add_outer_by_pairs=add_outer_by_pairs,
        expand_and_mix=compile_with(terms.expand_and_mix, mix=mix),
        differentiate=compile_with(terms.differentiate, mix=mix, add_outer=add_outer_by_pairs),
    )


@pytest.fixture(scope="session", params=["one by one", "matrix units", "dot products"])
def bfloat16_loops(request):
    """Return the loops of bfloat16 by whatever can multiply it here, and the type of its panels."""
    if request.param == "one by one":
        return request.getfixturevalue("multiplied_one_by_one")
    in_units = request.param == "matrix units"
    if not (has_matrix_units() if in_units else has_dot_products()):
        pytest.skip(f"this processor has no {request.param}")
    return SimpleNamespace(
        kind=BY_UNITS if in_units else BY_DOTS,
        mix_by_pairs=pairs.mix_by_pairs,
        add_outer_by_pairs=pairs.add_outer_by_pairs,
        expand_and_mix=terms.expand_and_mix,
        differentiate=terms.differentiate,
    )


@pytest.fixture
def convolved_in_bfloat16(bfloat16_loops, monkeypatch):
    """Have convolutions of 32 channels and more of bfloat16 multiply in that type."""
    monkeypatch.setattr(plans, "fastest_pairs", lambda: bfloat16_loops.kind)
    monkeypatch.setattr(terms, "expand_and_mix", bfloat16_loops.expand_and_mix)
    monkeypatch.setattr(terms, "differentiate", bfloat16_loops.differentiate)
