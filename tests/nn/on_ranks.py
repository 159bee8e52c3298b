"""What ``test_synchronized.py`` runs on one of several ranks: ``on_ranks.py rank ranks folder``.

Every case draws the whole batch and takes the rank's part of it, so that one process without a
process group computes what several should. All that is found is saved as ``rank.pt`` in the folder.
"""

import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
import torch.distributed
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from deepsphere.nn.normalization import ChannelNormalization

MAPS, PIXELS, CHANNELS = 5, 8, 3
PARTS = [[2, 3], [4, 1], [0, 5]]
"""Maps of each rank."""


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def part_of(whole, rank, sizes):
    return whole if sizes is None else whole.split(sizes)[rank].clone()


def train(rank, sizes, dtype, pool, rectify, again=True, compiled=False, known=None):
    """Return what three steps of a layer give: outputs, gradients, second derivatives, averages."""
    layer = ChannelNormalization(CHANNELS, known)
    call = torch.compile(layer, backend="aot_eager", fullgraph=True) if compiled else layer
    bias = draw(CHANNELS, seed=9).to(dtype).requires_grad_()
    # The maps differ so much that the statistics of a part are far from those of the whole.
    scale, offset = torch.tensor([1.0, 10, 0.1]), torch.tensor([0.0, -20, 3])
    level = draw(MAPS, 1, 1, seed=5)
    found = {}
    for step in range(3):
        whole = scale * (draw(MAPS, PIXELS, CHANNELS, seed=step) + level) + offset
        features = part_of(whole.to(dtype), rank, sizes).requires_grad_()
        result = call(features, bias, pool, rectify)
        factors = part_of(draw(MAPS, *result.shape[1:], seed=7).to(dtype), rank, sizes)
        value = (factors * result.square()).sum()
        of_features, of_bias = torch.autograd.grad(value, (features, bias), create_graph=again)
        found |= {f"output {step}": result, f"gradient {step}": of_features}
        found[f"bias {step}"] = of_bias
        if again:
            # A sum over maps, and linear in what each rank has a part of.
            second = of_features.square().sum() + of_bias.sum()
            both = torch.autograd.grad(second, (features, bias))
            found[f"second {step}"], found[f"bias again {step}"] = both
    found |= {f"average {name}": value for name, value in layer.named_buffers()}
    return {name: value.detach() for name, value in found.items()}


def train_in_parallel(rank, sizes):
    """Return the losses and the weights of a small network that is trained for five steps."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(2, 6),
        ChannelNormalization(6),
        nn.Tanh(),
        nn.Linear(6, 4),
        ChannelNormalization(4),
    ).double()
    model = network if sizes is None else DistributedDataParallel(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    whole, target = draw(4, 8, 2), draw(4, 8, 4, seed=1)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        output = model(part_of(whole, rank, sizes))
        loss = (output - part_of(target, rank, sizes)).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return {"losses": torch.stack(losses)} | dict(network.state_dict())


def average(rank, sizes):
    """Return the running averages after one step on features far from zero."""
    layer = ChannelNormalization(2).double()
    layer.statistics.momentum = 1.0
    layer(part_of(draw(4, 50, 2) + torch.tensor([1e6, -1e7]), rank, sizes))
    return dict(layer.named_buffers())


def refuse(rows):
    """Return what is said about too few rows."""
    layer = ChannelNormalization(CHANNELS)
    try:
        layer(torch.zeros(rows, 1, CHANNELS))
    except ValueError as error:
        return str(error), int(layer.statistics.num_batches_tracked)
    return None


def run(rank, ranks):
    """Return all that is compared; the whole batch is one part where there is one rank."""
    alone = ranks == 1
    found = {}
    for sizes in PARTS:
        for dtype in (torch.float64, torch.float32):
            for pool, rectify in ((None, False), ("max", True), ("mean", True)):
                case = str(sizes), str(dtype), str(pool)
                found[case] = train(rank, None if alone else sizes, dtype, pool, rectify)
    found["compiled"] = train(
        rank, None if alone else [3, 2], torch.float64, "max", True, again=False, compiled=not alone
    )
    known = np.arange(PIXELS) % 4 != 1
    for sizes in PARTS:
        of_rank = None if alone else sizes
        found["known", str(sizes)] = train(rank, of_rank, torch.float64, "max", True, known=known)
    found["parallel"] = train_in_parallel(rank, None if alone else [2, 2])
    found["far"] = average(rank, None if alone else [1, 3])
    if not alone:
        found["one row"] = refuse(1 - rank)
        found["no row"] = refuse(0)
        if rank == 0:
            # Would wait for the other rank, if evaluation took part in anything.
            ChannelNormalization(CHANNELS).eval()(torch.zeros(1, 1, CHANNELS))
    return found


if __name__ == "__main__":
    rank, ranks, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/rendezvous",
        rank=rank,
        world_size=ranks,
        timeout=timedelta(seconds=100),
    )
    torch.save(run(rank, ranks), folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()
