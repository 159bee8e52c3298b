r"""Statistics over the rows of all ranks, where each trains a model on a part of the batch.

Each rank has the mean and the variance of each channel over its own :math:`n_r` rows.
:func:`combine_statistics` makes those over all :math:`n = \sum n_r` of them,

.. math:: \mu = \sum_r \frac{n_r}{n} \mu_r, \qquad
          \sigma^2 = \sum_r \frac{n_r}{n} \left(\sigma_r^2 + (\mu_r - \mu)^2\right),

from centred sums of squares (Chan, Golub and LeVeque, 1983): means far from zero cost no digits, as
they would in :math:`\overline{x^2} - \mu^2`. It takes one exchange between the ranks, and one more
for the gradient, which is that of the sum of the losses of all ranks. So
``DistributedDataParallel``, which averages over the ranks, finds the gradient of their mean.

Every rank must call it as often and differentiate it as often as every other one, or they wait for
each other; also a rank that has no rows. The ranks are those of the default process group.

References
----------
Chan, Golub, LeVeque: Algorithms for computing the sample variance, The American Statistician 37
(1983).
"""

from typing import Any

import torch
import torch.distributed
from torch import Tensor


def has_several_ranks() -> bool:
    """Return whether this process is one of several of an initialised process group."""
    return (
        torch.distributed.is_available()
        and torch.distributed.is_initialized()
        and torch.distributed.get_world_size() > 1
    )


def combine_statistics(mean: Tensor, variance: Tensor, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the statistics over the rows of all ranks; the same, bit for bit, on every rank.

    Parameters
    ----------
    mean, variance : Tensor of float64, shape (channel,)
        Of this rank's rows, the variance being the mean squared deviation. With no rows, zeros.
    rows : int
        How many there are on this rank; may differ between ranks, and be 0.

    Returns
    -------
    mean, variance : Tensor of float64, shape (channel,)
        Over all rows; not a number if there are none. They can be differentiated any number of
        times.
    rows : Tensor of float64, shape ()
        How many there are on all ranks.
    """
    mean, variance, total = _Combination.apply(mean, variance, rows)  # type: ignore[no-untyped-call]
    return mean, variance, total


class _Combination(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mean: Tensor, variance: Tensor, rows: int) -> tuple[Tensor, ...]:
        own = torch.cat([mean.new_full((1,), rows), mean, variance]).unsqueeze(0)
        gathered = own.new_empty(torch.distributed.get_world_size(), own.shape[1])
        torch.distributed.all_gather_into_tensor(gathered, own)
        counts, means, variances = torch.split(gathered, [1, len(mean), len(mean)], dim=1)
        total = counts.sum()
        shares = counts / total
        combined = (shares * means).sum(dim=0)
        squares = (shares * (variances + (means - combined).square())).sum(dim=0)
        ctx.save_for_backward(mean, combined, rows / total)
        ctx.mark_non_differentiable(total)
        return combined, squares, total

    @staticmethod
    def backward(
        ctx: Any, of_mean: Tensor, of_variance: Tensor, _: Any
    ) -> tuple[Tensor, Tensor, None]:
        mean, combined, share = ctx.saved_tensors
        summed: Tensor = _SumOverRanks.apply(torch.stack([of_mean, of_variance]))  # type: ignore[no-untyped-call]
        total_of_mean, total_of_variance = summed.unbind()
        # That the mean moves the squares about it does not matter: they are least there.
        of_own_mean = share * (total_of_mean + 2 * (mean - combined) * total_of_variance)
        return of_own_mean, share * total_of_variance, None


class _SumOverRanks(torch.autograd.Function):
    """The sum of a tensor over the ranks, whose transpose is itself."""

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        summed = part.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed: Tensor = _SumOverRanks.apply(gradient)  # type: ignore[no-untyped-call]
        return summed
