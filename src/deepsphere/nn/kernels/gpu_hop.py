"""One step of a recurrence on a GPU, in Triton: terms of all pixels from those of neighbours.

:mod:`deepsphere.nn.kernels.gpu` makes whole convolutions of it.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from deepsphere.nn.kernels.neighbours import PIXELS_PER_BLOCK, Neighbours

# A program's columns fill a line of the first-level cache: channels of one sample, or of several
# samples where they have few.
_BYTES_OF_COLUMNS = 128
_NUMBERS_PER_THREAD = 16


def hop(
    output: Tensor,
    term: Tensor,
    operator: Neighbours,
    *,
    factor: int,
    added: Tensor | None = None,
    subtracted: Tensor | None = None,
) -> None:
    """Write factor L term + added - subtracted to the output.

    All have shape (sample, pixel, channel), one type, adjacent channels, and samples that follow
    each other without a gap. Sums are of the type of the operator's weights.

    Parameters
    ----------
    output : Tensor
        It may be ``added`` or ``subtracted``, but not ``term``.
    term : Tensor
    operator : Neighbours
        The rows of L.
    factor : int
    added, subtracted : Tensor, optional
        With the strides of ``term``.
    """
    samples, pixels, channels = term.shape
    widest = _BYTES_OF_COLUMNS // term.element_size()
    columns = min(widest, triton.next_power_of_2(samples * channels))
    blocks = operator.starts.numel() - 1
    programs = blocks * triton.cdiv(samples * channels, columns)
    with torch.cuda.device(output.get_device()):
        hop_kernel[(programs,)](
            output,
            term,
            added,
            subtracted,
            operator.starts,
            operator.pixels,
            operator.weights,
            pixels,
            samples,
            FACTOR=factor,
            CHANNELS=channels,
            ROW=term.stride(1),
            OUTPUT_ROW=output.stride(1),
            PIXELS=PIXELS_PER_BLOCK,
            COLUMNS=columns,
            num_warps=max(4, PIXELS_PER_BLOCK * columns // (32 * _NUMBERS_PER_THREAD)),
            # Asynchronous copies to shared memory would pass by the first-level cache.
            num_stages=1,
            enable_fp_fusion=True,
        )


@triton.jit(do_not_specialize=["pixels", "samples"])  # type: ignore[untyped-decorator]
def hop_kernel(  # type: ignore[no-untyped-def]
    output,
    term,
    added,
    subtracted,
    starts,
    neighbours,
    weights,
    pixels,
    samples,
    FACTOR: tl.constexpr,
    CHANNELS: tl.constexpr,
    ROW: tl.constexpr,
    OUTPUT_ROW: tl.constexpr,
    PIXELS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Compute a block of pixels and some columns, which count the channels of all samples.

    Programs of the same pixels follow each other, so that these read the neighbours from a cache.
    ``added`` and ``subtracted`` may be None. Positions are 64-bit numbers: there may be more than
    2^31 of them.
    """
    programs = tl.cdiv(samples * CHANNELS, COLUMNS)
    block = tl.program_id(0) // programs
    column = tl.program_id(0) % programs * COLUMNS + tl.arange(0, COLUMNS)
    exists = (column < samples * CHANNELS)[None, :]
    sample = (column // CHANNELS).to(tl.int64) * pixels
    channel = column % CHANNELS
    place = (sample * ROW + channel)[None, :]
    lane = tl.arange(0, PIXELS)

    total = tl.zeros((PIXELS, COLUMNS), weights.dtype.element_ty)
    start = tl.load(starts + block)
    end = tl.load(starts + block + 1)
    for first in range(start, end, PIXELS):
        pixel = tl.load(neighbours + first + lane).to(tl.int64)
        weight = tl.load(weights + first + lane)
        values = tl.load(term + place + (pixel * ROW)[:, None], mask=exists)
        total += weight[:, None] * values.to(total.dtype)
    total *= FACTOR

    pixel = block.to(tl.int64) * PIXELS + lane
    exists = exists & (pixel < pixels)[:, None]
    own = place + (pixel * ROW)[:, None]
    if added is not None:
        total += tl.load(added + own, mask=exists).to(total.dtype)
    if subtracted is not None:
        total -= tl.load(subtracted + own, mask=exists).to(total.dtype)
    place = (sample * OUTPUT_ROW + channel)[None, :] + (pixel * OUTPUT_ROW)[:, None]
    tl.store(output + place, total.to(output.dtype.element_ty), mask=exists)
