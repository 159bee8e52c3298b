"""Compiled loops on several threads.

A loop compiled by numba without the interpreter's lock is called by as many Python threads as
PyTorch uses, and they share its work: each claims the next share until none is left. That needs no
threading library beside PyTorch's own, may be called from several threads at once, lives through
``fork`` and costs nothing where one thread does it all.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_pools: list[ThreadPoolExecutor] = []
os.register_at_fork(after_in_child=_pools.clear)


@intrinsic  # type: ignore[untyped-decorator]
def claim(typing_context: Any, progress: Any) -> Any:
    """Return ``progress[0]``, an int64, and add one to it, at once for all threads."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.atomic_rmw("add", array.data, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(progress), generate


def share_out(loop: Callable[..., None], shares: int, *arguments: Any, most: int = 0) -> None:
    """Call a compiled loop on several threads until all its shares are done.

    Parameters
    ----------
    loop : callable
        Compiled by :func:`~deepsphere.nn.kernels.loops.loop`. It is called as ``loop(progress,
        shares, *arguments)``, takes its next share as ``claim(progress)``, and returns when that
        is not below ``shares``. What a share computes must not depend on who computes it.
    shares : int
    *arguments
        Passed on.
    most : int
        The most threads that are worth while, where that is fewer than PyTorch uses; 0 for no
        limit.
    """
    progress = np.zeros(1, dtype=np.int64)
    threads = min(torch.get_num_threads(), shares, most or shares)
    if threads <= 1:
        loop(progress, shares, *arguments)
        return
    if not _pools:
        _pools.append(ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="deepsphere"))
    futures = [_pools[0].submit(loop, progress, shares, *arguments) for _ in range(threads - 1)]
    try:
        loop(progress, shares, *arguments)
    finally:
        running = [future for future in futures if not future.cancel()]
        wait(running)
    for future in running:
        future.result()
