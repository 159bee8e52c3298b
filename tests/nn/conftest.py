from types import FunctionType, SimpleNamespace

import numba
import numpy as np
import pytest
import scipy.sparse

from deepsphere.nn.kernels import matrix_units, plans, terms
from deepsphere.nn.kernels.matrix_instructions import (
    BLOCK,
    DEPTH,
    TILE,
    has_matrix_units,
)


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
    """Do what matrix units do, as ``multiply_tiles`` says."""
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
def nothing_to_set_up(settings):
    pass


@numba.njit
def nothing_to_clear():
    pass


def compile_with(loop, **names):
    """Compile a loop anew, with other functions by these names, and keep nothing on disk."""
    function = loop.py_func
    scope = {**function.__globals__, **names}
    return numba.njit(nogil=True)(FunctionType(function.__code__, scope))


@pytest.fixture(scope="session")
def emulated_units():
    """Return the loops that use matrix units, compiled for processors that have none."""
    emulation = {
        "set_up": nothing_to_set_up,
        "clear": nothing_to_clear,
        "multiply_tiles": multiply_one_by_one,
    }
    mix_by_units = compile_with(matrix_units.mix_by_units, **emulation)
    add_outer_by_units = compile_with(matrix_units.add_outer_by_units, **emulation)

    @numba.njit
    def mix(
        work, start, width, slabs, slab, entering, samples, count, panels, first, target, at,
        pixels, after,
    ):  # fmt: skip
        mix_by_units(
            work, start, width, slabs, slab, entering, samples, count, panels, target, at, pixels,
            after,
        )  # fmt: skip

    @numba.njit
    def add_outer(
        work, left, left_slab, left_width, entering, right, right_slab, right_width, leaving,
        kernel_size, samples, count, sums, panels,
    ):  # fmt: skip
        add_outer_by_units(
            work, left, left_slab, left_width, entering, right, right_slab, right_width, leaving,
            kernel_size, samples, count, sums,
        )  # fmt: skip

    return SimpleNamespace(
        mix_by_units=mix_by_units,
        add_outer_by_units=add_outer_by_units,
        expand_and_mix=compile_with(terms.expand_and_mix, mix=mix),
        differentiate=compile_with(terms.differentiate, mix=mix, add_outer=add_outer),
    )


@pytest.fixture(scope="session", params=["instructions", "emulated"])
def units(request):
    """Return the loops that use matrix units: as they are, where there are any, and emulated."""
    if request.param == "emulated":
        return request.getfixturevalue("emulated_units")
    if not has_matrix_units():
        pytest.skip("wants matrix units (AMX)")
    return SimpleNamespace(
        mix_by_units=matrix_units.mix_by_units,
        add_outer_by_units=matrix_units.add_outer_by_units,
        expand_and_mix=terms.expand_and_mix,
        differentiate=terms.differentiate,
    )


@pytest.fixture
def convolved_by_units(units, monkeypatch):
    """Have convolutions of 32 channels and more in bfloat16 use matrix units."""
    monkeypatch.setattr(plans, "has_matrix_units", lambda: True)
    monkeypatch.setattr(terms, "expand_and_mix", units.expand_and_mix)
    monkeypatch.setattr(terms, "differentiate", units.differentiate)
