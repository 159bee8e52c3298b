"""Compiled loops on the threads that PyTorch computes on.

PyTorch's operators run on threads of OpenMP that wait for the next one a while before they sleep.
Work may be shared with them for less than a microsecond, where threads of Python take tens
(:mod:`~deepsphere.nn.kernels.threads`), and they do not contend for a processor with threads that
wait. But it must be one compiled function that calls them; and in a child of ``fork`` they are
missing, as all of the parent's, so there a call has one thread.

The library is that which PyTorch has loaded, be it GCC's, LLVM's or Intel's: all have the function
of GCC's. Where there is none, calls have one thread too.
"""

import ctypes
import os
from collections.abc import Callable
from typing import Any

import torch
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.compiler import compile_internal
from numba.core.targetconfig import ConfigStack
from numba.extending import intrinsic

_NAME = "deepsphere_openmp_parallel"


def _address() -> int | None:
    """Return the address of GOMP_parallel(function, argument, threads, flags)."""
    try:
        function = ctypes.CDLL(torch._C.__file__).GOMP_parallel
    except (OSError, AttributeError):
        return None
    return _address_of(function)


def _address_of(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


_ADDRESS = _address()


def _on_one(function: int, argument: int, threads: int, flags: int) -> None:
    """Stand in for the function: without any, no compiled loop could be loaded."""
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(function)(argument)


_stand_in = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)(
    _on_one
)
# Compiled loops have it by this name, so that they may be kept on disk.
binding.add_symbol(_NAME, _ADDRESS or _address_of(_stand_in))

_lost: list[bool] = []
"""Not empty in a child of ``fork``."""
os.register_at_fork(after_in_child=lambda: _lost.append(True))


def threads_at_hand() -> int:
    """Return how many threads a call may have: as many as PyTorch uses, or 1."""
    return 1 if _ADDRESS is None or _lost else torch.get_num_threads()


def on_threads(body: Callable[..., None]) -> Callable[..., Any]:
    """Return a function for compiled loops that calls another one on some threads at once.

    Parameters
    ----------
    body : callable
        Compiled as a part of the loop, and as that is. Its arguments are the same on all threads:
        which shares of the work are its own, it has to find out with
        :func:`~deepsphere.nn.kernels.threads.claim`. It returns nothing. If it fails, which it can
        for lack of memory only, the others go on, and a ``MemoryError`` is raised.

    Returns
    -------
    callable
        ``call(threads, arguments)`` with a tuple of the arguments; it returns when all have.
        ``threads`` is :func:`threads_at_hand` at most.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def call(typing_context: Any, threads: Any, arguments: Any) -> Any:
        def generate(context: Any, builder: Any, _: Any, given: Any) -> Any:
            compiled = _compiled_into_same_library(context, body, arguments.types)
            threads, packed = given
            failed = cgutils.alloca_once_value(builder, ir.Constant(ir.IntType(8), 0))
            shared = cgutils.alloca_once_value(
                builder, cgutils.pack_struct(builder, [packed, failed])
            )
            function = _of_one_thread(context, builder, compiled, shared.type)
            argument = builder.bitcast(shared, cgutils.voidptr_t)
            several = builder.icmp_signed(">", threads, ir.Constant(threads.type, 1))
            with builder.if_else(several) as (many, one):
                with many:
                    number = ir.IntType(32)
                    kind = ir.FunctionType(
                        ir.VoidType(), [function.type, cgutils.voidptr_t, number, number]
                    )
                    parallel = cgutils.get_or_insert_function(builder.module, kind, _NAME)
                    count = builder.trunc(threads, number)
                    builder.call(parallel, [function, argument, count, number(0)])
                with one:
                    builder.call(function, [argument])
            with cgutils.if_unlikely(builder, cgutils.is_true(builder, builder.load(failed))):
                context.call_conv.return_user_exc(
                    builder, MemoryError, ("a thread has no memory left",)
                )
            return context.get_dummy_value()

        return types.void(types.int64, arguments), generate

    return call  # type: ignore[no-any-return]


def _compiled_into_same_library(context: Any, body: Callable[..., None], kinds: Any) -> Any:
    """Compile a function as the one that is being compiled.

    In a library of its own it would be optimized for itself, and again as a part of this one.
    """
    flags = ConfigStack().top().copy()
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    return compile_internal(
        context.typing_context, context, context.active_code_library, body, kinds, types.void,
        flags, {},
    )  # fmt: skip


def _of_one_thread(context: Any, builder: Any, compiled: Any, shared: ir.Type) -> ir.Function:
    """Return a function of a pointer that calls what was compiled with what lies there."""
    kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t])
    name = builder.module.get_unique_name("deepsphere_thread")
    function = ir.Function(builder.module, kind, name)
    function.linkage = "internal"
    inside = ir.IRBuilder(function.append_basic_block())
    both = inside.load(inside.bitcast(function.args[0], shared))
    packed, failed = (inside.extract_value(both, index) for index in range(2))
    status, _ = context.call_internal_no_propagate(
        inside,
        compiled.fndesc,
        compiled.signature,
        cgutils.unpack_tuple(inside, packed, len(compiled.signature.args)),
    )
    with cgutils.if_unlikely(inside, status.is_error):
        inside.store(ir.Constant(ir.IntType(8), 1), failed)
    inside.ret_void()
    return function
