"""The convolution and its gradients, called with as little as can be.

Where little is to be computed, it takes longer to say what: to make arrays of tensors, to pass
tuples of them to a compiled loop, to wake threads of Python. So what only depends on shapes is put
together once, as flat arrays, of tensors the addresses of their numbers are passed, and the work is
shared with threads that wait for PyTorch's (:mod:`~deepsphere.nn.kernels.openmp`). What is computed
is what :mod:`~deepsphere.nn.kernels.compiled` says, by the same loops.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic
from numpy.typing import NDArray
from torch import Tensor

from deepsphere.nn.kernels import terms
from deepsphere.nn.kernels.arrays import STREAMED, rounded, row_width, scales_of
from deepsphere.nn.kernels.kept import derived
from deepsphere.nn.kernels.loops import inlined, loop
from deepsphere.nn.kernels.mixing import nothing_after, pack
from deepsphere.nn.kernels.openmp import on_threads, threads_at_hand
from deepsphere.nn.kernels.plans import Plan, make_plan, sums_of, worthwhile_threads
from deepsphere.nn.kernels.tiles import Tiles
from deepsphere.nn.kernels.workspaces import borrow, give_back, numbers_for

_Shape = tuple[int, ...]
_Layouts = list[tuple[_Shape, _Shape]]

# The length of an array where nothing asks for it.
_ENDLESS = 1 << 60
# What is more has arrays made of its tensors: that takes no part of its time that can be measured.
_MOST_WORK = 1 << 27


class _Call(NamedTuple):
    """What calls with tensors of some shapes have in common."""

    loop: Callable[..., None]
    arguments: tuple[NDArray[Any], ...]
    """What a loop takes after the workspace and the number of threads."""

    threads: int
    """How many are worth while."""

    workspace: int
    """How many numbers it has."""

    results: list[_Shape]
    """Shapes of the results; (0,) if one is not wanted."""


def convolve(features: Tensor, weight: Tensor, *matrix: Any) -> Tensor | None:
    """Return the convolution, or None if it is not for a direct call.

    That is if there is much to compute, or nothing, or in another type than the matrix has. The
    arguments are those of :func:`deepsphere.nn.kernels.compiled.convolve`.
    """
    results = _run(_prepare_convolution, (features, weight), weight.shape, matrix)
    return None if results is None else results[0]


def weight_gradient(
    features: Tensor, gradient: Tensor, kernel_size: int, *matrix: Any
) -> Tensor | None:
    """Return the gradient of the weight, or None if it is not for a direct call.

    As :func:`convolve`, for :func:`deepsphere.nn.kernels.compiled.weight_gradient`.
    """
    shape = kernel_size, features.shape[2], gradient.shape[2]
    # Any tensor can stand for the weight, of which nothing is read.
    results = _run(_prepare_weight_gradient, (features, gradient, features), shape, matrix)
    return None if results is None else results[1]


def gradients(
    features: Tensor, gradient: Tensor, weight: Tensor, *matrix: Any
) -> tuple[Tensor, Tensor] | None:
    """Return the gradients of features and weight, or None if they are not for a direct call.

    As :func:`convolve`, for :func:`deepsphere.nn.kernels.compiled.gradients`.
    """
    results = _run(_prepare_gradients, (features, gradient, weight), weight.shape, matrix)
    return None if results is None else (results[0], results[1])


def _run(
    prepare: Callable[..., _Call | None],
    given: tuple[Tensor, ...],
    of_weight: _Shape,
    matrix: Any,
) -> list[Tensor] | None:
    """Return the results of a call, which is prepared once."""
    offsets, columns, values, roots = matrix
    kind = values.dtype
    # Nothing else checks what is read at an address.
    for one in given:
        if one.dtype != kind or not one.is_cpu:
            return None
    layouts = [(one.shape, one.stride()) for one in given]
    call = derived(
        (values, offsets, columns) if roots is None else (values, offsets, columns, roots),
        (prepare, of_weight, *layouts),
        lambda: prepare(of_weight, layouts, matrix),
    )
    if call is None:
        return None
    results = [given[0].new_empty(shape) for shape in call.results]
    threads = min(threads_at_hand(), call.threads)
    works = borrow(threads, call.workspace, kind)
    call.loop(*[one.data_ptr() for one in (*given, *results)], works, threads, *call.arguments)
    give_back(works, kind)
    return results


def _prepare_convolution(of_weight: _Shape, layouts: _Layouts, matrix: Any) -> _Call | None:
    (of_features, apart), (_, weight_apart) = layouts
    batch, pixels, entering = of_features
    kernel_size, _, leaving = of_weight
    plan = _plan(batch, of_weight, min(entering, leaving), matrix)
    if plan is None:
        return None
    wide, narrow = (row_width(plan.samples * one, matrix[2]) for one in (entering, leaving))
    mix_first = leaving < entering
    return _call(
        _mix_and_contract if mix_first else _expand_and_mix,
        plan,
        plan.shares,
        (batch, kernel_size),
        3 * narrow + wide if mix_first else kernel_size * wide,
        [of_weight, weight_apart],
        [(*apart[:2], entering), (pixels * leaving, leaving, leaving)],
        [(batch, pixels, leaving)],
        matrix,
    )


def _prepare_weight_gradient(of_weight: _Shape, layouts: _Layouts, matrix: Any) -> _Call | None:
    (of_features, apart), (_, gradient_apart) = layouts[:2]
    batch, pixels, entering = of_features
    kernel_size, _, leaving = of_weight
    plan = _plan(batch, of_weight, min(entering, leaving), matrix)
    if plan is None:
        return None
    widths = [row_width(plan.samples * one, matrix[2]) for one in (entering, leaving)]
    expanded, other = widths if entering <= leaving else widths[::-1]
    return _call(
        _differentiate,
        plan,
        sums_of(plan, batch * pixels),
        (batch, kernel_size),
        kernel_size * expanded + other,
        [(1, 0, 0), (0, 0, 0)],
        [(*apart[:2], entering), (*gradient_apart[:2], leaving), (0, 0, 0)],
        [(0,), of_weight],
        matrix,
    )


def _prepare_gradients(of_weight: _Shape, layouts: _Layouts, matrix: Any) -> _Call | None:
    (of_features, apart), (_, gradient_apart), (_, weight_apart) = layouts
    batch, pixels, entering = of_features
    kernel_size, _, leaving = of_weight
    plan = _plan(batch, of_weight, leaving, matrix)
    if plan is None:
        return None
    wide, narrow = (row_width(plan.samples * one, matrix[2]) for one in (entering, leaving))
    far, long, short = weight_apart
    of_result = pixels * entering, entering, entering
    return _call(
        _differentiate,
        plan,
        sums_of(plan, batch * pixels),
        (batch, kernel_size),
        kernel_size * narrow + wide,
        [(kernel_size, leaving, entering), (far, short, long)],
        [(*apart[:2], entering), (*gradient_apart[:2], leaving), of_result],
        [of_features, of_weight],
        matrix,
    )


def _plan(batch: int, of_weight: _Shape, width: int, matrix: Any) -> Plan | None:
    """Return the plan of a convolution, or None if it is not for a direct call."""
    offsets, columns, values, _ = matrix
    kernel_size, entering, leaving = of_weight
    rows = batch * (len(offsets) - 1)
    if rows == 0 or rows * max(entering, leaving) * values.itemsize >= STREAMED:
        return None
    plan = make_plan(batch, kernel_size, entering, leaving, width, offsets, columns, values)
    return plan if plan.work < _MOST_WORK else None


def _call(
    loop: Callable[..., None],
    plan: Plan,
    shares: int,
    of_batch: tuple[int, int],
    width: int,
    weight: list[_Shape],
    rows: list[_Shape],
    results: list[_Shape],
    matrix: Any,
) -> _Call:
    """Return how to call a loop.

    The batch is its size and the kernel's. Of the weight as the loop takes it there are the shape
    and the strides; of all others the distances from a sample and from a pixel to the next, and
    the number of channels.
    """
    values, roots = matrix[2:]
    tiles = plan.tiles
    kernel_size, entering, leaving = weight[0]
    panels = kernel_size * entering * rounded(leaving, values)
    sizes = [shares, of_batch[0], plan.samples, of_batch[1], tiles.most_pixels, panels]
    # Copies, as what is derived from a tensor must not keep it alive.
    scales = [scales_of(roots, values, inverse).copy() for inverse in (False, True)]
    layouts = np.array([*weight, *rows], dtype=np.int64)
    arguments = np.array(sizes, dtype=np.int64), layouts, *scales, *tiles[:7]
    threads = worthwhile_threads(plan.work, shares)
    return _Call(loop, arguments, threads, numbers_for(tiles.most_pixels, width) + panels, results)


_expand_then_mix = inlined(terms.expand_and_mix.py_func)
_mix_then_contract = inlined(terms.mix_and_contract.py_func)
_differentiate_all = inlined(terms.differentiate.py_func)


def _expand_and_mix_shares(  # type: ignore[no-untyped-def]
    progress, slots, features, result, works, panels, sizes, layouts, scales, inverses,
    starts, owns, reach, pixels, groups, columns, values,
):  # fmt: skip
    tiles = Tiles(starts, owns, reach, pixels, groups, columns, values, sizes[4], True)
    _expand_then_mix(
        progress, sizes[0], slots, works, _batch(sizes), tiles,
        _rows(features, layouts[2], scales), panels, _rows(result, layouts[3], inverses),
        nothing_after(values),
    )  # fmt: skip


def _mix_and_contract_shares(  # type: ignore[no-untyped-def]
    progress, slots, features, result, works, panels, sizes, layouts, scales, inverses,
    starts, owns, reach, pixels, groups, columns, values,
):  # fmt: skip
    tiles = Tiles(starts, owns, reach, pixels, groups, columns, values, sizes[4], True)
    _mix_then_contract(
        progress, sizes[0], slots, works, _batch(sizes), tiles,
        _rows(features, layouts[2], scales), panels, _rows(result, layouts[3], inverses),
    )  # fmt: skip


def _differentiate_shares(  # type: ignore[no-untyped-def]
    progress, slots, features, gradient, of_features, sums, works, panels, sizes, layouts, scales,
    inverses, starts, owns, reach, pixels, groups, columns, values,
):  # fmt: skip
    tiles = Tiles(starts, owns, reach, pixels, groups, columns, values, sizes[4], True)
    entering, leaving = layouts[2, 2], layouts[3, 2]
    _differentiate_all(
        progress, sizes[0], slots, works, _batch(sizes), tiles,
        _rows(features, layouts[2], scales), _rows(gradient, layouts[3], inverses),
        _rows(of_features, layouts[4], scales), panels,
        len(panels) == 0 and entering <= leaving, sums,
    )  # fmt: skip


_expand_and_mix_on_threads = on_threads(_expand_and_mix_shares)
_mix_and_contract_on_threads = on_threads(_mix_and_contract_shares)
_differentiate_on_threads = on_threads(_differentiate_shares)


@loop
def _expand_and_mix(  # type: ignore[no-untyped-def]
    features, weight, result, works, threads, sizes, layouts, scales, inverses,
    starts, owns, reach, pixels, groups, columns, values,
):  # fmt: skip
    panels = _panels(weight, layouts, layouts[0, 0], sizes, works)
    _expand_and_mix_on_threads(threads, (
        _none(), _none(), features, result, works, panels, sizes, layouts, scales, inverses,
        starts, owns, reach, pixels, groups, columns, values,
    ))  # fmt: skip


@loop
def _mix_and_contract(  # type: ignore[no-untyped-def]
    features, weight, result, works, threads, sizes, layouts, scales, inverses,
    starts, owns, reach, pixels, groups, columns, values,
):  # fmt: skip
    panels = _panels(weight, layouts, 1, sizes, works)
    _mix_and_contract_on_threads(threads, (
        _none(), _none(), features, result, works, panels, sizes, layouts, scales, inverses,
        starts, owns, reach, pixels, groups, columns, values,
    ))  # fmt: skip


@loop
def _differentiate(  # type: ignore[no-untyped-def]
    features, gradient, weight, of_features, of_weight, works, threads, sizes, layouts, scales,
    inverses, starts, owns, reach, pixels, groups, columns, values,
):  # fmt: skip
    panels = _panels(weight, layouts, layouts[0, 0], sizes, works)
    length = sizes[3] * layouts[2, 2] * layouts[3, 2]
    total = carray(_pointer(of_weight), (1, length), values.dtype)
    sums = total if sizes[0] == 1 else np.empty((sizes[0], length), values.dtype)
    _differentiate_on_threads(threads, (
        _none(), _none(), features, gradient, of_features, sums, works, panels, sizes, layouts,
        scales, inverses, starts, owns, reach, pixels, groups, columns, values,
    ))  # fmt: skip
    if sizes[0] > 1:
        for place in range(length):
            number = 0.0
            for share in range(sizes[0]):
                number += sums[share, place]
            total[0, place] = number


@inlined
def _none():  # type: ignore[no-untyped-def]
    """Return a count of what threads have claimed so far."""
    return np.zeros(1, np.int64)


@inlined
def _batch(sizes):  # type: ignore[no-untyped-def]
    return terms.Batch(sizes[1], sizes[2], sizes[3])


@inlined
def _rows(address, layout, scales):  # type: ignore[no-untyped-def]
    memory = carray(_pointer(address), (_ENDLESS,), scales.dtype)
    return terms.Rows(memory, layout[0], layout[1], layout[2], scales, False)


@inlined
def _panels(weight, layouts, slabs, sizes, works):  # type: ignore[no-untyped-def]
    """Lay the weight out at the end of the first workspace."""
    work = works[0]
    panels = work[len(work) - sizes[5] :]
    memory = carray(_pointer(weight), (_ENDLESS,), work.dtype)
    pack(memory, layouts[0], layouts[1], slabs, panels)
    return panels


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(typing_context: Any, address: Any) -> Any:
    """Return a pointer to an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), generate
