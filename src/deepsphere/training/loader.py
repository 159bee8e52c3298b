"""Batches in an order that follows from a seed, read ahead in threads.

Use a :class:`Loader` wherever a model sees the samples of a task batch by batch: shuffled for
training, in order for validation. The order of an epoch follows from the seed and the number of the
epoch alone, so a run that is resumed in the middle of an epoch sees what an undisturbed one sees.
So does all that is drawn of the samples themselves (:class:`~deepsphere.tasks.samples.Randomized`).

Batches are read by two threads, not by processes. Reading is one system call a sample, during which
Python's lock is free; what a process reads must pass through shared memory to reach the model.
``benchmarks/loader.py`` measures both: two processes give a quarter of what the threads do.
"""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepsphere.tasks.samples import Randomized, Samples

_THREADS = 2


@dataclass(frozen=True, eq=False)
class LoadedBatch:
    """Some samples as tensors in the CPU's memory, which is theirs alone: they may be kept.

    Attributes
    ----------
    numbers : ndarray of int64, shape (sample,)
        Which samples these are.
    inputs : Tensor of float32, shape (sample, pixel, channel)
        What the model sees.
    target : Tensor, shape (sample, pixel), (sample, part) or (sample,)
        What the model should say.
    known : Tensor of bool, shape of ``target``
        Where the target is known.
    """

    numbers: NDArray[np.int64]
    inputs: Tensor
    target: Tensor
    known: Tensor


@dataclass(frozen=True, eq=False)
class Loader:
    """The batches of some samples, epoch by epoch.

    With several ranks, each global batch of ``batch_size`` samples is cut into one contiguous slice
    a rank, whose sizes differ by one at most: all ranks together see the batches of one process.
    A rank's slice is empty where a global batch has fewer samples than there are ranks. It is
    yielded all the same, as tensors of 0 samples, so that all ranks take the same number of steps;
    the loss is then to be divided by the count of all ranks.

    Attributes
    ----------
    samples : Samples
        The samples of a task. Its ``batch`` is called in other threads, two at a time; or its
        ``drawn_batch``, if it has one and the order is that of a seed.
    numbers : ndarray of int64, shape (sample,)
        The samples of an epoch, for instance those of a split.
    batch_size : int
        Samples of a global batch; the last one of an epoch may have fewer.
    seed : int or None
        Decides the order and what is drawn, together with the number of the epoch; None keeps the
        order of ``numbers`` and draws nothing.
    rank, ranks : int
        Which of how many processes this is.
    pin_memory : bool
        Put the batches into page-locked memory, from which copies to a GPU need not be waited for.
    prefetch : int
        Batches to read ahead; 0 reads each one when it is asked for, without threads.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or memory is to be pinned and there is no GPU.
    """

    samples: Samples
    numbers: NDArray[np.int64]
    batch_size: int
    _: KW_ONLY
    seed: int | None
    rank: int = 0
    ranks: int = 1
    pin_memory: bool = False
    prefetch: int = 2

    def __post_init__(self) -> None:
        if self.numbers.ndim != 1 or self.numbers.dtype != np.int64:
            raise ValueError(
                "expected numbers of int64, shape (sample,); "
                f"found {self.numbers.dtype}, shape {self.numbers.shape}"
            )
        if self.batch_size < 1:
            raise ValueError(f"expected a batch_size of 1 or more, found {self.batch_size}")
        if not 0 <= self.rank < self.ranks:
            raise ValueError(f"expected 0 <= rank < ranks, found {self.rank=} and {self.ranks=}")
        if self.prefetch < 0:
            raise ValueError(f"expected a prefetch of 0 or more, found {self.prefetch}")
        if self.pin_memory and not torch.cuda.is_available():
            raise ValueError("expected a GPU for pin_memory=True, found none")

    @property
    def batches(self) -> int:
        """Batches of an epoch, the same for every rank."""
        return -(-len(self.numbers) // self.batch_size)

    def epoch(self, number: int, start: int = 0) -> Generator[LoadedBatch]:
        """Return the batches of an epoch, or what is left of them.

        The threads begin to read when the first batch is asked for. They end with the iterator:
        when that is exhausted, raises, is closed or is given up. An iterator is of use only in the
        process that made it, not in its forks.

        Parameters
        ----------
        number : int
            Number of the epoch, from 0.
        start : int
            Batches to skip; they are not read.

        Returns
        -------
        generator of LoadedBatch
            ``batches - start`` of them. Whatever the samples raise is raised here, in place of the
            batch it concerns.

        Raises
        ------
        ValueError
            If the epoch has fewer batches than are to be skipped, or its number is negative.
        """
        if number < 0 or not 0 <= start <= self.batches:
            raise ValueError(
                f"expected an epoch from 0 and a start from 0 to {self.batches}; "
                f"found epoch {number} and start {start}"
            )
        parts = self._parts(number, start)
        if self.prefetch:
            return self._read_ahead(parts, number)
        return (self._load(part, number) for part in parts)

    def _parts(self, epoch: int, start: int) -> Iterator[NDArray[np.int64]]:
        """Yield the numbers of the samples of this rank's batches."""
        order = self.numbers
        if self.seed is not None:
            order = np.random.default_rng((self.seed, epoch)).permutation(order)
        for batch in range(start, self.batches):
            part = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            first = len(part) * self.rank // self.ranks
            last = len(part) * (self.rank + 1) // self.ranks
            yield part[first:last]

    def _read_ahead(self, parts: Iterator[NDArray[np.int64]], epoch: int) -> Generator[LoadedBatch]:
        """Yield batches that threads read while the caller works on the one before."""
        executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="loader")
        try:
            ahead = deque(
                executor.submit(self._load, part, epoch) for part in islice(parts, self.prefetch)
            )
            while ahead:
                batch = ahead.popleft().result()
                ahead.extend(executor.submit(self._load, part, epoch) for part in islice(parts, 1))
                yield batch
        finally:
            executor.shutdown(cancel_futures=True)

    def _load(self, numbers: NDArray[np.int64], epoch: int) -> LoadedBatch:
        if self.seed is not None and isinstance(self.samples, Randomized):
            batch = self.samples.drawn_batch(numbers, (self.seed, epoch))
        else:
            batch = self.samples.batch(numbers)
        inputs, target, known = map(torch.from_numpy, (batch.inputs, batch.target, batch.known))
        if self.pin_memory:
            inputs, target, known = (part.pin_memory() for part in (inputs, target, known))
        return LoadedBatch(numbers, inputs, target, known)
