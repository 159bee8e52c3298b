"""Two processes learn from half of a batch each what one learns from all of it."""

import copy
import subprocess
import sys
import textwrap

import numpy as np
import torch

from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.operator import SymmetricOperator

PIXELS = 12
STEPS = 4

PROCESS = """
    import sys
    from collections import Counter

    import torch
    from torch import distributed
    from torch.nn.parallel import DistributedDataParallel

    import deepsphere.nn.convolution
    from deepsphere.nn.kernels import plans

    folder, rank, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2
    )
    cuts = Counter()
    cut = plans.cut

    def count(*arguments):
        cuts[tuple(value for value in arguments if isinstance(value, int))] += 1
        return cut(*arguments)

    plans.cut = count
    network, features = torch.load(f"{folder}/given.pt", weights_only=False)
    parallel = DistributedDataParallel(network)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    half = len(features) // 2
    gradients = []
    for _ in range(steps):
        optimizer.zero_grad()
        parallel(features[half * rank : half * (rank + 1)]).square().mean().backward()
        gradients.append([parameter.grad.clone() for parameter in network.parameters()])
        optimizer.step()
    torch.save((gradients, dict(cuts)), f"{folder}/found{rank}.pt")
    distributed.destroy_process_group()
"""


def test_two_processes_learn_what_one_does(rescaled_laplacian, tmp_path, monkeypatch):
    """With the default broadcast of buffers, and one operator for both layers.

    Each process cuts the graph into tiles once, or twice where PyTorch records that the same
    numbers were written to the operator, and not at every step.
    """
    mass = np.geomspace(0.1, 10, PIXELS)
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, mass)
    network = torch.nn.Sequential(
        ChebConv(3, 4, 3, laplacian, bias=True), torch.nn.Tanh(), ChebConv(4, 2, 3, laplacian)
    ).double()
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(6, PIXELS, 3, dtype=torch.float64, generator=generator)
    torch.save((copy.deepcopy(network), features), tmp_path / "given.pt")
    command = [sys.executable, "-c", textwrap.dedent(PROCESS), str(tmp_path)]
    processes = [subprocess.Popen([*command, str(rank), str(STEPS)]) for rank in range(2)]
    try:
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    found = [torch.load(tmp_path / f"found{rank}.pt", weights_only=False) for rank in range(2)]
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    for step in range(STEPS):
        optimizer.zero_grad()
        network(features).square().mean().backward()
        for gradients, _ in found:
            for parameter, gradient in zip(network.parameters(), gradients[step], strict=True):
                torch.testing.assert_close(gradient, parameter.grad, rtol=0, atol=1e-12)
        optimizer.step()
    for _, cuts in found:
        assert 1 <= max(cuts.values()) <= 2
